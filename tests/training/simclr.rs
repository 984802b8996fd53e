//! A contrastive net of its own: trained, looked into, written for PyTorch.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use unperturb::model::Model;
use unperturb::task::nets::TaskNet;
use unperturb_nets::checkpoint::Checkpoint;
use unperturb_nets::{Classifier, Normalization, SimClr, Weights};

use crate::sentence;

/// `unperturb LINE` in a folder.
fn command(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unperturb"));
    command.current_dir(folder).args(line.split_whitespace()).args(["--quiet", "--device", "cpu"]);
    command
}

/// The JSON of a command that must succeed.
fn result(folder: &Path, line: &str) -> Value {
    crate::done(command(folder, line).args(["--json", "result"]));
    serde_json::from_slice(&fs::read(folder.join("result")).unwrap()).unwrap()
}

#[test]
fn simclr_learns_and_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let normalization = Normalization::CIFAR10;
    let classifier = Classifier { architecture: "resnet8x2".parse().unwrap(), classes: 10, normalization };
    let weights = Weights::initial(&classifier.specifications(), 0);
    Model::new(classifier, weights, "test").unwrap().write(&folder.join("classifier"), "none").unwrap();
    let trained = result(
        folder,
        "train tasks --data shapes --images 512 --classifier classifier --tasks contrastive --simclr resnet8 \
         --width contrastive=4 --batch 32 --epochs 6 --out tasks",
    );
    let task = &trained["tasks"][0];
    assert_eq!((&task["task"], &task["net"]["net"]["encoder"]), (&json!("contrastive"), &json!("resnet8x4")));
    let losses: Vec<f64> =
        task["epochs"].as_array().unwrap().iter().map(|epoch| epoch["loss"].as_f64().unwrap()).collect();
    // Of 63 other views one is that of the same picture: who cannot tell has a loss of ln 63 = 4.14.
    let known = losses[0].min(63_f64.ln());
    assert!(losses[5] < known - 0.15, "{losses:?}");

    let checkpoint = Checkpoint::read(&folder.join("tasks/contrastive.safetensors")).unwrap();
    let net = SimClr::new("resnet8x4".parse().unwrap());
    let described = TaskNet::described(&checkpoint, "the file").unwrap();
    assert_eq!(described, TaskNet::SimClr { net, normalization });
    checkpoint.weights.check(&described.specifications(), "the file").unwrap();

    let inspected = result(folder, "inspect tasks/contrastive.safetensors");
    let words = "SimCLR with resnet8x4, 16 features to 16 to 128";
    let contents = json!({
        "kind": "task", "task": "contrastive", "net": words, "parameters": task["parameters"], "problem": null,
    });
    assert_eq!(inspected["contents"], contents);

    let exported = result(folder, "export tasks/contrastive.safetensors --out exported");
    assert_eq!(exported["net"], words);
    let exported = Checkpoint::read(&folder.join("exported")).unwrap();
    assert_eq!(exported.weights, checkpoint.weights);
    let shapes = ["conv1.weight", "layer3.0.bn2.running_var", "linear.0.weight", "linear.2.weight"]
        .map(|name| exported.weights.tensors[&format!("backbone.{name}")].shape.clone());
    assert_eq!(shapes, [vec![4, 3, 3, 3], vec![16], vec![16, 16], vec![128, 16]]);

    // Without its description it is known by names and shapes.
    Checkpoint::new(checkpoint.weights, Default::default()).write(&folder.join("foreign")).unwrap();
    let inspected = result(folder, "inspect foreign");
    assert_eq!(
        (&inspected["contents"]["kind"], &inspected["contents"]["net"]),
        (&json!("net"), &json!(words))
    );
}

#[test]
fn an_encoder_that_there_is_not_is_refused_before_any_training() {
    let folder = tempfile::tempdir().unwrap();
    let classifier = Path::new(env!("CARGO_MANIFEST_DIR")).join("nets/builtin/classifier.safetensors");
    fs::copy(classifier, folder.path().join("net")).unwrap();
    for (options, expected) in [
        ("--simclr vgg16", "invalid value 'vgg16' for '--simclr <NET>': there is no net 'vgg16'; known are "),
        ("--simclr resnet20 --width 99999", "there is no net 'resnet20x99999'; known are "),
    ] {
        let line = format!("train tasks --data shapes --images 32 --classifier net --out tasks {options}");
        let line = format!("{line} --tasks rotation,contrastive");
        let said = sentence(&command(folder.path(), &line).output().unwrap(), 2);
        assert!(said.starts_with(expected), "{said}");
        assert!(!folder.path().join("tasks/rotation.safetensors").exists());
    }
}
