//! Rewrites of a program that keep what it computes.

mod fusion;

use crate::graph::Trace;

/// All rewrites, in the order in which they help each other.
pub fn optimize(trace: Trace) -> Trace {
    fusion::fuse_elementwise(trace)
}
