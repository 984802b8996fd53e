//! Lets elementwise operations read parts of small tensors in place, instead of copies of them.
//!
//! Batch norm makes its statistics, and the sums of its gradient, as two rows of one tensor. To cut out a row takes a launch
//! that moves a few hundred bytes.

use super::readers;
use crate::graph::{NodeId, Trace};
use crate::ops::Op;
use crate::ops::elementwise::Part;
use crate::shape::DType;

/// Larger tensors would take memory for as long as a part of them is read.
const MOST_ELEMENTS: usize = 1 << 14;

/// Where elementwise operations alone read a part, and its elements are neighbours, they read the whole tensor there. What
/// rewrites code knows no such operands, so that this comes after it.
pub fn read_parts(mut trace: Trace) -> Trace {
    let readers = readers(&trace);
    for index in 0..trace.nodes.len() {
        let Op::Elementwise(op) = &trace.nodes[index].op else { continue };
        let mut op = op.clone();
        let mut inputs = trace.nodes[index].inputs.clone();
        for (operand, id) in inputs.iter_mut().enumerate() {
            if let Some((whole, first)) = source(&trace, &readers, *id) {
                op.parts.insert(operand, Part { first, shape: trace.nodes[id.0].ty.shape.clone() });
                *id = whole;
            }
        }
        trace.nodes[index].op = op.into();
        trace.nodes[index].inputs = inputs;
    }
    trace
}

/// The small tensor of which `id` is a part, and where that begins, if all readers can read it there.
fn source(trace: &Trace, readers: &[Vec<usize>], id: NodeId) -> Option<(NodeId, usize)> {
    let node = &trace.nodes[id.0];
    match &node.op {
        Op::Reshape(_) => source(trace, readers, node.inputs[0]),
        Op::Movement(movement) if read_in_place(trace, readers, id) => {
            let whole = node.inputs[0];
            let ty = &trace.nodes[whole.0].ty;
            let is_small = ty.dtype == DType::F32 && ty.shape.elements() <= MOST_ELEMENTS;
            Some((whole, movement.part_of(&ty.shape).filter(|_| is_small)?))
        }
        _ => None,
    }
}

/// Whether elementwise operations alone read `id`, under whatever shapes.
fn read_in_place(trace: &Trace, readers: &[Vec<usize>], id: NodeId) -> bool {
    readers[id.0].iter().all(|&reader| match trace.nodes.get(reader).map(|node| &node.op) {
        Some(Op::Elementwise(_)) => true,
        Some(Op::Reshape(_)) => read_in_place(trace, readers, NodeId(reader)),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Graph;
    use crate::optimize::count_needed;

    /// Moves and elementwise operations that run.
    fn left(trace: &Trace) -> [usize; 2] {
        let count = |is_such: fn(&Op) -> bool| count_needed(trace, |node| is_such(&node.op));
        [count(|op| matches!(op, Op::Movement(_))), count(|op| matches!(op, Op::Elementwise(_)))]
    }

    #[test]
    fn rows_are_read_where_they_are() {
        let g = Graph::new();
        let (x, sums) = (g.state("x", [6, 4, 8]), g.state("sums", [3, 8]));
        let row = |row: usize| sums.slice(0, row..row + 1).reshape([8]);
        g.output("y", (x - row(0)) * row(2));
        assert_eq!(left(&read_parts(g.trace().expect("traced"))), [0, 2]);
    }

    #[test]
    fn what_others_need_or_lies_apart_is_copied() {
        let g = Graph::new();
        let (x, sums) = (g.state("x", [6, 4, 8]), g.state("sums", [8, 8]));
        let column = sums.slice(1, 2..3).reshape([8]);
        let read_twice = sums.slice(0, 1..2);
        g.output("y", (x - column) * read_twice.reshape([8]));
        g.output("z", read_twice.matmul(sums));
        assert_eq!(left(&read_parts(g.trace().expect("traced"))), [2, 2]);
    }
}
