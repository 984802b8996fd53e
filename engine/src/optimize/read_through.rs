//! Lets readers read through nodes that are their operand under another name.

use crate::graph::{NodeId, Trace};

/// Replaces every read of an alias of the same shape by a read of what it stands for. Such nodes
/// (`detach`, custom gradient rules) have done their work once gradients exist, and left in place
/// they would keep elementwise chains apart.
pub fn read_through_aliases(mut trace: Trace) -> Trace {
    let mut stands_for: Vec<NodeId> = Vec::with_capacity(trace.nodes.len());
    for index in 0..trace.nodes.len() {
        for operand in 0..trace.nodes[index].inputs.len() {
            let id = trace.nodes[index].inputs[operand];
            trace.nodes[index].inputs[operand] = stands_for[id.0];
        }
        let node = &trace.nodes[index];
        let source = node
            .inputs
            .first()
            .filter(|id| node.op.operation().is_alias() && trace.nodes[id.0].ty == node.ty);
        stands_for.push(source.copied().unwrap_or(NodeId(index)));
    }
    trace.assigns.iter_mut().for_each(|(_, id)| *id = stands_for[id.0]);
    trace
}
