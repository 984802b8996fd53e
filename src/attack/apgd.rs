//! Auto-PGD: projected gradient ascent with momentum that controls its own step size, image by image (Croce and Hein
//! 2020, *Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks*, algorithm 1).
//!
//! The control is part of the programs: best points, counts of raised losses and step sizes are states, so that no step
//! waits for the host.

use unperturb_engine::{EngineError, Graph, Session, Value};

use super::ball::{Bound, IMAGE};
use super::loss::is_wrong;
use super::seeds::Seeds;
use super::{ATTACKED, Evaluate, GRADIENT, IMAGES, LOGITS, LOSS, POINT};
use crate::passes::{Counted, Passes};

/// The state that tells which images had no gradient at their start, `[n]`.
pub const FLAT: &str = "apgd/flat";
/// The state of the points of the best loss so far, `[n, h, w, 3]`.
pub const BEST: &str = "apgd/best";
/// The state of the best loss so far, `[n]`.
pub const BEST_LOSS: &str = "apgd/best_loss";
/// The state of the step size, `[n, 1, 1, 1]`.
pub const STEP_SIZE: &str = "apgd/step_size";
/// The state that counts steps, a scalar.
const DONE: &str = "apgd/done";

/// The remark on an attack that saw no gradient at `flat` of its first points.
pub fn without_gradient(attack: impl std::fmt::Display, flat: usize) -> String {
    format!("{attack} started without any gradient at {flat} of its points: it may be masked")
}

/// The options of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// The bound.
    pub bound: Bound,
    /// Steps.
    pub steps: usize,
    /// The share of steps that must raise the loss for the step size to stay.
    pub rho: f32,
}

/// Weight of the new step; the rest is that of the last move.
const MOMENTUM: f32 = 0.75;

/// A compiled attack.
pub struct AutoPgd {
    start: Counted,
    evaluate: Box<dyn Evaluate>,
    advance: Counted,
    steps: usize,
}

impl AutoPgd {
    /// Compiles the attack on images of `shape`, with logits of so many `classes` and gradients from `evaluate`.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn compile(
        session: &mut Session,
        options: Options,
        shape: [usize; 4],
        classes: usize,
        evaluate: Box<dyn Evaluate>,
    ) -> Result<Self, EngineError> {
        let g = Graph::new();
        let random = Seeds::Image.random(&g, shape[0]);
        g.assign(g.state(POINT, shape), options.bound.edge(g.state(IMAGES, shape), &random));
        g.assign(g.state(DONE, []), g.full([], 0.0));
        random.advance();
        let start = Counted::new(session.compile(&g)?, Passes::default());
        let g = Graph::new();
        trace_advance(&g, options, shape, classes);
        let advance = Counted::new(session.compile(&g)?, Passes::default());
        Ok(AutoPgd { start, evaluate, advance, steps: options.steps })
    }

    /// Leaves in [`ATTACKED`] the last point that the victim got wrong, and where there is none the point of the highest
    /// loss; adds what it cost to `passes`. Nothing is read back.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn run(&self, session: &mut Session, passes: &mut Passes) -> Result<(), EngineError> {
        self.start.run(session, 1, passes)?;
        // The start is looked at, too; the move after the last look is not.
        for _ in 0..=self.steps {
            self.evaluate.run(session, passes)?;
            self.advance.run(session, 1, passes)?;
        }
        Ok(())
    }
}

/// When step sizes are looked at: after how many steps, and how many steps that is after the last time.
pub fn checkpoints(steps: usize) -> Vec<(usize, usize)> {
    let share = |percent: usize| (steps * percent / 100).max(1);
    let (mut period, shrink, least) = (share(22), share(3), share(6));
    let mut after = 0;
    let mut all = Vec::new();
    while after + period <= steps {
        after += period;
        all.push((after, period));
        period = period.saturating_sub(shrink).max(least);
    }
    all
}

