//! FAB: the adversarial point nearest to an image, by steps onto linearised class boundaries (Croce and Hein 2020,
//! *Minimally distorted adversarial examples with a fast adaptive boundary attack*, algorithm 1).

use unperturb_engine::{EngineError, Graph, Session};

use super::ball::{Bound, IMAGE};
use super::loss::is_wrong;
use super::plane::toward;
use super::seeds::Seeds;
use super::{ATTACKED, Evaluate, GRADIENT, IMAGES, LABELS, LOGITS, LOSS, Norm, POINT, TARGETS};
use crate::passes::{Counted, Passes};

/// The options of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// What counts as near enough, and the norm that is kept small.
    pub bound: Bound,
    /// Steps.
    pub steps: usize,
    /// The most weight that the way back to the clean image gets.
    pub alpha: f32,
    /// By how much a step overshoots the boundary.
    pub eta: f32,
    /// The share of the way from the clean image that is kept after a success.
    pub beta: f32,
}

/// A compiled attack.
pub struct Boundary {
    start: Counted,
    random_start: Counted,
    /// Brings `z_t - z_y` and its gradient up to date.
    differentiate: Box<dyn Evaluate>,
    query: Box<dyn Evaluate>,
    /// Finds the nearest of all boundaries; the targeted form knows its own.
    nearest: Option<Nearest>,
    advance: Counted,
    judge: Counted,
    finish: Counted,
    steps: usize,
}

struct Nearest {
    clear: Counted,
    consider: Counted,
    classes: usize,
}

/// States of the boundary to step onto: the difference of logits there, its gradient, and how far it seems to be.
const DIFFERENCE: &str = "fab/difference";
const NORMAL: &str = "fab/normal";
const REACH: &str = "fab/reach";
/// States of the nearest adversarial point and its distance.
const NEAREST: &str = "fab/nearest";
const DISTANCE: &str = "fab/distance";

/// Farther than any point of [0, 1].
const FAR: f32 = 1e10;

impl Boundary {
    /// Compiles the attack on images of `shape`, with logits of so many `classes`. `differentiate` gives `z_t - z_y` for
    /// the targets; an untargeted attack goes through all of them at every step.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn compile(
        session: &mut Session,
        options: Options,
        shape: [usize; 4],
        classes: usize,
        targeted: bool,
        differentiate: Box<dyn Evaluate>,
        query: Box<dyn Evaluate>,
    ) -> Result<Self, EngineError> {
        let mut program = |trace: &dyn Fn(&Graph)| {
            let g = Graph::new();
            trace(&g);
            Ok::<_, EngineError>(Counted::new(session.compile(&g)?, Passes::default()))
        };
        let nearest = if targeted {
            None
        } else {
            let n = shape[0];
            let clear = program(&|g| g.assign(g.state(REACH, [n]), g.full([n], FAR)))?;
            let consider = program(&|g| trace_consider(g, options.bound.norm, shape))?;
            Some(Nearest { clear, consider, classes })
        };
        Ok(Boundary {
            start: program(&|g| trace_start(g, options.bound, shape, false))?,
            random_start: program(&|g| trace_start(g, options.bound, shape, true))?,
            advance: program(&|g| trace_advance(g, options, shape, targeted))?,
            judge: program(&|g| trace_judge(g, options, shape, classes))?,
            finish: program(&|g| trace_finish(g, options.bound, shape))?,
            differentiate,
            query,
            nearest,
            steps: options.steps,
        })
    }

    /// Leaves in [`ATTACKED`] the nearest adversarial point that was found, brought to within the bound where it is
    /// outside; adds what it cost to `passes`. Starts at the clean images, or at random halfway to the bound. Nothing is
    /// read back.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn run(
        &self,
        session: &mut Session,
        random_start: bool,
        labels: &[u32],
        passes: &mut Passes,
    ) -> Result<(), EngineError> {
        let start = if random_start { &self.random_start } else { &self.start };
        start.run(session, 1, passes)?;
        for _ in 0..self.steps {
            match &self.nearest {
                None => self.differentiate.run(session, passes)?,
                Some(Nearest { clear, consider, classes }) => {
                    clear.run(session, 1, passes)?;
                    for further in 1..*classes as u32 {
                        let targets: Vec<u32> =
                            labels.iter().map(|label| (label + further) % *classes as u32).collect();
                        session.write_u32(TARGETS, &targets)?;
                        self.differentiate.run(session, passes)?;
                        consider.run(session, 1, passes)?;
                    }
                }
            }
            self.advance.run(session, 1, passes)?;
            self.query.run(session, passes)?;
            self.judge.run(session, 1, passes)?;
        }
        self.finish.run(session, 1, passes)
    }
}

