//! Rewrites of a program that keep what it computes.

mod compose_movements;
mod fold_batch_norm;
mod fuse_epilogue;
mod fusion;
mod keep_bits;
mod read_parts;
mod read_through;
mod recompute;
mod rewriting;
mod store_halves;

use crate::graph::Trace;
use store_halves::store_halves;

pub use recompute::recompute;

/// Smaller results are not worth an operation more to save their memory.
const FEWEST_ELEMENTS: usize = 4096;
/// Results that wait for less than so many operations aren't, either.
const SHORTEST_WAIT: usize = 8;

/// All rewrites, in the order in which they help each other.
pub fn optimize(trace: Trace) -> Trace {
    let trace = read_through::read_through_aliases(trace);
    let trace = compose_movements::compose_movements(trace);
    let trace = fold_batch_norm::fold_batch_norm(trace);
    let trace = fusion::fuse_elementwise(trace);
    let trace = fuse_epilogue::fuse_epilogues(trace);
    let trace = keep_bits::keep_bits(trace);
    read_parts::read_parts(trace)
}

/// The same for a runtime that keeps activations in half precision if `halves` says so.
pub fn optimize_for(trace: Trace, halves: bool) -> Trace {
    let trace = optimize(trace);
    if halves { store_halves(trace) } else { trace }
}

/// The nodes that need each node, in order; assignments are behind all nodes.
fn readers(trace: &Trace) -> Vec<Vec<usize>> {
    let needed = trace.needed();
    let mut readers = vec![vec![]; trace.nodes.len()];
    for (index, node) in trace.nodes.iter().enumerate().filter(|(index, _)| needed[*index]) {
        node.inputs.iter().for_each(|id| readers[id.0].push(index));
    }
    trace.assigns.iter().for_each(|(_, id)| readers[id.0].push(trace.nodes.len()));
    readers
}

/// How many needed nodes and assignments read each node.
fn count_readers(trace: &Trace) -> Vec<usize> {
    readers(trace).iter().map(Vec::len).collect()
}

/// How many nodes that run are such.
#[cfg(test)]
fn count_needed(trace: &Trace, is_such: impl Fn(&crate::graph::Node) -> bool) -> usize {
    let needed = trace.needed();
    trace.nodes.iter().zip(needed).filter(|(node, needed)| *needed && is_such(node)).count()
}
