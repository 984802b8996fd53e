//! Splices chains of elementwise operations into one, so that they cross memory once.

use super::readers;
use crate::graph::{Node, NodeId, Trace};
use crate::ops::Op;
use crate::ops::elementwise::Elementwise;
use crate::ops::elementwise::program::{Code, Instruction, MAX_INPUTS, MAX_INSTRUCTIONS, Register};

/// Most instructions of what is computed for each reader.
const CHEAP: usize = 8;

/// Splices each elementwise operation into its reader where that is its only reader, is elementwise
/// too and has the same shape. Constants are spliced into every reader, and so is what is cheap to compute in each.
pub fn fuse_elementwise(mut trace: Trace) -> Trace {
    let readers = readers(&trace);
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
fn spliced(trace: &Trace, readers: &[Vec<usize>], index: usize, operand: usize) -> Option<Node> {
    let node = &trace.nodes[index];
    let source_id = node.inputs[operand];
    let source = &trace.nodes[source_id.0];
    let (Op::Elementwise(outer), Op::Elementwise(inner)) = (&node.op, &source.op) else { return None };
    let is_constant = source.inputs.is_empty();
    let uses = node.inputs.iter().filter(|&&id| id == source_id).count();
    let readers = &readers[source_id.0];
    let is_free = readers.len() == uses || is_cheap_for(trace, readers, source);
    if !(is_constant || (source.ty.shape == node.ty.shape && is_free)) {
        return None;
    }
    let (code, inputs) = splice(&outer.code, &node.inputs, operand, &inner.code, &source.inputs);
    if code.0.len() > MAX_INSTRUCTIONS || inputs.len() > MAX_INPUTS {
        return None;
    }
    let op = Elementwise { shape: node.ty.shape.clone(), ..Elementwise::new(code.0) }.into();
    let is_gradient = node.is_gradient || source.is_gradient;
    Some(Node { op, inputs, ty: node.ty.clone(), is_gradient })
}

/// Whether `source` costs each of its readers less than its result would: all are elementwise, and it takes a few simple
/// instructions on states, which are there in any case, and on at most one other tensor, which then waits instead of the
/// result. The decayed gradient is such, which an optimizer's memory and its update read.
fn is_cheap_for(trace: &Trace, readers: &[usize], source: &Node) -> bool {
    let Op::Elementwise(Elementwise { code, .. }) = &source.op else { return false };
    let is_spliced_into = |&reader: &usize| {
        let reader = trace.nodes.get(reader);
        reader.is_some_and(|reader| {
            matches!(reader.op, Op::Elementwise(_)) && reader.ty.shape == source.ty.shape
        })
    };
    let is_state = |id: &&NodeId| matches!(trace.nodes[id.0].op, Op::State(_));
    code.0.len() <= CHEAP
        && code.0.iter().all(|instruction| instruction.is_simple())
        && source.inputs.iter().filter(|id| !is_state(id)).count() <= 1
        && readers.iter().all(is_spliced_into)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::count_needed;
    use crate::{Graph, Value};

    /// Elementwise operations that run when `shared` is read by two others, where `a` and `b` are computed.
    fn left(shared: impl for<'g> Fn(&'g Graph, Value<'g>, Value<'g>) -> Value<'g>) -> usize {
        let g = Graph::new();
        let [a, b] = ["a", "b"].map(|name| g.state(name, [8, 8]).matmul(g.state("right", [8, 8])));
        let shared = shared(&g, a, b);
        g.output("first", shared * g.state("s", [8, 8]));
        g.output("second", shared + g.state("t", [8, 8]));
        let trace = fuse_elementwise(g.trace().expect("traced"));
        count_needed(&trace, |node| matches!(node.op, Op::Elementwise(_)))
    }

    #[test]
    fn what_is_cheap_is_computed_in_each_reader() {
        assert_eq!(left(|g, a, _| a + g.state("w", [8, 8]) * 0.5), 2);
        assert_eq!(left(|_, a, b| a + b), 3, "two tensors would wait instead of one");
        assert_eq!(left(|_, a, _| a.exp()), 3, "exponentials take longer than memory");
        let also_read = left(|g, a, _| {
            let shared = a + g.state("w", [8, 8]);
            g.output("third", shared.matmul(g.state("right", [8, 8])));
            shared
        });
        assert_eq!(also_read, 3, "it is made in any case");
    }
}
