//! Short trainings whose nets know more than before.

use std::path::Path;
use std::process::Command;

use unperturb::attack::IMAGES;
use unperturb::model::Model;
use unperturb_data::{Batches, OpenOptions, Split, open_with};
use unperturb_engine::{Device, Graph, Session};

use crate::{done, train};

/// The share of 400 test pictures of `shapes` that the classifier in a file names rightly.
fn accuracy(file: &Path) -> f64 {
    const IMAGES_TESTED: usize = 400;
    let model = Model::read(file).unwrap();
    let options = OpenOptions { limit: Some(IMAGES_TESTED), ..Default::default() };
    let data = open_with("shapes", Split::Test, options).unwrap();
    let g = Graph::new();
    let images = g.state(IMAGES, [IMAGES_TESTED, 32, 32, 3]);
    g.output("answers", model.trace(&g, images).logits.argmax(1).reshape([IMAGES_TESTED]));
    let mut session = Session::new(&Device::cpu());
    let program = session.compile(&g).unwrap();
    model.load(&mut session).unwrap();
    let (mut pictures, mut labels) = (vec![0.0; IMAGES_TESTED * data.picture_len()], vec![0; IMAGES_TESTED]);
    Batches::new(&data, IMAGES_TESTED).unwrap().fill(0, 0, &mut pictures, &mut labels).unwrap();
    session.write(IMAGES, &pictures).unwrap();
    session.run(&program, 1).unwrap();
    let answers = session.read_u32("answers").unwrap();
    let right = answers.iter().zip(&labels).filter(|(answer, label)| answer == label).count();
    right as f64 / IMAGES_TESTED as f64
}

/// Ten classes: chance is 10 %, and three standard deviations above it 14.5 %.
#[test]
fn standard_training_learns_to_see_new_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("net.safetensors");
    done(&mut train(
        "--data shapes --images 2000 --net resnet8x4 --recipe standard --batch 32 --epochs 8 --learning-rate 0.1",
        &out,
    ));
    let accuracy = accuracy(&out);
    assert!(accuracy > 0.3, "right on {:.1} % of new pictures", 100.0 * accuracy);
}

#[test]
fn training_against_pgd_ends_in_a_net_that_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("net.safetensors");
    done(&mut train(
        "--data shapes --images 64 --net wrn-10-1 --width 1 --recipe pgd --attack-steps 2 --batch 16 --epochs 1 \
         --schedule cosine --label-smoothing 0.1 --momentum 0",
        &out,
    ));
    let model = Model::read(&out).unwrap();
    assert_eq!(
        (model.classifier.architecture.to_string().as_str(), model.classifier.classes),
        ("wrn-10-1", 10)
    );
}

/// What fits only in parts is trained in parts, and says so.
#[test]
fn a_training_keeps_to_the_memory_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let options = "--data shapes --images 128 --net resnet8x4 --recipe fgsm --batch 64 --epochs 1 --ema 0.9";
    let said = |name: &str, more: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_unperturb"));
        command.args(["train", "classifier", "--device", "cpu", "--out"]).arg(folder.path().join(name));
        let output = command.args(format!("{options} {more}").split_whitespace()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (status, whole) = said("whole", "");
    assert!(status == Some(0) && !whole.contains("parts"), "{whole}");
    let (status, parts) = said("parts", "--memory 8MiB");
    assert!(status == Some(0) && parts.contains("each batch of 64 is taken in "), "{parts}");
    assert!(Model::read(&folder.path().join("parts")).is_ok());
    let (status, none) = said("none", "--memory 100KiB");
    assert!(status == Some(1) && none.contains("the memory budget has 100"), "{none}");
}
