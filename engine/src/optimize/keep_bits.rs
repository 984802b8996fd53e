//! Keeps one bit of each element where the backward pass asks for no more.
//!
//! The gradient of a rectifier needs to know where its result was above zero. An attack or a reversal takes gradients
//! of images alone, not of weights, so that this is all that it reads of most activations once the forward pass has gone
//! on: 32 times as much would wait in memory for it.

use super::rewriting::Rewriting;
use super::{FEWEST_ELEMENTS, SHORTEST_WAIT, readers};
use crate::graph::{Node, NodeId, Trace};
use crate::ops::Op;
use crate::ops::bits::{Exceeds, WORD};
use crate::ops::conv2d::{FusedConv2d, Operand};
use crate::ops::elementwise::Elementwise;
use crate::ops::elementwise::program::{Binary, Code, Instruction};
use crate::shape::{DType, Type};

/// Puts an [`Exceeds`] behind each result that, after its last other reader, is only compared with one constant, and lets
/// those readers read its bits.
pub fn keep_bits(trace: Trace) -> Trace {
    let readers = readers(&trace);
    let mut rewriting = Rewriting::of(&trace);
    // The bits of each node.
    let mut bits: Vec<Option<(NodeId, Waiting)>> = Vec::with_capacity(trace.nodes.len());
    for (index, node) in trace.nodes.iter().enumerate() {
        let mut moved = rewriting.moved(node);
        for (operand, id) in node.inputs.iter().enumerate() {
            if let Some((bits, waiting)) = bits[id.0]
                && index >= waiting.from
            {
                moved.op = reading_bits(&moved.op, operand).expect("it only compares");
                moved.inputs[operand] = bits;
            }
        }
        let place = rewriting.write(moved);
        rewriting.settle(place);
        bits.push(waiting(&trace, NodeId(index), &readers[index]).map(|waiting| {
            let op = Op::from(Exceeds { threshold: waiting.threshold });
            let ty = Type { dtype: DType::Bit, ..node.ty.clone() };
            (rewriting.write(Node { op, inputs: vec![place], ty, ..node.clone() }), waiting)
        }));
    }
    rewriting.finish(&trace)
}

/// Readers from one node on, which only compare.
#[derive(Clone, Copy)]
struct Waiting {
    from: usize,
    threshold: f32,
}

/// What waits for `id` only to compare it, if that is worth its bits.
fn waiting(trace: &Trace, id: NodeId, readers: &[usize]) -> Option<Waiting> {
    let Node { op, ty, .. } = &trace.nodes[id.0];
    let elements = ty.shape.elements();
    let is_made = ty.dtype == DType::F32 && !matches!(op, Op::State(_)) && !op.operation().is_alias();
    if !is_made || elements < FEWEST_ELEMENTS || !elements.is_multiple_of(WORD) {
        return None;
    }
    let threshold = |&reader: &usize| comparison(trace, trace.nodes.get(reader)?, id);
    let last = readers.last()?;
    let common = threshold(last)?;
    let compares = |reader: &&usize| threshold(reader) == Some(common);
    let from = *readers.iter().rev().take_while(compares).last()?;
    let read_before = readers.iter().rev().find(|&&reader| reader < from).unwrap_or(&id.0);
    (last - read_before >= SHORTEST_WAIT).then_some(Waiting { from, threshold: common })
}

/// The constant with which `reader` compares `id`, if it does nothing else with it.
fn comparison(trace: &Trace, reader: &Node, id: NodeId) -> Option<f32> {
    let mut operands = (0..reader.inputs.len()).filter(|&operand| reader.inputs[operand] == id);
    let (operand, None) = (operands.next()?, operands.next()) else { return None };
    let (code, input) = code_of(&reader.op, operand)?;
    let of = Type { dtype: DType::Bit, ..trace.nodes[id.0].ty.clone() };
    let meets = match &reader.op {
        Op::Elementwise(_) => of.shape == reader.ty.shape,
        _ => Operand::of(&of, &reader.ty).is_some(),
    };
    let reads = |register: u8| code.0[register as usize] == Instruction::Input(input);
    let mut threshold = None;
    for instruction in code.0.iter().filter(|instruction| instruction.registers().any(reads)) {
        let Instruction::Binary(Binary::Greater, a, b) = *instruction else { return None };
        let Instruction::Constant(constant) = code.0[b as usize] else { return None };
        if !reads(a) || threshold.is_some_and(|other| other != constant) {
            return None;
        }
        threshold = Some(constant);
    }
    threshold.filter(|_| meets && !reads(code.0.len() as u8 - 1))
}

