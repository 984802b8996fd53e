//! Wide ResNets (Zagoruyko and Komodakis 2016) with the names of TRADES, Carmon 2019 and RobustBench.

use serde::{Deserialize, Serialize};
use unperturb_engine::Value;

use crate::layers::{batch_norm, convolution, global_average};
use crate::scope::Scope;

/// A pre-activation ResNet of `6n + 4` layers and `16 widen`, `32 widen`, `64 widen` channels, up to its pooled features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WideResNet {
    /// Layers: 10, 16, 28, 34, ...
    pub depth: usize,
    /// How many times wider than a plain ResNet.
    pub widen: usize,
}

impl WideResNet {
    /// Pictures `[n, h, w, 3]` to pooled features `[n, 64 widen]`.
    pub fn trace<'g>(&self, scope: &Scope<'g>, images: Value<'g>) -> Value<'g> {
        let mut x = convolution(&scope.child("conv1"), images, 16, 3, 1, 1);
        for stage in 0..3 {
            let layer = scope.child(format!("block{}", stage + 1)).child("layer");
            for block in 0..(self.depth - 4) / 6 {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                x = basic_block(&layer.child(block), x, (16 * self.widen) << stage, stride);
            }
        }
        global_average(batch_norm(&scope.child("bn1"), x).relu())
    }
}

fn basic_block<'g>(scope: &Scope<'g>, x: Value<'g>, channels: usize, stride: usize) -> Value<'g> {
    let activated = batch_norm(&scope.child("bn1"), x).relu();
    let y = convolution(&scope.child("conv1"), activated, channels, 3, stride, 1);
    let y = batch_norm(&scope.child("bn2"), y).relu();
    let y = convolution(&scope.child("conv2"), y, channels, 3, 1, 1);
    // The shortcut convolution reads the activated input, the identity the plain one.
    if x.shape()[3] == channels {
        x + y
    } else {
        convolution(&scope.child("convShortcut"), activated, channels, 1, stride, 0) + y
    }
}
