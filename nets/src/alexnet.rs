//! The AlexNet that tells rotations of larger pictures (Gidaris et al. 2018), with its published names.

use serde::{Deserialize, Serialize};
use unperturb_engine::Value;

use crate::layers::{batch_norm, biased_convolution, linear, unbiased_linear};
use crate::scope::Scope;

/// Kernel, stride, padding, and the channels in sixty-fourths of the net's, of each convolution; and whether a max
/// pool of 3x3 with stride 2 follows.
const CONVOLUTIONS: [(usize, usize, usize, usize, bool); 5] = [
    (11, 4, 2, 64, true),
    (5, 1, 2, 192, true),
    (3, 1, 1, 384, false),
    (3, 1, 1, 256, false),
    (3, 1, 1, 256, true),
];

/// Five convolutions and three linear layers, each but the last with a batch norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlexNet {
    /// Channels of the first layer: 64 as published. The others grow with it.
    pub width: usize,
    /// Units of the linear layers: 4096 as published.
    pub hidden: usize,
    /// Classes: 4 rotations.
    pub classes: usize,
}

impl AlexNet {
    /// Height and width of the pictures that its linear layers are made for.
    pub const SIZE: usize = 224;

    /// Pictures `[n, 224, 224, 3]` to logits `[n, classes]`.
    pub fn trace<'g>(&self, scope: &Scope<'g>, images: Value<'g>) -> Value<'g> {
        let blocks = scope.child("_feature_blocks");
        let mut x = images;
        let mut module = 0;
        for (kernel, stride, padding, share, is_pooled) in CONVOLUTIONS {
            let block = blocks.child(module);
            let channels = self.width * share / 64;
            x = biased_convolution(&block.child(0), x, channels, kernel, stride, padding);
            x = batch_norm(&block.child(1), x).relu();
            module += 1;
            if is_pooled {
                x = x.max_pool2d(3, 2, 0);
                module += 1;
            }
        }
        let shape = x.shape();
        // PyTorch flattens channels first.
        let mut x = x.transpose(&[0, 3, 1, 2]).reshape([shape[0], shape[1] * shape[2] * shape[3]]);
        let block = blocks.child(module);
        for (layer, norm) in [(1, 2), (4, 5)] {
            x = unbiased_linear(&block.child(layer), x, self.hidden);
            x = batch_norm(&block.child(norm), x).relu();
        }
        linear(&blocks.child(module + 1).child(0), x, self.classes)
    }
}
