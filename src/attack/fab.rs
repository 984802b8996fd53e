//! FAB: the adversarial point nearest to an image, by steps onto linearised class boundaries (Croce and Hein 2020,
//! *Minimally distorted adversarial examples with a fast adaptive boundary attack*, algorithm 1).

use unperturb_engine::{EngineError, Graph, Session, Value};

use super::ball::{Bound, IMAGE};
use super::loss::is_wrong;
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

/// The smallest offset of `points` within [0, 1] onto the plane where `difference` (its value at the points, `[n, 1, 1, 1]`,
/// with the gradient `normal`) is zero; as far as that goes where the box ends before the plane.
fn toward<'g>(norm: Norm, points: Value<'g>, normal: Value<'g>, difference: Value<'g>) -> Value<'g> {
    let g = points.graph();
    let positive = difference.greater_equal(g.full([], 0.0));
    let downhill = normal * (1.0 - 2.0 * positive);
    // Each value goes its way at its pace until its room is used up.
    let room = downhill.greater(0.0).select(1.0 - points, points);
    let slope = downhill.abs();
    let pace = match norm {
        Norm::Linf => g.full([], 1.0),
        Norm::L2 | Norm::L1 => slope,
    };
    let time = meeting(slope, pace, room, difference.abs());
    downhill.sign() * (pace * time).minimum(room)
}

/// Newton steps until the plane is met. What is gained by a time is concave and made of straight pieces, so that they
/// never go too far, and a dozen are enough: each meets the plane unless a value runs out of room on the way.
const MEETINGS: usize = 12;

/// The time t, `[n, 1, 1, 1]`, at which `sum of slope * min(pace * t, room)` is `drop`.
fn meeting<'g>(slope: Value<'g>, pace: Value<'g>, room: Value<'g>, drop: Value<'g>) -> Value<'g> {
    let number = |value: f32| slope.graph().full([], value);
    let mut time = drop * 0.0;
    for _ in 0..MEETINGS {
        let moves = room.greater_than(pace * time);
        let used = moves.select(number(0.0), slope * room).sum(&IMAGE);
        let rate = moves.select(slope * pace, number(0.0)).sum(&IMAGE);
        // Where nothing moves any more, all room is used up.
        time = rate.greater(0.0).select((drop - used) / rate.maximum(number(f32::MIN_POSITIVE)), number(FAR));
    }
    time
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

#[cfg(test)]
mod tests {
    use unperturb_engine::{Device, Session};

    use super::*;

    const IMAGES_TESTED: usize = 6;
    const VALUES: usize = 4 * 4 * 3;
    const SHAPE: [usize; 4] = [IMAGES_TESTED, 4, 4, 3];

    /// Values in [0, 1), many of them at the ends.
    fn numbers(seed: u32) -> Vec<f32> {
        let hash = |i: usize| {
            (i as u32 + 977 * seed).wrapping_mul(0x9e37_79b9).rotate_left(13).wrapping_mul(0x85eb_ca6b)
        };
        let unit = |i| (hash(i) >> 8) as f32 / 16_777_216.0;
        (0..IMAGES_TESTED * VALUES).map(|i| (unit(i) * 1.4 - 0.2).clamp(0.0, 1.0)).collect()
    }

    /// The projection in f64, by bisection of the time.
    fn expected(norm: Norm, point: &[f32], normal: &[f32], difference: f32) -> Vec<f64> {
        let sign = if difference >= 0.0 { -1.0 } else { 1.0 };
        let values: Vec<(f64, f64)> = point
            .iter()
            .zip(normal)
            .map(|(&p, &w)| {
                let downhill = sign * f64::from(w);
                (downhill, if downhill > 0.0 { 1.0 - f64::from(p) } else { f64::from(p) })
            })
            .collect();
        let offset = |time: f64| -> Vec<f64> {
            let pace = |w: f64| if norm == Norm::Linf { 1.0 } else { w.abs() };
            let sign = |w: f64| if w == 0.0 { 0.0 } else { w.signum() };
            values.iter().map(|&(w, room)| sign(w) * (pace(w) * time).min(room)).collect()
        };
        let gain = |time: f64| offset(time).iter().zip(&values).map(|(d, (w, _))| d * w).sum::<f64>();
        let (mut low, mut high) = (0.0, 1e6);
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if gain(middle) < f64::from(difference.abs()) { low = middle } else { high = middle }
        }
        offset(low)
    }

    #[test]
    fn steps_onto_planes_are_the_shortest_there_are() {
        let (points, normals) = (numbers(1), numbers(2).iter().map(|x| x - 0.5).collect::<Vec<_>>());
        // Both sides, none, nearly all of the room, and more than there is.
        let differences = [0.3, -2.0, 0.0, -8.0, 9.0, 40.0];
        for norm in [Norm::Linf, Norm::L2] {
            let g = Graph::new();
            let difference = g.state("difference", [IMAGES_TESTED, 1, 1, 1]);
            let offset = toward(norm, g.state("points", SHAPE), g.state("normals", SHAPE), difference);
            g.output("offset", offset);
            let mut session = Session::new(&Device::cpu());
            let program = session.compile(&g).unwrap();
            session.write("points", &points).unwrap();
            session.write("normals", &normals).unwrap();
            session.write("difference", &differences).unwrap();
            session.run(&program, 1).unwrap();
            let found = session.read("offset").unwrap();
            for (i, found) in found.chunks_exact(VALUES).enumerate() {
                let image = i * VALUES..(i + 1) * VALUES;
                let expected = expected(norm, &points[image.clone()], &normals[image], differences[i]);
                for (a, b) in found.iter().zip(expected) {
                    assert!((f64::from(*a) - b).abs() < 1e-5, "{norm} of image {i}: {a} instead of {b}");
                }
            }
        }
    }
}
