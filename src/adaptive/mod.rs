//! A reversal against attackers who know of it (`evaluate --protocol adaptive`): the rows of attacks, how the repaired
//! pictures are scored, and the controls. Follows what Croce et al. (2022), *Evaluating the Adversarial Robustness of
//! Adaptive Test-time Defenses*, found such defences to need. `docs/method.md` explains every row.

pub mod attacks;
pub mod defended;
pub mod ensemble;
pub mod pieces;
mod row;
pub mod scores;

pub use attacks::{Attacks, Found};
pub use pieces::{Piece, Pieces};
pub use row::{Budget, Row};
pub use scores::{Scorer, Scores};

use unperturb_engine::Device;

use crate::model::Model;
use crate::reversal::Reversal;
use crate::task::nets::TaskNets;

/// What is attacked, and with which pictures.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Where it runs.
    pub device: &'a Device,
    /// The classifier.
    pub model: &'a Model,
    /// The task nets.
    pub nets: &'a TaskNets,
    /// The repair.
    pub reversal: &'a Reversal,
    /// `[n, h, w, 3]` in [0, 1].
    pub images: &'a [f32],
    /// `[n]`
    pub labels: &'a [u32],
    /// Height and width.
    pub size: [usize; 2],
    /// Seed of everything random.
    pub seed: u64,
}

impl Subject<'_> {
    /// Values of a picture.
    pub fn length(&self) -> usize {
        self.size[0] * self.size[1] * 3
    }
}
