//! ResNets in the forms that checkpoints come in: one net, and a table of what the forms do differently.
//!
//! | form | source | shortcuts | last layer |
//! | --- | --- | --- | --- |
//! | padded | He et al. 2016, section 4.2, option A; `akamaster/pytorch_resnet_cifar10` | zero channels | `linear` |
//! | projected | the same, option B | `shortcut.0`, `shortcut.1` | `linear` |
//! | CIFAR | He et al. 2016, section 4.1, for small pictures; `kuangliu/pytorch-cifar` | `shortcut.0`, `shortcut.1` | `linear` |
//! | ImageNet | He et al. 2016, section 4.1; torchvision | `downsample.0`, `downsample.1` | `fc` |
//! | pre-activated | He et al. 2016 (Identity Mappings); `kuangliu/pytorch-cifar` | `shortcut.0` | `linear` |
//! | pre-activated, normalised | the same with a last batch norm `bn`; Rice et al. 2020 | `shortcut.0` | `linear` |
//! | pre-activated, plain | shortcuts to another size read what comes in, not normalised; Wong et al. 2020 | `shortcut.0` | `linear` |
//! | pre-activated, plain, normalised | the same with a last batch norm `bn`; Andriushchenko et al. 2020 | `shortcut.0` | `linear` |
//!
//! Tensors do not tell plain nets from the others: RobustBench builds one or the other by `out_shortcut`.

use serde::{Deserialize, Serialize};
use unperturb_engine::Value;

use crate::layers::{batch_norm, convolution, global_average};
use crate::scope::Scope;

/// Whose ResNet it is: see the table above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// Three stages of `6n + 2` layers; shortcuts leave out every other pixel and add channels of zeros.
    Padded,
    /// Three stages of `6n + 2` layers; shortcuts to another size are convolutions.
    Projected,
    /// Four stages of 18, 34 or 50 layers for small pictures.
    Cifar,
    /// Four stages of 18, 34 or 50 layers behind a strided 7x7 convolution and a max pool.
    ImageNet,
    /// Four stages of 18 or 34 layers that normalise before they convolve.
    PreActivated,
    /// The same, normalised once more before the pooling.
    PreActivatedNormalised,
    /// As [`PreActivated`](Form::PreActivated), but shortcuts to another size read the plain input.
    PlainPreActivated,
    /// The same, normalised once more before the pooling.
    PlainPreActivatedNormalised,
}

impl Form {
    /// All of them.
    pub const ALL: [Form; 8] = [
        Form::Padded,
        Form::Projected,
        Form::Cifar,
        Form::ImageNet,
        Form::PreActivated,
        Form::PreActivatedNormalised,
        Form::PlainPreActivated,
        Form::PlainPreActivatedNormalised,
    ];

    /// Channels of the first stage as published.
    pub fn usual_width(self) -> usize {
        match self {
            Form::Padded | Form::Projected => 16,
            _ => 64,
        }
    }

    /// The blocks of each stage of a net of so many layers, if there is one.
    pub fn blocks(self, depth: usize) -> Option<Vec<usize>> {
        match (self, depth) {
            // These depths name the nets of four stages.
            (Form::Padded | Form::Projected, 50) => None,
            (Form::Padded | Form::Projected, _) if depth > 2 && (depth - 2).is_multiple_of(6) => {
                Some(vec![(depth - 2) / 6; 3])
            }
            (Form::Padded | Form::Projected, _) => None,
            (_, 18) => Some(vec![2; 4]),
            (_, 34) | (Form::Cifar | Form::ImageNet, 50) => Some(vec![3, 4, 6, 3]),
            _ => None,
        }
    }

    fn is_pre_activated(self) -> bool {
        self.has_plain_shortcuts() || matches!(self, Form::PreActivated | Form::PreActivatedNormalised)
    }

    /// Whether it is pre-activated, and shortcuts to another size read what is not.
    pub(crate) fn has_plain_shortcuts(self) -> bool {
        matches!(self, Form::PlainPreActivated | Form::PlainPreActivatedNormalised)
    }

    /// Whether a batch norm comes before the pooling.
    fn is_normalised(self) -> bool {
        matches!(self, Form::PreActivatedNormalised | Form::PlainPreActivatedNormalised)
    }

    /// The form with plain shortcuts whose tensors have the same names and shapes, if there is one.
    pub(crate) fn plain_twin(self) -> Option<Form> {
        match self {
            Form::PreActivated => Some(Form::PlainPreActivated),
            Form::PreActivatedNormalised => Some(Form::PlainPreActivatedNormalised),
            _ => None,
        }
    }

    /// How a shortcut to another size is called, unless it has no parameters.
    fn projection(self) -> Option<&'static str> {
        match self {
            Form::Padded => None,
            Form::ImageNet => Some("downsample"),
            _ => Some("shortcut"),
        }
    }

    /// How the last layer is called.
    pub(crate) fn last(self) -> &'static str {
        if self == Form::ImageNet { "fc" } else { "linear" }
    }
}

