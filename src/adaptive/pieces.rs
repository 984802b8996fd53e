//! Pieces of a long evaluation, each kept in a file of its own once it is done.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use unperturb_nets::checkpoint::Checkpoint;
use unperturb_nets::{NetError, Tensor, Weights};

use crate::Failure;
use crate::model::{describe, description};
use crate::passes::Passes;
use crate::train::snapshot::Settings;

/// What came out of a piece of work.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Piece {
    /// Its numbers.
    pub values: Vec<f32>,
    /// Passes, for each picture.
    pub passes: Passes,
    /// How long it took.
    pub seconds: f64,
}

/// What stands beside the numbers in a file.
#[derive(Serialize, Deserialize)]
struct Noted {
    settings: Settings,
    passes: Passes,
    seconds: f64,
}

/// Pieces, by name.
#[derive(Debug, Default)]
pub struct Pieces {
    folder: Option<PathBuf>,
    of: String,
    settings: Settings,
    files: RefCell<Vec<PathBuf>>,
}

const VALUES: &str = "values";

impl Pieces {
    /// Keeps pieces in `folder`, if there is one. `of` stands before their names; `settings` are everything else that
    /// they depend on.
    pub fn new(folder: Option<&Path>, of: String, settings: Settings) -> Self {
        Pieces { folder: folder.map(Path::to_owned), of, settings, files: RefCell::default() }
    }

    /// The piece of that name: as it was kept, or made now and kept.
    ///
    /// # Errors
    /// What `make` returns; a file that belongs to another evaluation, or cannot be read or written.
    pub fn get(&self, name: &str, make: impl FnOnce() -> Result<Piece, Failure>) -> Result<Piece, Failure> {
        let Some(folder) = &self.folder else { return make() };
        let name = format!("{} {name}", self.of);
        let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
        let path = folder.join(format!("{}.piece", name.chars().map(plain).collect::<String>()));
        // Two names must not share a file, so the whole name is among the settings.
        let settings = self.settings.clone().with("piece", name);
        self.files.borrow_mut().push(path.clone());
        if path.exists() {
            return Ok(read(&path, &settings)?);
        }
        let piece = make()?;
        let mut weights = Weights::default();
        let tensor = Tensor { shape: vec![piece.values.len()], data: piece.values.clone() };
        weights.tensors.insert(VALUES.to_string(), tensor);
        describe(weights, &Noted { settings, passes: piece.passes, seconds: piece.seconds }).write(&path)?;
        Ok(piece)
    }

    /// Removes the files: the result is safe, and what led to it has no more use.
    pub fn finish(&self) {
        // What cannot be removed does no harm.
        self.files.borrow().iter().for_each(|path| drop(std::fs::remove_file(path)));
    }
}

fn read(path: &Path, settings: &Settings) -> Result<Piece, NetError> {
    let file = path.display().to_string();
    let malformed = |problem: String| NetError::Malformed { file: file.clone(), problem };
    let mut checkpoint = Checkpoint::read(path)?;
    let noted: Noted = description(&checkpoint, &file)
        .map_err(|_| malformed("it is no piece of an evaluation to go on with".to_string()))?;
    if let Some(difference) = settings.difference(&noted.settings) {
        return Err(malformed(format!("it belongs to another evaluation: {difference}")));
    }
    let values = checkpoint.weights.tensors.remove(VALUES);
    let values = values.ok_or_else(|| malformed("its values are missing".to_string()))?.data;
    Ok(Piece { values, passes: noted.passes, seconds: noted.seconds })
}
