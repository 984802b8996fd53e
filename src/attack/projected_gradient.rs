//! FGSM, BIM and PGD: ascent of a loss by projected steps, as two programs that keep the perturbation
//! on the device.

use unperturb_engine::ops::norms::Ball;
use unperturb_engine::ops::random::Random;
use unperturb_engine::{EngineError, Graph, Program, Session, Value};

use super::{Norm, ProjectedGradient};
use crate::passes::{Counted, Passes};

/// The state of images to attack, `[n, h, w, 3]` in [0, 1].
pub const IMAGES: &str = "images";
/// The state of their labels, `[n]`.
pub const LABELS: &str = "labels";
/// The state of the perturbation, `[n, h, w, 3]`.
pub const PERTURBATION: &str = "perturbation";
/// The state that random starts are drawn from.
pub const RANDOM: &str = "attack/random";

/// A compiled attack: `start`, then `steps` times `step`.
#[derive(Clone, Debug)]
pub struct Ascent {
    start: Counted,
    step: Counted,
    steps: usize,
}

impl Ascent {
    /// Compiles the attack on images of `shape` against `loss`, which records the loss to raise,
    /// `[n]`, of perturbed images. `passes` are those of one evaluation of that loss and its gradient.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn compile(
        session: &mut Session,
        attack: &ProjectedGradient,
        shape: [usize; 4],
        passes: Passes,
        loss: impl for<'g> Fn(&'g Graph, Value<'g>) -> Value<'g>,
    ) -> Result<Self, EngineError> {
        let g = Graph::new();
        let images = g.state(IMAGES, shape);
        let perturbation = g.state(PERTURBATION, shape);
        let first = if attack.random_start { random_start(&g, attack, shape) } else { g.full(shape, 0.0) };
        g.assign(perturbation, within_range(images, first));
        let start = session.compile(&g)?;

        let g = Graph::new();
        let images = g.state(IMAGES, shape);
        let perturbation = g.state(PERTURBATION, shape);
        let total = loss(&g, images + perturbation).sum_all();
        let gradient = g.gradient(total, &[perturbation])?[0];
        let moved = perturbation + direction(attack.norm, gradient) * attack.step_size;
        g.assign(perturbation, within_range(images, moved.project(ball(attack))));
        let step = session.compile(&g)?;

        Ok(Ascent {
            start: Counted::new(start, Passes::default()),
            step: Counted::new(step, passes),
            steps: attack.steps,
        })
    }

    /// Leaves the perturbation of the images in [`PERTURBATION`]; adds what it cost to `passes`.
    /// Nothing is read back.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn run(&self, session: &mut Session, passes: &mut Passes) -> Result<(), EngineError> {
        self.start.run(session, 1, passes)?;
        self.step.run(session, self.steps, passes)
    }

    /// The program of one step.
    pub fn step(&self) -> &Program {
        self.step.program()
    }
}

/// The step of largest ascent for its size: the sign, or the gradient of unit length.
fn direction(norm: Norm, gradient: Value) -> Value {
    match norm {
        Norm::Linf => gradient.sign(),
        Norm::L2 => gradient / (gradient.square().sum(&[1, 2, 3]).sqrt() + 1e-12),
    }
}

fn ball(attack: &ProjectedGradient) -> Ball {
    match attack.norm {
        Norm::Linf => Ball::Linf(attack.epsilon),
        Norm::L2 => Ball::L2(attack.epsilon),
    }
}

/// A perturbation that keeps `images + perturbation` in [0, 1]. Images lie in [0, 1] themselves, so it
/// only gets shorter and stays in its ball.
pub fn within_range<'g>(images: Value<'g>, perturbation: Value<'g>) -> Value<'g> {
    (images + perturbation).clamp(0.0, 1.0) - images
}

/// A point within the ball: uniform in L∞; in L2 of uniform radius in a uniform direction.
fn random_start<'g>(g: &'g Graph, attack: &ProjectedGradient, shape: [usize; 4]) -> Value<'g> {
    let random = Random::new(g, RANDOM);
    let point = match attack.norm {
        Norm::Linf => (random.uniform(shape) * 2.0 - 1.0) * attack.epsilon,
        Norm::L2 => {
            let direction = direction(Norm::L2, random.normal(shape));
            direction * random.uniform([shape[0], 1, 1, 1]) * attack.epsilon
        }
    };
    random.advance();
    point
}
