//! The hidden file that a file is written to before it takes its place.

use std::fs::{self, File, Metadata, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Files that as many programs could write in one place at the same time.
const MOST: u32 = 100;

/// A new file beside a target, named after it. It is locked as long as its writer lives, so that the file of a writer
/// that was killed can be told from that of one at work. It goes away when dropped.
pub struct Temporary {
    path: PathBuf,
    file: File,
    is_renamed: bool,
}

impl Temporary {
    /// Makes one, and removes those of killed writers to the same target.
    ///
    /// # Errors
    /// There can be no file in that folder.
    pub fn beside(target: &Path) -> io::Result<Self> {
        let name = target.file_name().ok_or(ErrorKind::InvalidFilename)?.to_string_lossy();
        let path = |number: u32| target.with_file_name(format!(".{name}.unperturb-{number}.tmp"));
        for number in 0..MOST {
            remove_leftover(&path(number));
            if let Some(temporary) = Self::create(path(number))? {
                // Others were left only by writers that found this name taken.
                let _ = (number + 1..MOST).find(|&number| !remove_leftover(&path(number)));
                return Ok(temporary);
            }
        }
        Err(io::Error::other(format!("{MOST} hidden files for it are there already")))
    }

    /// A file of this name; nothing where another writer has it.
    fn create(path: PathBuf) -> io::Result<Option<Self>> {
        let file = match File::options().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(None),
            file => file?,
        };
        // Where there are no locks nobody removes leftovers either. A lock that somebody else holds is that of a
        // writer which took the new file for a leftover, before it was locked.
        match file.try_lock() {
            Ok(()) if !is_at(&file, &path) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(None),
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Some(Temporary { path, file, is_renamed: false })),
        }
    }

    /// The file, to write to.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Brings the bytes to the disk and renames the file, over one that may be there.
    ///
    /// # Errors
    /// Every failure of the file system; the other file is untouched then.
    pub fn take_the_place_of(mut self, target: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, target)?;
        self.is_renamed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_renamed {
            // What cannot be removed is left to the next writer.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes the file at `path` if its writer is gone. Says whether it did.
///
/// A file is only removed or renamed by who holds its lock, so one that is at its path once it is locked stays there.
fn remove_leftover(path: &Path) -> bool {
    let is_file = fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    if !is_file || !cfg!(unix) {
        return false;
    }
    let Ok(file) = File::options().write(true).open(path) else { return false };
    file.try_lock().is_ok() && is_at(&file, path) && fs::remove_file(path).is_ok()
}

/// Whether `file` is the one at `path`.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(ours), Ok(there)) => is_same(&ours, &there),
        _ => false,
    }
}

#[cfg(unix)]
fn is_same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Elsewhere leftovers are never removed, so the file at a name is the one that was made there.
#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}
