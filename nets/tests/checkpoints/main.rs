//! Checkpoints that other programs wrote. The files lie in `tests/golden/checkpoints`, with their generator.

mod files;
mod mutated;
#[path = "../../../tests/support/mutations.rs"]
mod mutations;

use std::path::PathBuf;

/// The bytes of a golden file.
fn golden(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/checkpoints").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
