//! Downloads a published data set: resumed where it was cut, checked against its SHA-256, unpacked beside its
//! final place and moved there whole.
//!
//! ```no_run
//! use unperturb_data::fetch::{self, OFFICIAL};
//! # fn main() -> Result<(), unperturb_data::DataError> {
//! let archive = fetch::archive("cifar10")?;
//! let folder = fetch::fetch(&archive, OFFICIAL, "data".as_ref(), &mut |progress| {
//!     eprintln!("{:?}: {} of {} bytes", progress.stage, progress.done, progress.total);
//! })?;
//! let test = unperturb_data::open(folder, unperturb_data::Split::Test)?;
//! # Ok(())
//! # }
//! ```

mod download;
mod unpack;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::{DataError, Result};

/// Where the CIFAR data sets are published.
pub const OFFICIAL: &str = "https://www.cs.toronto.edu/~kriz";

/// Bytes moved at a time.
const CHUNK: usize = 64 << 10;

/// A published `.tar.gz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archive<'a> {
    /// What a user calls it.
    pub name: &'a str,
    /// The file's name below the base address.
    pub file: &'a str,
    /// The one folder that it unpacks into.
    pub folder: &'a str,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: &'a str,
}

/// The data sets that can be downloaded.
///
/// Their page (<https://www.cs.toronto.edu/~kriz/cifar.html>) gives MD5 sums; the SHA-256 sums are those that
/// TensorFlow Datasets and others check the same files against.
pub const ARCHIVES: [Archive<'static>; 2] = [
    Archive {
        name: "cifar10",
        file: "cifar-10-binary.tar.gz",
        folder: "cifar-10-batches-bin",
        bytes: 170_052_171,
        sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    },
    Archive {
        name: "cifar100",
        file: "cifar-100-binary.tar.gz",
        folder: "cifar-100-binary",
        bytes: 168_513_733,
        sha256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    },
];

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Bytes come in.
    Download,
    /// The SHA-256 is computed.
    Verify,
    /// Files are written.
    Unpack,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Bytes of the archive done, those of an earlier, cut download included.
    pub done: u64,
    /// Bytes of the archive.
    pub total: u64,
}

/// The published archive of a name.
///
/// # Errors
/// [`DataError::UnknownArchive`], which lists the names.
pub fn archive(name: &str) -> Result<Archive<'static>> {
    ARCHIVES.into_iter().find(|archive| archive.name == name).ok_or_else(|| DataError::UnknownArchive {
        name: name.into(),
        choices: ARCHIVES.map(|archive| archive.name).join(" or "),
    })
}

/// Downloads `base_url`/`archive.file`, checks it, unpacks it into `dir` and returns the folder with the data.
///
/// A folder that is there already is returned as it is. An archive that lies in `dir` is used and kept; a
/// downloaded one is removed when it is unpacked. After a cut or a kill the next call goes on where this one
/// stopped, from `archive.file` + `.part`.
///
/// # Errors
/// [`DataError::Download`], [`DataError::Checksum`], [`DataError::Corrupt`] (an archive that is damaged or
/// would write outside of its folder), [`DataError::Read`] or [`DataError::Write`]. Whatever happens, no
/// unfinished data folder is left.
pub fn fetch(
    archive: &Archive<'_>,
    base_url: &str,
    dir: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<PathBuf> {
    let folder = dir.join(archive.folder);
    if folder.is_dir() {
        return Ok(folder);
    }
    fs::create_dir_all(dir).map_err(DataError::write(dir))?;
    let file = dir.join(archive.file);
    let brought_along = file.is_file();
    if brought_along {
        verify(archive, &file, "remove it to download it again", progress)?;
    } else {
        let part = dir.join(format!("{}.part", archive.file));
        let url = format!("{}/{}", base_url.trim_end_matches('/'), archive.file);
        download::download(&url, &part, archive.bytes, progress)?;
        let checked = verify(archive, &part, "it is removed, try again", progress);
        if matches!(checked, Err(DataError::Checksum { .. })) {
            fs::remove_file(&part).map_err(DataError::write(&part))?;
        }
        checked?;
        fs::rename(&part, &file).map_err(DataError::write(&file))?;
    }
    unpack::unpack(archive, &file, dir, progress)?;
    if !brought_along {
        fs::remove_file(&file).map_err(DataError::write(&file))?;
    }
    Ok(folder)
}

fn verify(archive: &Archive<'_>, path: &Path, hint: &str, progress: &mut dyn FnMut(Progress)) -> Result<()> {
    let mut file = File::open(path).map_err(DataError::read(path))?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut done = 0;
    loop {
        let count = file.read(&mut chunk).map_err(DataError::read(path))?;
        if count == 0 {
            break;
        }
        hasher.update(&chunk[..count]);
        done += count as u64;
        progress(Progress { stage: Stage::Verify, done, total: archive.bytes });
    }
    let found = hasher.finalize().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    });
    if found == archive.sha256 {
        return Ok(());
    }
    Err(DataError::Checksum {
        path: path.to_path_buf(),
        expected: archive.sha256.into(),
        found,
        hint: hint.into(),
    })
}
