//! The commands that look at things (`devices`, `data`, `inspect`, `bench`) as a user meets them: results on
//! standard output and in the file of `--json`, one sentence for bad input, nothing half-written.

#[path = "support/place.rs"]
mod place;

use std::fs;
use std::path::Path;

use serde_json::Value;

use place::{Place, sentence};
use unperturb_nets::checkpoint::Checkpoint;
use unperturb_nets::{Tensor, Weights};

#[test]
fn devices_names_every_adapter_and_the_one_that_auto_takes() {
    let (text, json) = Place::new().done_with_json(&["devices"]);
    let mut choices = vec!["cpu".to_owned()];
    for (index, adapter) in json["adapters"].as_array().unwrap().iter().enumerate() {
        assert!(text.contains(adapter["name"].as_str().unwrap()), "{text}");
        assert_eq!(adapter["choice"], format!("gpu:{index}"));
        choices.push(format!("gpu:{index}"));
    }
    let (choice, why) = (json["auto"]["choice"].as_str().unwrap(), json["auto"]["why"].as_str().unwrap());
    assert!(choices.iter().any(|known| known == choice), "{json}");
    assert!(text.ends_with(&format!("auto takes {choice}: {why}\n")), "{text}");
    assert_eq!((&json["command"], &json["version"]), (&"devices".into(), &env!("CARGO_PKG_VERSION").into()));
}

