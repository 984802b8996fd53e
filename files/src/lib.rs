//! Files that are whole or not there: how checkpoints, snapshots, results and pictures are written. And pickles as
//! plain data: how foreign files are read without running them.

pub mod pickle;
mod temporary;

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use temporary::Temporary;

/// Why a file was not written, or a folder not made. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} `{}`: {}", path.display(), reason(cause))]
pub struct WriteError {
    /// The file or folder that was to be.
    pub path: PathBuf,
    doing: &'static str,
    // No `source`: the sentence says it all.
    cause: io::Error,
}

impl WriteError {
    fn new(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| WriteError { path, doing, cause }
    }
}

const WRITE: &str = "write";
const MAKE: &str = "make the folder";

/// Writes `bytes` to `path` at once: see [`write_with`].
///
/// # Errors
/// As [`write_with`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    write_with(path, |file| file.write_all(bytes))
}

/// A name out of a file, in quotes and on one line, for an error; of a long one the beginning.
pub fn quoted(name: &str) -> String {
    const SHOWN: usize = 80;
    match name.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}", format!("{}…", &name[..end])),
        None => format!("{name:?}"),
    }
}

/// Lets `fill` write a file that takes the place of `path` only once it is whole and on the disk: whoever looks,
/// and whatever stops the program, finds the former file or the new one. Until then the bytes are in a hidden
/// file `.name.unperturb-N.tmp` in the same folder, which goes away on failure. Only a killed program leaves it;
/// the next write to `path`, or [`expect_writable`], removes it then (where the system can tell that its writer is
/// gone: on Unix, on file systems with locks).
///
/// A symbolic link is followed. What is no regular file (`/dev/stdout`, a pipe) is written to directly.
///
/// # Errors
/// What `fill` returns, and every failure of the file system; [`WriteError`] says both in one sentence.
pub fn write_with(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), WriteError> {
    replace(path, fill).map_err(WriteError::new(WRITE, path))
}

/// Finds out whether [`write_with`] could begin, by making its hidden file and taking it away again: long work should
/// not end in a result that cannot be kept.
///
/// # Errors
/// Why there could be no file, in one sentence.
pub fn expect_writable(path: &Path) -> Result<(), WriteError> {
    let attempt = || match place(path)? {
        // To open a pipe could wait for its reader.
        Place::Device => Ok(()),
        Place::File(target) => Temporary::beside(&target).map(drop),
    };
    attempt().map_err(WriteError::new(WRITE, path))
}

/// Makes a folder, and those above it, unless they are there.
///
/// # Errors
/// Every failure of the file system, in one sentence.
pub fn make_folder(path: &Path) -> Result<(), WriteError> {
    fs::create_dir_all(path).map_err(WriteError::new(MAKE, path))
}

/// Finds out whether [`make_folder`] would succeed and files could be written there, and leaves nothing behind.
///
/// # Errors
/// Why not, in one sentence.
pub fn expect_folder(path: &Path) -> Result<(), WriteError> {
    let attempt = || {
        // What is not there yet would be made in the nearest folder that is.
        let there = path.ancestors().find(|above| fs::symlink_metadata(above).is_ok());
        let there = there.unwrap_or(Path::new("."));
        match fs::metadata(there) {
            Ok(found) if found.is_dir() => Temporary::beside(&there.join("folder")).map(drop),
            _ if there == path => Err(ErrorKind::AlreadyExists.into()),
            _ => Err(ErrorKind::NotADirectory.into()),
        }
    };
    attempt().map_err(WriteError::new(MAKE, path))
}

fn replace(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let target = match place(path)? {
        Place::Device => {
            let mut writer = BufWriter::new(File::options().write(true).open(path)?);
            fill(&mut writer)?;
            return writer.flush();
        }
        Place::File(target) => target,
    };
    let temporary = Temporary::beside(&target)?;
    let mut writer = BufWriter::new(temporary.file());
    fill(&mut writer)?;
    writer.flush()?;
    drop(writer);
    temporary.take_the_place_of(&target)?;
    // The rename itself lasts once the folder is on the disk; some file systems cannot be asked for that.
    #[cfg(unix)]
    let _ = File::open(folder(&target)).and_then(|folder| folder.sync_all());
    Ok(())
}

/// Where the bytes of a path go.
enum Place {
    /// Straight into it: it is no regular file.
    Device,
    /// Into a file that takes the place of this one.
    File(PathBuf),
}

fn place(path: &Path) -> io::Result<Place> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(ErrorKind::IsADirectory.into()),
        Ok(found) if !found.is_file() => Ok(Place::Device),
        Ok(found) if found.permissions().readonly() => Err(ErrorKind::PermissionDenied.into()),
        Ok(_) => fs::canonicalize(path).map(Place::File),
        Err(_) => Ok(Place::File(path.to_owned())),
    }
}

#[cfg(unix)]
fn folder(target: &Path) -> &Path {
    target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What went wrong, in words that say what to do where that is known.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::StorageFull => "the disk is full".to_owned(),
        ErrorKind::QuotaExceeded => "the disk quota is used up".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        ErrorKind::NotFound => "its folder does not exist".to_owned(),
        ErrorKind::NotADirectory => "what should be its folder is a file".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        ErrorKind::InvalidFilename => "this is no name for a file".to_owned(),
        ErrorKind::AlreadyExists => "a file is in its place".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
