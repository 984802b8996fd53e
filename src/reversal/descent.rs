//! The reversal: descent of the self-supervised losses, as programs that keep the reverse
//! perturbation on the device.

use std::ops::Add;

use unperturb_engine::ops::norms::Ball;
use unperturb_engine::ops::random::Random;
use unperturb_engine::{EngineError, Graph, Session, Value};

use super::{Combine, Objective, Reversal};
use crate::attack::IMAGES;
use crate::model::Model;
use crate::passes::{Counted, Passes};
use crate::task::Task;
use crate::task::losses::{self, Contrast};
use crate::task::nets::TaskNets;

/// The state of the reverse perturbation, `[n, h, w, 3]`.
pub const REVERSE: &str = "reverse";
/// The state that noise and views are drawn from.
pub const RANDOM: &str = "reversal/random";

/// Programs that find reverse perturbations for a batch of images in the state [`IMAGES`].
#[derive(Clone, Debug)]
pub struct Descent {
    start: Counted,
    /// Run in turn, one each step.
    steps: Vec<Counted>,
    count: usize,
}

impl Descent {
    /// Only noise, uniform in `[-epsilon, epsilon]`: the control.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn noise(session: &mut Session, epsilon: f32, shape: [usize; 4]) -> Result<Self, EngineError> {
        Ok(Descent { start: start(session, epsilon, shape)?, steps: vec![], count: 0 })
    }

    /// The repair that `reversal` describes, with the nets loaded.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn compile(
        session: &mut Session,
        reversal: &Reversal,
        model: &Model,
        nets: &TaskNets,
        shape: [usize; 4],
    ) -> Result<Self, crate::Failure> {
        let start = start(session, reversal.noise.value().min(reversal.epsilon.value()), shape)?;
        let turns: &[Option<Task>] = match (reversal.objective, reversal.combine) {
            (Objective::MultiTask, Combine::Alternate) => &[Some(Task::Rotation), Some(Task::Inpainting)],
            _ => &[None],
        };
        let mut steps = Vec::new();
        for &turn in turns {
            let g = Graph::new();
            let passes = trace_step(&g, reversal, model, nets, shape, turn)?;
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
        self.start.run(session, 1, passes)?;
        match self.steps.as_slice() {
            [] => Ok(()),
            [step] => step.run(session, self.count, passes),
            steps => (0..self.count).try_for_each(|k| steps[k % steps.len()].run(session, 1, passes)),
        }
    }
}

/// A perturbation that keeps `images + perturbation` in [0, 1]. Images lie in [0, 1] themselves, so it only gets shorter
/// and stays in its ball.
fn within_range<'g>(images: Value<'g>, perturbation: Value<'g>) -> Value<'g> {
    (images + perturbation).clamp(0.0, 1.0) - images
}

fn start(session: &mut Session, noise: f32, shape: [usize; 4]) -> Result<Counted, EngineError> {
    let g = Graph::new();
    let (images, reverse) = (g.state(IMAGES, shape), g.state(REVERSE, shape));
    let random = Random::new(&g, RANDOM);
    let first = (random.uniform(shape) * 2.0 - 1.0) * noise;
    random.advance();
    g.assign(reverse, within_range(images, first));
    Ok(Counted::new(session.compile(&g)?, Passes::default()))
}

/// One step. `turn` is the second task of Algorithm 1's step, or none for one step on the sum.
fn trace_step(
    g: &Graph,
    reversal: &Reversal,
    model: &Model,
    nets: &TaskNets,
    shape: [usize; 4],
    turn: Option<Task>,
) -> Result<Passes, EngineError> {
    let (images, reverse) = (g.state(IMAGES, shape), g.state(REVERSE, shape));
    let random = Random::new(g, RANDOM);
    let contrast = Contrast {
        views: reversal.views,
        temperature: reversal.temperature.value(),
        positives: reversal.positives.into(),
    };
    let repaired = images + reverse;
    // The weighted loss of each task, per image: [n, 1, 1, 1].
    let weighted: Vec<(Task, Value)> = reversal
        .tasks()
        .into_iter()
        .map(|task| {
            let loss = nets.loss(task, model, g, repaired, &random, contrast) * reversal.weight(task);
            (task, loss.reshape([shape[0], 1, 1, 1]))
        })
        .collect();
    random.advance();
    let forward = |task: &Task| losses::passes(*task, contrast);
    let mut passes = weighted.iter().map(|(task, _)| forward(task)).fold(Passes::default(), Passes::add);
    let total = weighted.iter().map(|&(_, loss)| loss).reduce(|a, b| a + b).expect("a reversal has a task");
    let moved = match turn {
        None => {
            let gradient = g.gradient(total.sum_all(), &[reverse])?[0];
            passes += passes.backward();
            reverse - gradient.sign() * reversal.step_size.value()
        }
        // Both gradients are taken at the point where the step begins; shares are per image.
        Some(turn) => {
            let mut moved = reverse;
            for (task, loss) in weighted.iter().filter(|(task, _)| [Task::Contrastive, turn].contains(task)) {
                let gradient = g.gradient(loss.sum_all(), &[reverse])?[0];
                passes += forward(task).backward();
                let largest = gradient.abs().max(&[1, 2, 3]);
                let share = (*loss / total).detach();
                moved = moved - gradient / (largest + 1e-12) * share * reversal.step_size.value();
            }
            moved
        }
    };
    g.assign(reverse, within_range(images, moved.project(Ball::Linf(reversal.epsilon.value()))));
    Ok(passes)
}
