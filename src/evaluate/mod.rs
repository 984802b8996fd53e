//! Runs attacks and defences on pictures, batch by batch, and keeps what came out.

mod attacker;
mod batches;
mod defender;
mod predictions;

pub use attacker::{Attacked, Attacker};
pub use defender::{Defended, Defender};
