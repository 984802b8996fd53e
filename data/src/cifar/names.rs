//! The names of CIFAR's classes: from the file beside the pictures, or the published ones without it.

use std::fs;
use std::path::Path;

use super::{Cifar, python};
use crate::{DataError, Result};

/// Names of the classes by label.
pub(super) fn read(cifar: Cifar, binary: bool, folder: &Path) -> Result<Vec<String>> {
    let file = match (cifar, binary) {
        (Cifar::Ten, true) => "batches.meta.txt",
        (Cifar::Ten, false) => "batches.meta",
        (Cifar::Hundred, true) => "fine_label_names.txt",
        (Cifar::Hundred, false) => "meta",
    };
    let path = folder.join(file);
    if !path.is_file() {
        return Ok(published(cifar));
    }
    let bytes = fs::read(&path).map_err(DataError::read(&path))?;
    let corrupt = |reason| DataError::corrupt(&path, reason);
    if !binary {
        return python::parse_names(cifar, &bytes).map_err(corrupt);
    }
    let text = String::from_utf8_lossy(&bytes);
    let names: Vec<String> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(String::from).collect();
    if names.len() != cifar.classes() {
        return Err(corrupt(format!("it names {} classes, not {}", names.len(), cifar.classes())));
    }
    Ok(names)
}

fn published(cifar: Cifar) -> Vec<String> {
    let names: &[&str] = match cifar {
        Cifar::Ten => &CIFAR10,
        Cifar::Hundred => &CIFAR100,
    };
    names.iter().map(|&name| name.into()).collect()
}

const CIFAR10: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

#[rustfmt::skip]
const CIFAR100: [&str; 100] = [
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
    "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
    "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur",
    "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard",
    "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain",
    "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree",
    "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket",
    "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider",
    "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor",
    "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_names_are_sorted_and_distinct() {
        for cifar in [Cifar::Ten, Cifar::Hundred] {
            let names = published(cifar);
            assert_eq!(names.len(), cifar.classes());
            assert!(names.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }

    #[test]
    fn the_file_beside_the_pictures_wins() {
        let folder = tempfile::tempdir().unwrap();
        let names = || read(Cifar::Ten, true, folder.path());
        assert_eq!(names().unwrap()[0], "airplane");
        let file = folder.path().join("batches.meta.txt");
        fs::write(&file, (0..10).map(|i| format!("class {i}\n")).collect::<String>() + "\n").unwrap();
        assert_eq!(names().unwrap()[9], "class 9");
        fs::write(&file, "one\ntwo\n").unwrap();
        assert!(names().unwrap_err().to_string().contains("names 2 classes, not 10"));
    }
}
