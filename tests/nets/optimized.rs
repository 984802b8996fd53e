//! Optimizing a program leaves its results as they were, up to rounding.

use unperturb_nets::Mode;

use crate::case::{Case, devices};
use crate::golden::normalised_error;
use crate::{classifiers, context_encoder, contrastive, rotation};

/// Bound on |optimized - traced|^2 / |traced|^2: folding rounds weights anew.
const BOUND: f64 = 1e-10;

fn holds(case: Case) {
    for device in devices() {
        let (traced, optimized) = (case.run(&device, false), case.run(&device, true));
        assert!(
            optimized.steps * 10 < traced.steps * 9,
            "of {} operations {} are left",
            traced.steps,
            optimized.steps
        );
        for (name, expected) in &traced.tensors {
            let found = &optimized.tensors[name];
            let error = normalised_error(found, expected);
            assert!(error <= BOUND, "{name} on {device}: {error:.1e} over {BOUND:.0e}");
        }
    }
}

#[test]
fn resnet20_under_attack() {
    holds(classifiers::case("resnet20", Mode::Evaluate).attack());
}

#[test]
fn resnet20_in_training() {
    holds(classifiers::case("resnet20", Mode::Train));
}

#[test]
fn wide_resnet_under_attack() {
    holds(classifiers::case("wrn-10-2", Mode::Evaluate).attack());
}

#[test]
fn rotation_net_in_a_reversal() {
    holds(rotation::case(Mode::Evaluate).attack());
}

#[test]
fn simclr_in_a_reversal() {
    holds(contrastive::simclr(Mode::Evaluate).attack());
}

#[test]
fn context_encoder_in_a_reversal() {
    holds(context_encoder::case("context-encoder-32", 32, Mode::Evaluate).attack());
}
