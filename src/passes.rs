//! What a defence costs: passes through the nets, counted where programs are run.

use std::ops::{Add, AddAssign, Mul};

use unperturb_engine::{EngineError, Program, Session};

/// Passes through the classifier, per image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passes {
    /// Forward passes.
    pub forwards: u64,
    /// Backward passes.
    pub backwards: u64,
}

impl Passes {
    /// So many forward passes.
    pub const fn forward(count: u64) -> Self {
        Passes { forwards: count, backwards: 0 }
    }

    /// So many forward passes, each with its backward pass.
    pub const fn both(count: u64) -> Self {
        Passes { forwards: count, backwards: count }
    }
}

impl Add for Passes {
    type Output = Passes;
    fn add(self, other: Passes) -> Passes {
        Passes { forwards: self.forwards + other.forwards, backwards: self.backwards + other.backwards }
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
        Passes { forwards: self.forwards * times, backwards: self.backwards * times }
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
