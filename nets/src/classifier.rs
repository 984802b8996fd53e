//! Classifiers: an architecture, its classes, and the normalisation of its input.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unperturb_engine::Value;

use crate::error::NetError;
use crate::layers::linear;
use crate::normalization::Normalization;
use crate::parameter::Specification;
use crate::resnet::{Form, ResNet};
use crate::scope::Scope;
use crate::weights::specifications;
use crate::wide_resnet::WideResNet;

/// What a classifier makes of pictures.
#[derive(Clone, Copy, Debug)]
pub struct Features<'g> {
    /// Pooled features before the last layer, `[n, features]`: the contrastive head reads these.
    pub pooled: Value<'g>,
    /// Logits, `[n, classes]`.
    pub logits: Value<'g>,
}

/// A family of nets with its sizes. Written `resnet20`, `resnet18-imagenet`, `wrn-28-10`; other widths as `resnet20x8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// A ResNet.
    ResNet {
        /// Whose.
        form: Form,
        /// Layers.
        depth: usize,
        /// Channels of the first stage.
        width: usize,
    },
    /// A wide ResNet.
    WideResNet {
        /// Layers, `6n + 4`.
        depth: usize,
        /// Widening factor.
        widen: usize,
    },
}

/// A classifier of pictures in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classifier {
    /// The net.
    #[serde(with = "as_text")]
    pub architecture: Architecture,
    /// Classes.
    pub classes: usize,
    /// What the net does to its input first.
    pub normalization: Normalization,
}

impl Classifier {
    /// Pictures `[n, h, w, 3]` in [0, 1] to features and logits.
    pub fn trace<'g>(&self, scope: &Scope<'g>, images: Value<'g>) -> Features<'g> {
        let pooled = self.architecture.trace(scope, self.normalization.apply(images));
        let logits = linear(&scope.child(self.architecture.last()), pooled, self.classes);
        Features { pooled, logits }
    }

    /// Its parameters.
    pub fn specifications(&self) -> Vec<Specification> {
        specifications(|scope| {
            let images = scope.graph().state("images", [1, 32, 32, 3]);
            self.trace(scope, images);
        })
    }
}

impl Architecture {
    /// Pictures `[n, h, w, 3]`, normalised, to pooled features `[n, features]`: all but the last layer.
    pub fn trace<'g>(self, scope: &Scope<'g>, images: Value<'g>) -> Value<'g> {
        match self {
            Self::ResNet { form, depth, width } => ResNet { form, depth, width }.trace(scope, images),
            Self::WideResNet { depth, widen } => WideResNet { depth, widen }.trace(scope, images),
        }
    }

    /// How the last layer is called.
    pub(crate) fn last(self) -> &'static str {
        match self {
            Self::ResNet { form, .. } => form.last(),
            Self::WideResNet { .. } => "fc",
        }
    }

    /// Refuses pictures that the net would shrink to nothing: most halve them two or three times, that of ImageNet
    /// five times, and the last stage needs a neighbourhood to look at. Larger ones of any shape will do, because the
    /// features are pooled.
    ///
    /// # Errors
    /// They are too small.
    pub fn expect_size(self, height: usize, width: usize) -> Result<(), NetError> {
        let smallest = match self {
            Self::ResNet { form: Form::ImageNet, .. } => 32,
            Self::ResNet { .. } | Self::WideResNet { .. } => 8,
        };
        if height.min(width) < smallest {
            let net = self.to_string();
            return Err(NetError::PictureTooSmall { net, smallest, width, height });
        }
        Ok(())
    }

    /// Size of the pooled features.
    pub fn features(self) -> usize {
        match self {
            Self::ResNet { form, depth, width } => ResNet { form, depth, width }.features(),
            Self::WideResNet { widen, .. } => 64 * widen,
        }
    }

    /// The net with plain shortcuts whose tensors have the same names and shapes, if there is one: they do not tell it from
    /// this one.
    pub fn twin(self) -> Option<Self> {
        match self {
            Self::ResNet { form, depth, width } => {
                Some(Self::ResNet { form: form.plain_twin()?, depth, width })
            }
            Self::WideResNet { .. } => None,
        }
    }

    /// The same family with another width, in channels of the first stage or as a widening factor.
    ///
    /// # Errors
    /// There is no net of that width.
    pub fn with_width(self, new: usize) -> Result<Self, NetError> {
        let wider = match self {
            Self::ResNet { form, depth, .. } => Self::ResNet { form, depth, width: new },
            Self::WideResNet { depth, .. } => Self::WideResNet { depth, widen: new },
        };
        // By its name, so that it keeps to the limits of names.
        wider.to_string().parse()
    }
}

