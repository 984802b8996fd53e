//! Input normalisation, which belongs to the net: pictures stay in [0, 1] everywhere else.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unperturb_engine::Value;

use crate::error::NetError;

/// `(x - mean) / deviation`, per colour channel. Written `none`, `cifar10`, `imagenet` or `m,m,m/s,s,s`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalization {
    /// Means of red, green and blue.
    pub mean: [f32; 3],
    /// Standard deviations of red, green and blue.
    pub deviation: [f32; 3],
}

impl Normalization {
    /// Pictures as they are.
    pub const NONE: Self = Normalization { mean: [0.0; 3], deviation: [1.0; 3] };
    /// The statistics of CIFAR-10's training pictures. (Some checkpoints were trained with 0.2023, 0.1994,
    /// 0.2010 for the deviation: give those as numbers.)
    pub const CIFAR10: Self =
        Normalization { mean: [0.4914, 0.4822, 0.4465], deviation: [0.2470, 0.2435, 0.2616] };
    /// The statistics that torchvision's ImageNet nets use.
    pub const IMAGENET: Self =
        Normalization { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };

    /// Applies it to pictures `[n, h, w, 3]`.
    pub fn apply<'g>(&self, images: Value<'g>) -> Value<'g> {
        if *self == Self::NONE {
            return images;
        }
        let g = images.graph();
        let channel = |values: [f32; 3]| {
            let parts: Vec<Value> = values.iter().map(|&v| g.full([1], v)).collect();
            Value::concatenate(&parts, 0)
        };
        (images - channel(self.mean)) * channel(self.deviation.map(|d| 1.0 / d))
    }
}

impl fmt::Display for Normalization {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match *self {
            Self::NONE => write!(f, "none"),
            Self::CIFAR10 => write!(f, "cifar10"),
            Self::IMAGENET => write!(f, "imagenet"),
            Normalization { mean: [a, b, c], deviation: [x, y, z] } => write!(f, "{a},{b},{c}/{x},{y},{z}"),
        }
    }
}

impl FromStr for Normalization {
    type Err = NetError;

    fn from_str(text: &str) -> Result<Self, NetError> {
        let fail = || NetError::Normalization(text.to_string());
        let three = |part: &str| -> Option<[f32; 3]> {
            let numbers: Vec<f32> = part.split(',').map(|n| n.trim().parse().ok()).collect::<Option<_>>()?;
            <[f32; 3]>::try_from(numbers).ok().filter(|n| n.iter().all(|v| v.is_finite()))
        };
        match text {
            "none" => Ok(Self::NONE),
            "cifar10" => Ok(Self::CIFAR10),
            "imagenet" => Ok(Self::IMAGENET),
            _ => {
                let (mean, deviation) = text.split_once('/').ok_or_else(fail)?;
                let (mean, deviation) = (three(mean).ok_or_else(fail)?, three(deviation).ok_or_else(fail)?);
                if deviation.iter().any(|&d| d <= 0.0) {
                    return Err(fail());
                }
                Ok(Normalization { mean, deviation })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_and_numbers_are_read() {
        for (text, normalization) in [
            ("none", Normalization::NONE),
            ("cifar10", Normalization::CIFAR10),
            ("imagenet", Normalization::IMAGENET),
            ("0.5, 0.4,0.3/.2,.25,1", Normalization { mean: [0.5, 0.4, 0.3], deviation: [0.2, 0.25, 1.0] }),
        ] {
            assert_eq!(text.parse::<Normalization>().expect(text), normalization);
        }
        for text in
            ["", "cifar", "0.5/0.2", "1,2,3", "1,2,3/1,2", "1,2,3/1,2,nan", "1,2,3/1,2,0", "1,2,3/1,2,-1"]
        {
            assert!(text.parse::<Normalization>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(mean in [-9.0f32..9.0, -9.0f32..9.0, -9.0f32..9.0], scale in 1e-3f32..9.0) {
            let given = Normalization { mean, deviation: [scale, 1.0, 0.5] };
            prop_assert_eq!(given.to_string().parse::<Normalization>().ok(), Some(given));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,16}") {
            let _ = text.parse::<Normalization>();
        }
    }
}
