//! Image folders: `train/<class>/*.png` and `test/<class>/*.png`, or `<class>/*.png` with no splits.
//!
//! Classes are numbered by the sorted names of their folders over both splits, as PyTorch's
//! `ImageFolder` numbers them. The pictures are not in the order of their names, which would be one
//! class after the other: each class is shuffled with a fixed seed and spread evenly over the set, so that
//! the first n pictures hold every class in its share, whatever n is, and always the same pictures.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::random::{Purpose, Random};
use crate::{DataError, Dataset, OpenOptions, Picture, Result, Split};

const EXTENSIONS: [&str; 3] = ["png", "jpg", "jpeg"];

/// The seed of the order. Part of what "the first 1,000 pictures" means, so it never changes.
const ORDER_SEED: u64 = 0;

/// Whether `path` looks like an image folder: splits with class folders, or class folders with pictures.
pub(crate) fn is_image_folder(path: &Path) -> Result<bool> {
    if [Split::Train, Split::Test].iter().any(|&split| split_folder(path, split).is_some()) {
        return Ok(true);
    }
    for class in folders_in(path)? {
        if !pictures_in(&path.join(class))?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The files of one split, by class.
#[derive(Debug)]
pub(crate) struct Listing {
    /// Sorted, over both splits.
    pub(crate) class_names: Vec<String>,
    /// The files of each class, sorted by name; a class may have none in this split.
    pub(crate) files: Vec<Vec<PathBuf>>,
    /// The folder has no `train/` and `test/`: every picture belongs to both.
    pub(crate) no_splits: bool,
}

/// Lists the pictures of one split.
pub(crate) fn list(path: &Path, split: Split) -> Result<Listing> {
    let splits = [Split::Train, Split::Test].map(|split| split_folder(path, split));
    let no_splits = splits.iter().all(Option::is_none);
    let folder = match split_folder(path, split) {
        Some(folder) => folder,
        None if no_splits => path.to_path_buf(),
        None => {
            return Err(DataError::MissingSplit {
                path: path.to_path_buf(),
                split,
                missing: format!("the folder {split}/"),
            });
        }
    };
    let roots = if no_splits { vec![folder.clone()] } else { splits.into_iter().flatten().collect() };
    let mut class_names = BTreeSet::new();
    for root in &roots {
        class_names.extend(folders_in(root)?);
    }
    let class_names: Vec<String> = class_names.into_iter().collect();
    let mut files = Vec::with_capacity(class_names.len());
    for class in &class_names {
        let class_folder = folder.join(class);
        if !class_folder.is_dir() {
            files.push(Vec::new());
            continue;
        }
        let pictures = pictures_in(&class_folder)?;
        if pictures.is_empty() {
            return Err(DataError::Empty { path: class_folder });
        }
        files.push(pictures);
    }
    if files.iter().all(Vec::is_empty) {
        return Err(DataError::Empty { path: folder });
    }
    Ok(Listing { class_names, files, no_splits })
}

/// Reads one split of an image folder.
pub(crate) fn read(path: &Path, split: Split, options: &OpenOptions) -> Result<Dataset> {
    let listing = list(path, split)?;
    let mut files = spread(listing.files);
    files.truncate(options.limit.unwrap_or(usize::MAX).max(1));

    let first = &files[0].0;
    let [height, width] = match options.resize {
        Some(size) => size,
        None => {
            let picture = Picture::read(first)?;
            [picture.height, picture.width]
        }
    };
    let too_large = || DataError::TooLarge { pictures: files.len(), width, height };
    let picture_len = height.checked_mul(width).and_then(|p| p.checked_mul(3)).ok_or_else(too_large)?;
    let total = files.len().checked_mul(picture_len).ok_or_else(too_large)?;
    let mut pictures = Vec::new();
    pictures.try_reserve_exact(total).map_err(|_| too_large())?;
    pictures.resize(total, 0u8);

    let failure =
        pictures.par_chunks_exact_mut(picture_len.max(1)).zip(&files).find_map_first(|(room, (file, _))| {
            let picture = match Picture::read(file) {
                Ok(picture) if options.resize.is_some() => picture.resized([height, width]),
                Ok(picture) => picture,
                Err(error) => return Some(error),
            };
            if [picture.height, picture.width] != [height, width] {
                return Some(DataError::MixedSizes {
                    path: file.clone(),
                    width: picture.width as u32,
                    height: picture.height as u32,
                    first: first.clone(),
                    first_width: width as u32,
                    first_height: height as u32,
                });
            }
            room.copy_from_slice(&picture.pixels);
            None
        });
    if let Some(error) = failure {
        return Err(error);
    }
    let labels = files.iter().map(|&(_, label)| label).collect();
    let name = path.file_name().map_or_else(|| "images".into(), |n| n.to_string_lossy().into_owned());
    let set = Dataset::new(name, split, listing.class_names, [height, width], pictures, labels)?;
    Ok(if listing.no_splits { set.with_nominal_split() } else { set })
}

/// One order for all classes' files: file j of the n of a class goes to the place (j + u) / n of the whole,
/// u uniform in [0, 1).
fn spread(classes: Vec<Vec<PathBuf>>) -> Vec<(PathBuf, u32)> {
    let mut placed = Vec::new();
    for (mut files, label) in classes.into_iter().zip(0u32..) {
        let mut random = Random::new(ORDER_SEED, Purpose::FolderOrder, 0, u64::from(label));
        random.shuffle(&mut files);
        let count = files.len() as f64;
        for (j, file) in files.into_iter().enumerate() {
            placed.push(((j as f64 + f64::from(random.unit())) / count, label, file));
        }
    }
    placed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    placed.into_iter().map(|(_, label, file)| (file, label)).collect()
}

/// The folder of a split, if there is one. ImageNet and its kin call the test split `val`.
fn split_folder(path: &Path, split: Split) -> Option<PathBuf> {
    let names: &[&str] = match split {
        Split::Train => &["train"],
        Split::Test => &["test", "val"],
    };
    names.iter().map(|name| path.join(name)).find(|folder| folder.is_dir())
}

/// Names of the visible folders in `path`, in no order.
fn folders_in(path: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(DataError::read(path))? {
        let entry = entry.map_err(DataError::read(path))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && entry.path().is_dir() {
            names.push(name);
        }
    }
    Ok(names)
}

/// The visible pictures in `path`, sorted by name; other files are passed over.
fn pictures_in(path: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(DataError::read(path))? {
        let file = entry.map_err(DataError::read(path))?.path();
        let hidden = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let extension = file.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        if !hidden && extension.is_some_and(|e| EXTENSIONS.contains(&e.as_str())) {
            files.push(file);
        }
    }
    files.sort_unstable();
    Ok(files)
}
