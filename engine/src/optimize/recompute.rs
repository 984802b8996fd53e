//! Computes cheap results again where they are read late, instead of keeping them until then.
//!
//! In a training most layers leave two images to the backward pass: what the convolution made, which the gradient of the
//! batch norm reads, and what an elementwise operation made of it, which the gradient of the next weights reads. The
//! second follows from the first.

use super::rewriting::Rewriting;
use super::{FEWEST_ELEMENTS, SHORTEST_WAIT, readers};
use crate::graph::{NodeId, Trace};
use crate::ops::Op;
use crate::shape::DType;

/// An operand that is smaller than the result by this factor may be kept for it.
const SMALL: usize = 16;

/// `trace` with elementwise operations repeated before their late readers, where all their large operands are there then.
/// It takes less memory and more time.
pub fn recompute(trace: &Trace) -> Trace {
    let readers = readers(trace);
    let mut late: Vec<Option<usize>> = vec![None; trace.nodes.len()];
    // What is computed again before each node.
    let mut again: Vec<Vec<usize>> = vec![vec![]; trace.nodes.len()];
    for index in 0..trace.nodes.len() {
        late[index] = late_reader(trace, &readers, &late, index);
        if let Some(reader) = late[index] {
            again[reader].push(index);
        }
    }
    let mut rewriting = Rewriting::of(trace);
    for (index, node) in trace.nodes.iter().enumerate() {
        for &repeated in &again[index] {
            let place = rewriting.write(rewriting.moved(&trace.nodes[repeated]));
            rewriting.settle_again(NodeId(repeated), place);
        }
        let place = rewriting.write(rewriting.moved(node));
        rewriting.settle(place);
    }
    rewriting.finish(trace)
}

/// The first reader before which the result of node `index` is computed again, if that is worth it and its operands are
/// there.
fn late_reader(trace: &Trace, readers: &[Vec<usize>], late: &[Option<usize>], index: usize) -> Option<usize> {
    let node = &trace.nodes[index];
    let elements = node.ty.shape.elements();
    let is_number = matches!(node.ty.dtype, DType::F32 | DType::F16);
    if !matches!(node.op, Op::Elementwise(_)) || !is_number || elements < FEWEST_ELEMENTS {
        return None;
    }
    // The longest wait for a next reader; assignments are behind all nodes, and want the result itself.
    let waits = std::iter::once(&index).chain(&readers[index]).zip(&readers[index]);
    let (before, reader) = waits.max_by_key(|(before, reader)| *reader - *before)?;
    let is_kept = |id: &NodeId| {
        let source = &trace.nodes[id.0];
        source.ty.shape.elements() * SMALL <= elements
            || matches!(source.op, Op::State(_))
            || (late[id.0].is_none() && readers[id.0].last().is_some_and(|last| last >= reader))
    };
    let worth = reader - before >= SHORTEST_WAIT && *reader < trace.nodes.len();
    (worth && node.inputs.iter().all(is_kept)).then_some(*reader)
}
