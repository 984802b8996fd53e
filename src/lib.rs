//! unperturb repairs adversarial images at test time by self-supervision, and measures honestly what that
//! wins back and what it costs.
//!
//! This crate is the application: what is attacked, how it is repaired, and how the outcome is reported. The
//! machinery that runs on a GPU or a CPU is in `unperturb-engine`, the networks in `unperturb-nets`, the
//! pictures in `unperturb-data`. Data flows one way, and only [`cli`] prints.

pub mod adaptive;
pub mod attack;
pub mod bench;
pub mod cli;
pub mod evaluate;
pub mod export;
mod failure;
pub mod inspect;
pub mod model;
pub mod passes;
pub mod report;
pub mod reversal;
pub mod spec;
pub mod task;
pub mod train;

pub use failure::Failure;
