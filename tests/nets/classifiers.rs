//! The classifiers.

use unperturb_engine::Value;
use unperturb_nets::{Classifier, Mode, Normalization, Scope};

use crate::case::{Case, Input, Traced, images_of, key_of, pictures};
use crate::golden::labels;

/// The pass of the classifier called `name` over the images of `mode`.
pub fn case(name: &'static str, mode: Mode) -> Case {
    case_of_size(name, mode, 32)
}

/// The same over images of another height and width.
fn case_of_size(name: &'static str, mode: Mode, size: usize) -> Case {
    let architecture = name.parse().expect("the name of a classifier");
    let net = Classifier { architecture, classes: 10, normalization: Normalization::NONE };
    let count = images_of(mode);
    let inputs =
        vec![("image", pictures(name, count, size)), ("labels", Input::Labels(labels(count, net.classes)))];
    Case::new(name, key_of(mode), mode, inputs, move |scope| {
        let images = scope.graph().state("image", [count, size, size, 3]);
        let features = net.trace(scope, images);
        let outputs = vec![("features", features.pooled), ("logits", features.logits)];
        classification(scope, images, features.logits, outputs)
    })
}

/// Adds cross-entropy with the labels to the outputs of a net on `images`.
pub fn classification<'g>(
    scope: &Scope<'g>,
    images: Value<'g>,
    logits: Value<'g>,
    outputs: Vec<(&'static str, Value<'g>)>,
) -> Traced<'g> {
    let labels = scope.graph().state_u32("labels", [logits.shape()[0]]);
    let losses = vec![("", logits.cross_entropy(labels, 0.0))];
    Traced { outputs, losses, leaves: vec![("image", images)] }
}

#[test]
fn resnet20_in_evaluation() {
    case("resnet20", Mode::Evaluate).hold();
}

#[test]
fn resnet20_under_attack() {
    case("resnet20", Mode::Evaluate).attack().hold();
}

#[test]
fn resnet20_in_training() {
    case("resnet20", Mode::Train).hold();
}

#[test]
fn wide_resnet_with_convolved_shortcuts_in_evaluation() {
    case("wrn-10-2", Mode::Evaluate).hold();
}

#[test]
fn wide_resnet_under_attack() {
    case("wrn-10-2", Mode::Evaluate).attack().hold();
}

#[test]
fn wide_resnet_with_convolved_shortcuts_in_training() {
    case("wrn-10-2", Mode::Train).hold();
}

#[test]
fn wide_resnet_with_identity_shortcuts_in_evaluation() {
    case("wrn-16-1", Mode::Evaluate).hold();
}

#[test]
fn wide_resnet_with_identity_shortcuts_in_training() {
    case("wrn-16-1", Mode::Train).hold();
}

#[test]
fn resnet_with_projections_under_attack() {
    case("resnet14x8-projection", Mode::Evaluate).attack().hold();
}

#[test]
fn resnet18_under_attack() {
    case("resnet18x4", Mode::Evaluate).attack().hold();
}

#[test]
fn resnet34_under_attack() {
    case("resnet34x2", Mode::Evaluate).attack().hold();
}

#[test]
fn resnet50_under_attack() {
    case("resnet50x2", Mode::Evaluate).attack().hold();
}

#[test]
fn resnet18_of_torchvision_under_attack() {
    case_of_size("resnet18x4-imagenet", Mode::Evaluate, 64).attack().hold();
}

#[test]
fn resnet50_of_torchvision_under_attack() {
    case_of_size("resnet50x2-imagenet", Mode::Evaluate, 64).attack().hold();
}

#[test]
fn pre_activated_resnet_under_attack() {
    case("preact-resnet18x4", Mode::Evaluate).attack().hold();
}

#[test]
fn pre_activated_resnet_with_a_last_norm_under_attack() {
    case("preact-resnet18x4-normalised", Mode::Evaluate).attack().hold();
}

#[test]
fn pre_activated_resnets_with_plain_shortcuts_under_attack() {
    case("preact-resnet18x4-plain", Mode::Evaluate).attack().hold();
    case("preact-resnet18x4-plain-normalised", Mode::Evaluate).attack().hold();
}
