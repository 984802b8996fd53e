//! Random numbers of an attack. They belong to an image, not to its place in a batch, so that a result does not depend
//! on how images are batched.

use unperturb_engine::Graph;
use unperturb_engine::ops::random::{Random, philox4x32_10};

use super::RANDOM;

/// Whose random numbers are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeds {
    /// One state for all: trainings, whose batches are drawn as well.
    Batch,
    /// A state for each image, as [`of_image`] makes them.
    Image,
}

impl Seeds {
    /// The random numbers of a program on `count` images.
    pub fn random(self, g: &Graph, count: usize) -> Random<'_> {
        match self {
            Seeds::Batch => Random::new(g, RANDOM),
            Seeds::Image => Random::per_row(g, RANDOM, count),
        }
    }
}

/// The random state of one image for one round of one stage, `step` draws on. Seeds, stages and rounds make the key;
/// the step and the image are counted.
pub fn of_image(seed: u64, stage: u32, round: u32, step: u32, image: u32) -> [u32; 4] {
    let [low, high, ..] = philox4x32_10([stage, round, 0, 0], [seed as u32, (seed >> 32) as u32]);
    [low, high, step, image]
}
