//! Decides, before anything runs, what runs in which order and in which memory.
//!
//! Every result lives from the operation that makes it to the last that reads it. Results whose
//! lives do not overlap share a *slab*, a buffer of its own: no operation ever reads and writes one
//! slab, which is what GPU buffer tracking demands. Slabs are found greedily, largest result first,
//! which for buffers of this kind comes within a few percent of the best. A result that is assigned to a
//! state which nothing reads any more is made there, and needs neither slab nor copy.

mod kept;
mod schedule;
mod share;

use std::fmt;

use crate::error::readable_bytes;
use crate::graph::Node;
use crate::graph::{NodeId, State, StateId, Trace};
use crate::ops::elementwise::Elementwise;
use crate::ops::{Op, Signature};
use crate::shape::Type;

use kept::Kept;
use schedule::{Schedule, Scheduled, root};
pub(crate) use share::reuse;
use share::share_all_but;

/// A piece of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// The state of that index in [`Plan::states`].
    State(usize),
    /// The slab of that index in [`Plan::slabs`].
    Slab(usize),
}

/// One operation and the memory it works on.
#[derive(Clone, Debug)]
pub struct Step {
    /// What runs.
    pub op: Op,
    /// Types of its operands and result.
    pub signature: Signature,
    /// Where its operands are.
    pub inputs: Vec<Place>,
    /// Where its result goes.
    pub output: Place,
    /// Its scratch memory.
    pub scratch: Vec<Place>,
}

/// A program ready to be given memory.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Operations in the order they run.
    pub steps: Vec<Step>,
    /// How many of them, the first, make what depends on parameters alone. It is kept in states of its own, so that these
    /// steps run only after a parameter was written.
    pub preparation: usize,
    /// Named tensors, which outlive a run.
    pub states: Vec<State>,
    /// Sizes in words of the shared buffers.
    pub slabs: Vec<usize>,
    /// Copies made after the last step: from a place to a state, and how many words.
    pub assigns: Vec<(Place, usize, usize)>,
    /// Words of launch parameters that the runtime keeps beside slabs and states.
    pub parameter_words: usize,
}

/// The number of the state of that name, which is added if there is none.
fn number_of_state(states: &mut Vec<State>, name: String, ty: &Type) -> usize {
    states.iter().position(|state| state.name == name).unwrap_or_else(|| {
        states.push(State { name, ty: ty.clone(), parameter: false });
        states.len() - 1
    })
}

impl Plan {
    /// Plans `trace`, where `scratch` tells the scratch buffers (in words) an operation asks for.
    pub fn new(trace: &Trace, scratch: impl Fn(&Op, &Signature) -> Vec<usize>) -> Plan {
        let trace = with_copied_states(trace);
        let kept = Kept::of(&trace);
        let mut schedule = Schedule::new(&trace, &kept.steady, scratch);
        let mut states = trace.states.clone();
        let mut made_in: Vec<Option<usize>> = vec![None; schedule.lives.len()];
        for (node, name) in kept.nodes {
            let life = schedule.life_of[node.0].expect("what is read is made");
            made_in[life] = Some(number_of_state(&mut states, name, &trace.nodes[node.0].ty));
        }
        // Results that are made in the state they are assigned to. Other copies into states come after every step.
        let mut copied = Vec::new();
        for &(StateId(state), node) in &trace.assigns {
            let life = schedule.life_of[root(&trace, node).0].expect("assigned states are copied first");
            let first = schedule.lives[life].first;
            if made_in[life].is_none() && schedule.last_read[state].is_none_or(|read| read < first) {
                made_in[life] = Some(state);
            } else {
                schedule.lives[life].last = schedule.steps.len();
                copied.push((node, state));
            }
        }

        let (slab_of, slabs) = share_all_but(&schedule.lives, |life| made_in[life].is_some());
        let place = |id: NodeId| {
            let id = root(&trace, id);
            match (&trace.nodes[id.0].op, schedule.life_of[id.0]) {
                (Op::State(state), _) => Place::State(state.0),
                (_, Some(life)) => made_in[life].map_or(Place::Slab(slab_of[life]), Place::State),
                _ => unreachable!("inputs of needed nodes are needed"),
            }
        };
        let step = |scheduled: Scheduled| Step {
            op: trace.nodes[scheduled.node.0].op.clone(),
            signature: scheduled.signature,
            inputs: trace.nodes[scheduled.node.0].inputs.iter().map(|&id| place(id)).collect(),
            output: place(scheduled.node),
            scratch: scheduled.scratch.map(|life| Place::Slab(slab_of[life])).collect(),
        };
        let assigns = copied.into_iter().map(|(node, state)| (place(node), state, states[state].ty.words()));
        Plan {
            assigns: assigns.collect(),
            preparation: schedule.preparation,
            steps: std::mem::take(&mut schedule.steps).into_iter().map(step).collect(),
            states,
            slabs,
            parameter_words: 0,
        }
    }

    /// Bytes of the shared buffers: all that a program needs beside its states.
    pub fn slab_bytes(&self) -> u64 {
        self.slabs.iter().map(|&words| 4 * words as u64).sum()
    }

    /// The states that a run changes, beside those that its preparation keeps.
    pub fn assigned(&self) -> impl Iterator<Item = &State> {
        let made = self.steps[self.preparation..].iter().filter_map(|step| match step.output {
            Place::State(state) => Some(state),
            Place::Slab(_) => None,
        });
        made.chain(self.assigns.iter().map(|&(_, state, _)| state)).map(|state| &self.states[state])
    }

    /// Bytes of the states.
    pub fn state_bytes(&self) -> u64 {
        self.states.iter().map(|state| 4 * state.ty.words().max(1) as u64).sum()
    }

    /// Bytes of the launch parameters.
    pub fn parameter_bytes(&self) -> u64 {
        4 * self.parameter_words as u64
    }

    /// The most memory that the program ever takes, in bytes.
    pub fn peak_bytes(&self) -> u64 {
        self.slab_bytes() + self.state_bytes() + self.parameter_bytes()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(
            f,
            "{} operations, {} slabs of {} in all, {} states of {}; peak {}",
            self.steps.len(),
            self.slabs.len(),
            readable_bytes(self.slab_bytes()),
            self.states.len(),
            readable_bytes(self.state_bytes()),
            readable_bytes(self.peak_bytes()),
        )
    }
}

impl Trace {
    /// Which nodes an assignment depends on.
    pub fn needed(&self) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        for (_, id) in &self.assigns {
            needed[id.0] = true;
        }
        for index in (0..self.nodes.len()).rev() {
            if needed[index] {
                self.nodes[index].inputs.iter().for_each(|input| needed[input.0] = true);
            }
        }
        needed
    }
}

/// A state that is assigned straight from another state is copied to a slab first, so that the
/// final copies are independent of their order: two states may swap.
fn with_copied_states(trace: &Trace) -> Trace {
    let mut trace = trace.clone();
    for index in 0..trace.assigns.len() {
        let root = root(&trace, trace.assigns[index].1);
        if matches!(trace.nodes[root.0].op, Op::State(_)) {
            let source = trace.assigns[index].1;
            let ty = trace.nodes[source.0].ty.clone();
            let op = Op::from(Elementwise::copy_to(ty.shape.clone()));
            trace.nodes.push(Node { op, inputs: vec![source], ty, is_gradient: false });
            trace.assigns[index].1 = NodeId(trace.nodes.len() - 1);
        }
    }
    trace
}
