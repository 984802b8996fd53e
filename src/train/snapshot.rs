//! All that a training needs to go on where it stopped, as one file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use unperturb_engine::Session;
use unperturb_nets::checkpoint::Checkpoint;
use unperturb_nets::{NetError, Tensor, Weights};

use crate::model::{describe, description};

/// Where a training stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Every option that the result depends on.
    pub settings: String,
    /// Updates done.
    pub step: u64,
}

/// Writes the states called `names` and the position; what was there stays whole until then.
///
/// # Errors
/// The file cannot be written; what the engine reports.
pub fn write(
    session: &mut Session,
    names: &[String],
    position: &Position,
    path: &Path,
) -> Result<(), NetError> {
    let mut weights = Weights::default();
    for name in names {
        let data = session.read(name)?;
        weights.tensors.insert(name.clone(), Tensor { shape: vec![data.len()], data });
    }
    describe(weights, position).write(path)
}

/// Restores the states called `names` and tells how many updates they have behind them.
///
/// # Errors
/// The file cannot be read, or belongs to a training with other settings.
pub fn read(session: &mut Session, names: &[String], settings: &str, path: &Path) -> Result<u64, NetError> {
    let file = path.display().to_string();
    let malformed = |problem: String| NetError::Malformed { file: file.clone(), problem };
    let checkpoint = Checkpoint::read(path)?;
    let position: Position = description(&checkpoint, &file)
        .map_err(|_| malformed("it is no training to go on with; these end in .training".into()))?;
    if position.settings != settings {
        return Err(malformed(format!(
            "it belongs to a training with other options ({}), not to this one ({settings})",
            position.settings
        )));
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
