//! What steps on a large net would take, planned and not run.

use unperturb_engine::ops::Op;
use unperturb_engine::ops::norms::Ball;
use unperturb_engine::optim::Parameter;
use unperturb_engine::{Device, Graph, Session};
use unperturb_nets::{Architecture, Classifier, Mode, Normalization, Scope};

use crate::{alone, evaluation_of, gpu, gradients};

const BATCH: usize = 64;

/// What PyTorch 2.1 keeps for the backward pass of the same step in evaluation mode: its saved tensors, which are the
/// operands of batch norms and of convolutions (`tests/golden/saved_tensors.py`), beside the weights. Its gradients and
/// the memory that its kernels work in come on top.
const PYTORCH_MIB: f64 = 1128.8 + 139.2;

/// wrn-28-10.
const NET: Classifier = Classifier {
    architecture: Architecture::WideResNet { depth: 28, widen: 10 },
    classes: 10,
    normalization: Normalization::NONE,
};

/// A step of PGD.
fn step(batch: usize) -> Graph {
    let shape = [batch, 32, 32, 3];
    let g = Graph::new();
    let (images, perturbation) = (g.state("images", shape), g.state("perturbation", shape));
    let scope = Scope::new(&g, "net", Mode::Evaluate);
    let logits = NET.trace(&scope, images + perturbation).logits;
    let loss = logits.cross_entropy(g.state_u32("labels", [batch]), 0.0).sum_all();
    let gradient = g.gradient(loss, &[perturbation]).expect("differentiable")[0];
    let moved = (perturbation + gradient.sign() * (2.0 / 255.0)).project(Ball::Linf(8.0 / 255.0));
    g.assign(perturbation, (images + moved).clamp(0.0, 1.0) - images);
    g
}

#[test]
fn an_attack_on_a_wide_net_plans_a_third_of_what_pytorch_keeps() {
    // Even a plan is on the heap, which other tests of this target measure.
    let _alone = alone();
    for device in [Device::cpu(), gpu()] {
        let plan = Session::new(&device).plan(&step(BATCH)).unwrap_or_else(|e| panic!("{device}: {e}"));
        let planned = plan.peak_bytes() as f64 / (1024.0 * 1024.0);
        eprintln!("{device}: {plan}");
        // Of most activations, one bit of each element waits for the backward pass.
        assert!(planned < 0.3 * PYTORCH_MIB, "{device}: {planned} MiB planned");
        let weight_gradients =
            plan.steps.iter().filter(|step| matches!(step.op, Op::Conv2dWeightGradient(_)));
        assert_eq!(weight_gradients.count(), 0, "an attack needs no gradient of the weights");
    }
}

/// Larger batches run the same operations on more.
#[test]
fn steps_do_not_grow_with_the_batch() {
    let _alone = alone();
    for device in [Device::cpu(), gpu()] {
        let session = Session::new(&device);
        let steps =
            |batch| session.plan(&step(batch)).unwrap_or_else(|e| panic!("{device}: {e}")).steps.len();
        assert_eq!(steps(4), steps(256), "{device}");
    }
}

/// The gradients of all weights, without an optimizer.
fn training() -> Graph {
    let g = Graph::new();
    for Parameter { name, gradient, .. } in gradients(&g, &NET, BATCH) {
        g.output(format!("gradient of {name}"), gradient);
    }
    g
}

/// What waits and what is read in half precision takes half as much; gradients, of which an attack's peak is made, do not.
#[test]
fn half_precision_takes_half_the_memory_for_activations() {
    let _alone = alone();
    let Device::Gpu(device) = gpu() else { unreachable!("it opens a GPU") };
    let half = device.with_half_precision().expect("this test needs 16-bit floats in shaders");
    // The same kernels for both, so that their scratch memory is the same.
    let [single, half] = [&device, &half].map(|device| Device::Gpu(device.preferring("portable")));
    let slabs = |device: &Device, graph: &Graph| -> f64 {
        let plan = Session::new(device).plan(graph).unwrap_or_else(|error| panic!("{device}: {error}"));
        eprintln!("{device}: {plan}");
        plan.slabs.iter().map(|&words| words as f64).sum()
    };
    for (name, graph, most) in
        [("evaluation", evaluation_of(&NET, BATCH), 0.55), ("training", training(), 0.6)]
    {
        let share = slabs(&half, &graph) / slabs(&single, &graph);
        assert!(share < most, "{name}: {share}");
    }
}
