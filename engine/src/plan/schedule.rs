//! The order of a program, and how long each result is in use.

use std::ops::Range;

use crate::graph::{NodeId, Trace};
use crate::ops::{Op, Signature};

/// A span of steps during which a buffer is in use, both ends included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    pub words: usize,
    pub first: usize,
    pub last: usize,
}

/// The order of a program, and when its results are in use.
pub(super) struct Schedule {
    pub steps: Vec<Scheduled>,
    /// How many of them make what depends on parameters alone.
    pub preparation: usize,
    /// One for each result and each scratch buffer.
    pub lives: Vec<Life>,
    /// The life of the result of each node that runs.
    pub life_of: Vec<Option<usize>>,
    /// The last step that reads each state.
    pub last_read: Vec<Option<usize>>,
}

/// A step before it has its memory.
pub(super) struct Scheduled {
    pub node: NodeId,
    pub signature: Signature,
    /// Lives of its scratch buffers.
    pub scratch: Range<usize>,
}

impl Schedule {
    /// Everything that is needed and runs, what is `steady` first.
    pub fn new(trace: &Trace, steady: &[bool], scratch: impl Fn(&Op, &Signature) -> Vec<usize>) -> Schedule {
        let needed = trace.needed();
        let runs = |index: &usize| {
            let op = &trace.nodes[*index].op;
            needed[*index] && !matches!(op, Op::State(_)) && !op.operation().is_alias()
        };
        let (first, rest): (Vec<usize>, Vec<usize>) =
            (0..trace.nodes.len()).filter(runs).partition(|&index| steady[index]);
        let mut schedule = Schedule {
            steps: Vec::new(),
            preparation: first.len(),
            lives: Vec::new(),
            life_of: vec![None; trace.nodes.len()],
            last_read: vec![None; trace.states.len()],
        };
        for index in first.into_iter().chain(rest) {
            schedule.add(trace, NodeId(index), &scratch);
        }
        schedule
    }

    fn add(&mut self, trace: &Trace, id: NodeId, scratch: &impl Fn(&Op, &Signature) -> Vec<usize>) {
        let (step, node) = (self.steps.len(), &trace.nodes[id.0]);
        for &input in &node.inputs {
            let source = root(trace, input);
            match (&trace.nodes[source.0].op, self.life_of[source.0]) {
                (Op::State(state), _) => self.last_read[state.0] = Some(step),
                (_, Some(life)) => self.lives[life].last = step,
                _ => unreachable!("what is read is made before"),
            }
        }
        let signature = Signature {
            inputs: node.inputs.iter().map(|id| trace.nodes[id.0].ty.clone()).collect(),
            output: node.ty.clone(),
        };
        let once = |words| Life { words, first: step, last: step };
        self.life_of[id.0] = Some(self.lives.len());
        self.lives.push(once(node.ty.words()));
        let first_scratch = self.lives.len();
        self.lives.extend(scratch(&node.op, &signature).into_iter().map(once));
        let scratch = first_scratch..self.lives.len();
        self.steps.push(Scheduled { node: id, signature, scratch });
    }
}

/// The node whose memory `id` is.
pub(super) fn root(trace: &Trace, mut id: NodeId) -> NodeId {
    while trace.nodes[id.0].op.operation().is_alias() {
        id = trace.nodes[id.0].inputs[0];
    }
    id
}
