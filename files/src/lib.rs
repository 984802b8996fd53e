//! Files that are whole or not there: how checkpoints, snapshots, results and pictures are written.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// Why a file was not written. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{}`: {}", path.display(), reason(cause))]
pub struct WriteError {
    /// The file that was to be.
    pub path: PathBuf,
    // No `source`: the sentence says it all.
    cause: io::Error,
}

/// Writes `bytes` to `path` at once: see [`write_with`].
///
/// # Errors
/// As [`write_with`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    write_with(path, |file| file.write_all(bytes))
}

/// Lets `fill` write a file that takes the place of `path` only once it is whole and on the disk: whoever looks,
/// and whatever stops the program, finds the former file or the new one. Until then the bytes are in a hidden
/// file `.name….tmp` in the same folder, which goes away on failure (only a killed program leaves it).
///
/// A symbolic link is followed. What is no regular file (`/dev/stdout`, a pipe) is written to directly.
///
/// # Errors
/// What `fill` returns, and every failure of the file system; [`WriteError`] says both in one sentence.
pub fn write_with(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), WriteError> {
    replace(path, fill).map_err(|cause| WriteError { path: path.to_owned(), cause })
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
        Place::File(target) => temporary(&target).map(drop),
    };
    attempt().map_err(|cause| WriteError { path: path.to_owned(), cause })
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
    let mut temporary = temporary(&target)?;
    let mut writer = BufWriter::new(temporary.as_file_mut());
    fill(&mut writer)?;
    writer.flush()?;
    drop(writer);
    temporary.as_file().sync_all()?;
    temporary.persist(&target).map_err(|error| error.error)?;
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

fn folder(target: &Path) -> &Path {
    target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The hidden file beside `target`, which goes away when dropped.
fn temporary(target: &Path) -> io::Result<NamedTempFile> {
    let name = target.file_name().ok_or(ErrorKind::InvalidFilename)?.to_string_lossy();
    let prefix = format!(".{name}.");
    let mut builder = Builder::new();
    builder.prefix(&prefix).suffix(".tmp");
    #[cfg(unix)]
    {
        // As any newly created file; the user's mask takes its share.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder(target))
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
        // Under the name of the hidden file, of which the user knows nothing, there may be the system's own words.
        _ => match error.get_ref().and_then(|named| named.source()) {
            Some(system) => system.to_string(),
            None => error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn writes_and_replaces_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.json");
        expect_writable(&path).unwrap();
        assert!(names(folder.path()).is_empty());
        write(&path, b"first").unwrap();
        expect_writable(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        write(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(names(folder.path()), ["result.json"]);
    }

    #[test]
    fn the_former_file_stands_until_the_new_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.json");
        write(&path, b"former").unwrap();
        let error = write_with(&path, |file| {
            file.write_all(&[b'x'; 100_000])?;
            assert_eq!(fs::read(&path).unwrap(), b"former");
            Err(ErrorKind::StorageFull.into())
        })
        .unwrap_err();
        assert_eq!(error.to_string(), format!("cannot write `{}`: the disk is full", path.display()));
        assert_eq!(fs::read(&path).unwrap(), b"former");
        assert_eq!(names(folder.path()), ["result.json"]);
    }

    #[test]
    fn says_what_is_wrong_with_the_place() {
        let folder = tempfile::tempdir().unwrap();
        let said = |path: PathBuf| {
            let error = write(&path, b"x").unwrap_err().to_string();
            assert_eq!(expect_writable(&path).unwrap_err().to_string(), error);
            error.strip_prefix(&format!("cannot write `{}`: ", path.display())).expect(&error).to_owned()
        };
        assert_eq!(said(folder.path().to_owned()), "it is a folder");
        assert_eq!(said(folder.path().join("missing/result.json")), "its folder does not exist");
        fs::write(folder.path().join("file"), b"").unwrap();
        assert_eq!(said(folder.path().join("file/result.json")), "what should be its folder is a file");
        assert_eq!(said(PathBuf::from("..")), "it is a folder");
        assert_eq!(said(folder.path().join("n".repeat(300))), "this is no name for a file");
    }

    #[test]
    fn a_file_marked_read_only_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights");
        fs::write(&path, b"former").unwrap();
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).unwrap();
        let error = write(&path, b"new").unwrap_err();
        assert_eq!(expect_writable(&path).unwrap_err().to_string(), error.to_string());
        assert!(error.to_string().ends_with(": permission denied"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"former");
    }

    #[cfg(unix)]
    #[test]
    fn follows_links_and_keeps_them() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, b"former").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write(&link, b"new").unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_has_the_permissions_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        write(&ours, b"").unwrap();
        fs::write(&plain, b"").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }

    /// `/dev/full` is a disk that is always full.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_device_is_written_to_and_never_replaced() {
        let error = write(Path::new("/dev/full"), b"x").unwrap_err();
        assert_eq!(error.to_string(), "cannot write `/dev/full`: the disk is full");
        write(Path::new("/dev/null"), b"x").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
