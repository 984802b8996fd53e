//! The folder of `--resume`: what attacks have reached, for when they are interrupted.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use unperturb_data::Dataset;
use unperturb_engine::Device;

use super::Error;
use crate::Failure;
use crate::attack::Attack;
use crate::evaluate::Keep;
use crate::model::Model;
use crate::train::snapshot::Settings;

/// The folder, and the files of this command in it.
#[derive(Debug, Default)]
pub struct Kept {
    folder: Option<PathBuf>,
    files: RefCell<Vec<PathBuf>>,
}

impl Kept {
    /// Makes the folder, if one is asked for.
    ///
    /// # Errors
    /// It cannot be made, or nothing could be written there.
    pub fn new(folder: Option<&Path>) -> Result<Self, Error> {
        if let Some(folder) = folder {
            unperturb_files::expect_folder(folder)?;
            unperturb_files::make_folder(folder)?;
        }
        Ok(Kept { folder: folder.map(Path::to_owned), files: RefCell::default() })
    }

    /// The folder, if one was asked for.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Where this attack keeps what it has reached.
    pub fn keep(
        &self,
        device: &Device,
        attack: &Attack,
        model: &Model,
        data: &Dataset,
        seed: u64,
    ) -> Option<Keep> {
        let folder = self.folder.as_ref()?;
        let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
        let name: String = attack.to_string().chars().map(plain).collect();
        let path = folder.join(format!("{name}.attack"));
        self.files.borrow_mut().push(path.clone());
        let settings = Settings::default()
            .with("attack", format!("{attack:#}"))
            .with("seed", seed)
            .with("classifier", model.weights.digest())
            .with_precision(device)
            .with_pictures(data);
        Some(Keep { path, settings })
    }

    /// What to say of a failure: a stop that was asked for is none, and may have a way on.
    pub fn stopped(&self, doing: &'static str) -> impl FnOnce(Failure) -> Error {
        let way_on = self.folder.is_some().then(|| "go on with the same command".to_owned());
        move |failure| match failure {
            Failure::Stopped => Error::Interrupted(way_on),
            other => Error::failed(doing)(other),
        }
    }

    /// Removes the files: the result is safe, and what led to it has no more use.
    pub fn finish(&self) {
        // What cannot be removed does no harm.
        self.files.borrow().iter().for_each(|path| drop(std::fs::remove_file(path)));
    }
}
