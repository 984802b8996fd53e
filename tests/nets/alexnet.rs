//! The AlexNet that tells rotations.

use unperturb_nets::{AlexNet, Mode};

use crate::case::{Case, Input, images_of, key_of, pictures};
use crate::classifiers::classification;
use crate::golden::labels;

#[test]
fn in_a_reversal() {
    let net = AlexNet { width: 4, hidden: 16, classes: 4 };
    let (mode, size) = (Mode::Evaluate, AlexNet::SIZE);
    let count = images_of(mode);
    let inputs = vec![
        ("image", pictures("alexnet", count, size)),
        ("labels", Input::Labels(labels(count, net.classes))),
    ];
    let case = Case::new("alexnet", key_of(mode), mode, inputs, move |scope| {
        let images = scope.graph().state("image", [count, size, size, 3]);
        let logits = net.trace(scope, images);
        classification(scope, images, logits, vec![("logits", logits)])
    });
    case.hiding("features").attack().hold();
}
