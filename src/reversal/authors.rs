//! The step of the published code of the multi-task paper at the head of its branch (`combine=authors`), which is not
//! that of the paper:
//!
//! - losses are raised: the gradient of -L is stepped by -L / ΣL;
//! - each task has a reverse perturbation of its own, all drawn apart. The contrastive one is the result; that of the
//!   task whose turn it was is set to it, so that each of the other two follows every second step only;
//! - the inpainting net's perturbation lives on pictures enlarged four times (each pixel repeated), and its gradient is
//!   brought down by a convolution of 4x4 pixels at stride 4 with random weights and a random bias, drawn once per repair;
//! - rotation weighs 50 and inpainting 10, and losses and shares are those of the batch, not of each image.
//!
//! Not taken over: task nets in training mode, and pictures that reach the rotation net unnormalised.

use unperturb_engine::ops::norms::Ball;
use unperturb_engine::ops::random::Random;
use unperturb_engine::{EngineError, Graph, Value};

use super::descent::REVERSE;
use super::step::{Losses, start, total, unit, within_range};
use crate::passes::Passes;
use crate::task::Task;

/// Pixels of an enlarged picture, along each axis, for one of the picture.
const ENLARGED: usize = 4;

/// The perturbations and the random convolution, as states.
struct States<'g> {
    contrastive: Value<'g>,
    rotation: Value<'g>,
    /// `[n, 4h, 4w, 3]`
    inpainting: Value<'g>,
    /// `[4, 4, 3, 3]` and `[3]`
    convolution: [Value<'g>; 2],
}

impl<'g> States<'g> {
    fn new(g: &'g Graph, shape: [usize; 4]) -> Self {
        let [n, h, w, c] = shape;
        States {
            contrastive: g.state(REVERSE, shape),
            rotation: g.state("reverse/rotation", shape),
            inpainting: g.state("reverse/inpainting", [n, ENLARGED * h, ENLARGED * w, c]),
            convolution: [
                g.state("reverse/convolution", [ENLARGED, ENLARGED, c, c]),
                g.state("reverse/bias", [c]),
            ],
        }
    }
}

/// Each pixel of `[n, h, w, c]` sixteen times, `[n, 4h, 4w, c]`.
fn enlarged(images: Value<'_>) -> Value<'_> {
    let [n, h, w, c] = [0, 1, 2, 3].map(|axis| images.shape()[axis]);
    images.reshape([n, h, 1, w, 1, c]).broadcast_to([n, h, ENLARGED, w, ENLARGED, c]).reshape([
        n,
        ENLARGED * h,
        ENLARGED * w,
        c,
    ])
}

/// Records what a repair begins with: three perturbations within `bound`, and PyTorch's first weights of the
/// convolution, uniform within the root of 1 / (4 * 4 * channels).
pub(super) fn trace_start<'g>(g: &'g Graph, images: Value<'g>, random: &Random<'g>, bound: f32) {
    let shape = [0, 1, 2, 3].map(|axis| images.shape()[axis]);
    let states = States::new(g, shape);
    g.assign(states.contrastive, start(random, images, bound));
    g.assign(states.rotation, start(random, images, bound));
    g.assign(states.inpainting, start(random, enlarged(images), bound));
    let largest = 1.0 / ((ENLARGED * ENLARGED * shape[3]) as f32).sqrt();
    for state in states.convolution {
        g.assign(state, (random.uniform(state.shape()) * 2.0 - 1.0) * largest);
    }
}

/// Records a step of the contrastive task and of `turn`, and tells what it costs.
pub(super) fn trace_step<'g>(
    losses: &Losses<'_, 'g>,
    images: Value<'g>,
    turn: Task,
) -> Result<Passes, EngineError> {
    let g = losses.graph;
    let States { contrastive, rotation, inpainting, convolution: [weight, bias] } =
        States::new(g, [0, 1, 2, 3].map(|axis| images.shape()[axis]));
    let mut passes = losses.passes();
    let each: Vec<(Task, Value, Value)> = (losses.reversal.tasks().into_iter())
        .map(|task| {
            let (seen, perturbation) = match task {
                Task::Contrastive => (images, contrastive),
                Task::Rotation => (images, rotation),
                Task::Inpainting => (enlarged(images), inpainting),
            };
            (task, losses.of_task(task, seen + perturbation).mean_all(), perturbation)
        })
        .collect();
    let total = total(&each.iter().map(|&(task, loss, _)| (task, loss)).collect::<Vec<_>>());
    let epsilon = Ball::Linf(losses.reversal.epsilon.value());
    let mut moved = contrastive;
    for &(task, loss, perturbation) in
        each.iter().filter(|(task, ..)| [Task::Contrastive, turn].contains(task))
    {
        let gradient = g.gradient(loss, &[perturbation])?[0];
        passes += losses.passes_of(task).backward();
        let gradient = match task {
            Task::Contrastive | Task::Rotation => gradient,
            Task::Inpainting => gradient.conv2d(weight, Some(bias), ENLARGED, 0),
        };
        moved = (moved + unit(gradient) * (loss / total) * losses.stride()).project(epsilon);
    }
    let moved = within_range(images, moved);
    g.assign(contrastive, moved);
    match turn {
        Task::Rotation => g.assign(rotation, moved),
        Task::Inpainting => g.assign(inpainting, enlarged(moved)),
        Task::Contrastive => {}
    }
    Ok(passes)
}
