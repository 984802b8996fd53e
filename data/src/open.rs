//! From a path, or the word `shapes`, to a data set: what is there decides how it is read.

use std::path::{Path, PathBuf};

use crate::{DataError, Dataset, Result, Split, cifar, folder, shapes};

/// The word that names the built-in synthetic set.
pub const SHAPES: &str = "shapes";

/// What a path turned out to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// CIFAR-10, binary version: `data_batch_1.bin` ... `test_batch.bin`.
    Cifar10Binary,
    /// CIFAR-10, Python version: `data_batch_1` ... `test_batch`.
    Cifar10Python,
    /// CIFAR-100, binary version: `train.bin`, `test.bin`.
    Cifar100Binary,
    /// CIFAR-100, Python version: `train`, `test`.
    Cifar100Python,
    /// PNG or JPEG files in one folder per class.
    ImageFolder,
    /// The built-in synthetic set.
    Shapes,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cifar10Binary => "CIFAR-10, binary files",
            Self::Cifar10Python => "CIFAR-10, Python files",
            Self::Cifar100Binary => "CIFAR-100, binary files",
            Self::Cifar100Python => "CIFAR-100, Python files",
            Self::ImageFolder => "image folder",
            Self::Shapes => "built-in synthetic pictures",
        })
    }
}

/// How much of a data set to open, and in which size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// Only the first so many pictures (at least one). Of the endless `shapes` exactly so many; without
    /// a limit [`shapes::DEFAULT_TRAIN`] or [`shapes::DEFAULT_TEST`].
    pub limit: Option<usize>,
    /// Height and width to resize the pictures of an image folder to. Without it they must be of one size.
    pub resize: Option<[usize; 2]>,
}

/// Opens all of one split of the data set at a path, or the built-in set for the word `shapes`.
///
/// The order of the pictures is fixed, and mixed such that the first n are a fair sample: CIFAR's files
/// are mixed already and keep their order, image folders are spread (see the crate's documentation).
///
/// # Errors
/// [`DataError`], each a sentence that names the file and what to do.
pub fn open(path_or_word: impl AsRef<Path>, split: Split) -> Result<Dataset> {
    open_with(path_or_word, split, OpenOptions::default())
}

/// As [`open`], with a limit or a size.
///
/// # Errors
/// As [`open`]; a limit or a size of 0 is [`DataError::Inconsistent`].
pub fn open_with(path_or_word: impl AsRef<Path>, split: Split, options: OpenOptions) -> Result<Dataset> {
    let path = path_or_word.as_ref();
    if options.limit == Some(0) || options.resize.is_some_and(|size| size.contains(&0)) {
        return Err(DataError::Inconsistent {
            name: path.display().to_string(),
            reason: "0 pictures, or pictures of 0 pixels, were asked for".into(),
        });
    }
    let (format, root) = recognise(path)?;
    match format {
        Format::Shapes => shapes::dataset(shapes::DEFAULT_SEED, split, options.limit),
        Format::ImageFolder => folder::read(&root, split, &options),
        Format::Cifar10Binary | Format::Cifar10Python | Format::Cifar100Binary | Format::Cifar100Python => {
            cifar::read(format, &root, split, options.limit)
        }
    }
}

/// Finds out what is at a path, and the folder that holds the files themselves: the archives of CIFAR
/// unpack into a folder of their own, and either it or the folder around it may be given.
pub(crate) fn recognise(path: &Path) -> Result<(Format, PathBuf)> {
    if path == Path::new(SHAPES) {
        return Ok((Format::Shapes, PathBuf::new()));
    }
    if !path.exists() {
        let name = path.to_string_lossy();
        let hint = match &*name {
            "cifar10" | "cifar100" => format!("download it with `unperturb data fetch {name}`"),
            _ => format!("give a folder that exists, or the word `{SHAPES}` for the built-in pictures"),
        };
        return Err(DataError::NotFound { path: path.to_path_buf(), hint });
    }
    let unrecognised =
        |hint: &str| Err(DataError::Unrecognised { path: path.to_path_buf(), hint: hint.to_string() });
    if !path.is_dir() {
        return unrecognised("; this is a file, give the folder that holds the data set");
    }
    for folder in std::iter::once(path.to_path_buf()).chain(cifar::FOLDERS.map(|name| path.join(name))) {
        if let Some(format) = cifar::recognise(&folder) {
            return Ok((format, folder));
        }
    }
    if folder::is_image_folder(path)? {
        return Ok((Format::ImageFolder, path.to_path_buf()));
    }
    unrecognised("")
}
