//! One step of a reversal, as traced values: from a reverse perturbation to the next.

use std::ops::Add;

use unperturb_engine::ops::norms::Ball;
use unperturb_engine::ops::random::Random;
use unperturb_engine::{EngineError, Graph, Value};

use super::{Direction, Reversal};
use crate::model::Model;
use crate::passes::Passes;
use crate::task::Task;
use crate::task::losses::Contrast;
use crate::task::nets::TaskNets;

/// The losses that a reversal leads, in one program.
pub struct Losses<'a, 'g> {
    /// The program.
    pub graph: &'g Graph,
    /// The options.
    pub reversal: &'a Reversal,
    /// The classifier, whose features the contrastive head reads.
    pub model: &'a Model,
    /// The nets of the tasks.
    pub nets: &'a TaskNets,
    /// What views are drawn from. Whoever made it advances it.
    pub random: Random<'g>,
}

/// How a step on the sum of losses follows its gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// By its sign.
    Hard,
    /// By `g / (|g| + mean |g|)` with the mean over the image, which has a derivative where the sign has none: what
    /// an attacker who differentiates the step puts in its place.
    Soft,
}

impl<'g> Losses<'_, 'g> {
    /// The weighted loss of each task, `[n]`, of images `[n, h, w, 3]`.
    pub fn of(&self, images: Value<'g>) -> Vec<(Task, Value<'g>)> {
        self.reversal.tasks().into_iter().map(|task| (task, self.of_task(task, images))).collect()
    }

    /// The weighted loss of one task, `[n]`.
    pub fn of_task(&self, task: Task, images: Value<'g>) -> Value<'g> {
        let loss = self.nets.loss(task, self.model, self.graph, images, &self.random, self.contrast());
        loss * self.reversal.weight(task)
    }

    /// The forward passes of one task's loss, per image.
    pub fn passes_of(&self, task: Task) -> Passes {
        self.nets.passes(task, self.contrast())
    }

    /// The forward passes of all losses, per image.
    pub fn passes(&self) -> Passes {
        let tasks = self.reversal.tasks();
        tasks.into_iter().map(|task| self.passes_of(task)).fold(Passes::default(), Passes::add)
    }

    fn contrast(&self) -> Contrast {
        Contrast {
            views: self.reversal.views,
            temperature: self.reversal.temperature.value(),
            positives: self.reversal.positives.into(),
        }
    }

    /// The length of a step with the sign of its direction.
    pub(super) fn stride(&self) -> f32 {
        match self.reversal.direction {
            Direction::Descend => -self.reversal.step_size.value(),
            Direction::Ascend => self.reversal.step_size.value(),
        }
    }

    /// The reverse perturbation after a step of `combine=sum` from `reverse`, both `[n, h, w, 3]`, and what the step
    /// cost.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn sum(
        &self,
        images: Value<'g>,
        reverse: Value<'g>,
        sign: Sign,
    ) -> Result<(Value<'g>, Passes), EngineError> {
        let total = total(&self.of(images + reverse));
        let gradient = self.graph.gradient(total.sum_all(), &[reverse])?[0];
        let direction = match sign {
            Sign::Hard => gradient.sign(),
            Sign::Soft => {
                let magnitude = gradient.abs();
                gradient / (magnitude + magnitude.mean(&[1, 2, 3]) + 1e-12)
            }
        };
        let moved = self.confine(images, reverse + direction * self.stride());
        Ok((moved, self.passes() + self.passes().backward()))
    }

    /// The same after a step of `combine=alternate`: of the contrastive loss and that of `turn`. Both gradients are
    /// taken at the point where the step begins; shares are per image.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn alternate(
        &self,
        images: Value<'g>,
        reverse: Value<'g>,
        turn: Task,
    ) -> Result<(Value<'g>, Passes), EngineError> {
        let each = self.of(images + reverse);
        let n = images.shape()[0];
        let total = total(&each);
        let (mut moved, mut passes) = (reverse, self.passes());
        for &(task, loss) in each.iter().filter(|(task, _)| [Task::Contrastive, turn].contains(task)) {
            let gradient = self.graph.gradient(loss.sum_all(), &[reverse])?[0];
            passes += self.passes_of(task).backward();
            let share = (loss / total).reshape([n, 1, 1, 1]);
            moved = moved + unit(gradient) * share * self.stride();
        }
        Ok((self.confine(images, moved), passes))
    }

    /// A perturbation moved back to within its ball, and such that the images with it lie in [0, 1].
    pub(super) fn confine(&self, images: Value<'g>, perturbation: Value<'g>) -> Value<'g> {
        within_range(images, perturbation.project(Ball::Linf(self.reversal.epsilon.value())))
    }
}

/// The sum of the losses of all tasks, `[n]`.
pub fn total<'g>(each: &[(Task, Value<'g>)]) -> Value<'g> {
    each.iter().map(|&(_, loss)| loss).reduce(|a, b| a + b).expect("a reversal has a task")
}

/// A gradient `[n, h, w, 3]` divided by its L∞ norm, image by image.
pub(super) fn unit(gradient: Value<'_>) -> Value<'_> {
    gradient / (gradient.abs().max(&[1, 2, 3]) + 1e-12)
}

/// A perturbation that keeps `images + perturbation` in [0, 1]. Images lie in [0, 1] themselves, so it only gets shorter
/// and stays in its ball.
pub(super) fn within_range<'g>(images: Value<'g>, perturbation: Value<'g>) -> Value<'g> {
    (images + perturbation).clamp(0.0, 1.0) - images
}

/// Uniform in `[-bound, bound]`, kept such that the images with it lie in [0, 1].
pub fn start<'g>(random: &Random<'g>, images: Value<'g>, bound: f32) -> Value<'g> {
    within_range(images, (random.uniform(images.shape()) * 2.0 - 1.0) * bound)
}
