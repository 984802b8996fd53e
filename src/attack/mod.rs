//! Attacks: how a classifier's images are perturbed against it.

mod spec;

pub use spec::{Attack, Attacks, Bim, Fgsm, Norm, Pgd, ProjectedGradient};
