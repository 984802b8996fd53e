//! Labelled pictures in memory.

use std::fmt;
use std::str::FromStr;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::{DataError, Result};

/// Which half of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// The pictures to learn from.
    Train,
    /// The pictures to measure on.
    Test,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Test => "test",
        })
    }
}

impl FromStr for Split {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "train" => Ok(Self::Train),
            "test" => Ok(Self::Test),
            other => Err(format!("there is no split {other:?}: choose train or test")),
        }
    }
}

/// Labelled colour pictures of one size, held as `u8` `[n, h, w, 3]` (RGB), and the names of their classes.
///
/// The values are those of the files, 0 to 255; they become `f32` in [0, 1] when a batch is made.
/// Normalisation is no business of the data: it belongs to the net.
#[derive(Clone, PartialEq, Eq)]
pub struct Dataset {
    name: String,
    split: Split,
    class_names: Vec<String>,
    height: usize,
    width: usize,
    pictures: Vec<u8>,
    labels: Vec<u32>,
    split_is_nominal: bool,
}

impl Dataset {
    /// Puts a data set together from `pictures` `[n, h, w, 3]`, `labels` `[n]` and the names of the classes.
    ///
    /// # Errors
    /// [`DataError::Inconsistent`] if the lengths do not agree, the set is empty or a label has no class.
    pub fn new(
        name: impl Into<String>,
        split: Split,
        class_names: Vec<String>,
        [height, width]: [usize; 2],
        pictures: Vec<u8>,
        labels: Vec<u32>,
    ) -> Result<Self> {
        let name = name.into();
        let inconsistent = |reason| Err(DataError::Inconsistent { name: name.clone(), reason });
        let count = labels.len();
        if count == 0 || height == 0 || width == 0 {
            return inconsistent(format!("{count} pictures of {width}x{height} pixels are no data"));
        }
        let expected = [height, width, 3].iter().try_fold(count, |all, &one| all.checked_mul(one));
        if expected != Some(pictures.len()) {
            return inconsistent(format!(
                "{} bytes are not {count} colour pictures of {width}x{height} pixels",
                pictures.len()
            ));
        }
        let classes = class_names.len();
        if let Some(index) = labels.iter().position(|&label| label as usize >= classes) {
            return inconsistent(format!(
                "picture {index} has label {}, but there are {classes} classes (counted from 0)",
                labels[index]
            ));
        }
        Ok(Self { name, split, class_names, height, width, pictures, labels, split_is_nominal: false })
    }

    /// Marks the set as one whose other split holds the same pictures.
    pub(crate) fn with_nominal_split(mut self) -> Self {
        self.split_is_nominal = true;
        self
    }

    /// A short name, such as `cifar10`, `shapes`, or that of the folder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which split this is.
    pub fn split(&self) -> Split {
        self.split
    }

    /// True where the source knows no splits, so that the train and the test split are the same pictures
    /// and an accuracy on them says nothing about new pictures.
    pub fn split_is_nominal(&self) -> bool {
        self.split_is_nominal
    }

    /// The names of the classes, by label.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.class_names.len()
    }

    /// How many pictures there are; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a data set is never empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Height of every picture, in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Width of every picture, in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Values per picture: h * w * 3.
    pub fn picture_len(&self) -> usize {
        self.height * self.width * 3
    }

    /// All pictures, `[n, h, w, 3]`.
    pub fn pictures(&self) -> &[u8] {
        &self.pictures
    }

    /// One picture, `[h, w, 3]`.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len), as a slice does.
    pub fn picture(&self, index: usize) -> &[u8] {
        let len = self.picture_len();
        &self.pictures[index * len..][..len]
    }

    /// The label of every picture, `[n]`.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Tells sets apart by their contents: 16 hexadecimal digits of the SHA-256 of sizes, labels and pictures.
    pub fn digest(&self) -> String {
        let mut sha = Sha256::new();
        for size in [self.len(), self.height, self.width, self.classes()] {
            sha.update((size as u64).to_le_bytes());
        }
        self.labels.iter().for_each(|label| sha.update(label.to_le_bytes()));
        sha.update(&self.pictures);
        sha.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The first `count` pictures, or all if there are fewer. The readers of this crate order pictures so
    /// that this is a fair sample of the classes.
    ///
    /// # Errors
    /// [`DataError::Inconsistent`] if `count` is 0.
    pub fn take(mut self, count: usize) -> Result<Self> {
        if count == 0 {
            return Err(DataError::Inconsistent {
                name: self.name,
                reason: "0 pictures were asked for".into(),
            });
        }
        let count = count.min(self.len());
        self.pictures.truncate(count * self.picture_len());
        self.labels.truncate(count);
        Ok(self)
    }

    /// Copies the pictures at `indices` as `f32` in [0, 1] into `images` `[indices, h, w, 3]` and their
    /// labels into `labels` `[indices]`.
    ///
    /// # Errors
    /// [`DataError::Batch`] if an index or a length does not fit.
    pub fn gather(&self, indices: &[u32], images: &mut [f32], labels: &mut [u32]) -> Result<()> {
        let wanted = indices.len() * self.picture_len();
        if images.len() != wanted || labels.len() != indices.len() {
            return Err(DataError::Batch {
                reason: format!(
                    "{} pictures of {}x{} need room for {wanted} values and {} labels, not {} and {}",
                    indices.len(),
                    self.width,
                    self.height,
                    indices.len(),
                    images.len(),
                    labels.len()
                ),
            });
        }
        if let Some(index) = indices.iter().find(|&&index| index as usize >= self.len()) {
            return Err(DataError::Batch {
                reason: format!("there is no picture {index} among the {} of {}", self.len(), self.name),
            });
        }
        images.par_chunks_exact_mut(self.picture_len()).zip(indices).for_each(|(image, &index)| {
            to_unit(self.picture(index as usize), image);
        });
        for (label, &index) in labels.iter_mut().zip(indices) {
            *label = self.labels[index as usize];
        }
        Ok(())
    }
}

