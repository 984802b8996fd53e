//! Reversals, on the built-in nets and the CPU runtime.

mod adaptive;
#[path = "../support/builtin.rs"]
mod builtin;
mod steps;

use unperturb::reversal::{Defence, Reversal};

const COUNT: usize = 4;
const SIZE: [usize; 2] = [32, 32];
const SHAPE: [usize; 4] = [COUNT, SIZE[0], SIZE[1], 3];

fn reversal(text: &str) -> Reversal {
    match text.parse().unwrap_or_else(|error| panic!("{text}: {error}")) {
        Defence::Reversal(reversal) => reversal,
        other => panic!("{other} is no reversal"),
    }
}
