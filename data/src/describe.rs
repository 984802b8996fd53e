//! What is at a path, in numbers and in words.

use std::fmt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::open::recognise;
use crate::{DataError, Format, Picture, Result, Split, cifar, folder, shapes};

/// A data set as [`describe`] finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// What it is.
    pub format: Format,
    /// The folder that holds it; empty for the built-in set.
    pub path: PathBuf,
    /// The names of the classes, by label.
    pub class_names: Vec<String>,
    /// The splits that are there, train first. One of an image folder without splits stands for both.
    pub splits: Vec<SplitDescription>,
    /// The source knows no splits: every picture is in both.
    pub split_is_nominal: bool,
}

/// One split of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitDescription {
    /// Which one.
    pub split: Split,
    /// How many pictures each class has; `None` where there is no end of them.
    pub per_class: Option<Vec<usize>>,
    /// Height and width of the smallest and of the largest picture, by area.
    pub sizes: [[usize; 2]; 2],
}

impl SplitDescription {
    /// How many pictures there are; `None` where there is no end of them.
    pub fn pictures(&self) -> Option<usize> {
        self.per_class.as_ref().map(|counts| counts.iter().sum())
    }

    fn new(split: Split, per_class: Vec<usize>, sizes: [[usize; 2]; 2]) -> Self {
        Self { split, per_class: Some(per_class), sizes }
    }
}

/// Describes the data set at a path, or the built-in one for the word `shapes`. CIFAR files are read as a
/// whole, so that damage shows; of pictures in folders only the headers are.
///
/// # Errors
/// As [`open`](crate::open()).
pub fn describe(path_or_word: impl AsRef<Path>) -> Result<Description> {
    let (format, root) = recognise(path_or_word.as_ref())?;
    let mut description = Description {
        format,
        path: root.clone(),
        class_names: Vec::new(),
        splits: Vec::new(),
        split_is_nominal: false,
    };
    for split in [Split::Train, Split::Test] {
        let found = match format {
            Format::Shapes => {
                description.class_names = shapes::CLASS_NAMES.iter().map(|&name| name.into()).collect();
                Ok(SplitDescription { split, per_class: None, sizes: [[shapes::SIDE; 2]; 2] })
            }
            Format::ImageFolder => describe_folder(&root, split, &mut description),
            _ => describe_cifar(format, &root, split, &mut description),
        };
        match found {
            Ok(found) => description.splits.push(found),
            Err(DataError::MissingSplit { .. }) => {}
            Err(error) => return Err(error),
        }
        if description.split_is_nominal {
            break;
        }
    }
    Ok(description)
}

fn describe_cifar(
    format: Format,
    root: &Path,
    split: Split,
    description: &mut Description,
) -> Result<SplitDescription> {
    let set = cifar::read(format, root, split, None)?;
    description.class_names = set.class_names().to_vec();
    let mut per_class = vec![0; set.classes()];
    for &label in set.labels() {
        per_class[label as usize] += 1;
    }
    Ok(SplitDescription::new(split, per_class, [[set.height(), set.width()]; 2]))
}

fn describe_folder(root: &Path, split: Split, description: &mut Description) -> Result<SplitDescription> {
    let listing = folder::list(root, split)?;
    description.class_names = listing.class_names;
    description.split_is_nominal = listing.no_splits;
    let per_class = listing.files.iter().map(Vec::len).collect();
    let files: Vec<&PathBuf> = listing.files.iter().flatten().collect();
    let mut sizes = files.par_iter().map(|file| Picture::size(file)).collect::<Result<Vec<_>>>()?;
    sizes.sort_unstable_by_key(|&[height, width]| (height * width, height));
    let ends = [sizes.first(), sizes.last()].map(|size| *size.expect("a listing has at least one picture"));
    Ok(SplitDescription::new(split, per_class, ends))
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.format)?;
        if self.format != Format::Shapes {
            write!(f, " in {}", self.path.display())?;
        }
        for split in &self.splits {
            if self.split_is_nominal {
                write!(f, "\n  no train/ and test/: every picture is in both splits: ")?;
            } else {
                write!(f, "\n  {}: ", split.split)?;
            }
            match split.pictures() {
                Some(count) => write!(f, "{count} pictures")?,
                None => write!(f, "endless pictures")?,
            }
            let [[height, width], [max_height, max_width]] = split.sizes;
            write!(f, " of {width}x{height}")?;
            if split.sizes[0] != split.sizes[1] {
                write!(f, " to {max_width}x{max_height}")?;
            }
            if let Some(counts) = &split.per_class {
                let (fewest, most) = (counts.iter().min(), counts.iter().max());
                let (fewest, most) = (fewest.copied().unwrap_or(0), most.copied().unwrap_or(0));
                if fewest == most {
                    write!(f, ", {most} of each class")?;
                } else {
                    write!(f, ", {fewest} to {most} of a class")?;
                }
            }
        }
        write!(f, "\n  {} classes: {}", self.class_names.len(), self.class_names.join(", "))
    }
}
