//! The context encoder (Pathak et al. 2016): fills the centre of a picture from its surroundings.
//!
//! Strided 4x4 convolutions down to 4x4 pixels, a bottleneck of single pixels, transposed
//! convolutions up to the centre. Module numbers as in the widespread PyTorch implementation, whose
//! encoder and decoder are one `nn.Sequential` called `main`.

use serde::{Deserialize, Serialize};
use unperturb_engine::Value;

use crate::layers::{batch_norm, convolution, transposed_convolution};
use crate::scope::Scope;

/// A context encoder for square pictures, which predicts a square centre of half their size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextEncoder {
    /// Height and width of the pictures: 32, 64, 128, ...
    pub size: usize,
    /// Channels of the first layer; 64 in the paper.
    pub width: usize,
    /// Units of the bottleneck; 4000 in the paper.
    pub latent: usize,
}

impl ContextEncoder {
    /// Height and width of the predicted centre.
    pub fn centre(&self) -> usize {
        self.size / 2
    }

    /// Pictures `[n, size, size, 3]` with an erased centre to the centre `[n, size/2, size/2, 3]`,
    /// both in [-1, 1].
    pub fn trace<'g>(&self, scope: &Scope<'g>, pictures: Value<'g>) -> Value<'g> {
        let mut modules = Modules { main: scope.child("main"), next: 0 };
        // Channels after each halving. The 128-pixel form repeats the first, as published.
        let halvings = (self.size / 4).ilog2() as usize;
        let channels = |level: usize| {
            let doublings = if halvings > 3 { level.saturating_sub(1) } else { level };
            self.width << doublings
        };
        let mut x = pictures;
        for level in 0..halvings {
            x = convolution(&modules.next(), x, channels(level), 4, 2, 1);
            if level > 0 {
                x = batch_norm(&modules.next(), x);
            }
            x = x.leaky_relu(0.2);
            modules.skip();
        }
        x = convolution(&modules.next(), x, self.latent, 4, 1, 0);
        x = batch_norm(&modules.next(), x).leaky_relu(0.2);
        modules.skip();
        let doublings = halvings - 1;
        x = transposed_convolution(&modules.next(), x, self.width << (doublings - 1), 4, 1, 0);
        x = batch_norm(&modules.next(), x).relu();
        modules.skip();
        for level in (0..doublings - 1).rev() {
            x = transposed_convolution(&modules.next(), x, self.width << level, 4, 2, 1);
            x = batch_norm(&modules.next(), x).relu();
            modules.skip();
        }
        transposed_convolution(&modules.next(), x, 3, 4, 2, 1).tanh()
    }
}

/// Numbers modules as `nn.Sequential` does: activations count too.
struct Modules<'g> {
    main: Scope<'g>,
    next: usize,
}

impl<'g> Modules<'g> {
    fn next(&mut self) -> Scope<'g> {
        self.next += 1;
        self.main.child(self.next - 1)
    }

    fn skip(&mut self) {
        self.next += 1;
    }
}