/// The Vulkan loader takes its drivers from these files alone.
#[cfg(target_os = "linux")]
#[test]
fn devices_works_without_vulkan() {
    let place = Place::new();
    let mut command = place.command(&["devices", "--json", "result.json"]);
    let output =
        command.env("VK_DRIVER_FILES", "/missing").env("VK_ICD_FILENAMES", "/missing").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("auto takes cpu: there is no GPU adapter"), "{text}");
    let json = fs::read(place.path("result.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&json).unwrap()["adapters"], Value::Array(vec![]));
}

#[test]
fn data_info_describes_what_is_there() {
    let place = Place::new();
    let (text, json) = place.done_with_json(&["data", "info", "shapes"]);
    assert!(text.contains("endless pictures of 32x32") && text.contains("10 classes"), "{text}");
    assert_eq!(json["splits"][0]["pictures"], Value::Null);
    assert_eq!(json["class_names"].as_array().unwrap().len(), 10);

    // One picture of class 3: a label, then three planes of 32x32.
    let record = [vec![3], vec![128; 3072]].concat();
    for batch in
        ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"]
    {
        place.write(&format!("cifar/{batch}.bin"), &record);
    }
    let (text, json) = place.done_with_json(&["data", "info", "cifar"]);
    assert!(text.starts_with("CIFAR-10, binary files in cifar\n"), "{text}");
    assert_eq!((&json["splits"][0]["split"], &json["splits"][0]["pictures"]), (&"train".into(), &5.into()));
    assert_eq!(json["splits"][1]["per_class"][3], 1);
    assert_eq!(json["splits"][1]["largest"], serde_json::json!([32, 32]));

    place.write("cifar/data_batch_3.bin", &record[..3000]);
    let said = place.refused(1, &["data", "info", "cifar"]);
    assert!(said.starts_with("cannot describe the data: cifar/data_batch_3.bin is damaged"), "{said}");
}

#[test]
fn data_info_refuses_what_is_no_data_set() {
    let place = Place::new();
    place.write("notes.txt", b"not a picture");
    place.write("empty/notes.txt", b"not a picture");
    for (path, reason) in [
        ("missing", "there is no data set at missing: give a folder"),
        ("cifar10", "download it with `unperturb data fetch cifar10`"),
        ("notes.txt", "this is a file"),
        ("empty", "empty holds no data set that can be read"),
    ] {
        let said = place.refused(1, &["data", "info", path]);
        assert!(said.starts_with("cannot describe the data: ") && said.contains(reason), "{said}");
    }
}

#[test]
fn data_fetch_takes_what_is_there_and_refuses_what_it_must() {
    let place = Place::new();
    place.write("data/cifar-10-batches-bin/test_batch.bin", b"");
    let (text, json) = place.done_with_json(&["data", "fetch", "cifar10"]);
    assert_eq!(text, format!("cifar10 is in {}\n", Path::new("data").join("cifar-10-batches-bin").display()));
    assert_eq!(json["name"], "cifar10");

    let said = place.refused(2, &["data", "fetch", "imagenet"]);
    assert!(said.contains("'imagenet'") && said.contains("cifar10, cifar100"), "{said}");

    // An archive that was brought along is checked, kept, and not unpacked.
    place.write("brought/cifar-10-binary.tar.gz", b"something else");
    let said = place.refused(1, &["data", "fetch", "cifar10", "--dir", "brought", "--quiet"]);
    assert!(
        said.starts_with("cannot fetch cifar10: ") && said.contains("is not the published file"),
        "{said}"
    );
    let left: Vec<_> = fs::read_dir(place.path("brought")).unwrap().collect();
    assert_eq!(left.len(), 1);

    place.write("file", b"");
    let said = place.refused(1, &["data", "fetch", "cifar10", "--dir", "file/below"]);
    assert!(said.contains("cannot write file/below"), "{said}");
}

#[test]
fn inspect_says_what_a_classifier_is() {
    let place = Place::new();
    place.classifier("net.safetensors");
    let (text, json) = place.done_with_json(&["inspect", "net.safetensors"]);
    for part in ["resnet8x4, 10 classes (the file says)", "cifar10", "standard, 3 epochs", "all finite"] {
        assert!(text.contains(part), "{text}");
    }
    let contents = &json["contents"];
    assert_eq!((&contents["kind"], &contents["net"]), (&"classifier".into(), &"resnet8x4".into()));
    assert_eq!((&contents["problem"], &contents["unused"]), (&Value::Null, &Value::Array(vec![])));
    assert_eq!((&json["finite"], &json["command"]), (&true.into(), &"inspect".into()));
    // A row for each tensor, as the file has them.
    let first = json["tensors"].as_array().unwrap().iter().find(|t| t["name"] == "conv1.weight").unwrap();
    assert_eq!((&first["type"], &first["shape"]), (&"F32".into(), &serde_json::json!([4, 3, 3, 3])));
    assert!(text.lines().any(|line| line.split_whitespace().eq([
        "conv1.weight",
        "F32",
        "[4,",
        "3,",
        "3,",
        "3]",
        "108",
        "0"
    ])));
}

#[test]
fn inspect_refuses_damaged_and_foreign_files() {
    let place = Place::new();
    let bytes = fs::read(place.classifier("net.safetensors")).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    for length in [0, 1, 7, 8, 9, header / 2, header - 1, header, header + 1, bytes.len() - 1] {
        place.write("cut", &bytes[..length]);
        let said = place.refused(1, &["inspect", "cut"]);
        assert!(
            said.starts_with("cannot inspect the checkpoint: cut: it is not a whole safetensors file"),
            "{said}"
        );
    }
    for foreign in [&b"PK\x03\x04 an archive of PyTorch"[..], b"\x89PNG\r\n\x1a\n", &[0xff; 64], &[0; 64]] {
        place.write("foreign", foreign);
        place.refused(1, &["inspect", "foreign", "--json", "result.json"]);
    }
    for path in ["missing", "."] {
        let said = place.refused(1, &["inspect", path]);
        assert!(said.starts_with(&format!("cannot inspect the checkpoint: cannot read {path}: ")), "{said}");
    }
    place.refused(2, &["inspect"]);
}

/// The net of Carmon et al. 2019 in small, as PyTorch saved it: wrapped, in half precision, with a stage too many.
fn carmon(place: &Place) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/checkpoints/carmon-twin.pt");
    fs::copy(golden, place.path("twin.pt")).unwrap();
}

#[test]
fn inspect_recognises_what_pytorch_saved() {
    let place = Place::new();
    carmon(&place);
    let (text, json) = place.done_with_json(&["inspect", "twin.pt"]);
    assert!(text.contains("wrn-10-1, 10 classes (by names and shapes)"), "{text}");
    let contents = &json["contents"];
    assert_eq!((&contents["net"], &contents["problem"]), (&"wrn-10-1".into(), &Value::Null));
    let unused = contents["unused"].as_array().unwrap();
    assert_eq!(unused.len(), 10);
    assert!(unused.iter().all(|name| name.as_str().unwrap().starts_with("sub_block1.layer.0.")), "{json}");
    let tensors = json["tensors"].as_array().unwrap();
    let kind = |name: &str| tensors.iter().find(|t| t["name"] == name).map(|t| t["type"].clone());
    assert_eq!(kind("block1.layer.0.conv1.weight"), Some("F16".into()));
    assert_eq!(kind("bn1.num_batches_tracked"), Some("I64".into()));
}

