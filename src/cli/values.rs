//! The types of arguments that have a little grammar of their own.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use unperturb_nets::{Architecture, NetError};

use crate::spec::{Magnitude, words};
use crate::task::Task;

words! {
    /// How exactly the device computes. Images, weights and gradients are 32-bit floats in any case.
    #[derive(Default)]
    pub enum Precision {
        /// 32-bit floats throughout.
        #[default]
        F32 = "f32",
        /// Activations, and on matrix units factors of products, rounded to 16 bits; 32-bit sums.
        F16 = "f16",
    }
}

/// `--device auto|gpu|gpu:N|cpu`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// A hardware GPU if there is one, else the CPU runtime.
    #[default]
    Auto,
    /// A GPU, software Vulkan included: the best, or the one with this number in `unperturb devices`.
    Gpu(Option<usize>),
    /// The CPU runtime.
    Cpu,
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "gpu" => Ok(Self::Gpu(None)),
            "cpu" => Ok(Self::Cpu),
            _ => text
                .strip_prefix("gpu:")
                .and_then(|number| number.parse().ok())
                .map(|number| Self::Gpu(Some(number)))
                .ok_or_else(|| "expected auto, gpu, gpu:N or cpu".to_owned()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Gpu(None) => f.write_str("gpu"),
            Self::Gpu(Some(number)) => write!(f, "gpu:{number}"),
            Self::Cpu => f.write_str("cpu"),
        }
    }
}

/// `--memory SIZE`: a number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemorySize(pub u64);

impl FromStr for MemorySize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = match unit.trim().to_ascii_lowercase().as_str() {
            "kib" => 1024.0,
            "mib" => 1024.0 * 1024.0,
            "gib" => 1024.0 * 1024.0 * 1024.0,
            "kb" => 1e3,
            "mb" => 1e6,
            "gb" => 1e9,
            _ => return Err("expected a size with its unit, such as 512MiB or 1.5GiB".to_owned()),
        };
        match number.parse::<f64>().map(|number| number * unit) {
            Ok(bytes) if (1.0..=1e18).contains(&bytes) => Ok(Self(bytes as u64)),
            _ => Err("expected a positive number before the unit".to_owned()),
        }
    }
}

/// `--classifier FILE` or `NET:FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassifierSource {
    /// The net of a foreign checkpoint; a file of ours names its own.
    pub net: Option<Architecture>,
    /// The checkpoint.
    pub file: PathBuf,
}

impl FromStr for ClassifierSource {
    type Err = String;

    /// What stands before the first colon is a net, unless it is a single letter (a Windows drive) or has the
    /// look of a path; so a file `a:b` is written `./a:b`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (net, file) = match text.split_once(':') {
            Some((net, file)) if is_net(net) => {
                (Some(net.parse().map_err(|unknown: NetError| unknown.to_string())?), file)
            }
            Some(("", _)) => return Err("expected FILE or NET:FILE".to_owned()),
            _ => (None, text),
        };
        if file.is_empty() {
            return Err("expected a file, as in model.safetensors or resnet20:model.pt".to_owned());
        }
        Ok(Self { net, file: PathBuf::from(file) })
    }
}

fn is_net(text: &str) -> bool {
    text.len() > 1 && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter))
}

impl fmt::Display for ClassifierSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(net) = &self.net {
            write!(f, "{net}:")?;
        }
        write!(f, "{}", self.file.display())
    }
}

/// One value for all tasks (`20`), or one for each (`contrastive=20,rotation=30`); both may be joined
/// (`20,rotation=30`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerTask<T> {
    all: Option<T>,
    each: [Option<T>; Task::ALL.len()],
}

impl<T: Copy> PerTask<T> {
    /// The value for `task`, if one was given.
    pub fn get(&self, task: Task) -> Option<T> {
        self.each[task as usize].or(self.all)
    }
}

