//! Times every family of operations on both runtimes, with a peer on the same work where there is one.
//!
//! `cargo bench --bench ops -- FILTER`, where a name is `family/case/runtime`.

mod batch_norm;
mod colour;
mod elementwise;
mod harness;
mod losses;
mod matmul;
mod movement;
mod norms;
mod random;
mod reduce;
mod resample;

use criterion::{criterion_group, criterion_main};

criterion_group! {
    name = operations;
    config = harness::config();
    targets =
        batch_norm::benches,
        colour::benches,
        elementwise::benches,
        losses::benches,
        matmul::benches,
        movement::benches,
        norms::benches,
        random::benches,
        reduce::benches,
        resample::benches,
}
criterion_main!(operations);
