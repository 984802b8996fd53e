//! What training refuses, and when.

use std::fs;

use crate::pictures::pictures;
use crate::{done, files, sentence, train};

#[test]
fn what_cannot_be_trained_is_said_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("net.safetensors");
    let small = "--images 32 --batch 16 --net resnet8x2 --recipe standard --epochs 1";
    for (options, status, expected) in [
        (
            "--data nowhere --recipe standard",
            1,
            "cannot read the pictures: there is no data set at nowhere: give a folder that exists, or the word \
             `shapes` for the built-in pictures",
        ),
        (
            "--data shapes --recipe standard --learning-rate nan",
            2,
            "invalid value 'nan' for '--learning-rate <RATE>': expected a number such as 0.5 or 8/255",
        ),
        (
            "--data shapes --recipe standard --learning-rate inf",
            2,
            "invalid value 'inf' for '--learning-rate <RATE>': expected a number such as 0.5 or 8/255",
        ),
        (
            "--data nowhere --recipe standard --net vgg16",
            2,
            "invalid value 'vgg16' for '--net <NET>': there is no net 'vgg16'; known are resnet20, resnet32, resnet44, resnet56 (with -projection behind them for \
             convolved shortcuts), resnet18, resnet34, resnet50 (with -imagenet behind them for torchvision's), \
             preact-resnet18 (with -plain behind it for shortcuts that read the plain input, and -normalised for a last \
             batch norm) and wrn-DEPTH-WIDTH with a depth of 6n+4",
        ),
        (
            "--data nowhere --recipe standard --net resnet20 --width 99999",
            2,
            "there is no net 'resnet20x99999'; known are ",
        ),
        (
            "--data shapes --recipe standard --epochs 4294967296",
            2,
            "invalid value '4294967296' for '--epochs <N>': number too large to fit in target type",
        ),
        (
            "--data shapes --recipe standard --net resnet8x2 --images 30 --batch 31",
            1,
            "cannot train the classifier: there are fewer pictures than the 31 of a batch; use a smaller batch",
        ),
        (
            // Some 8 MB a tensor and picture: more than any machine's memory, known before anything is made.
            "--data shapes --recipe standard --net wrn-100-128 --images 8192 --batch 8192",
            1,
            "cannot train the classifier: the program needs ",
        ),
        (
            "--data shapes --recipe standard --net resnet8x2 --images 64 --batch 16 --learning-rate 1e30",
            1,
            "cannot train the classifier: the training diverged: its loss is no longer a number; try a lower \
             learning rate",
        ),
        (
            &format!("--data shapes {small} --resume missing.training"),
            1,
            "cannot train the classifier: cannot read missing.training: ",
        ),
    ] {
        let said = sentence(&train(options, &out).output().unwrap(), status);
        assert!(said.starts_with(expected), "{options}: {said}");
        assert!(files(folder.path()).is_empty(), "{options}");
    }
}

/// That there are no pictures is only found out later.
#[test]
fn a_result_that_cannot_be_kept_is_refused_before_anything_else() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), b"").unwrap();
    fs::create_dir(folder.path().join("taken.training")).unwrap();
    for (out, named, reason) in [
        ("missing/net", "missing/net", "its folder does not exist"),
        ("file/net", "file/net", "what should be its folder is a file"),
        ("", "", "it is a folder"),
        ("taken", "taken.training", "it is a folder"),
    ] {
        let output = train("--data nowhere --recipe fgsm", &folder.path().join(out)).output().unwrap();
        let named = folder.path().join(named);
        assert_eq!(sentence(&output, 1), format!("cannot write `{}`: {reason}", named.display()));
    }
    assert_eq!(files(folder.path()).len(), 2);
}

#[test]
fn pictures_may_have_any_size_that_leaves_something_to_see() {
    let folder = tempfile::tempdir().unwrap();
    let options = |name: &str| {
        let data = folder.path().join(name).display().to_string();
        assert!(!data.contains(' '), "the options are cut at spaces");
        format!("--data {data} --net resnet8x2 --recipe fgsm --batch 4 --epochs 1")
    };
    for (name, size) in [("large", [64, 64]), ("oblong", [9, 47])] {
        pictures(&folder.path().join(name), "train", 2, 4, size);
        done(&mut train(&options(name), &folder.path().join(format!("{name}.safetensors"))));
    }
    pictures(&folder.path().join("tiny"), "train", 2, 4, [7, 32]);
    pictures(&folder.path().join("uniform"), "train", 1, 8, [32, 32]);
    for (name, problem) in [
        ("tiny", "resnet8x2 needs pictures of at least 8x8 pixels, and these are 32x7"),
        ("uniform", "uniform has only one class, and a classifier needs two or more to tell apart"),
    ] {
        let out = folder.path().join(format!("{name}.safetensors"));
        let said = sentence(&train(&options(name), &out).output().unwrap(), 1);
        assert_eq!(said, format!("cannot train the classifier: {problem}"));
        assert!(!out.exists());
    }
}

/// Where drivers are found by the Vulkan loader, it can be told that there are none.
#[cfg(target_os = "linux")]
#[test]
fn without_a_gpu_asking_for_one_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_unperturb"));
    command.args("train classifier --data shapes --recipe standard --device gpu --out".split(' '));
    command.arg(folder.path().join("net")).env("VK_DRIVER_FILES", "/nonexistent");
    let said = sentence(&command.env("VK_ICD_FILENAMES", "/nonexistent").output().unwrap(), 1);
    assert_eq!(
        said,
        "cannot use a GPU: there is no GPU adapter; install a Vulkan driver (on Debian a software one is `apt install \
         mesa-vulkan-drivers`) or use `--device cpu`"
    );
}
