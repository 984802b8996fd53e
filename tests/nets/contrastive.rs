//! The contrastive head under NT-Xent, whose rows count the positives in either of two ways, and SimCLR.

use unperturb_engine::ops::nt_xent::Positives;
use unperturb_nets::{ContrastiveHead, Mode, SimClr};

use crate::case::{Case, Input, Traced, key_of, pictures};
use crate::golden::signed;

const HEAD: ContrastiveHead = ContrastiveHead { features: 64, hidden: 256, embedding: 16 };
const TEMPERATURE: f32 = 0.2;
const IMAGES: usize = 4;

/// The pass over so many views of the images.
fn case(views: usize, mode: Mode) -> Case {
    let rows = IMAGES * views;
    let features = signed("contrastive/features", rows * HEAD.features);
    let inputs = vec![("features", Input::Numbers(features))];
    Case::new("contrastive", format!("{}.views{views}", key_of(mode)), mode, inputs, move |scope| {
        let features = scope.graph().state("features", [rows, HEAD.features]);
        let embeddings = HEAD.trace(scope, features);
        let loss = |positives| embeddings.nt_xent(views, TEMPERATURE, positives);
        Traced {
            outputs: vec![("embeddings", embeddings)],
            losses: vec![("authors.", loss(Positives::Authors)), ("simclr.", loss(Positives::SimClr))],
            leaves: vec![("features", features)],
        }
    })
}

/// The pass of SimCLR over two views of two images of 16x16.
pub fn simclr(mode: Mode) -> Case {
    let net = SimClr::new("resnet18x4".parse().expect("the name of a net"));
    let inputs = vec![("image", pictures("simclr", 4, 16))];
    Case::new("simclr", key_of(mode), mode, inputs, move |scope| {
        let images = scope.graph().state("image", [4, 16, 16, 3]);
        let embeddings = net.trace(scope, images);
        Traced {
            outputs: vec![("embeddings", embeddings)],
            losses: vec![("", embeddings.nt_xent(2, TEMPERATURE, Positives::SimClr))],
            leaves: vec![("image", images)],
        }
    })
}

#[test]
fn simclr_in_evaluation() {
    simclr(Mode::Evaluate).hold();
}

#[test]
fn simclr_in_training() {
    simclr(Mode::Train).hold();
}

#[test]
fn two_views_in_evaluation() {
    case(2, Mode::Evaluate).hold();
}

#[test]
fn two_views_in_training() {
    case(2, Mode::Train).hold();
}

#[test]
fn four_views_in_evaluation() {
    case(4, Mode::Evaluate).hold();
}

#[test]
fn four_views_in_training() {
    case(4, Mode::Train).hold();
}
