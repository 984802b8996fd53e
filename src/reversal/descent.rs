//! The reversal: descent of the self-supervised losses, as programs that keep the reverse
//! perturbation on the device.

use std::ops::Range;

use unperturb_engine::ops::random::Random;
use unperturb_engine::{EngineError, Graph, Session};

use super::step::{self, Losses, Sign};
use super::{Combine, Objective, Reversal, authors};
use crate::model::Model;
use crate::passes::{Counted, Passes};
use crate::task::Task;
use crate::task::nets::TaskNets;

/// The state of the reverse perturbation, `[n, h, w, 3]`.
pub const REVERSE: &str = "reverse";
/// The state that noise and views are drawn from.
pub const RANDOM: &str = "reversal/random";

/// Programs that find reverse perturbations for a batch of images in a state.
#[derive(Clone, Debug)]
pub struct Descent {
    start: Counted,
    /// Run in turn, one each step.
    steps: Vec<Counted>,
    count: usize,
}

impl Descent {
    /// Only noise, uniform in `[-epsilon, epsilon]`: the control. `images` names the state of the images, of `shape`.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn noise(
        session: &mut Session,
        epsilon: f32,
        images: &str,
        shape: [usize; 4],
    ) -> Result<Self, EngineError> {
        Ok(Descent { start: start(session, epsilon, images, shape, Combine::Sum)?, steps: vec![], count: 0 })
    }

    /// The repair that `reversal` describes, with the nets loaded. `images` names the state of the images to repair, of
    /// `shape`.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn compile(
        session: &mut Session,
        reversal: &Reversal,
        model: &Model,
        nets: &TaskNets,
        images: &str,
        shape: [usize; 4],
    ) -> Result<Self, crate::Failure> {
        let combine = combine(reversal);
        let noise = reversal.noise.value().min(reversal.epsilon.value());
        let start = start(session, noise, images, shape, combine)?;
        let mut steps = Vec::new();
        for &turn in turns(reversal) {
            let g = Graph::new();
            let random = Random::new(&g, RANDOM);
            let losses = Losses { graph: &g, reversal, model, nets, random };
            let (images, reverse) = (g.state(images, shape), g.state(REVERSE, shape));
            let passes = match (combine, turn) {
                (Combine::Authors, Some(turn)) => authors::trace_step(&losses, images, turn)?,
                (_, turn) => {
                    let (moved, passes) = match turn {
                        None => losses.sum(images, reverse, Sign::Hard)?,
                        Some(turn) => losses.alternate(images, reverse, turn)?,
                    };
                    g.assign(reverse, moved);
                    passes
                }
            };
            random.advance();
            steps.push(Counted::new(session.compile(&g)?, passes));
        }
        nets.load(session, &reversal.tasks(), shape[0])?;
        Ok(Descent { start, steps, count: reversal.steps })
    }

    /// Leaves the reverse perturbation of the images in [`REVERSE`]; adds what it cost to `passes`.
    /// Nothing is read back.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn run(&self, session: &mut Session, passes: &mut Passes) -> Result<(), EngineError> {
        self.run_part(session, 0..self.count, passes)
    }

    /// Runs only those steps; a range that begins at zero draws the start first. Parts that follow each other make the
    /// same as [`run`](Self::run).
    ///
    /// # Errors
    /// What the engine reports.
    pub fn run_part(
        &self,
        session: &mut Session,
        steps: Range<usize>,
        passes: &mut Passes,
    ) -> Result<(), EngineError> {
        if steps.start == 0 {
            self.start.run(session, 1, passes)?;
        }
        match self.steps.as_slice() {
            [] => Ok(()),
            [step] => step.run(session, steps.len(), passes),
            several => steps.into_iter().try_for_each(|k| several[k % several.len()].run(session, 1, passes)),
        }
    }

    /// How many steps a whole run takes.
    pub fn steps(&self) -> usize {
        self.count
    }

    /// How many kernels a whole run launches.
    pub fn launches(&self) -> usize {
        let of_step = |k: usize| self.steps[k % self.steps.len()].program().launches();
        self.start.program().launches() + (0..self.count).map(of_step).sum::<usize>()
    }
}

/// How losses are joined; one loss alone is its own sum.
pub(crate) fn combine(reversal: &Reversal) -> Combine {
    match reversal.objective {
        Objective::Single(_) => Combine::Sum,
        Objective::MultiTask => reversal.combine,
    }
}

/// The second task of each step, in turn, where steps have one.
pub(crate) fn turns(reversal: &Reversal) -> &'static [Option<Task>] {
    match combine(reversal) {
        Combine::Sum => &[None],
        Combine::Alternate => &[Some(Task::Rotation), Some(Task::Inpainting)],
        Combine::Authors => &[Some(Task::Inpainting), Some(Task::Rotation)],
    }
}

fn start(
    session: &mut Session,
    noise: f32,
    images: &str,
    shape: [usize; 4],
    combine: Combine,
) -> Result<Counted, EngineError> {
    let g = Graph::new();
    let images = g.state(images, shape);
    let random = Random::new(&g, RANDOM);
    match combine {
        Combine::Sum | Combine::Alternate => {
            g.assign(g.state(REVERSE, shape), step::start(&random, images, noise));
        }
        Combine::Authors => authors::trace_start(&g, images, &random, noise),
    }
    random.advance();
    Ok(Counted::new(session.compile(&g)?, Passes::default()))
}
