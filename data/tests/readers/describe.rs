use std::fs;

use unperturb_data::{Format, Split, describe};

use crate::files::{cifar_binary, write_picture};

#[test]
fn cifar_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("test_batch.bin"), cifar_binary(&[(&[3], 0), (&[3], 1), (&[9], 2)]))
        .unwrap();
    let found = describe(folder.path()).unwrap();
    assert_eq!((found.format, found.splits.len(), found.class_names.len()), (Format::Cifar10Binary, 1, 10));
    assert_eq!(found.splits[0].split, Split::Test);
    assert_eq!(found.splits[0].per_class.as_deref(), Some(&[0, 0, 0, 2, 0, 0, 0, 0, 0, 1][..]));
    let text = found.to_string();
    assert!(
        text.contains("CIFAR-10, binary files in") && text.contains("test: 3 pictures of 32x32"),
        "{text}"
    );
    assert!(text.contains("0 to 2 of a class") && text.contains("10 classes: airplane, "), "{text}");
}

#[test]
fn image_folders_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    write_picture(&folder.path().join("train/a/1.png"), [4, 6], 9);
    write_picture(&folder.path().join("train/b/2.jpg"), [10, 8], 9);
    write_picture(&folder.path().join("test/b/3.png"), [4, 6], 9);
    let text = describe(folder.path()).unwrap().to_string();
    assert!(text.contains("train: 2 pictures of 6x4 to 8x10, 1 of each class"), "{text}");
    assert!(text.contains("test: 1 pictures of 6x4, 0 to 1 of a class"), "{text}");
    assert!(text.ends_with("2 classes: a, b"), "{text}");

    let flat = describe(folder.path().join("train")).unwrap();
    assert!(flat.split_is_nominal && flat.splits.len() == 1);
    assert!(flat.to_string().contains("every picture is in both splits: 2 pictures"), "{flat}");

    fs::write(folder.path().join("train/b/4.png"), b"no picture").unwrap();
    let error = describe(folder.path()).unwrap_err().to_string();
    assert!(error.contains("4.png"), "{error}");
}

#[test]
fn the_built_in_set_is_endless() {
    let found = describe("shapes").unwrap();
    assert_eq!((found.splits.len(), found.splits[0].pictures()), (2, None));
    assert!(found.to_string().contains("train: endless pictures of 32x32"), "{found}");
}
