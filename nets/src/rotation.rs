//! The network-in-network that tells rotations (Gidaris et al. 2018), with its published names.

use serde::{Deserialize, Serialize};
use unperturb_engine::Value;

use crate::layers::{batch_norm, convolution, global_average, linear};
use crate::scope::Scope;

/// Four blocks of three convolutions, then global average pooling and a linear layer to four classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationNet {
    /// Channels of most layers; 192 in the paper.
    pub width: usize,
}

impl RotationNet {
    /// Pictures `[n, h, w, 3]` to logits `[n, 4]` of 0, 90, 180 and 270 degrees.
    pub fn trace<'g>(&self, scope: &Scope<'g>, images: Value<'g>) -> Value<'g> {
        let blocks = scope.child("_feature_blocks");
        let wide = self.width;
        // 192 : 160 : 96 in the paper.
        let (middle, narrow) = (wide * 5 / 6, wide / 2);
        let mut x = images;
        for (index, (first, channels)) in
            [(5, [wide, middle, narrow]), (5, [wide; 3]), (3, [wide; 3]), (3, [wide; 3])]
                .into_iter()
                .enumerate()
        {
            for (layer, channels) in channels.into_iter().enumerate() {
                let kernel = if layer == 0 { first } else { 1 };
                let name = format!("Block{}_ConvB{}", index + 1, layer + 1);
                let layers = blocks.child(index).child(name).child("layers");
                x = convolution(&layers.child("Conv"), x, channels, kernel, 1, kernel / 2);
                x = batch_norm(&layers.child("BatchNorm"), x).relu();
            }
            x = match index {
                0 => x.max_pool2d(3, 2, 1),
                1 => x.average_pool2d(3, 2, 1),
                _ => x,
            };
        }
        linear(&blocks.child(4).child("Classifier"), global_average(x), 4)
    }
}