/// A ResNet up to its pooled features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResNet {
    /// Whose.
    pub form: Form,
    /// Layers: `6n + 2` in three stages, or 18, 34 or 50 in four.
    pub depth: usize,
    /// Channels of the first stage; each further one has twice as many.
    pub width: usize,
}

impl ResNet {
    /// Channels that a block makes of each that its inner convolutions have: 4 in nets of bottlenecks.
    fn expansion(&self) -> usize {
        if self.depth == 50 { 4 } else { 1 }
    }

    fn blocks(&self) -> Vec<usize> {
        self.form.blocks(self.depth).unwrap_or_default()
    }

    /// Size of the pooled features.
    pub fn features(&self) -> usize {
        (self.width << self.blocks().len().saturating_sub(1)) * self.expansion()
    }

    /// Pictures `[n, h, w, 3]` to pooled features `[n, features]`. A depth that the form does not have is a net
    /// without blocks.
    pub fn trace<'g>(&self, scope: &Scope<'g>, images: Value<'g>) -> Value<'g> {
        let stem = scope.child("conv1");
        let mut x = match self.form {
            Form::ImageNet => convolution(&stem, images, self.width, 7, 2, 3),
            _ => convolution(&stem, images, self.width, 3, 1, 1),
        };
        if !self.form.is_pre_activated() {
            x = batch_norm(&scope.child("bn1"), x).relu();
        }
        if self.form == Form::ImageNet {
            x = x.max_pool2d(3, 2, 1);
        }
        for (stage, blocks) in self.blocks().into_iter().enumerate() {
            let layer = scope.child(format!("layer{}", stage + 1));
            for block in 0..blocks {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                x = self.block(&layer.child(block), x, self.width << stage, stride);
            }
        }
        if self.form.is_normalised() {
            x = batch_norm(&scope.child("bn"), x).relu();
        }
        global_average(x)
    }

    fn block<'g>(&self, scope: &Scope<'g>, x: Value<'g>, channels: usize, stride: usize) -> Value<'g> {
        // Kernel and stride of each convolution, and what it makes.
        let inner = [(3, stride, channels), (3, 1, channels)];
        let bottleneck = [(1, 1, channels), (3, stride, channels), (1, 1, channels * self.expansion())];
        let convolutions = if self.expansion() == 1 { inner.as_slice() } else { &bottleneck };
        let norm = |number: usize, x| batch_norm(&scope.child(format!("bn{number}")), x);
        let convolve = |number: usize, x, (kernel, stride, channels): (usize, usize, usize)| {
            convolution(&scope.child(format!("conv{number}")), x, channels, kernel, stride, kernel / 2)
        };
        let outputs = channels * self.expansion();
        let mut y = x;
        if self.form.is_pre_activated() {
            let mut shortcut = x;
            for (number, &convolution) in (1..).zip(convolutions) {
                y = norm(number, y).relu();
                if number == 1 && is_resized(x, outputs, stride) {
                    let source = if self.form.has_plain_shortcuts() { x } else { y };
                    shortcut = self.shortcut(scope, source, outputs, stride);
                }
                y = convolve(number, y, convolution);
            }
            return y + shortcut;
        }
        for (number, &convolution) in (1..).zip(convolutions) {
            y = norm(number, convolve(number, y, convolution));
            if number < convolutions.len() {
                y = y.relu();
            }
        }
        let shortcut =
            if is_resized(x, outputs, stride) { self.shortcut(scope, x, outputs, stride) } else { x };
        (y + shortcut).relu()
    }

    /// Brings what goes around a block to the size of what comes out of it.
    fn shortcut<'g>(&self, scope: &Scope<'g>, x: Value<'g>, channels: usize, stride: usize) -> Value<'g> {
        let Some(name) = self.form.projection() else { return padded(x, channels, stride) };
        let projection = scope.child(name);
        let projected = convolution(&projection.child(0), x, channels, 1, stride, 0);
        if self.form.is_pre_activated() { projected } else { batch_norm(&projection.child(1), projected) }
    }
}

fn is_resized(x: Value, channels: usize, stride: usize) -> bool {
    stride != 1 || x.shape()[3] != channels
}

/// Every `stride`-th pixel, with zero channels on both sides to make up `channels`.
fn padded(x: Value, channels: usize, stride: usize) -> Value {
    let shape = x.shape();
    let (height, width, inputs) = (shape[1], shape[2], shape[3]);
    let before = (channels - inputs) / 2;
    x.slice_by(1, 0..height, stride).slice_by(2, 0..width, stride).pad(&[
        (0, 0),
        (0, 0),
        (0, 0),
        (before, channels - inputs - before),
    ])
}
