//! What attacks and defences cost: passes through the nets, counted where programs are run.

use std::ops::{Add, AddAssign, Mul};

use serde::{Deserialize, Serialize};
use unperturb_engine::{EngineError, Program, Session};

/// Passes through the nets, per image. An image that a net sees in several views or rotations passes several times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passes {
    /// Forward passes through the classifier.
    pub forwards: u64,
    /// Backward passes through the classifier.
    pub backwards: u64,
    /// Forward passes through the nets of the tasks.
    pub task_forwards: u64,
    /// Backward passes through the nets of the tasks.
    pub task_backwards: u64,
}

impl Passes {
    /// So many forward passes through the classifier.
    pub const fn forward(count: u64) -> Self {
        Passes { forwards: count, backwards: 0, task_forwards: 0, task_backwards: 0 }
    }

    /// So many forward passes through the classifier, each with its backward pass.
    pub const fn both(count: u64) -> Self {
        Passes { forwards: count, backwards: count, task_forwards: 0, task_backwards: 0 }
    }

    /// The backward passes of a gradient of what these forward passes made.
    pub const fn backward(self) -> Self {
        Passes { forwards: 0, backwards: self.forwards, task_forwards: 0, task_backwards: self.task_forwards }
    }
}

impl Add for Passes {
    type Output = Passes;
    fn add(self, other: Passes) -> Passes {
        Passes {
            forwards: self.forwards + other.forwards,
            backwards: self.backwards + other.backwards,
            task_forwards: self.task_forwards + other.task_forwards,
            task_backwards: self.task_backwards + other.task_backwards,
        }
    }
}

impl AddAssign for Passes {
    fn add_assign(&mut self, other: Passes) {
        *self = *self + other;
    }
}

impl Mul<u64> for Passes {
    type Output = Passes;
    fn mul(self, times: u64) -> Passes {
        Passes {
            forwards: self.forwards * times,
            backwards: self.backwards * times,
            task_forwards: self.task_forwards * times,
            task_backwards: self.task_backwards * times,
        }
    }
}

/// A program and the passes that one run of it makes.
#[derive(Clone, Debug)]
pub struct Counted {
    program: Program,
    passes: Passes,
}

impl Counted {
    /// `passes` are those of one run.
    pub fn new(program: Program, passes: Passes) -> Self {
        Counted { program, passes }
    }

    /// Runs the program `times` times and adds its passes to `total`.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn run(&self, session: &mut Session, times: usize, total: &mut Passes) -> Result<(), EngineError> {
        *total += self.passes * times as u64;
        session.run(&self.program, times)
    }

    /// The program's plan.
    pub fn program(&self) -> &Program {
        &self.program
    }
}