/// The code of `op`, and the number of its operand there.
fn code_of(op: &Op, operand: usize) -> Option<(&Code, u8)> {
    match op {
        Op::Elementwise(Elementwise { code, .. }) => Some((code, operand as u8)),
        // The image and the weight; and operand 0 of the code is the convolution's result.
        Op::FusedConv2d(FusedConv2d { code, .. }) => {
            Some((code, operand.checked_sub(1).filter(|&i| i > 0)? as u8))
        }
        _ => None,
    }
}

/// `op` with bits for an operand that it only compares.
fn reading_bits(op: &Op, operand: usize) -> Option<Op> {
    let (code, input) = code_of(op, operand)?;
    let compared = |instruction: Instruction| match instruction {
        Instruction::Binary(Binary::Greater, a, _) if code.0[a as usize] == Instruction::Input(input) => {
            Instruction::Input(input)
        }
        other => other,
    };
    let code = Code(code.0.iter().map(|&instruction| compared(instruction)).collect()).without_unread();
    Some(match op {
        Op::Elementwise(of) => Elementwise { code, ..of.clone() }.into(),
        Op::FusedConv2d(of) => FusedConv2d { code, ..of.clone() }.into(),
        _ => unreachable!("others have no code"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Graph, Value};

    const SHAPE: [usize; 4] = [2, 16, 16, 8];

    /// Layers of a convolution and a rectifier each, and the gradients of the image or of the weights.
    fn layers(count: usize, slope: f32, of_image: bool) -> Trace {
        let g = Graph::new();
        let image = g.state("image", SHAPE);
        let weights: Vec<Value> = (0..count).map(|i| g.state(format!("w{i}"), [3, 3, 8, 8])).collect();
        let result = weights.iter().fold(image, |x, &w| {
            let y = x.conv2d(w, None, 1, 1);
            if slope == 0.0 { y.relu() } else { y.leaky_relu(slope) }
        });
        let targets = if of_image { vec![image] } else { weights };
        let gradients = g.gradient(result.sum_all(), &targets).expect("differentiable");
        for (i, gradient) in gradients.into_iter().enumerate() {
            g.output(format!("gradient{i}"), gradient);
        }
        crate::optimize::optimize(g.trace().expect("traced"))
    }

    fn bits(trace: &Trace) -> Vec<&Node> {
        trace.nodes.iter().filter(|node| node.ty.dtype == DType::Bit).collect()
    }

    #[test]
    fn an_attack_keeps_bits_of_what_waits_long() {
        for slope in [0.0, 0.2] {
            let trace = layers(12, slope, true);
            let kept = bits(&trace);
            // The last layers are read soon after they are made.
            assert!((8..12).contains(&kept.len()), "{} of 12", kept.len());
            assert_eq!(waiting_whole(&trace), 0, "activations wait besides");
        }
    }

    /// How many activations are read long after they were made.
    fn waiting_whole(trace: &Trace) -> usize {
        let readers = readers(trace);
        let waits = |index: &usize| {
            let node = &trace.nodes[*index];
            node.ty == Type::f32(SHAPE)
                && !matches!(node.op, Op::State(_))
                && readers[*index].last().is_some_and(|last| last - index > 2 * SHORTEST_WAIT)
        };
        (0..trace.nodes.len()).filter(waits).count()
    }

    /// Gradients of weights need the activations themselves.
    #[test]
    fn a_training_keeps_its_activations() {
        assert!(bits(&layers(12, 0.0, false)).is_empty());
    }
}
