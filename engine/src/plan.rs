//! Decides, before anything runs, what runs in which order and in which memory.
//!
//! Every result lives from the operation that makes it to the last that reads it. Results whose
//! lives do not overlap share a *slab*, a buffer of its own: no operation ever reads and writes one
//! slab, which is what GPU buffer tracking demands. Slabs are found greedily, largest result first,
//! which for buffers of this kind comes within a few percent of the best. A result that is assigned to a
//! state which nothing reads any more is made there, and needs neither slab nor copy.

use std::fmt;

use crate::error::readable_bytes;
use crate::graph::Node;
use crate::graph::{NodeId, State, Trace};
use crate::ops::elementwise::Elementwise;
use crate::ops::{Op, Signature};

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
    /// Named tensors, which outlive a run.
    pub states: Vec<State>,
    /// Sizes in words of the shared buffers.
    pub slabs: Vec<usize>,
    /// Copies made after the last step: from a place to a state, and how many words.
    pub assigns: Vec<(Place, usize, usize)>,
    /// Words of launch parameters that the runtime keeps beside slabs and states.
    pub parameter_words: usize,
}

/// A span of steps during which a buffer is in use, both ends included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub words: usize,
    pub first: usize,
    pub last: usize,
}

impl Plan {
    /// Plans `trace`, where `scratch` tells the scratch buffers (in words) an operation asks for.
    pub fn new(trace: &Trace, scratch: impl Fn(&Op, &Signature) -> Vec<usize>) -> Plan {
        let trace = with_copied_states(trace);
        let needed = trace.needed();
        let root = |mut id: NodeId| {
            while trace.nodes[id.0].op.operation().is_alias() {
                id = trace.nodes[id.0].inputs[0];
            }
            id
        };

        // One life for each result and each scratch buffer, in steps.
        let mut lives: Vec<Life> = Vec::new();
        let mut life_of = vec![None; trace.nodes.len()];
        let mut scheduled = Vec::new();
        // The last step that reads each state.
        let mut last_read = vec![None; trace.states.len()];
        for (index, node) in trace.nodes.iter().enumerate() {
            if !needed[index] || matches!(node.op, Op::State(_)) || node.op.operation().is_alias() {
                continue;
            }
            let step = scheduled.len();
            for &input in &node.inputs {
                let source = root(input);
                match (&trace.nodes[source.0].op, life_of[source.0]) {
                    (Op::State(state), _) => last_read[state.0] = Some(step),
                    (_, Some(life)) => {
                        let life: &mut Life = &mut lives[life];
                        life.last = step;
                    }
                    _ => {}
                }
            }
            let signature = Signature {
                inputs: node.inputs.iter().map(|id| trace.nodes[id.0].ty.clone()).collect(),
                output: node.ty.clone(),
            };
            let once = |words| Life { words, first: step, last: step };
            let scratch = scratch(&node.op, &signature);
            life_of[index] = Some(lives.len());
            lives.push(once(node.ty.words()));
            let first_scratch = lives.len();
            lives.extend(scratch.into_iter().map(once));
            scheduled.push((index, signature, first_scratch..lives.len()));
        }
        // Results that are made in the state they are assigned to. Other copies into states come after every step.
        let mut target: Vec<Option<usize>> = vec![None; lives.len()];
        let mut copied = Vec::new();
        for (state, node) in &trace.assigns {
            let life = life_of[root(*node).0].expect("assigned states are copied first");
            if target[life].is_none() && last_read[state.0].is_none_or(|read| read < lives[life].first) {
                target[life] = Some(state.0);
            } else {
                lives[life].last = scheduled.len();
                copied.push((*node, state.0));
            }
        }

        let (slab_of, slabs) = share_all_but(&lives, |life| target[life].is_some());
        let place_of = |life: usize| target[life].map_or(Place::Slab(slab_of[life]), Place::State);
        let place = |id: NodeId| {
            let id = root(id);
            match (&trace.nodes[id.0].op, life_of[id.0]) {
                (Op::State(state), _) => Place::State(state.0),
                (_, Some(life)) => place_of(life),
                _ => unreachable!("inputs of needed nodes are needed"),
            }
        };
        let steps = scheduled
            .into_iter()
            .map(|(index, signature, scratch)| Step {
                op: trace.nodes[index].op.clone(),
                signature,
                inputs: trace.nodes[index].inputs.iter().map(|&id| place(id)).collect(),
                output: place(NodeId(index)),
                scratch: scratch.map(|life| Place::Slab(slab_of[life])).collect(),
            })
            .collect();
        let words = |state: usize| trace.states[state].ty.words();
        let assigns = copied.into_iter().map(|(node, state)| (place(node), state, words(state))).collect();
        Plan { steps, states: trace.states.clone(), slabs, assigns, parameter_words: 0 }
    }

    /// Bytes of the shared buffers: all that a program needs beside its states.
    pub fn slab_bytes(&self) -> u64 {
        self.slabs.iter().map(|&words| 4 * words as u64).sum()
    }