/// Values 0 to 255 as `f32` in [0, 1].
pub(crate) fn to_unit(bytes: &[u8], values: &mut [f32]) {
    for (value, &byte) in values.iter_mut().zip(bytes) {
        *value = f32::from(byte) / 255.0;
    }
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset")
            .field("name", &self.name)
            .field("split", &self.split)
            .field("pictures", &[self.len(), self.height, self.width, 3])
            .field("classes", &self.class_names.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> Dataset {
        let pictures = (0..2 * 12).map(|v| v * 10).collect();
        Dataset::new("two", Split::Test, vec!["a".into(), "b".into()], [2, 2], pictures, vec![1, 0]).unwrap()
    }

    #[test]
    fn gather_converts_and_orders() {
        let (mut images, mut labels) = (vec![0.0; 24], vec![9; 2]);
        set().gather(&[1, 0], &mut images, &mut labels).unwrap();
        assert_eq!(labels, [0, 1]);
        assert_eq!(images[0], 120.0 / 255.0);
        assert_eq!(images[23], 110.0 / 255.0);
    }

    #[test]
    fn gather_refuses_what_does_not_fit() {
        let set = set();
        let mut images = vec![0.0; 24];
        assert!(matches!(set.gather(&[0, 2], &mut images, &mut [0; 2]), Err(DataError::Batch { .. })));
        assert!(matches!(set.gather(&[0], &mut images, &mut [0; 1]), Err(DataError::Batch { .. })));
        assert!(matches!(set.gather(&[0, 1], &mut images, &mut [0; 1]), Err(DataError::Batch { .. })));
    }

    #[test]
    fn inconsistent_parts_are_refused() {
        let names = || vec!["a".to_string()];
        let new = |bytes: usize, labels: Vec<u32>| {
            Dataset::new("x", Split::Train, names(), [2, 2], vec![0; bytes], labels)
                .map_err(|e| e.to_string())
        };
        assert!(new(12, vec![0]).is_ok());
        assert!(new(0, vec![]).unwrap_err().contains("no data"));
        assert!(new(13, vec![0]).unwrap_err().contains("13 bytes"));
        assert!(new(12, vec![1]).unwrap_err().contains("label 1"));
    }

    #[test]
    fn digests_tell_labels_pictures_and_sizes_apart() {
        let new = |labels: [u32; 2], size, first: u8| {
            let mut pictures = vec![0; 24];
            pictures[0] = first;
            let names = vec!["a".into(), "b".into()];
            Dataset::new("two", Split::Test, names, size, pictures, labels.into()).unwrap().digest()
        };
        let one = new([0, 1], [2, 2], 0);
        assert_eq!(one.len(), 16);
        assert_eq!(one, new([0, 1], [2, 2], 0));
        for other in [new([1, 1], [2, 2], 0), new([0, 1], [2, 2], 1), new([0, 1], [1, 4], 0)] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn take_keeps_the_first() {
        let first = set().take(1).unwrap();
        assert_eq!((first.len(), first.labels(), first.picture(0)), (1, &[1][..], set().picture(0)));
        assert_eq!(set().take(99).unwrap().len(), 2);
        assert!(set().take(0).is_err());
    }
}
