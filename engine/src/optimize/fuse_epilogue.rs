//! Lets elementwise code run on the result of a convolution before it is stored: shifts, activations and
//! shortcuts going forward, their masks and sums going back.

use super::count_readers;
use crate::graph::{Node, NodeId, Trace};
use crate::ops::Op;
use crate::ops::conv2d::{Convolved, FusedConv2d, Operand};
use crate::ops::elementwise::Elementwise;
use crate::ops::elementwise::program::{Code, Instruction};

/// Most operands of a fused convolution, so that with its result they fit the eight storage buffers that every
/// adapter has.
const MAX_OPERANDS: usize = 7;

/// Replaces each elementwise operation that alone reads a convolution of its own shape by the two in one. It
/// stands where the elementwise operation stood, for its other operands may be made after the convolution.
pub fn fuse_epilogues(mut trace: Trace) -> Trace {
    let readers = count_readers(&trace);
    for index in 0..trace.nodes.len() {
        let candidates = trace.nodes[index].inputs.clone();
        // The last made is the one whose result is still in some cache.
        if let Some(node) = candidates.iter().rev().find_map(|&id| fused(&trace, &readers, index, id)) {
            trace.nodes[index] = node;
        }
    }
    trace
}

/// Node `index` fused with the convolution `source`, if that is allowed.
fn fused(trace: &Trace, readers: &[usize], index: usize, source: NodeId) -> Option<Node> {
    let (node, convolution) = (&trace.nodes[index], &trace.nodes[source.0]);
    let Op::Elementwise(Elementwise { code, .. }) = &node.op else { return None };
    let of = match &convolution.op {
        Op::Conv2d(of) => Convolved::Forward(*of),
        Op::Conv2dInputGradient(of) => Convolved::InputGradient(*of),
        _ => return None,
    };
    if convolution.ty != node.ty || readers[source.0] != 1 || node.inputs.len() + 1 > MAX_OPERANDS {
        return None;
    }
    let mut others: Vec<NodeId> = Vec::new();
    for &id in node.inputs.iter().filter(|&&id| id != source) {
        if !others.contains(&id) {
            others.push(id);
        }
    }
    if others.iter().any(|id| Operand::of(&trace.nodes[id.0].ty, &node.ty).is_none()) {
        return None;
    }
    let number = |old: u8| match node.inputs[old as usize] {
        id if id == source => 0,
        id => 1 + others.iter().position(|&other| other == id).expect("all but one are there") as u8,
    };
    let renumbered = code.0.iter().map(|instruction| match *instruction {
        Instruction::Input(old) => Instruction::Input(number(old)),
        other => other,
    });
    let op = FusedConv2d { of, code: Code(renumbered.collect()) };
    let inputs = [&convolution.inputs[..], &others].concat();
    let is_gradient = node.is_gradient || convolution.is_gradient;
    Some(Node { op: op.into(), inputs, ty: node.ty.clone(), is_gradient })
}
