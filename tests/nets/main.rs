//! Whole nets on both runtimes: against PyTorch's values in `tests/golden`, and as traced against as optimized.

mod alexnet;
mod case;
mod classifiers;
mod context_encoder;
mod contrastive;
mod foreign;
#[path = "../golden/reader.rs"]
mod golden;
mod half;
mod optimized;
mod rotation;
