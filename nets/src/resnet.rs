//! The CIFAR ResNets of He et al. (2016, section 4.2), with option A shortcuts: stride 2 by leaving
//! out every other pixel, new channels as zeros. Names as in the widespread `pytorch_resnet_cifar10`.

use serde::{Deserialize, Serialize};
use unperturb_engine::Value;

use crate::classifier::Features;
use crate::layers::{batch_norm, convolution, global_average, linear};
use crate::scope::Scope;

/// A ResNet of `6n + 2` layers for small pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResNet {
    /// Layers: 20, 32, 44, 56 or any other `6n + 2`.
    pub depth: usize,
    /// Channels of the first stage; 16 in the paper. The others have twice and four times as many.
    pub width: usize,
    /// Classes.
    pub classes: usize,
}

impl ResNet {
    /// Pictures `[n, h, w, 3]` to pooled features `[n, 4 width]` and logits `[n, classes]`.
    pub fn trace<'g>(&self, scope: &Scope<'g>, images: Value<'g>) -> Features<'g> {
        let mut x = convolution(&scope.child("conv1"), images, self.width, 3, 1, 1);
        x = batch_norm(&scope.child("bn1"), x).relu();
        for stage in 0..3 {
            let layer = scope.child(format!("layer{}", stage + 1));
            for block in 0..(self.depth - 2) / 6 {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                x = basic_block(&layer.child(block), x, self.width << stage, stride);
            }
        }
        let pooled = global_average(x);
        Features { pooled, logits: linear(&scope.child("linear"), pooled, self.classes) }
    }
}

fn basic_block<'g>(scope: &Scope<'g>, x: Value<'g>, channels: usize, stride: usize) -> Value<'g> {
    let y = convolution(&scope.child("conv1"), x, channels, 3, stride, 1);
    let y = batch_norm(&scope.child("bn1"), y).relu();
    let y = convolution(&scope.child("conv2"), y, channels, 3, 1, 1);
    let y = batch_norm(&scope.child("bn2"), y);
    (y + shortcut(x, channels, stride)).relu()
}

/// Every `stride`-th pixel, with zero channels on both sides to make up `channels`.
fn shortcut(x: Value, channels: usize, stride: usize) -> Value {
    let shape = x.shape();
    let (height, width, inputs) = (shape[1], shape[2], shape[3]);
    if stride == 1 && inputs == channels {
        return x;
    }
    let before = (channels - inputs) / 2;
    x.slice_by(1, 0..height, stride).slice_by(2, 0..width, stride).pad(&[
        (0, 0),
        (0, 0),
        (0, 0),
        (before, channels - inputs - before),
    ])
}
