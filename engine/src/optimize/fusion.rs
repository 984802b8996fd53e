//! Splices chains of elementwise operations into one, so that they cross memory once.

use super::count_readers;
use crate::graph::{Node, NodeId, Trace};
use crate::ops::Op;
use crate::ops::elementwise::Elementwise;
use crate::ops::elementwise::program::{Code, Instruction, MAX_INPUTS, MAX_INSTRUCTIONS, Register};

/// Splices each elementwise operation into its reader where that is its only reader, is elementwise
/// too and has the same shape. Constants are spliced into every reader.
pub fn fuse_elementwise(mut trace: Trace) -> Trace {
    let readers = count_readers(&trace);
    for index in 0..trace.nodes.len() {
        let mut operand = 0;
        while operand < trace.nodes[index].inputs.len() {
            match spliced(&trace, &readers, index, operand) {
                Some(node) => {
                    trace.nodes[index] = node;
                    operand = 0;
                }
                None => operand += 1,
            }
        }
    }
    trace
}

/// Node `index` with the operation behind one of its operands spliced in, if that is allowed.
fn spliced(trace: &Trace, readers: &[usize], index: usize, operand: usize) -> Option<Node> {
    let node = &trace.nodes[index];
    let source_id = node.inputs[operand];
    let source = &trace.nodes[source_id.0];
    let (Op::Elementwise(outer), Op::Elementwise(inner)) = (&node.op, &source.op) else { return None };
    let is_constant = source.inputs.is_empty();
    let uses = node.inputs.iter().filter(|&&id| id == source_id).count();
    if !is_constant && (source.ty.shape != node.ty.shape || readers[source_id.0] != uses) {
        return None;
    }
    let (code, inputs) = splice(&outer.code, &node.inputs, operand, &inner.code, &source.inputs);
    if code.0.len() > MAX_INSTRUCTIONS || inputs.len() > MAX_INPUTS {
        return None;
    }
    Some(Node { op: Elementwise { code, shape: node.ty.shape.clone() }.into(), inputs, ty: node.ty.clone() })
}

/// The code of `outer` with its operand number `operand` computed in place by `inner`, and the
/// operands of the whole, each listed once.
fn splice(
    outer: &Code,
    outer_inputs: &[NodeId],
    operand: usize,
    inner: &Code,
    inner_inputs: &[NodeId],
) -> (Code, Vec<NodeId>) {
    let replaced = outer_inputs[operand];
    let mut inputs: Vec<NodeId> = Vec::new();
    let mut code: Vec<Instruction> = Vec::new();
    // Emits an instruction unless the same one is there already, and tells its register.
    let mut emit = |instruction: Instruction| -> Register {
        let known = code.iter().position(|&other| other == instruction);
        known.unwrap_or_else(|| {
            code.push(instruction);
            code.len() - 1
        }) as Register
    };
    let mut number = |id: NodeId| -> u8 {
        let known = inputs.iter().position(|&other| other == id);
        known.unwrap_or_else(|| {
            inputs.push(id);
            inputs.len() - 1
        }) as u8
    };
    let mut inner_registers: Vec<Register> = Vec::new();
    for instruction in &inner.0 {
        let renamed = instruction.renamed(|r| inner_registers[r as usize], |_| 0);
        let renamed = match *instruction {
            Instruction::Input(i) => Instruction::Input(number(inner_inputs[i as usize])),
            _ => renamed,
        };
        inner_registers.push(emit(renamed));
    }
    let result = *inner_registers.last().expect("a program has an instruction");
    let mut registers: Vec<Register> = Vec::new();
    for instruction in &outer.0 {
        let register = match *instruction {
            Instruction::Input(i) if outer_inputs[i as usize] == replaced => result,
            Instruction::Input(i) => emit(Instruction::Input(number(outer_inputs[i as usize]))),
            other => emit(other.renamed(|r| registers[r as usize], |i| i)),
        };
        registers.push(register);
    }
    // The result must be the last register, even if an equal instruction came earlier.
    let last = *registers.last().expect("a program has an instruction");
    if last as usize != code.len() - 1 {
        code.push(Instruction::Unary(crate::ops::elementwise::program::Unary::Copy, last));
    }
    (Code(code), inputs)
}
