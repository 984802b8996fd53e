//! Attacks: how a classifier's images are perturbed against it.

pub mod projected_gradient;
mod spec;

pub use spec::{Attack, Attacks, Bim, Fgsm, Norm, Pgd, ProjectedGradient};
