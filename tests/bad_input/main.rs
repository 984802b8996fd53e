//! What `evaluate`, `attack`, `repair` and `demo` do about input that is no good: one sentence on standard error, exit
//! status 1 where it failed and 2 where the arguments are wrong, no result, and nothing half-written.

mod checkpoints;
mod devices;
mod options;
mod outputs;
#[path = "../support/pictures.rs"]
mod picture_folder;
mod pictures;
#[path = "../support/place.rs"]
mod place;

use std::fs;

use place::Place;
use serde_json::Value;
use unperturb::task::Task;
use unperturb::task::nets::TaskNet;
use unperturb_nets::{ContextEncoder, ContrastiveHead, Normalization, RotationNet, SimClr, Weights};

/// A run of each command that takes a classifier, on the CPU runtime, with all that [`furnished`] provides.
const EVALUATE: &str =
    "evaluate --quiet --device cpu --data shapes --images 4 --classifier net --attack none";
const ATTACK: &str =
    "attack --quiet --device cpu --data shapes --images 4 --classifier net --attack fgsm --out o.st";
const REPAIR: &str = "repair in.png --quiet --device cpu --classifier net --defence none --out out";
const COMMANDS: [&str; 3] = [EVALUATE, ATTACK, REPAIR];

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// A folder with a classifier `net`, its tasks' nets in `tasks`, a picture `in.png`, a `file` and an `empty` folder.
fn furnished() -> Place {
    let place = Place::new();
    place.classifier("net");
    for net in task_nets() {
        let path = TaskNet::path(&place.path("tasks"), net.task());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        net.checkpoint(weights(&net)).write(&path).unwrap();
    }
    image::RgbImage::from_pixel(32, 32, image::Rgb([200, 100, 50])).save(place.path("in.png")).unwrap();
    place.write("file", b"neither a picture nor a net");
    fs::create_dir(place.path("empty")).unwrap();
    place
}

fn task_nets() -> [TaskNet; 3] {
    [
        TaskNet::Contrastive { head: ContrastiveHead { features: 16, hidden: 4, embedding: 4 } },
        TaskNet::Rotation { net: RotationNet { width: 6 }, normalization: Normalization::NONE },
        TaskNet::Inpainting { net: ContextEncoder { size: 32, width: 2, latent: 4 } },
    ]
}

/// A contrastive net of its own, which goes with any classifier.
fn simclr() -> TaskNet {
    let net = SimClr { hidden: 6, embedding: 4, ..SimClr::new("resnet8x2".parse().unwrap()) };
    TaskNet::SimClr { net, normalization: Normalization::NONE }
}

fn task_net(task: Task) -> TaskNet {
    task_nets().into_iter().find(|net| net.task() == task).unwrap()
}

fn weights(net: &TaskNet) -> Weights {
    Weights::initial(&net.specifications(), 0)
}

/// What all the others are compared with: with good input the same command lines do what they are asked to.
#[test]
fn good_input_is_taken() {
    let place = furnished();
    for line in COMMANDS {
        assert!(!place.done(&words(line)).is_empty());
    }
    let line = format!("{EVALUATE} --tasks tasks --defence none,multi-task:steps=2");
    let (text, json) = place.done_with_json(&words(&line));
    assert!(text.contains("task forwards"), "{text}");
    let passes = ["forwards", "backwards", "task_forwards", "task_backwards"];
    let passes = |row: &Value| passes.map(|passes| row[format!("{passes}_per_image")].as_u64().unwrap());
    assert_eq!(passes(&json["rows"][0]), [1, 0, 0, 0]);
    // Two views, four rotations and one hole a step; gradients of the views and of either of the others.
    assert_eq!(passes(&json["rows"][1]), [5, 4, 14, 9]);
    assert!(place.path("out/00000-in.png").exists() && place.path("o.st").exists());

    // SimCLR in place of the head: the views are no longer the classifier's.
    simclr().checkpoint(weights(&simclr())).write(&place.path("tasks/contrastive.safetensors")).unwrap();
    assert_eq!(passes(&place.done_with_json(&words(&line)).1["rows"][1]), [1, 0, 14, 9]);
    let line = REPAIR.replace("--defence none", "--defence multi-task:steps=1 --tasks tasks");
    assert!(!place.done(&words(&line)).is_empty());
}
