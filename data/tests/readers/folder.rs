use std::fs;

use unperturb_data::{DataError, Dataset, OpenOptions, Split, open, open_with};

use crate::files::write_picture;

/// Two splits of three classes of different sizes; each picture's value tells which one it is.
fn sample() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (class, count) in [("ape", 40), ("bee", 20), ("cow", 20)] {
        for i in 0..count {
            write_picture(&folder.path().join(format!("train/{class}/{i:03}.png")), [8, 6], i * 3);
        }
    }
    write_picture(&folder.path().join("test/cow/one.jpg"), [8, 6], 50);
    write_picture(&folder.path().join("test/bee/two.JPEG"), [8, 6], 60);
    fs::write(folder.path().join("test/bee/notes.txt"), "passed over").unwrap();
    fs::write(folder.path().join("test/bee/.hidden.png"), "passed over").unwrap();
    folder
}

fn histogram(set: &Dataset) -> Vec<usize> {
    (0..set.classes() as u32).map(|class| set.labels().iter().filter(|&&l| l == class).count()).collect()
}

#[test]
fn classes_are_numbered_over_both_splits() {
    let folder = sample();
    let train = open(folder.path(), Split::Train).unwrap();
    assert_eq!(train.class_names(), ["ape", "bee", "cow"]);
    assert_eq!((train.len(), train.height(), train.width()), (80, 8, 6));
    assert_eq!(histogram(&train), [40, 20, 20]);
    assert!(!train.split_is_nominal());
    let test = open(folder.path(), Split::Test).unwrap();
    assert_eq!(test.class_names(), train.class_names());
    assert_eq!(histogram(&test), [0, 1, 1]);
    for (i, &label) in test.labels().iter().enumerate() {
        let expected: u8 = if label == 1 { 60 } else { 50 };
        assert!(test.picture(i).iter().all(|v| v.abs_diff(expected) <= 1));
    }
}

#[test]
fn the_first_pictures_are_a_fair_sample_and_always_the_same() {
    let folder = sample();
    let all = open(folder.path(), Split::Train).unwrap();
    for count in [4, 12, 20, 36, 60] {
        let first =
            open_with(folder.path(), Split::Train, OpenOptions { limit: Some(count), resize: None }).unwrap();
        assert_eq!(first, all.clone().take(count).unwrap());
        for (class, share) in [0.5, 0.25, 0.25].into_iter().enumerate() {
            let off = histogram(&first)[class] as f64 - share * count as f64;
            assert!(off.abs() <= 1.0, "class {class} is off by {off} in the first {count}");
        }
    }
    let apes: Vec<u8> = (0..80).filter(|&i| all.labels()[i] == 0).map(|i| all.picture(i)[0]).collect();
    assert!(!apes.is_sorted(), "within a class the order is mixed");
    // The order depends on the names within the folder, not on where the folder is.
    assert_eq!(open(sample().path(), Split::Train).unwrap().pictures(), all.pictures());
}

#[test]
fn a_folder_without_splits_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for class in ["a", "b"] {
        write_picture(&folder.path().join(class).join("1.png"), [4, 4], 9);
    }
    let (train, test) =
        (open(folder.path(), Split::Train).unwrap(), open(folder.path(), Split::Test).unwrap());
    assert!(train.split_is_nominal() && test.split_is_nominal());
    assert_eq!(train.pictures(), test.pictures());
}

#[test]
fn mixed_sizes_need_a_size() {
    let folder = tempfile::tempdir().unwrap();
    write_picture(&folder.path().join("train/a/1.png"), [4, 4], 9);
    write_picture(&folder.path().join("train/b/2.png"), [4, 5], 200);
    let error = open(folder.path(), Split::Train).unwrap_err();
    assert!(matches!(error, DataError::MixedSizes { .. }));
    let message = error.to_string();
    assert!(message.contains("1.png") && message.contains("2.png") && message.contains("5x4"), "{message}");
    let options = OpenOptions { limit: None, resize: Some([3, 2]) };
    let set = open_with(folder.path(), Split::Train, options).unwrap();
    assert_eq!((set.len(), set.height(), set.width()), (2, 3, 2));
    let values: Vec<_> = (0..2).map(|i| (set.labels()[i], set.picture(i)[0])).collect();
    assert!(values.contains(&(0, 9)) && values.contains(&(1, 200)), "{values:?}");
    let error = open_with(folder.path(), Split::Train, OpenOptions { limit: Some(0), resize: None });
    assert!(matches!(error, Err(DataError::Inconsistent { .. })));
}

#[test]
fn what_is_missing_empty_or_damaged_is_named() {
    let message = |path: &std::path::Path, split| open(path, split).unwrap_err().to_string();
    let folder = sample();
    fs::create_dir(folder.path().join("train/dog")).unwrap();
    let error = message(folder.path(), Split::Train);
    assert!(error.contains("dog") && error.contains("no pictures"), "{error}");
    fs::remove_dir(folder.path().join("train/dog")).unwrap();

    let damaged = folder.path().join("train/bee/007.png");
    let whole = fs::read(&damaged).unwrap();
    fs::write(&damaged, &whole[..whole.len() / 2]).unwrap();
    let error = message(folder.path(), Split::Train);
    assert!(error.contains("007.png") && error.contains("damaged"), "{error}");

    fs::remove_dir_all(folder.path().join("test")).unwrap();
    let error = message(folder.path(), Split::Test);
    assert!(error.contains("no test split") && error.contains("test/"), "{error}");

    fs::create_dir(folder.path().join("test")).unwrap();
    let error = message(folder.path(), Split::Test);
    assert!(error.contains("test holds no pictures"), "{error}");
}