impl<T: FromStr + Copy> FromStr for PerTask<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut values = Self { all: None, each: [None; Task::ALL.len()] };
        for item in text.split(',').map(str::trim) {
            let (place, value) = match item.split_once('=') {
                Some((task, value)) => {
                    let task: Task =
                        task.trim().parse().map_err(|expected| format!("`{task}` is no task: {expected}"))?;
                    (&mut values.each[task as usize], value.trim())
                }
                None => (&mut values.all, item),
            };
            if place.is_some() {
                return Err(format!("`{item}` gives a value a second time"));
            }
            let read = value.parse().map_err(|_| {
                format!("`{value}` is not a fitting number; expected one for all tasks or task=number,...")
            })?;
            *place = Some(read);
        }
        Ok(values)
    }
}

/// A number above zero.
///
/// # Errors
/// What was expected.
pub fn positive(text: &str) -> Result<Magnitude, String> {
    match text.parse::<Magnitude>() {
        Ok(magnitude) if magnitude.value() > 0.0 => Ok(magnitude),
        Ok(_) => Err("expected a number above zero".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// A number from zero up to, but not including, one.
///
/// # Errors
/// What was expected.
pub fn below_one(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(number) if (0.0..1.0).contains(&number) => Ok(number),
        _ => Err("expected a number from 0 up to, but not including, 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn source(text: &str) -> (Option<String>, String) {
        let source: ClassifierSource = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(source.to_string(), text);
        (source.net.map(|net| net.to_string()), source.file.to_string_lossy().into_owned())
    }

    #[test]
    fn a_drive_is_no_net() {
        let net = |name: &str, file: &str| (Some(name.to_owned()), file.to_owned());
        let file = |file: &str| (None, file.to_owned());
        assert_eq!(source("model.safetensors"), file("model.safetensors"));
        assert_eq!(source("resnet20:model.pt"), net("resnet20", "model.pt"));
        assert_eq!(source("wrn-28-10:weights/a.pt"), net("wrn-28-10", "weights/a.pt"));
        assert_eq!(source("C:\\nets\\a.pt"), file("C:\\nets\\a.pt"));
        assert_eq!(source("c:/nets/a.pt"), file("c:/nets/a.pt"));
        assert_eq!(source("resnet20:C:\\nets\\a.pt"), net("resnet20", "C:\\nets\\a.pt"));
        assert_eq!(source("./a:b"), file("./a:b"));
        for text in ["", ":", ":a.pt", "resnet20:", "resnet21:a.pt", "vgg16:a.pt"] {
            assert!(text.parse::<ClassifierSource>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn devices() {
        for (text, device) in [
            ("auto", DeviceChoice::Auto),
            ("gpu", DeviceChoice::Gpu(None)),
            ("gpu:1", DeviceChoice::Gpu(Some(1))),
            ("cpu", DeviceChoice::Cpu),
        ] {
            assert_eq!(text.parse(), Ok(device));
            assert_eq!(device.to_string(), text);
        }
        for text in ["", "GPU", "gpu:", "gpu:-1", "gpu:one", "cuda:0"] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn values_per_task() {
        let values: PerTask<u32> = "20, rotation=30".parse().unwrap();
        assert_eq!(
            Task::ALL.iter().map(|task| values.get(*task)).collect::<Vec<_>>(),
            [Some(20), Some(30), Some(20)]
        );
        let values: PerTask<u32> = "inpainting=7".parse().unwrap();
        assert_eq!((values.get(Task::Contrastive), values.get(Task::Inpainting)), (None, Some(7)));
        for text in ["", "a", "1,2", "rotation=1,rotation=2", "rotate=1", "rotation=", "1,"] {
            assert!(text.parse::<PerTask<u32>>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn bounded_numbers() {
        assert_eq!(positive("1/10").unwrap().value(), 0.1);
        assert_eq!(below_one("0.9"), Ok(0.9));
        for text in ["0", "-1", "nan", "x"] {
            assert!(positive(text).is_err(), "{text}");
        }
        for text in ["1", "-0.1", "nan", "x"] {
            assert!(below_one(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,16}") {
            let _ = text.parse::<ClassifierSource>();
            let _ = text.parse::<DeviceChoice>();
            let _ = text.parse::<PerTask<f32>>();
        }
    }
}
