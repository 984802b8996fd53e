//! What trainings write to the file of `--json`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::{done, sentence, train, training};

const SMALL: &str = "--data shapes --images 32 --net resnet8x2 --recipe fgsm --batch 16 --epochs 2 --seed 3";

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Every epoch with finite means.
fn epochs(result: &Value, has_accuracy: bool) -> Vec<u64> {
    let epochs = result["epochs"].as_array().unwrap().iter();
    epochs
        .map(|epoch| {
            assert!(epoch["loss"].as_f64().unwrap() > 0.0, "{epoch}");
            let accuracy = epoch.get("accuracy").map(|accuracy| accuracy.as_f64().unwrap());
            assert!(accuracy.is_some() == has_accuracy, "{epoch}");
            assert!(accuracy.is_none_or(|accuracy| (0.0..=1.0).contains(&accuracy)), "{epoch}");
            epoch["epoch"].as_u64().unwrap()
        })
        .collect()
}

#[test]
fn trainings_say_what_they_did() {
    let folder = tempfile::tempdir().unwrap();
    let (out, result) = (folder.path().join("net"), folder.path().join("result.json"));
    done(train(SMALL, &out).arg("--json").arg(&result));
    let classifier = read(&result);
    for (key, expected) in [
        ("command", json!("train classifier")),
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("seed", json!(3)),
        ("dataset", json!({"name": "shapes", "split": "train", "images": 32})),
        ("net", json!("resnet8x2")),
        ("classes", json!(10)),
        ("file", json!(out.display().to_string())),
        ("resumed", json!(false)),
    ] {
        assert_eq!(classifier[key], expected, "{key}");
    }
    assert!(classifier["device"].as_str().unwrap().starts_with("cpu"));
    assert!(classifier["seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(epochs(&classifier, true), [1, 2]);
    let recipe = json!({
        "name": "fgsm", "epochs": 2, "batch": 16, "schedule": "one-cycle", "ema": null, "from": null,
        "eps": "8/255", "step": "10/255", "attack_steps": 1,
    });
    for (key, expected) in recipe.as_object().unwrap() {
        assert_eq!(classifier["recipe"][key], *expected, "{key}");
    }
    assert!((classifier["recipe"]["learning_rate"].as_f64().unwrap() - 0.1).abs() < 1e-6);

    let options = format!(
        "--data shapes --images 32 --batch 16 --epochs 1,rotation=2 --width contrastive=8,rotation=6 --tasks \
         rotation,contrastive --resume --classifier {} --json {}",
        out.display(),
        result.display()
    );
    let tasks = folder.path().join("tasks");
    done(&mut training("tasks", &options, &tasks));
    let trained = read(&result);
    assert_eq!(
        (&trained["command"], &trained["classifier"]["net"]),
        (&json!("train tasks"), &json!("resnet8x2"))
    );
    assert_eq!(trained["classifier"]["parameters"], classifier["parameters"]);
    let [rotation, contrastive] = trained["tasks"].as_array().unwrap().as_slice() else {
        panic!("{trained}")
    };
    assert_eq!((&rotation["task"], &contrastive["task"]), (&json!("rotation"), &json!("contrastive")));
    assert_eq!((epochs(rotation, false), epochs(contrastive, false)), (vec![1, 2], vec![1]));
    assert_eq!((&rotation["recipe"]["epochs"], &rotation["net"]["net"]["width"]), (&json!(2), &json!(6)));
    assert_eq!(contrastive["file"], json!(tasks.join("contrastive.safetensors").display().to_string()));

    // Once more there is nothing left to do.
    done(&mut training("tasks", &options, &tasks));
    let nothing = read(&result);
    assert_eq!((&nothing["tasks"], nothing["already_there"].as_array().unwrap().len()), (&json!([]), 2));
}

#[test]
fn a_result_that_cannot_be_written_is_refused_before_the_training() {
    let folder = tempfile::tempdir().unwrap();
    let result = folder.path().join("missing/result.json");
    for what in ["classifier", "tasks"] {
        let options = match what {
            "classifier" => "--data nowhere --recipe standard",
            _ => "--data nowhere --classifier none",
        };
        let mut command = training(what, options, &folder.path().join("out"));
        let said = sentence(&command.arg("--json").arg(&result).output().unwrap(), 1);
        assert_eq!(said, format!("cannot write `{}`: its folder does not exist", result.display()));
    }
    assert!(crate::files(folder.path()).is_empty());
}
