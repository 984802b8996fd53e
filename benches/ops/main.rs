//! Times every family of operations on both runtimes, with a peer on the same work where there is one.
//!
//! `cargo bench --bench ops -- FILTER`, where a name is `family/case/runtime`.

mod colour;
mod elementwise;
mod harness;
mod matmul;
mod movement;
mod random;
mod reduce;
mod resample;

use criterion::{criterion_group, criterion_main};

criterion_group! {
    name = operations;
    config = harness::config();
    targets =
        colour::benches,
        elementwise::benches,
        matmul::benches,
        movement::benches,
        random::benches,
        reduce::benches,
        resample::benches,
}
criterion_main!(operations);
