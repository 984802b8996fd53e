//! Classifiers: an architecture, its classes, and the normalisation of its input.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unperturb_engine::Value;

use crate::error::NetError;
use crate::normalization::Normalization;
use crate::resnet::ResNet;
use crate::scope::Scope;
use crate::wide_resnet::WideResNet;

/// What a classifier makes of pictures.
#[derive(Clone, Copy, Debug)]
pub struct Features<'g> {
    /// Pooled features before the last layer, `[n, features]`: the contrastive head reads these.
    pub pooled: Value<'g>,
    /// Logits, `[n, classes]`.
    pub logits: Value<'g>,
}

/// A family of nets with its sizes. Written `resnet20`, `wrn-28-10`; other widths as `resnet20x8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// A CIFAR ResNet.
    ResNet {
        /// Layers, `6n + 2`.
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
        let x = self.normalization.apply(images);
        let classes = self.classes;
        match self.architecture {
            Architecture::ResNet { depth, width } => ResNet { depth, width, classes }.trace(scope, x),
            Architecture::WideResNet { depth, widen } => WideResNet { depth, widen, classes }.trace(scope, x),
        }
    }

    /// Refuses pictures that the net would shrink to nothing: it halves them twice, and its last stage needs a
    /// neighbourhood to look at. Larger ones of any shape will do, because the features are pooled.
    ///
    /// # Errors
    /// They are too small.
    pub fn expect_size(&self, height: usize, width: usize) -> Result<(), NetError> {
        const SMALLEST: usize = 8;
        if height.min(width) < SMALLEST {
            let net = self.architecture.to_string();
            return Err(NetError::PictureTooSmall { net, smallest: SMALLEST, width, height });
        }
        Ok(())
    }

    /// Size of the pooled features.
    pub fn features(&self) -> usize {
        match self.architecture {
            Architecture::ResNet { width, .. } => 4 * width,
            Architecture::WideResNet { widen, .. } => 64 * widen,
        }
    }
}

impl Architecture {
    /// The same family with another width, in channels of the first stage or as a widening factor.
    pub fn with_width(self, new: usize) -> Self {
        match self {
            Self::ResNet { depth, .. } => Self::ResNet { depth, width: new },
            Self::WideResNet { depth, .. } => Self::WideResNet { depth, widen: new },
        }
    }
}

/// Largest depth and width that a name may ask for: a checkpoint's metadata is not to be trusted.
const LIMITS: (usize, usize) = (1202, 1024);

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::ResNet { depth, width: 16 } => write!(f, "resnet{depth}"),
            Self::ResNet { depth, width } => write!(f, "resnet{depth}x{width}"),
            Self::WideResNet { depth, widen } => write!(f, "wrn-{depth}-{widen}"),
        }
    }
}

impl FromStr for Architecture {
    type Err = NetError;

    fn from_str(text: &str) -> Result<Self, NetError> {
        let parsed = if let Some(sizes) = text.strip_prefix("resnet") {
            let (depth, width) = sizes.split_once('x').unwrap_or((sizes, "16"));
            match (depth.parse(), width.parse()) {
                (Ok(depth), Ok(width)) => Some(Self::ResNet { depth, width }),
                _ => None,
            }
        } else if let Some((depth, widen)) = text.strip_prefix("wrn-").and_then(|sizes| sizes.split_once('-'))
        {
            match (depth.parse(), widen.parse()) {
                (Ok(depth), Ok(widen)) => Some(Self::WideResNet { depth, widen }),
                _ => None,
            }
        } else {
            None
        };
        parsed
            .filter(|net| {
                let (depth, width, extra) = match *net {
                    Self::ResNet { depth, width } => (depth, width, 2),
                    Self::WideResNet { depth, widen } => (depth, widen, 4),
                };
                let layered = depth > extra && (depth - extra) % 6 == 0;
                layered && depth <= LIMITS.0 && (1..=LIMITS.1).contains(&width)
            })
            .ok_or_else(|| NetError::UnknownNet(text.to_string()))
    }
}

/// Architectures are stored as their names.
mod as_text {
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
        for name in ["resnet20", "resnet56", "resnet8x4", "wrn-10-2", "wrn-28-10"] {
            assert_eq!(name.parse::<Architecture>().expect(name).to_string(), name);
        }
        for name in [
            "resnet21",
            "resnet",
            "wrn-28",
            "wrn-27-10",
            "resnet20x0",
            "vgg16",
            "resnet99999998",
            "wrn-10-99999",
        ] {
            assert!(name.parse::<Architecture>().is_err(), "{name}");
        }
    }
}
