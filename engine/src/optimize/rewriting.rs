//! A program that is written anew, node by node.

use crate::graph::{Node, NodeId, Trace};

/// The new program so far, and where in it the nodes of the old one are.
pub struct Rewriting {
    trace: Trace,
    places: Vec<NodeId>,
}

impl Rewriting {
    /// Of `old`, with the states that it has and no nodes yet.
    pub fn of(old: &Trace) -> Self {
        let trace = Trace { states: old.states.clone(), ..Trace::default() };
        Rewriting { trace, places: Vec::with_capacity(old.nodes.len()) }
    }

    /// The nodes written so far.
    pub fn nodes(&self) -> &[Node] {
        &self.trace.nodes
    }

    /// Where the node `old` is.
    pub fn place(&self, old: NodeId) -> NodeId {
        self.places[old.0]
    }

    /// The node `old` with its operands where they are now.
    pub fn moved(&self, old: &Node) -> Node {
        Node { inputs: old.inputs.iter().map(|&id| self.place(id)).collect(), ..old.clone() }
    }

    /// Writes a node whose operands are of the new program.
    pub fn write(&mut self, node: Node) -> NodeId {
        self.trace.nodes.push(node);
        NodeId(self.trace.nodes.len() - 1)
    }

    /// The next node of the old program is at `place`.
    pub fn settle(&mut self, place: NodeId) {
        self.places.push(place);
    }

    /// From now on the node `old` is at `place`.
    pub fn settle_again(&mut self, old: NodeId, place: NodeId) {
        self.places[old.0] = place;
    }

    /// The new program, with the assignments of `old`.
    pub fn finish(self, old: &Trace) -> Trace {
        let Rewriting { mut trace, places } = self;
        trace.assigns = old.assigns.iter().map(|&(state, id)| (state, places[id.0])).collect();
        trace
    }
}