#[test]
fn export_writes_the_tensors_of_the_net_and_no_others() {
    let place = Place::new();
    carmon(&place);
    let (text, json) = place.done_with_json(&["export", "twin.pt", "--out", "twin.safetensors"]);
    assert_eq!(text, "twin.safetensors: wrn-10-1, 10 classes, 39 tensors, 78,330 numbers\n");
    assert_eq!((&json["command"], &json["tensors"]), (&"export".into(), &39.into()));
    let exported = Checkpoint::read(&place.path("twin.safetensors")).unwrap();
    assert_eq!(exported.metadata["format"], "pt");
    // Of names, shapes and numbers, as PyTorch has them.
    assert_eq!(exported.weights.digest(), "d4a3996fb3e40d0a");

    // A file of ours still says what it is.
    place.classifier("net.safetensors");
    place.done(&["export", "net.safetensors", "--out", "again.safetensors"]);
    let [net, again] =
        ["net", "again"].map(|name| Checkpoint::read(&place.path(&format!("{name}.safetensors"))));
    assert_eq!(again.unwrap(), net.unwrap());

    let said = place.refused(1, &["export", "wrn-16-1:twin.pt", "--out", "no"]);
    let missing = "twin.pt: the tensor 'block1.layer.1.bn1.weight' of shape [16] is missing";
    assert!(said.starts_with(&format!("cannot export the net: {missing}")), "{said}");
    let mut foreign = Weights::default();
    foreign.tensors.insert("w".into(), Tensor { shape: vec![1], data: vec![0.0] });
    place.write("nothing.safetensors", &Checkpoint::new(foreign, Default::default()).to_bytes().unwrap());
    let said = place.refused(1, &["export", "nothing.safetensors", "--out", "no"]);
    assert!(said.contains("it fits no net that is known here"), "{said}");
    assert!(!place.path("no").exists());
}

#[test]
fn a_foreign_classifier_that_is_another_net_is_named() {
    let place = Place::new();
    carmon(&place);
    let line = "evaluate --data shapes --images 4 --attack none --classifier wrn-16-1:twin.pt";
    let said = place.refused(1, &line.split(' ').collect::<Vec<_>>());
    let missing = "twin.pt: the tensor 'block1.layer.1.bn1.weight' of shape [16] is missing";
    assert_eq!(
        said,
        format!("cannot use the classifier: {missing}; the file fits another net: wrn-10-1, 10 classes")
    );
    place.done(&line.replace("wrn-16-1", "wrn-10-1").split(' ').collect::<Vec<_>>());
}

#[test]
fn a_result_that_cannot_be_written_is_printed_all_the_same() {
    let place = Place::new();
    place.write("file", b"");
    for (path, reason) in [
        ("missing/result.json", "its folder does not exist"),
        ("file/result.json", "what should be its folder is a file"),
        (".", "it is a folder"),
    ] {
        let output = place.command(&["data", "info", "shapes", "--json", path]).output().unwrap();
        assert_eq!(sentence(1, &output), format!("cannot write `{path}`: {reason}"));
        assert!(!output.stdout.is_empty());
        assert_eq!(place.names(), ["file"]);
    }
}

/// `/dev/full` is a disk that is always full.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one_sentence() {
    let place = Place::new();
    let output = place.command(&["data", "info", "shapes", "--json", "/dev/full"]).output().unwrap();
    assert_eq!(sentence(1, &output), "cannot write `/dev/full`: the disk is full");
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = place.command(&["data", "info", "shapes"]).stdout(full).output().unwrap();
    assert!(sentence(1, &output).starts_with("cannot write to standard output: "));
}

#[test]
fn bench_times_what_has_the_filter_in_its_name() {
    let place = Place::new();
    let (text, json) = place.done_with_json(&["bench", "conv2d 8x8 64->", "--device", "cpu"]);
    let measured = json["measurements"].as_array().unwrap();
    assert_eq!(measured.len(), 1, "{json}");
    assert_eq!(
        (&measured[0]["name"], &measured[0]["unit"]),
        (&"conv2d 8x8 64->64".into(), &"GFLOP/s".into())
    );
    let (median, fastest) = (&measured[0]["median_seconds"], &measured[0]["fastest_seconds"]);
    assert!(0.0 < fastest.as_f64().unwrap() && fastest.as_f64() <= median.as_f64(), "{json}");
    assert!(measured[0]["first_seconds"].as_f64().unwrap() > 0.0, "{json}");
    assert_eq!(measured[0].get("profile"), None);
    // 2 x 32 images x 8 x 8 pixels x 64 x 64 channels x 9.
    let operations = measured[0]["rate"].as_f64().unwrap() * 1e9 * median.as_f64().unwrap();
    assert!((operations - 150_994_944.0).abs() < 1.0, "{operations}");
    assert!(
        text.starts_with(json["device"].as_str().unwrap()) && text.contains("conv2d 8x8 64->64"),
        "{text}"
    );
}

