//! What depends on parameters alone, folded weights above all: it is made when they change, and not in every run.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::schedule::root;
use crate::graph::{NodeId, StateId, Trace};
use crate::ops::Op;

/// What a program makes of its parameters.
pub(super) struct Kept {
    /// For each node whether it depends on parameters alone. A program that changes a parameter makes in every run
    /// what depends on it.
    pub steady: Vec<bool>,
    /// The nodes that the rest of the program reads, each with the name of the state that keeps it.
    pub nodes: Vec<(NodeId, String)>,
}

impl Kept {
    pub fn of(trace: &Trace) -> Kept {
        let steady = steady(trace);
        let needed = trace.needed();
        let rest = (0..trace.nodes.len()).filter(|&index| needed[index] && !steady[index]);
        let read = rest.flat_map(|index| trace.nodes[index].inputs.iter());
        let read = read.chain(trace.assigns.iter().map(|(_, node)| node)).map(|&id| root(trace, id));
        let is_made = |id: &NodeId| steady[id.0] && !matches!(trace.nodes[id.0].op, Op::State(_));
        let mut nodes: Vec<NodeId> = read.filter(is_made).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let names = if nodes.is_empty() { vec![] } else { names(trace) };
        Kept { steady, nodes: nodes.into_iter().map(|id| (id, names[id.0].clone())).collect() }
    }
}

fn steady(trace: &Trace) -> Vec<bool> {
    let changed: HashSet<StateId> = trace.assigns.iter().map(|&(state, _)| state).collect();
    let mut steady = vec![false; trace.nodes.len()];
    for (index, node) in trace.nodes.iter().enumerate() {
        steady[index] = match node.op {
            Op::State(state) => trace.states[state.0].parameter && !changed.contains(&state),
            _ => !node.inputs.is_empty() && node.inputs.iter().all(|id| steady[id.0]),
        };
    }
    steady
}

/// A name for each node, by what it computes: equal ones of several programs share their state.
fn names(trace: &Trace) -> Vec<String> {
    let mut hashes: Vec<u64> = Vec::with_capacity(trace.nodes.len());
    for node in &trace.nodes {
        let mut hasher = DefaultHasher::new();
        match node.op {
            Op::State(state) => trace.states[state.0].name.hash(&mut hasher),
            _ => format!("{:?}", node.op).hash(&mut hasher),
        }
        node.inputs.iter().for_each(|id| hashes[id.0].hash(&mut hasher));
        node.ty.hash(&mut hasher);
        hashes.push(hasher.finish());
    }
    hashes.into_iter().map(|hash| format!("kept/{hash:016x}")).collect()
}
