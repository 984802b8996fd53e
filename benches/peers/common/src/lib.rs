//! What the peers share: the cases with their inputs, the clock, and the conversation with `run`.
//!
//! A peer is a program that reads requests, a line each, and answers each with a line of JSON. It lives through the
//! whole comparison, so that `run` can let all peers measure one case in turn, and so that what a peer tunes or compiles
//! is paid for once, as its first result.

mod case;
pub mod numbers;
mod serve;
mod timing;

pub use case::{CLASSES, Case, Convolution, PIXELS, STEP};
pub use serve::{Checks, Engine, Run, serve};
