//! Unpacks a `.tar.gz` into the one folder it is published with.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;
use tar::EntryType;

use super::{Archive, CHUNK, Progress, Stage};
use crate::{DataError, Result};

/// No published archive holds more. A file that unpacks to more than this is not one of them.
const MAX_UNPACKED: u64 = 1 << 30;

/// Unpacks `file` into `dir`/`archive.folder`, which appears at once and whole, or not at all.
pub(super) fn unpack(
    archive: &Archive<'_>,
    file: &Path,
    dir: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    let staging = dir.join(format!(".{}.unpacking", archive.folder));
    if staging.exists() {
        fs::remove_dir_all(&staging).map_err(DataError::write(&staging))?;
    }
    let folder = dir.join(archive.folder);
    let unpacked = write_entries(archive, file, &staging, progress)
        .and_then(|()| fs::rename(&staging, &folder).map_err(DataError::write(&folder)));
    if unpacked.is_err() {
        // The first error says what went wrong; that the rest cannot be removed either adds nothing.
        let _ = fs::remove_dir_all(&staging);
    }
    unpacked
}

fn write_entries(
    archive: &Archive<'_>,
    file: &Path,
    staging: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    let corrupt = |reason: String| DataError::corrupt(file, reason);
    let unreadable = |error: io::Error| corrupt(format!("it cannot be unpacked ({error})"));
    fs::create_dir_all(staging).map_err(DataError::write(staging))?;
    let input = Counted {
        inner: File::open(file).map_err(DataError::read(file))?,
        total: archive.bytes,
        done: 0,
        progress,
    };
    let mut tar = tar::Archive::new(GzDecoder::new(input));
    let mut chunk = vec![0; CHUNK];
    let mut unpacked = 0;
    let mut files = 0;
    for entry in tar.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            continue;
        }
        let name = entry.path().map_err(unreadable)?.into_owned();
        let Some(inner) = path_inside(&name, archive.folder) else {
            return Err(corrupt(format!("it would write to {}, outside of its folder", name.display())));
        };
        let path = staging.join(inner);
        match kind {
            EntryType::Directory => fs::create_dir_all(&path).map_err(DataError::write(&path))?,
            EntryType::Regular => {
                let parent = path.parent().expect("the path has at least the staging folder above it");
                fs::create_dir_all(parent).map_err(DataError::write(parent))?;
                let mut output = File::create(&path).map_err(DataError::write(&path))?;
                loop {
                    let count = entry.read(&mut chunk).map_err(unreadable)?;
                    if count == 0 {
                        break;
                    }
                    unpacked += count as u64;
                    if unpacked > MAX_UNPACKED {
                        return Err(corrupt(format!("it unpacks to more than {MAX_UNPACKED} bytes")));
                    }
                    output.write_all(&chunk[..count]).map_err(DataError::write(&path))?;
                }
                output.sync_all().map_err(DataError::write(&path))?;
                files += 1;
            }
            _ => return Err(corrupt(format!("{} is neither a file nor a folder", name.display()))),
        }
    }
    if files == 0 {
        return Err(corrupt("it holds no files".into()));
    }
    Ok(())
}

/// The path within `folder`, or nothing if it leads anywhere else.
fn path_inside(name: &Path, folder: &str) -> Option<PathBuf> {
    let mut components = name.components().filter(|component| *component != Component::CurDir);
    if components.next() != Some(Component::Normal(folder.as_ref())) {
        return None;
    }
    components.map(|component| matches!(component, Component::Normal(_)).then_some(component)).collect()
}

/// Tells the progress of reading.
struct Counted<'a> {
    inner: File,
    total: u64,
    done: u64,
    progress: &'a mut dyn FnMut(Progress),
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.done += count as u64;
        (self.progress)(Progress { stage: Stage::Unpack, done: self.done, total: self.total });
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_within_the_folder_are_let_in() {
        let inside = |name: &str| path_inside(Path::new(name), "set");
        assert_eq!(inside("set/a/b.bin"), Some("a/b.bin".into()));
        assert_eq!(inside("./set/a"), Some("a".into()));
        assert_eq!(inside("set/"), Some(PathBuf::new()));
        for outside in ["../set/a", "/set/a", "set/../a", "set/a/../../b", "other/a", "settle/a", ""] {
            assert_eq!(inside(outside), None, "{outside}");
        }
    }
}
