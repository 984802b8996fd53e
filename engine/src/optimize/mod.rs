//! Rewrites of a program that keep what it computes.

mod fusion;
mod read_through;

use crate::graph::Trace;

/// All rewrites, in the order in which they help each other.
pub fn optimize(trace: Trace) -> Trace {
    fusion::fuse_elementwise(read_through::read_through_aliases(trace))
}
