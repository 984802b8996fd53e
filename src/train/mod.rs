//! Training: classifiers (standard or adversarial) and the nets of the self-supervised tasks.

pub mod classifier;
pub mod parts;
pub mod snapshot;
pub mod tasks;
pub mod trainer;
