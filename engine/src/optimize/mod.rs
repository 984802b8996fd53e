//! Rewrites of a program that keep what it computes.

mod fold_batch_norm;
mod fuse_epilogue;
mod fusion;
mod keep_bits;
mod read_through;

use crate::graph::Trace;

/// All rewrites, in the order in which they help each other.
pub fn optimize(trace: Trace) -> Trace {
    let trace = read_through::read_through_aliases(trace);
    let trace = fold_batch_norm::fold_batch_norm(trace);
    let trace = fusion::fuse_elementwise(trace);
    let trace = fuse_epilogue::fuse_epilogues(trace);
    keep_bits::keep_bits(trace)
}

/// How many needed nodes and assignments read each node.
fn count_readers(trace: &Trace) -> Vec<usize> {
    let needed = trace.needed();
    let mut readers = vec![0; trace.nodes.len()];
    for node in trace.nodes.iter().zip(&needed).filter(|(_, needed)| **needed).map(|(node, _)| node) {
        node.inputs.iter().for_each(|id| readers[id.0] += 1);
    }
    trace.assigns.iter().for_each(|(_, id)| readers[id.0] += 1);
    readers
}