fn trace_start(g: &Graph, bound: Bound, shape: [usize; 4], at_random: bool) {
    let (images, n) = (g.state(IMAGES, shape), shape[0]);
    let first = if at_random {
        let random = Seeds::Image.random(g, n);
        random.advance();
        (images + bound.somewhere(images, &random) * (0.5 * bound.epsilon)).clamp(0.0, 1.0)
    } else {
        images
    };
    g.output(POINT, first);
    g.output(NEAREST, images);
    g.output(DISTANCE, g.full([n], FAR));
}

/// Keeps the boundary that seems nearest, by the difference of logits over the dual norm of its gradient.
fn trace_consider(g: &Graph, norm: Norm, shape: [usize; 4]) {
    let n = shape[0];
    let (difference, gradient) = (g.state(LOSS, [n]), g.state(GRADIENT, shape));
    let dual = match norm {
        Norm::Linf => gradient.abs().sum(&IMAGE),
        Norm::L2 => gradient.square().sum(&IMAGE).sqrt(),
        Norm::L1 => gradient.abs().max(&IMAGE),
    };
    let reach = difference.abs() / (dual.reshape([n]) + 1e-12);
    let known = g.state(REACH, [n]);
    let nearer = known.greater_than(reach);
    let (old, normal) = (g.state(DIFFERENCE, [n]), g.state(NORMAL, shape));
    g.assign(known, nearer.select(reach, known));
    g.assign(old, nearer.select(difference, old));
    g.assign(normal, nearer.reshape([n, 1, 1, 1]).select(gradient, normal));
}

/// Steps onto the boundary, from the point and from the image, and between the two.
fn trace_advance(g: &Graph, options: Options, shape: [usize; 4], targeted: bool) {
    let Options { bound, alpha, eta, .. } = options;
    let n = shape[0];
    let (difference, normal) = if targeted { (LOSS, GRADIENT) } else { (DIFFERENCE, NORMAL) };
    let (difference, normal) = (g.state(difference, [n]).reshape([n, 1, 1, 1]), g.state(normal, shape));
    let (images, points) = (g.state(IMAGES, shape), g.state(POINT, shape));
    let from_point = toward(bound.norm, points, normal, difference);
    let at_image = difference + (normal * (images - points)).sum(&IMAGE);
    let from_image = toward(bound.norm, images, normal, at_image);
    let length = |offset| bound.size(offset).maximum(g.full([], 1e-8));
    let (near, far) = (length(from_point), length(from_image));
    let weight = (near / (near + far)).minimum(g.full([], alpha));
    let next = (points + from_point * eta) * (1.0 - weight) + (images + from_image * eta) * weight;
    g.assign(points, next.clamp(0.0, 1.0));
}

/// Keeps the points that are adversarial and nearer than those before, and goes back some of the way from there.
fn trace_judge(g: &Graph, options: Options, shape: [usize; 4], classes: usize) {
    let n = shape[0];
    let (images, points) = (g.state(IMAGES, shape), g.state(POINT, shape));
    g.state_u32(LABELS, [n]);
    let adversarial = is_wrong(g, g.state(LOGITS, [n, classes]));
    let distance = options.bound.size(points - images).reshape([n]);
    let (nearest, best) = (g.state(NEAREST, shape), g.state(DISTANCE, [n]));
    let nearer = adversarial * best.greater_than(distance);
    g.assign(nearest, nearer.reshape([n, 1, 1, 1]).select(points, nearest));
    g.assign(best, nearer.select(distance, best));
    let back = images + (points - images) * options.beta;
    g.assign(points, adversarial.reshape([n, 1, 1, 1]).select(back, points));
}

fn trace_finish(g: &Graph, bound: Bound, shape: [usize; 4]) {
    let n = shape[0];
    let (images, nearest, distance) =
        (g.state(IMAGES, shape), g.state(NEAREST, shape), g.state(DISTANCE, [n]));
    let found = g.full([], bound.epsilon).greater_equal(distance).reshape([n, 1, 1, 1]);
    g.output(ATTACKED, found.select(nearest, bound.confine(images, nearest)));
}
