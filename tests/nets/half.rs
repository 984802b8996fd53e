//! What half precision costs whole nets: their results and gradients against those in f32.

use unperturb_engine::Device;
use unperturb_engine::runtime::gpu::GpuDevice;
use unperturb_nets::Mode;

use crate::case::Case;
use crate::golden::normalised_error;
use crate::{classifiers, context_encoder, contrastive, rotation};

/// Bound on |half - single|^2 / |single|^2 of outputs, losses and running statistics; up to 5e-7 is met.
const FORWARD: f64 = 2e-6;
/// The same of gradients, where rounding turns some rectifiers on or off; up to 2e-2 is met.
const GRADIENT: f64 = 5e-2;
/// The largest error of a net is more than that of rounding to f32.
const ROUNDING: f64 = 1e-10;

fn holds(case: Case) {
    let gpu = GpuDevice::open(None).unwrap_or_else(|error| panic!("{error}"));
    let half = Device::Gpu(gpu.with_half_precision().unwrap_or_else(|error| panic!("{error}")));
    let (expected, found) = (case.run(&Device::cpu(), true), case.run(&half, true));
    let mut largest: f64 = 0.0;
    for (name, expected) in &expected.tensors {
        let error = normalised_error(&found.tensors[name], expected);
        let bound = if name.contains("grad.") { GRADIENT } else { FORWARD };
        assert!(error <= bound, "{name}: {error:.1e} over {bound:.0e}");
        largest = largest.max(error);
    }
    assert!(largest > ROUNDING, "{largest:.1e}: nothing was in half precision");
}

#[test]
fn resnet20() {
    holds(classifiers::case("resnet20", Mode::Evaluate).attack());
    holds(classifiers::case("resnet20", Mode::Train));
}

#[test]
fn wide_resnet() {
    holds(classifiers::case("wrn-10-2", Mode::Evaluate).attack());
}

#[test]
fn task_nets() {
    holds(rotation::case(Mode::Evaluate).attack());
    holds(contrastive::simclr(Mode::Evaluate).attack());
    holds(context_encoder::case("context-encoder-32", 32, Mode::Evaluate).attack());
}
