//! CIFAR-10 and CIFAR-100 (Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009) in
//! the two forms in which they are published: fixed-size binary records, and pickled Python dictionaries.
//!
//! Both store a picture as three planes of 32x32, red, green, blue; a [`Dataset`] holds pixels. The
//! pictures keep the order of the files, which is random already.

mod binary;
mod names;
mod python;

pub use binary::parse_records;
pub use python::parse_batch;

use std::fs;
use std::path::Path;

use crate::{DataError, Dataset, Format, Result, Split};

/// The folders that the published archives unpack into.
pub(crate) const FOLDERS: [&str; 4] =
    ["cifar-10-batches-bin", "cifar-10-batches-py", "cifar-100-binary", "cifar-100-python"];

/// Height and width of every picture.
const SIDE: usize = 32;
/// Values of one picture.
const PICTURE: usize = SIDE * SIDE * 3;

/// Which of the two sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cifar {
    /// Ten classes.
    Ten,
    /// A hundred classes ("fine" labels), in twenty groups ("coarse" labels, not used here).
    Hundred,
}

impl Cifar {
    /// How many classes there are.
    pub fn classes(self) -> usize {
        match self {
            Self::Ten => 10,
            Self::Hundred => 100,
        }
    }
}

/// The pictures of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// `[n, 32, 32, 3]`.
    pub pictures: Vec<u8>,
    /// `[n]`, each below the number of classes.
    pub labels: Vec<u32>,
}

impl Records {
    /// Appends one picture given as planes `[3, 32, 32]`.
    fn push(&mut self, label: u32, planes: &[u8]) {
        let (red, rest) = planes.split_at(SIDE * SIDE);
        let (green, blue) = rest.split_at(SIDE * SIDE);
        self.labels.push(label);
        for ((&r, &g), &b) in red.iter().zip(green).zip(blue) {
            self.pictures.extend([r, g, b]);
        }
    }
}

/// Which form of CIFAR lies in `folder`, judged by the files' names.
pub(crate) fn recognise(folder: &Path) -> Option<Format> {
    let any = |names: &[&str]| names.iter().any(|name| folder.join(name).is_file());
    if any(&["data_batch_1.bin", "test_batch.bin"]) {
        Some(Format::Cifar10Binary)
    } else if any(&["data_batch_1", "test_batch"]) {
        Some(Format::Cifar10Python)
    } else if any(&["train.bin", "test.bin"]) {
        Some(Format::Cifar100Binary)
    } else if any(&["train", "test"]) {
        Some(Format::Cifar100Python)
    } else {
        None
    }
}

/// Reads one split of the CIFAR files in `folder`.
pub(crate) fn read(format: Format, folder: &Path, split: Split, limit: Option<usize>) -> Result<Dataset> {
    let (cifar, binary) = match format {
        Format::Cifar10Binary => (Cifar::Ten, true),
        Format::Cifar10Python => (Cifar::Ten, false),
        Format::Cifar100Binary => (Cifar::Hundred, true),
        Format::Cifar100Python | Format::ImageFolder | Format::Shapes => (Cifar::Hundred, false),
    };
    let limit = limit.unwrap_or(usize::MAX);
    let mut records = Records::default();
    for name in file_names(cifar, split) {
        if records.labels.len() >= limit {
            break;
        }
        let name = if binary { format!("{name}.bin") } else { name.to_string() };
        let path = folder.join(&name);
        if !path.is_file() {
            return Err(DataError::MissingSplit {
                path: folder.to_path_buf(),
                split,
                missing: format!("the file {name}"),
            });
        }
        let bytes = fs::read(&path).map_err(DataError::read(&path))?;
        let parse = if binary { parse_records } else { parse_batch };
        let mut more = parse(cifar, &bytes).map_err(|reason| DataError::corrupt(&path, reason))?;
        records.pictures.append(&mut more.pictures);
        records.labels.append(&mut more.labels);
    }
    let name = match cifar {
        Cifar::Ten => "cifar10",
        Cifar::Hundred => "cifar100",
    };
    let class_names = names::read(cifar, binary, folder)?;
    Dataset::new(name, split, class_names, [SIDE, SIDE], records.pictures, records.labels)?.take(limit)
}

/// The files of a split, without the `.bin` of the binary version.
fn file_names(cifar: Cifar, split: Split) -> &'static [&'static str] {
    match (cifar, split) {
        (Cifar::Ten, Split::Train) => {
            &["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"]
        }
        (Cifar::Ten, Split::Test) => &["test_batch"],
        (Cifar::Hundred, Split::Train) => &["train"],
        (Cifar::Hundred, Split::Test) => &["test"],
    }
}
