//! The rotation net, by itself and on a batch in all four rotations.

use unperturb_engine::Value;
use unperturb_nets::{Mode, RotationNet};

use crate::case::{Case, Input, key_of, pictures};
use crate::classifiers::classification;
use crate::golden::labels;

const NET: RotationNet = RotationNet { width: 24 };

/// The pass over the images of `mode`, upright. The net keeps its pooled features to itself; the
/// gradient of the last layer's weights is made of them.
pub fn case(mode: Mode) -> Case {
    let images = if mode == Mode::Train { "rotation 5" } else { "rotation" };
    let count = 2;
    let inputs = vec![("image", pictures(images, count, 32)), ("labels", Input::Labels(labels(count, 4)))];
    let case = Case::new("rotation", key_of(mode), mode, inputs, move |scope| {
        let images = scope.graph().state("image", [count, 32, 32, 3]);
        let logits = NET.trace(scope, images);
        classification(scope, images, logits, vec![("logits", logits)])
    });
    case.hiding("features")
}

#[test]
fn in_evaluation() {
    case(Mode::Evaluate).hold();
}

#[test]
fn in_training() {
    case(Mode::Train).hold();
}

#[test]
fn on_every_rotation_of_a_batch() {
    let targets = (0..4).flat_map(|quarters| [quarters; 2]).collect();
    let inputs = vec![("image", pictures("rotation", 2, 32)), ("labels", Input::Labels(targets))];
    let case = Case::new("rotation", "task", Mode::Evaluate, inputs, |scope| {
        let images = scope.graph().state("image", [2, 32, 32, 3]);
        let rotated: Vec<Value> = (0..4).map(|quarters| images.rotate90(quarters)).collect();
        let logits = NET.trace(scope, Value::concatenate(&rotated, 0));
        classification(scope, images, logits, vec![("logits", logits)])
    });
    case.hiding("features").hold();
}