/// Largest depth and width that a name may ask for: a checkpoint's metadata is not to be trusted.
const LIMITS: (usize, usize) = (1202, 1024);

/// What stands before and after the sizes of a ResNet of each form. The depth tells forms with the same affixes apart.
fn affixes(form: Form) -> (&'static str, &'static str) {
    match form {
        Form::Padded | Form::Cifar => ("resnet", ""),
        Form::Projected => ("resnet", "-projection"),
        Form::ImageNet => ("resnet", "-imagenet"),
        Form::PreActivated => ("preact-resnet", ""),
        Form::PreActivatedNormalised => ("preact-resnet", "-normalised"),
        Form::PlainPreActivated => ("preact-resnet", "-plain"),
        Form::PlainPreActivatedNormalised => ("preact-resnet", "-plain-normalised"),
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match *self {
            Self::ResNet { form, depth, width } => {
                let (before, after) = affixes(form);
                if width == form.usual_width() {
                    write!(f, "{before}{depth}{after}")
                } else {
                    write!(f, "{before}{depth}x{width}{after}")
                }
            }
            Self::WideResNet { depth, widen } => write!(f, "wrn-{depth}-{widen}"),
        }
    }
}

/// The ResNet of this form that `text` names.
fn resnet(form: Form, text: &str) -> Option<Architecture> {
    let (before, after) = affixes(form);
    let sizes = text.strip_prefix(before)?.strip_suffix(after)?;
    let (depth, width) = match sizes.split_once('x') {
        Some((depth, width)) => (depth.parse().ok()?, width.parse().ok()?),
        None => (sizes.parse().ok()?, form.usual_width()),
    };
    form.blocks(depth)?;
    Some(Architecture::ResNet { form, depth, width })
}

/// The wide ResNet that `text` names.
fn wide_resnet(text: &str) -> Option<Architecture> {
    let (depth, widen) = text.strip_prefix("wrn-")?.split_once('-')?;
    let (depth, widen): (usize, usize) = (depth.parse().ok()?, widen.parse().ok()?);
    (depth > 4 && (depth - 4).is_multiple_of(6)).then_some(Architecture::WideResNet { depth, widen })
}

impl FromStr for Architecture {
    type Err = NetError;

    fn from_str(text: &str) -> Result<Self, NetError> {
        let named = Form::ALL.into_iter().find_map(|form| resnet(form, text)).or_else(|| wide_resnet(text));
        let is_possible = |net: &Architecture| {
            let (Self::ResNet { depth, width, .. } | Self::WideResNet { depth, widen: width }) = *net;
            depth <= LIMITS.0 && (1..=LIMITS.1).contains(&width)
        };
        named.filter(is_possible).ok_or_else(|| NetError::UnknownNet(text.to_string()))
    }
}

/// Architectures are stored as their names.
pub(crate) mod as_text {
    use super::Architecture;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(net: &Architecture, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(net)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Architecture, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_travel_both_ways() {
        for name in [
            "resnet20",
            "resnet56",
            "resnet8x4",
            "resnet20-projection",
            "resnet8x4-projection",
            "resnet18",
            "resnet50x8",
            "resnet34-imagenet",
            "resnet50x8-imagenet",
            "preact-resnet18",
            "preact-resnet18x4-normalised",
            "preact-resnet18-plain",
            "preact-resnet18x4-plain-normalised",
            "wrn-10-2",
            "wrn-28-10",
        ] {
            assert_eq!(name.parse::<Architecture>().expect(name).to_string(), name);
        }
        for name in [
            "resnet21",
            "resnet",
            "wrn-28",
            "wrn-27-10",
            "resnet20x0",
            "vgg16",
            "resnet20-imagenet",
            "resnet18-projection",
            "preact-resnet50",
            "preact-resnet20",
            "resnet18-",
            "resnet99999998",
            "wrn-10-99999",
        ] {
            assert!(name.parse::<Architecture>().is_err(), "{name}");
        }
    }
}
