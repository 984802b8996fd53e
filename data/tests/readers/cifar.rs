use std::fs;
use std::path::Path;

use unperturb_data::cifar::{Cifar, parse_batch};
use unperturb_data::{DataError, OpenOptions, Split, open, open_with};

use crate::files::{DIALECTS, Dialect, PICTURE, Pickler, cifar_binary, cifar_python, pixels, planes};

fn cifar10_binary(folder: &Path) {
    for file in 0..5u8 {
        let records = cifar_binary(&[(&[file], file.into()), (&[9 - file], 10 + usize::from(file))]);
        fs::write(folder.join(format!("data_batch_{}.bin", file + 1)), records).unwrap();
    }
    fs::write(folder.join("test_batch.bin"), cifar_binary(&[(&[3], 77)])).unwrap();
}

#[test]
fn cifar10_binary_is_read_from_its_folder_or_the_one_around_it() {
    let outer = tempfile::tempdir().unwrap();
    let inner = outer.path().join("cifar-10-batches-bin");
    fs::create_dir(&inner).unwrap();
    cifar10_binary(&inner);
    for path in [outer.path(), inner.as_path()] {
        let train = open(path, Split::Train).unwrap();
        assert_eq!(train.labels(), [0, 9, 1, 8, 2, 7, 3, 6, 4, 5]);
        assert_eq!((train.name(), train.height(), train.width(), train.classes()), ("cifar10", 32, 32, 10));
        assert_eq!(train.picture(1), pixels(10));
        assert_eq!(train.picture(8), pixels(4));
        let test = open(path, Split::Test).unwrap();
        assert_eq!((test.labels(), test.picture(0)), (&[3][..], &pixels(77)[..]));
        assert!(!test.split_is_nominal());
    }
    let three = open_with(&inner, Split::Train, OpenOptions { limit: Some(3), resize: None }).unwrap();
    assert_eq!(three.labels(), [0, 9, 1]);
}

#[test]
fn a_missing_batch_and_a_cut_one_are_named() {
    let folder = tempfile::tempdir().unwrap();
    cifar10_binary(folder.path());
    fs::write(folder.path().join("data_batch_4.bin"), vec![0; 5000]).unwrap();
    let error = open(folder.path(), Split::Train).unwrap_err().to_string();
    assert!(error.contains("data_batch_4.bin") && error.contains("3073"), "{error}");
    fs::remove_file(folder.path().join("data_batch_4.bin")).unwrap();
    let error = open(folder.path(), Split::Train).unwrap_err();
    assert!(matches!(error, DataError::MissingSplit { .. }));
    assert!(error.to_string().contains("data_batch_4.bin"), "{error}");
}

#[test]
fn cifar10_python_is_read_in_every_dialect() {
    for dialect in DIALECTS {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("test_batch"), cifar_python(dialect, "labels", &[4, 0, 9])).unwrap();
        let mut meta = Pickler::new(dialect);
        meta.raw(b"}").text("label_names").raw(b"](");
        for class in 0..10 {
            meta.text(&format!("class {class}"));
        }
        fs::write(folder.path().join("batches.meta"), {
            meta.raw(b"es");
            meta.finish()
        })
        .unwrap();
        let test = open(folder.path(), Split::Test).unwrap();
        assert_eq!(test.labels(), [4, 0, 9], "{dialect:?}");
        assert_eq!(test.picture(2), pixels(2), "{dialect:?}");
        assert_eq!(test.class_names()[3], "class 3");
    }
}

#[test]
fn cifar100_is_read_in_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("train.bin"), cifar_binary(&[(&[1, 99], 0), (&[2, 5], 1)])).unwrap();
    let train = open(folder.path(), Split::Train).unwrap();
    assert_eq!((train.labels(), train.name(), train.classes()), (&[99, 5][..], "cifar100", 100));
    assert_eq!(train.class_names()[99], "worm");
    let error = open(folder.path(), Split::Test).unwrap_err().to_string();
    assert!(error.contains("no test split") && error.contains("test.bin"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let batch = cifar_python(Dialect::Python2, "fine_labels", &[99, 5]);
    fs::write(folder.path().join("train"), batch).unwrap();
    let python = open(folder.path(), Split::Train).unwrap();
    assert_eq!(python, train);
}

#[test]
fn an_array_in_column_order_is_the_same_array() {
    let rows = [planes(0), planes(1)];
    let columns: Vec<u8> = (0..PICTURE).flat_map(|place| [rows[0][place], rows[1][place]]).collect();
    let batch = |dialect, columns_first, bytes: &[u8]| {
        let mut pickler = Pickler::new(dialect);
        pickler.raw(b"}(").text("labels").ints(&[1, 2]);
        pickler.text("data").array("u1", [2, PICTURE], columns_first, bytes).raw(b"u");
        parse_batch(Cifar::Ten, &pickler.finish()).unwrap()
    };
    for dialect in DIALECTS {
        assert_eq!(batch(dialect, true, &columns), batch(dialect, false, &rows.concat()), "{dialect:?}");
    }
}

#[test]
fn a_batch_whose_parts_do_not_fit_is_refused_with_the_reason() {
    let batch = |dtype: &str, shape, labels: &[usize], bytes: usize| {
        let mut pickler = Pickler::new(Dialect::Python2);
        pickler.raw(b"}(").text("labels").ints(labels);
        pickler.text("data").array(dtype, shape, false, &vec![0; bytes]).raw(b"u");
        parse_batch(Cifar::Ten, &pickler.finish()).map(|_| ())
    };
    let refused = |result: Result<(), String>, why: &str| {
        let reason = result.unwrap_err();
        assert!(reason.contains(why), "{reason:?} does not say {why:?}");
    };
    assert_eq!(batch("u1", [1, PICTURE], &[0], PICTURE), Ok(()));
    refused(batch("u1", [1, PICTURE], &[0, 1], PICTURE), "2 labels");
    refused(batch("u1", [1, PICTURE], &[10], PICTURE), "label of picture 0");
    refused(batch("u1", [1, PICTURE], &[0], PICTURE - 1), "3071 bytes");
    refused(batch("u1", [usize::MAX >> 33, 1 << 30], &[0], PICTURE), "shape");
    refused(batch("f4", [1, PICTURE], &[0], PICTURE), "numpy.uint8");
    refused(batch("u1", [0, PICTURE], &[], 0), "no pictures");
    refused(parse_batch(Cifar::Ten, b"}.").map(|_| ()), "no \"labels\"");
    refused(parse_batch(Cifar::Ten, b"K\x01.").map(|_| ()), "not a dictionary");
    refused(parse_batch(Cifar::Ten, b"cposix\nsystem\n(U\x02lstR.").map(|_| ()), "\"posix\" \"system\"");
}

#[test]
fn a_path_that_is_no_data_set_says_what_would_be() {
    let folder = tempfile::tempdir().unwrap();
    let error = open(folder.path().join("nothing"), Split::Train).unwrap_err().to_string();
    assert!(error.contains("nothing") && error.contains("give a folder"), "{error}");
    let error = open("cifar10", Split::Train).unwrap_err().to_string();
    assert!(error.contains("unperturb data fetch cifar10"), "{error}");
    let error = open(folder.path(), Split::Train).unwrap_err().to_string();
    assert!(error.contains("train/<class>/"), "{error}");
    let file = folder.path().join("file.bin");
    fs::write(&file, b"x").unwrap();
    let error = open(&file, Split::Train).unwrap_err().to_string();
    assert!(error.contains("this is a file"), "{error}");
}
