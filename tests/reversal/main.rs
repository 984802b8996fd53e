//! Reversals, on the built-in nets and the CPU runtime.

mod adaptive;
#[path = "../support/builtin.rs"]
mod builtin;
mod steps;

use unperturb::model::Model;
use unperturb::reversal::{Defence, Reversal};
use unperturb::task::Task;
use unperturb::task::nets::{TaskNet, TaskNets};
use unperturb_nets::{Normalization, SimClr, Weights};

const COUNT: usize = 4;
const SIZE: [usize; 2] = [32, 32];
const SHAPE: [usize; 4] = [COUNT, SIZE[0], SIZE[1], 3];

/// The built-in nets, but for the contrastive task SimCLR with its first weights, whose encoder has not the classifier's
/// sizes.
fn nets_with_simclr() -> (Model, TaskNets) {
    let (model, mut nets) = builtin::nets_of(&[Task::Rotation, Task::Inpainting]);
    let net = SimClr::new("resnet8x4".parse().expect("the name of a net"));
    let net = TaskNet::SimClr { net, normalization: Normalization::CIFAR10 };
    let checkpoint = net.checkpoint(Weights::initial(&net.specifications(), 1));
    nets.add(checkpoint, "first weights", Task::Contrastive, &model).expect("a net for any classifier");
    (model, nets)
}

fn reversal(text: &str) -> Reversal {
    match text.parse().unwrap_or_else(|error| panic!("{text}: {error}")) {
        Defence::Reversal(reversal) => reversal,
        other => panic!("{other} is no reversal"),
    }
}