    /// The states that a run changes.
    pub fn assigned(&self) -> impl Iterator<Item = &State> {
        let made = self.steps.iter().filter_map(|step| match step.output {
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
        let mut root = trace.assigns[index].1;
        while trace.nodes[root.0].op.operation().is_alias() {
            root = trace.nodes[root.0].inputs[0];
        }
        if matches!(trace.nodes[root.0].op, Op::State(_)) {
            let source = trace.assigns[index].1;
            let ty = trace.nodes[source.0].ty.clone();
            let op = Op::from(Elementwise::copy_to(ty.shape.clone()));
            trace.nodes.push(Node { op, inputs: vec![source], ty });
            trace.assigns[index].1 = NodeId(trace.nodes.len() - 1);
        }
    }
    trace
}

/// Slabs of all lives but those that are `elsewhere`, as [`share`] has them.
fn share_all_but(lives: &[Life], elsewhere: impl Fn(usize) -> bool) -> (Vec<usize>, Vec<usize>) {
    let sharing: Vec<usize> = (0..lives.len()).filter(|&life| !elsewhere(life)).collect();
    let (shared, slabs) = share(&sharing.iter().map(|&life| lives[life]).collect::<Vec<_>>());
    let mut slab_of = vec![usize::MAX; lives.len()];
    sharing.into_iter().zip(shared).for_each(|(life, slab)| slab_of[life] = slab);
    (slab_of, slabs)
}

/// Gives each life a slab such that no two lives of one slab overlap: the slab of each, and the
/// slabs' sizes. Largest first, each into the first slab that is free for its whole life.
pub(crate) fn share(lives: &[Life]) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..lives.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(lives[i].words), lives[i].first));
    let mut slabs: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut slab_of = vec![0; lives.len()];
    for index in order {
        let life = lives[index];
        let overlaps = |&other: &usize| life.first <= lives[other].last && lives[other].first <= life.last;
        // The smallest slab that is free: sizes only fall in this order, so it is the last.
        let free = slabs.iter().rposition(|(_, members)| !members.iter().any(overlaps));
        let slab = free.unwrap_or_else(|| {
            slabs.push((life.words.max(1), Vec::new()));
            slabs.len() - 1
        });
        slabs[slab].1.push(index);
        slab_of[index] = slab;
    }
    (slab_of, slabs.into_iter().map(|(words, _)| words).collect())
}

/// Gives each slab of a program a buffer: one of those of earlier programs, whose sizes are `there`, or a new one. The
/// index of each, counted on from `there` for new ones, and the sizes of the new ones. Programs of a session run one after
/// another and keep nothing in slabs, so they may share them.
pub(crate) fn reuse(there: &[usize], wanted: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|&slab| std::cmp::Reverse(wanted[slab]));
    let mut free: Vec<usize> = (0..there.len()).collect();
    free.sort_by_key(|&buffer| there[buffer]);
    let (mut buffer_of, mut new) = (vec![0; wanted.len()], Vec::new());
    for slab in order {
        // The smallest that is large enough.
        let found = free.iter().position(|&buffer| there[buffer] >= wanted[slab]);
        buffer_of[slab] = found.map(|position| free.remove(position)).unwrap_or_else(|| {
            new.push(wanted[slab]);
            there.len() + new.len() - 1
        });
    }
    (buffer_of, new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Every slab of a program gets a buffer of its own that is large enough, and none is made while a free one is.
        #[test]
        fn programs_share_what_fits(
            there in proptest::collection::vec(1usize..50, 0..12),
            wanted in proptest::collection::vec(1usize..50, 0..12),
        ) {
            let (buffer_of, new) = reuse(&there, &wanted);
            let sizes = [&there[..], &new].concat();
            prop_assert!(buffer_of.iter().zip(&wanted).all(|(&buffer, &words)| sizes[buffer] >= words));
            let mut used = buffer_of.clone();
            used.sort_unstable();
            used.dedup();
            prop_assert_eq!(used.len(), wanted.len());
            let unused = (0..there.len()).filter(|buffer| !used.contains(buffer)).map(|buffer| there[buffer]);
            prop_assert!(unused.max() < new.iter().copied().min().or(Some(usize::MAX)));
            // The same program again needs nothing new.
            prop_assert!(reuse(&sizes, &wanted).1.is_empty());
        }

        /// No two results that live at the same time share memory, and every slab is large enough.
        #[test]
        fn lives_that_overlap_never_share(
            spans in proptest::collection::vec((1usize..1000, 0usize..60, 0usize..20), 1..120)
        ) {
            let lives: Vec<Life> = spans
                .iter()
                .map(|&(words, first, length)| Life { words, first, last: first + length })
                .collect();
            let (slab_of, slabs) = share(&lives);
            for (i, a) in lives.iter().enumerate() {
                prop_assert!(slabs[slab_of[i]] >= a.words);
                for (j, b) in lives.iter().enumerate().skip(i + 1) {
                    let overlap = a.first <= b.last && b.first <= a.last;
                    prop_assert!(!(overlap && slab_of[i] == slab_of[j]), "{a:?} and {b:?} share");
                }
            }
            // Never more than one buffer each, never less than the fullest moment.
            let fullest = (0..80)
                .map(|t| lives.iter().filter(|l| l.first <= t && t <= l.last).map(|l| l.words).sum())
                .max()
                .unwrap_or(0usize);
            prop_assert!(slabs.iter().sum::<usize>() >= fullest);
            prop_assert!(slabs.len() <= lives.len());
        }
    }
}
