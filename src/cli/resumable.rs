//! What both trainings do about their files: the result, and the snapshot to go on from.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use unperturb_nets::NetError;

use super::Error;
use crate::Failure;
use crate::train::snapshot;
use crate::train::trainer::Keep;

/// Updates between two snapshots unless told otherwise.
const SNAPSHOT_EVERY: u64 = 200;

/// The files of a training.
pub(super) struct Resumable {
    /// Where snapshots go and how often.
    pub keep: Keep,
    way_on: String,
}

impl Resumable {
    /// The files of a training with the result `out`, which goes on from the snapshot `from` if there is one. `resume`
    /// is the option that a user goes on with. Finds out now, not after hours, whether anything can be written.
    ///
    /// # Errors
    /// It cannot; there is the snapshot of another training in the place of this one's.
    pub fn new(
        out: &Path,
        from: Option<PathBuf>,
        every: Option<NonZeroUsize>,
        resume: impl FnOnce(&Path) -> String,
    ) -> Result<Self, Error> {
        let beside = snapshot::beside(out);
        let unfinished = from.is_none() && beside.exists();
        let (resumes, path) = (from.is_some(), from.unwrap_or(beside));
        let way_on = format!("go on with `{}`", resume(&path));
        unperturb_files::expect_writable(out)?;
        unperturb_files::expect_writable(&path)?;
        if unfinished {
            return Err(Error::Usage(format!(
                "`{}` is left from an unfinished training: {way_on}, or remove it to start anew",
                path.display()
            )));
        }
        let every = every.map_or(SNAPSHOT_EVERY, |n| n.get() as u64);
        Ok(Resumable { keep: Keep { path, every, resume: resumes }, way_on })
    }

    /// The end of a training that the user stopped.
    pub fn interrupted(&self) -> Error {
        Error::Interrupted(Some(self.way_on.clone()))
    }

    /// Why a training ended early, and how it can go on where that was no fault of its own.
    pub fn stopped(&self, error: impl Into<Failure>, doing: &str) -> Error {
        let error = error.into();
        match &error {
            Failure::Net(NetError::Write(_)) if self.keep.path.exists() => {
                Error::failed(format!("the training stopped, {}", self.way_on))(error)
            }
            _ => Error::failed(doing)(error),
        }
    }

    /// Removes the snapshot: the result is safe, and what led to it has no more use.
    pub fn finish(&self) {
        // What cannot be removed does no harm.
        let _ = std::fs::remove_file(&self.keep.path);
    }
}