/// Takes note of the evaluation of the current points, then moves to the next.
fn trace_advance<'g>(g: &'g Graph, options: Options, shape: [usize; 4], classes: usize) {
    let Options { bound, steps, rho } = options;
    let n = shape[0];
    let one = |value: Value<'g>| value.reshape([n, 1, 1, 1]);
    let number = |value: f32| g.full([], value);
    let (images, points) = (g.state(IMAGES, shape), g.state(POINT, shape));
    let (loss, gradient) = (g.state(LOSS, [n]), g.state(GRADIENT, shape));
    let done = g.state(DONE, []);
    // At the first look whatever the states hold is from an earlier run.
    let first = done.equals(number(0.0));
    let later = 1.0 - first;

    let best_loss = g.state(BEST_LOSS, [n]);
    let improved = first.maximum(loss.greater_than(best_loss));
    let new_best_loss = improved.select(loss, best_loss);
    let (best, best_gradient) = (g.state(BEST, shape), g.state("apgd/best_gradient", shape));
    let new_best = one(improved).select(points, best);
    let new_best_gradient = one(improved).select(gradient, best_gradient);

    let broken = g.state("apgd/broken", [n]);
    let wrong = is_wrong(g, g.state(LOGITS, [n, classes]));
    let broken_before = later * broken;
    let taken = wrong.maximum((1.0 - broken_before) * improved);
    let attacked = g.state(ATTACKED, shape);
    g.assign(attacked, one(taken).select(points, attacked));
    g.assign(broken, broken_before.maximum(wrong));

    // A step has raised the loss if it is higher than at the point before.
    let (last_loss, raised) = (g.state("apgd/last_loss", [n]), g.state("apgd/raised", [n]));
    let new_raised = later * (raised + loss.greater_than(last_loss));
    // At a checkpoint: 1, and how many raises there should have been.
    let (mut check, mut wanted) = (number(0.0), number(0.0));
    for (after, period) in checkpoints(steps) {
        let here = done.equals(number(after as f32));
        check = check + here;
        wanted = wanted + here * (rho * period as f32);
    }
    let (checked_loss, halved) = (g.state("apgd/checked_loss", [n]), g.state("apgd/halved", [n]));
    let stalled = (1.0 - halved) * checked_loss.greater_equal(new_best_loss);
    let halve = check * wanted.greater_equal(new_raised).maximum(stalled);
    g.assign(g.state("apgd/raised", [n]), new_raised * (1.0 - check));
    g.assign(checked_loss, first.maximum(check).select(new_best_loss, checked_loss));
    g.assign(halved, first.select(number(1.0), check.select(halve, halved)));
    g.assign(last_loss, loss);

    // Where the step is halved the search goes on from the best point.
    let step_size = g.state(STEP_SIZE, [n, 1, 1, 1]);
    let whole = first.select(number(2.0 * bound.epsilon), step_size);
    let new_step_size = one(halve).select(whole * 0.5, whole);
    let from = one(halve).select(new_best, points);
    let along = one(halve).select(new_best_gradient, gradient);
    let previous = g.state("apgd/previous", shape);
    let last_move = first.select(number(0.0), from - previous);
    let weight = first.select(number(1.0), number(MOMENTUM));
    let ahead = bound.confine(images, from + bound.direction(along) * new_step_size);
    let next = from + (ahead - from) * weight + last_move * (1.0 - weight);

    g.assign(points, bound.confine(images, next));
    g.assign(previous, from);
    g.assign(step_size, new_step_size);
    g.assign(best, new_best);
    g.assign(best_gradient, new_best_gradient);
    g.assign(best_loss, new_best_loss);
    g.assign(done, done + 1.0);
    let flat = g.state(FLAT, [n]);
    let none = gradient.abs().max(&IMAGE).reshape([n]).equals(number(0.0));
    g.assign(flat, first.select(none, flat));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_the_published_ones() {
        let after: Vec<usize> = checkpoints(100).iter().map(|&(after, _)| after).collect();
        assert_eq!(after, [22, 41, 57, 70, 80, 87, 93, 99]);
        let periods: Vec<usize> = checkpoints(100).iter().map(|&(_, period)| period).collect();
        assert_eq!(periods, [22, 19, 16, 13, 10, 7, 6, 6]);
        // Short runs are looked at after every step in the end, and it does end.
        assert_eq!(checkpoints(5), [(1, 1), (2, 1), (3, 1), (4, 1), (5, 1)]);
    }
}
