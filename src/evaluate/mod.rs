//! Runs attacks and defences on pictures, batch by batch, and keeps what came out.

mod attacker;
pub(crate) mod batches;
mod defender;
mod look;
pub(crate) mod predictions;
mod record;
mod targets;

pub use attacker::{Attacked, Attacker, StageOutcome};
pub use defender::{Defended, Defender};
pub use record::Keep;