#[test]
fn bench_takes_a_whole_name_and_a_batch() {
    let place = Place::new();
    // Others have it in their names, too.
    let name = "conv2d and gradients 32x32 64->64";
    let (_, json) = place.done_with_json(&["bench", name, "--batch", "1", "--device", "cpu"]);
    let measured = json["measurements"].as_array().unwrap();
    assert_eq!((measured.len(), &measured[0]["name"]), (1, &name.into()), "{json}");
    let rate =
        |measured: &Value| measured["rate"].as_f64().unwrap() * measured["median_seconds"].as_f64().unwrap();
    // Three times 2 x 1 image x 32 x 32 pixels x 64 x 64 channels x 9.
    let operations = rate(&measured[0]) * 1e9;
    assert!((operations - 226_492_416.0).abs() < 1.0, "{operations}");

    let arguments = ["bench", "resnet20", "--batch", "2", "--device", "cpu"];
    let (_, json) = place.done_with_json(&arguments);
    let measured = json["measurements"].as_array().unwrap();
    assert_eq!(measured.len(), 3, "{json}");
    assert!(measured.iter().all(|step| (rate(step) - 2.0).abs() < 1e-6), "{json}");
}

#[test]
fn bench_shows_where_the_time_of_a_step_goes() {
    let place = Place::new();
    for device in ["cpu", "gpu"] {
        let arguments = ["bench", "resnet20 pgd step", "--profile", "--batch", "2", "--device", device];
        let (text, json) = place.done_with_json(&arguments);
        assert!(text.contains("\nresnet20 pgd step, ") && text.contains("\nall kernels "), "{text}");
        let profile = &json["measurements"][0]["profile"];
        let kernels = profile["kernels"].as_array().unwrap();
        let seconds: f64 = kernels.iter().map(|kernel| kernel["seconds"].as_f64().unwrap()).sum();
        let (wall, all) =
            (profile["wall_seconds"].as_f64().unwrap(), profile["kernel_seconds"].as_f64().unwrap());
        assert!((seconds - all).abs() < 1e-9 && 0.0 < all && all <= wall, "{json}");
        // The attack needs no gradient of a weight, and its start is a program of its own.
        let labels: Vec<&str> = kernels.iter().map(|kernel| kernel["label"].as_str().unwrap()).collect();
        assert!(labels.iter().any(|label| label.starts_with("conv2d")), "{labels:?}");
        assert!(!labels.iter().any(|label| label.contains("weight gradient")), "{labels:?}");
    }
    // Kernels alone are a line already.
    let (_, json) = place.done_with_json(&["bench", "sum over pixels", "--profile", "--device", "cpu"]);
    assert_eq!(json["measurements"][0].get("profile"), None);
}

#[test]
fn results_tell_of_half_precision() {
    let place = Place::new();
    place.classifier("net");
    let words = "attack --data shapes --images 4 --classifier net --attack fgsm --out o.st --device gpu --precision f16";
    let (_, json) = place.done_with_json(&words.split_whitespace().collect::<Vec<_>>());
    let device = json["device"].as_str().expect("a device");
    assert!(device.starts_with("gpu:") && device.ends_with(", half precision"), "{device}");
}

#[test]
fn bench_refuses_filters_and_devices_that_there_are_not() {
    let place = Place::new();
    let said = place.refused(2, &["bench", "conv3d"]);
    assert!(
        said.contains("no benchmark has `conv3d` in its name") && said.contains("resnet20 pgd step"),
        "{said}"
    );
    place.refused(2, &["bench", "matmul", "--batch", "0"]);
    place.refused(1, &["bench", "matmul", "--device", "gpu:99"]);
    place.refused(2, &["bench", "matmul", "--device", "cpu", "--precision", "f16"]);
}

#[test]
fn unknown_nets_are_wrong_use() {
    let place = Place::new();
    for arguments in [
        &["train", "classifier", "--data", "shapes", "--recipe", "standard", "--out", "o", "--net", "vgg16"]
            [..],
        &[
            "train",
            "classifier",
            "--data",
            "shapes",
            "--recipe",
            "standard",
            "--out",
            "o",
            "--net",
            "resnet21",
        ],
        &["evaluate", "--data", "shapes", "--classifier", "vgg16:net.safetensors"],
    ] {
        let said = place.refused(2, arguments);
        assert!(said.contains("there is no net '") && said.contains("known are resnet20"), "{said}");
    }
}
