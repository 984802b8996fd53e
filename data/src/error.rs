//! The one error of this crate. Each message is a sentence: what is wrong, where, and what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::Split;

/// Shorthand for results of this crate.
pub type Result<T, E = DataError> = std::result::Result<T, E>;

/// Everything that can go wrong between a path and a batch of pictures.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// Neither a path that exists nor the name of a built-in set.
    #[error("there is no data set at {}: {hint}", path.display())]
    NotFound {
        /// What was asked for.
        path: PathBuf,
        /// What to do about it.
        hint: String,
    },

    /// The path exists, but nothing this crate reads is there.
    #[error(
        "{} holds no data set that can be read: expected the files of CIFAR-10 or CIFAR-100 (binary or \
         Python), or pictures in train/<class>/ and test/<class>/ (png, jpg, jpeg){hint}",
        path.display()
    )]
    Unrecognised {
        /// The folder or file looked at.
        path: PathBuf,
        /// What was found instead, or nothing.
        hint: String,
    },

    /// The data set is there, the wanted half of it is not.
    #[error("{} has no {split} split: {missing} is missing; add it or choose the other --split", path.display())]
    MissingSplit {
        /// The data set.
        path: PathBuf,
        /// The split asked for.
        split: Split,
        /// The file or folder that would hold it.
        missing: String,
    },

    /// The operating system refused to read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },

    /// The operating system refused to write.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },

    /// A file of a known format whose bytes do not keep to the format.
    #[error("{} is damaged or not what its name says: {reason}; replace the file or remove it", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// A folder that should hold pictures, or classes, and holds none.
    #[error("{} holds no pictures (png, jpg, jpeg): add some or remove the folder", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },

    /// Pictures of different sizes, with no size given to bring them to (see
    /// [`OpenOptions::resize`](crate::OpenOptions::resize)).
    #[error(
        "{} is {width}x{height} pixels, but {} is {first_width}x{first_height}: \
         the pictures of a set need one size, so resize them first",
        path.display(),
        first.display()
    )]
    MixedSizes {
        /// The picture that differs.
        path: PathBuf,
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
        /// The first picture of the set.
        first: PathBuf,
        /// The first picture's width in pixels.
        first_width: u32,
        /// The first picture's height in pixels.
        first_height: u32,
    },

    /// The pictures do not fit into memory.
    #[error(
        "{pictures} pictures of {width}x{height} pixels need {:.1} GiB, more than can be had: \
         take fewer or smaller ones",
        *pictures as f64 * *width as f64 * *height as f64 * 3.0 / (1u64 << 30) as f64
    )]
    TooLarge {
        /// How many pictures there are.
        pictures: usize,
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },

    /// Pictures, labels and class names that do not belong together.
    #[error("the data set {name} is inconsistent: {reason}")]
    Inconsistent {
        /// Name of the data set.
        name: String,
        /// What does not fit.
        reason: String,
    },

    /// No data set of this name can be downloaded.
    #[error("there is no data set {name:?} to download: choose {choices}")]
    UnknownArchive {
        /// The name given.
        name: String,
        /// The names there are.
        choices: String,
    },

    /// The server did not hand the file over.
    #[error("cannot download {url}: {reason}")]
    Download {
        /// The file's address.
        url: String,
        /// What happened, and what to do.
        reason: String,
    },

    /// A file whose content is not the published one.
    #[error(
        "{} is not the published file: its SHA-256 is {found}, not {expected}; {hint}",
        path.display()
    )]
    Checksum {
        /// The file.
        path: PathBuf,
        /// The published SHA-256, in hexadecimal.
        expected: String,
        /// That of the file.
        found: String,
        /// What to do.
        hint: String,
    },

    /// A batch was asked for that cannot be made.
    #[error("cannot make a batch: {reason}")]
    Batch {
        /// What does not fit, and what would.
        reason: String,
    },
}

impl DataError {
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Read { path, source }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Write { path, source }
    }

    pub(crate) fn corrupt(path: &Path, reason: impl Into<String>) -> Self {
        Self::Corrupt { path: path.to_path_buf(), reason: reason.into() }
    }
}
