//! GPU kernels of convolutions. A folder entry is one manner of running them (a variant); all of them read
//! and write pixels through the functions of `pixels.rs`.

mod blocks;
mod correlation;
pub(crate) mod lanes;
mod lanes_weights;
pub(crate) mod pixels;
mod portable;
mod winograd;

use super::Geometry;
use super::fused::Epilogue;
use crate::ops::blocks::{Cut, variants};
use crate::runtime::gpu::{Abilities, Lowered, Stored, Variant};
pub(crate) use correlation::Correlation;

/// Which of the two passes that make pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// The output from the input.
    Forward,
    /// The gradient of the input from that of the output.
    InputGradient,
}

/// The pass on any adapter. Operands are the source, the weights and then those of `epilogue`.
pub fn correlation(correlation: &Correlation, epilogue: Option<&Epilogue>) -> Lowered {
    portable::correlation(correlation, epilogue)
}

/// All ways to run the pass, the likely best first.
pub fn correlation_variants(
    correlation: &Correlation,
    epilogue: Option<&Epilogue>,
    abilities: &Abilities,
) -> Vec<Variant> {
    let lanes = abilities.lanes(|| Some(lanes::correlate(correlation, epilogue, abilities)));
    let launch = |cut: &Cut, to| blocks::correlation(correlation, epilogue, cut, to);
    let mut blocks = variants(blocks::product(correlation), abilities, launch);
    insert(winograd::correlation(correlation, epilogue, abilities), &mut blocks);
    Variant::all(lanes, blocks, portable::correlation(correlation, epilogue), abilities)
}

/// What a launch sees as its params.
fn words(params: &[[usize; 4]]) -> Vec<u32> {
    params.concat().into_iter().map(|word| word as u32).collect()
}

/// Puts the variant by tiles behind the likely best, which is taken where there is no time to measure.
fn insert(by_tiles: Option<Variant>, blocks: &mut Vec<Variant>) {
    let place = blocks.len().min(1);
    blocks.splice(place..place, by_tiles);
}

/// The gradient of the weights on any adapter, from images and gradients that are `stored` so.
pub fn weight_gradient(g: &Geometry, stored: [Stored; 2]) -> Lowered {
    portable::weight_gradient(g, stored)
}

/// All ways to make the gradient of the weights, the likely best first.
pub fn weight_gradient_variants(g: &Geometry, stored: [Stored; 2], abilities: &Abilities) -> Vec<Variant> {
    let lanes = abilities.lanes(|| Some(lanes_weights::weight_gradient(g, abilities)));
    let launch = |cut: &Cut, to| blocks::weight_gradient(g, cut, to);
    let mut blocks = variants(blocks::weight_product(g, stored), abilities, launch);
    insert(winograd::weight_gradient(g, stored, abilities), &mut blocks);
    Variant::all(lanes, blocks, weight_gradient(g, stored), abilities)
}
