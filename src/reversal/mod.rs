//! Defences: how an attacked image is repaired before it is classified.

mod spec;

pub use spec::{Combine, Defence, Defences, Objective, Positives, Reversal};
