//! The contrastive head under NT-Xent, whose rows count the positives in either of two ways.

use unperturb_engine::ops::nt_xent::Positives;
use unperturb_nets::{ContrastiveHead, Mode};

use crate::case::{Case, Input, Traced, key_of};
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
