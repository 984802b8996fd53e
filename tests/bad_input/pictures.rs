//! Pictures that are none, that are missing, or that the nets cannot take.

use std::fs;

use image::{Rgb, RgbImage};
use unperturb::model::Model;

use crate::picture_folder::pictures;
use crate::{ATTACK, EVALUATE, REPAIR, furnished, words};

#[test]
fn data_sets_that_cannot_be_used() {
    let place = furnished();
    fs::create_dir_all(place.path("hollow/test/class0")).unwrap();
    place.write("text/test/class0/0.png", b"not a picture");
    pictures(&place.path("cut"), "test", 2, 1, [32, 32]);
    let png = fs::read(place.path("cut/test/class1/0.png")).unwrap();
    place.write("cut/test/class1/0.png", &png[..png.len() / 2]);
    pictures(&place.path("mixed"), "test", 2, 1, [32, 33]);
    pictures(&place.path("mixed"), "test", 1, 1, [32, 32]);
    pictures(&place.path("tiny"), "test", 2, 1, [7, 32]);
    pictures(&place.path("many"), "test", 11, 1, [32, 32]);
    pictures(&place.path("training"), "train", 2, 1, [32, 32]);
    // A picture of class 10 of 10: a label, then three planes of 32x32.
    place.write("labels/test_batch.bin", &[vec![10], vec![128; 3072]].concat());
    (1..6).for_each(|n| place.write(&format!("labels/data_batch_{n}.bin"), &[0; 3073]));
    for (data, problem) in [
        ("missing", "cannot read the pictures: there is no data set at missing: give a folder that exists"),
        ("cifar100", "cannot read the pictures: there is no data set at cifar100: download it with"),
        ("file", "cannot read the pictures: file holds no data set that can be read: expected "),
        ("empty", "cannot read the pictures: empty holds no data set that can be read: expected "),
        ("hollow", "cannot read the pictures: hollow/test/class0 holds no pictures (png, jpg, jpeg)"),
        ("text", "cannot read the pictures: text/test/class0/0.png is damaged or not what its name says: "),
        ("cut", "cannot read the pictures: cut/test/class1/0.png is damaged or not what its name says: "),
        ("training", "cannot read the pictures: training has no test split: the folder test/ is missing"),
        ("labels", "cannot read the pictures: labels/test_batch.bin is damaged or not what its name says: "),
        ("many", "cannot use these pictures: many has 11 classes and the classifier net knows 10"),
        (
            "tiny",
            "cannot use these pictures: resnet8x4 needs pictures of at least 8x8 pixels, and these are 32x7",
        ),
    ] {
        for line in [EVALUATE, ATTACK] {
            let said = place.refused(1, &words(&line.replace("--data shapes", &format!("--data {data}"))));
            assert!(said.starts_with(problem), "{said}");
        }
    }
    // The advice is one that can be followed.
    let said = place.refused(1, &words(&EVALUATE.replace("--data shapes", "--data mixed")));
    assert!(said.ends_with(": the pictures of a set need one size, so resize them first"), "{said}");
    let differs = ["is 33x32 pixels, but ", "is 32x32 pixels, but "];
    assert!(differs.iter().any(|size| said.contains(size)), "{said}");
}

#[test]
fn pictures_that_cannot_be_turned() {
    let place = furnished();
    pictures(&place.path("oblong"), "test", 2, 2, [16, 24]);
    let line = EVALUATE.replace("--data shapes", "--data oblong");
    let said = place.refused(1, &words(&format!("{line} --tasks tasks --defence multi-task:steps=1")));
    assert_eq!(
        said,
        "cannot use these pictures: only square pictures can be turned by quarters, and these are 24x16"
    );
    // The other tasks do not turn them.
    place.done(&words(&format!("{line} --tasks tasks --defence contrastive:steps=1,inpainting:steps=1")));
}

#[test]
fn pictures_that_cannot_be_repaired() {
    let place = furnished();
    place.write("text.png", b"not a picture");
    let png = fs::read(place.path("in.png")).unwrap();
    place.write("cut.png", &png[..png.len() / 2]);
    fs::create_dir(place.path("folder")).unwrap();
    for (input, problem) in [
        ("missing.png", "cannot repair: cannot read missing.png: "),
        (
            "text.png",
            "cannot repair: text.png is damaged or not what its name says: it is neither PNG nor JPEG; ",
        ),
        ("cut.png", "cannot repair: cut.png is damaged or not what its name says: "),
        ("file", "cannot repair: file is damaged or not what its name says: it is neither PNG nor JPEG; "),
        ("folder", "cannot read the folder folder: there is no PNG or JPEG in it"),
    ] {
        // One of several that are fine.
        let said = place.refused(1, &words(&REPAIR.replace("in.png", &format!("in.png {input}"))));
        assert!(said.starts_with(problem), "{said}");
    }
}

/// Pictures of any size are brought to that of the nets, which is no error.
#[test]
fn a_repaired_picture_has_the_size_that_the_nets_are_made_for() {
    let place = furnished();
    RgbImage::from_pixel(50, 20, Rgb([1, 2, 3])).save(place.path("in.png")).unwrap();
    let size = |line: &str| {
        place.done(&words(line));
        image::image_dimensions(place.path("out/00000-in.png")).unwrap()
    };
    assert_eq!(size(REPAIR), (32, 32));
    let model = Model::read(&place.path("net")).unwrap();
    Model { size: Some([24, 40]), ..model }.write(&place.path("net"), "by hand").unwrap();
    assert_eq!(size(REPAIR), (40, 24));
    // Which cannot be turned.
    let line = REPAIR.replace("--defence none", "--tasks tasks --defence rotation:steps=1");
    let said = place.refused(1, &words(&line));
    assert!(said.ends_with("only square pictures can be turned by quarters, and these are 40x24"), "{said}");
}

/// Names of files are bytes; what is no text in them is shown as well as it can be.
#[cfg(unix)]
#[test]
fn a_name_that_is_no_text_is_no_trouble() {
    use std::os::unix::ffi::OsStrExt;
    let place = furnished();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.png");
    fs::rename(place.path("in.png"), place.path("").join(name)).unwrap();
    let mut command = place.command(&words(&REPAIR.replace("in.png ", "")));
    let output = command.args(["--json", "result.json"]).arg(name).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(place.names().iter().filter(|name| name.starts_with("out/")).count(), 1);
}
