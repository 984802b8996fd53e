//! Defences: how an attacked image is repaired before it is classified.

mod authors;
pub mod descent;
mod spec;
pub mod step;

pub use spec::{Combine, Defence, Defences, Direction, Objective, Positives, Reversal};

impl From<Positives> for unperturb_engine::ops::nt_xent::Positives {
    fn from(positives: Positives) -> Self {
        match positives {
            Positives::Authors => Self::Authors,
            Positives::Simclr => Self::SimClr,
        }
    }
}
