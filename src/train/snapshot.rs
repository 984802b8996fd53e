//! All that a training needs to go on where it stopped, as one file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use unperturb_data::Dataset;
use unperturb_engine::Device;
use unperturb_engine::Session;
use unperturb_nets::checkpoint::Checkpoint;
use unperturb_nets::{NetError, Tensor, Weights};

use crate::Failure;
use crate::model::{describe, description};

/// Everything beside the states that the result of a training depends on, by name: options, pictures, nets that stay
/// as they are. Two trainings with equal settings are the same training.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// These settings and one more. Whoever reads a refusal sees both: `epochs`, `30`.
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.0.insert(name.to_string(), value.to_string());
        self
    }

    /// These settings and how exactly the device computes.
    pub fn with_precision(self, device: &Device) -> Self {
        self.with("precision", if device.has_half_precision() { "f16" } else { "f32" })
    }

    /// These settings and the pictures, told apart by what they show.
    pub fn with_pictures(self, data: &Dataset) -> Self {
        self.with("pictures", format!("{} of {} ({})", data.len(), data.name(), data.digest()))
    }

    /// What is different in `other`, as words such as `epochs 30 instead of 20`; nothing if they are equal.
    pub fn difference(&self, other: &Settings) -> Option<String> {
        let names: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let different: Vec<String> = names
            .into_iter()
            .filter(|&name| self.0.get(name) != other.0.get(name))
            .map(|name| {
                let [here, there] = [self, other].map(|s| s.0.get(name).map_or("none", String::as_str));
                format!("{name} {there} instead of {here}")
            })
            .collect();
        (!different.is_empty()).then(|| different.join(", "))
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings: Vec<String> = self.0.iter().map(|(name, value)| format!("{name} {value}")).collect();
        f.write_str(&settings.join(", "))
    }
}

/// Where a training stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// What training it is.
    pub settings: Settings,
    /// Updates done.
    pub step: u64,
}

/// Writes the `f32` states called `names` and the position; what was there stays whole until then, and for good
/// if a state is no longer a number.
///
/// # Errors
/// The training diverged; the file cannot be written; what the engine reports.
pub fn write(
    session: &mut Session,
    names: &[String],
    position: &Position,
    path: &Path,
) -> Result<(), Failure> {
    let mut weights = Weights::default();
    for name in names {
        let data = session.read(name)?;
        if data.iter().any(|x| !x.is_finite()) {
            return Err(Failure::Diverged);
        }
        weights.tensors.insert(name.clone(), Tensor { shape: vec![data.len()], data });
    }
    Ok(describe(weights, position).write(path)?)
}

/// Restores the states called `names` and tells how many updates they have behind them.
///
/// # Errors
/// The file cannot be read, or belongs to a training with other settings.
pub fn read(
    session: &mut Session,
    names: &[String],
    settings: &Settings,
    path: &Path,
) -> Result<u64, NetError> {
    let file = path.display().to_string();
    let malformed = |problem: String| NetError::Malformed { file: file.clone(), problem };
    let checkpoint = Checkpoint::read(path)?;
    let position: Position = description(&checkpoint, &file)
        .map_err(|_| malformed("it is no training to go on with; these end in .training".into()))?;
    if let Some(difference) = settings.difference(&position.settings) {
        return Err(malformed(format!("it belongs to another training: {difference}")));
    }
    for name in names {
        let tensor = checkpoint.weights.tensors.get(name).ok_or_else(|| NetError::MissingTensor {
            file: file.clone(),
            name: name.clone(),
            shape: vec![],
        })?;
        session.write(name, &tensor.data)?;
    }
    Ok(position.step)
}

/// The training file that belongs to the result at `out`.
pub fn beside(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".training");
    name.into()
}

#[cfg(test)]
mod tests {
    use unperturb_engine::runtime::gpu::GpuDevice;

    use super::*;

    #[test]
    fn a_difference_names_what_differs_and_nothing_else() {
        let here = Settings::default().with("batch", 64).with("epochs", 20).with("seed", 0);
        assert_eq!(here.difference(&here.clone()), None);
        let there = Settings::default().with("batch", 64).with("epochs", 30).with("width", 8);
        assert_eq!(
            here.difference(&there).as_deref(),
            Some("epochs 30 instead of 20, seed none instead of 0, width 8 instead of none")
        );
    }

    #[test]
    fn precisions_differ() {
        let gpu = GpuDevice::open(None).expect("GPU tests need an adapter");
        let half = Device::Gpu(gpu.with_half_precision().expect("this test needs 16-bit floats in shaders"));
        let [whole, half] =
            [Device::Gpu(gpu), half.within(1)].map(|d| Settings::default().with_precision(&d));
        assert_eq!(whole.difference(&half).expect("they differ"), "precision f16 instead of f32");
        assert_eq!(whole, Settings::default().with_precision(&Device::cpu()));
    }
}
