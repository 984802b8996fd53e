//! Measures the variants of operations, so that each program runs on the fastest that the device has.
//!
//! An operation is measured alone, on the types it has in the program, with random operands. Only variants that are
//! worth it compete (see [`Variant::contends`]), and one whose result differs from the portable variant's by more
//! than rounding can never win. What was chosen stays chosen, in [`Choices`](super::choices::Choices), also where
//! time ran out and nothing was measured: a program that ran once runs the same way again, to the same bits.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::GpuDevice;
use super::choices::Subject;
use super::variants::{Abilities, PORTABLE, Variant};
use crate::error::EngineError;
use crate::graph::{Graph, Node, NodeId, State, StateId, Trace};
use crate::ops::random::Random;
use crate::ops::{Op, Signature};
use crate::optimize::optimize;
use crate::plan::{Plan, Step};
use crate::runtime::{Device, Program, Session};
use crate::shape::{DType, Type};

/// Time for the measurements of one program.
const BUDGET: Duration = Duration::from_secs(3);
/// How often a variant is timed; the fastest counts.
const RUNS: usize = 5;
/// Squared error of a result, as a share of the squared result, above which it is wrong. Sums of 32-bit floats in
/// another order stay a hundred times below.
const TOLERANCE: f64 = 1e-10;
/// The same where factors may be rounded to 16-bit floats: ten times what that does to random ones.
const HALF_TOLERANCE: f64 = 1e-6;

/// Contests whose kernels are compiled together.
const COMPILED_TOGETHER: usize = 4;

const RESULT: &str = "result";
/// What results are compared by, and how many numbers that has at most.
const DIGEST: &str = "digest";
const DIGESTED: usize = 1 << 14;

/// Something to choose a variant for.
struct Contest {
    subject: Subject,
    op: Op,
    signature: Signature,
    variants: Vec<Variant>,
}

impl GpuDevice {
    /// Chooses a variant for each operation of `trace` that has several and none chosen yet.
    ///
    /// # Errors
    /// The device broke down. Variants that do not run only lose.
    pub(super) fn tune(&self, trace: &Trace) -> Result<(), EngineError> {
        let deadline = Instant::now() + BUDGET;
        let contests = contests(self, trace);
        for (number, contest) in contests.iter().enumerate() {
            if number % COMPILED_TOGETHER == 0 && Instant::now() < deadline {
                compile(self, &contests[number..contests.len().min(number + COMPILED_TOGETHER)])?;
            }
            let winner = fastest(self, contest, deadline);
            self.check()?;
            tracing::debug!(op = ?contest.op, winner, "chosen");
            self.choices().set(contest.subject.clone(), winner);
        }
        Ok(())
    }
}

/// What is still to be chosen for `trace`, most data first: there the choice matters most.
fn contests(device: &GpuDevice, trace: &Trace) -> Vec<Contest> {
    let abilities = Abilities::of(device);
    let mut found: BTreeMap<Subject, (usize, Contest)> = BTreeMap::new();
    for Step { op, signature, .. } in Plan::new(trace, |_, _| vec![]).steps {
        let variants = op.gpu_variants(&signature, &abilities);
        if variants.iter().filter(|variant| variant.contends).count() < 2 {
            continue;
        }
        let subject = Subject::new(op.operation().name(), &variants);
        if device.choices().get(&subject).is_none() {
            let words = signature.inputs.iter().chain([&signature.output]).map(Type::words).sum::<usize>();
            let contest = Contest { subject: subject.clone(), op, signature, variants };
            found.entry(subject).or_insert((0, contest)).0 += words;
        }
    }
    let mut found: Vec<_> = found.into_values().collect();
    found.sort_by_key(|&(words, _)| Reverse(words));
    found.into_iter().map(|(_, contest)| contest).collect()
}

/// Compiles what contends, on all threads.
fn compile(device: &GpuDevice, contests: &[Contest]) -> Result<(), EngineError> {
    let contending = contests.iter().flat_map(|contest| &contest.variants).filter(|variant| variant.contends);
    let launches: Vec<_> = contending.flat_map(|variant| &variant.lowered.launches).collect();
    match device.pipelines().get(device, &launches) {
        // A kernel that does not compile loses later, alone.
        Err(EngineError::Gpu(_)) | Ok(_) => device.check(),
        Err(error) => Err(error),
    }
}

/// The name of the variant to take.
fn fastest(device: &GpuDevice, contest: &Contest, deadline: Instant) -> &'static str {
    let contenders: Vec<_> =
        contest.variants.iter().filter(|variant| variant.contends).map(|variant| variant.name).collect();
    let tolerance = if device.has_half_precision() { HALF_TOLERANCE } else { TOLERANCE };
    race(&contenders, tolerance, deadline, |variant| {
        let outcome = Trial::new(device, contest, variant).and_then(Trial::outcome);
        outcome
            .inspect_err(|error| tracing::warn!(%error, variant, op = ?contest.op, "a kernel does not run"))
    })
}

/// What a trial shows.
#[derive(Clone)]
struct Outcome {
    result: Vec<f32>,
    seconds: f64,
}

/// The fastest contender whose result is the portable variant's, among those that were tried before `deadline`; the
/// first contender if none was, or if there is nothing to hold them to.
fn race<E>(
    contenders: &[&'static str],
    tolerance: f64,
    deadline: Instant,
    mut trial: impl FnMut(&'static str) -> Result<Outcome, E>,
) -> &'static str {
    let first = contenders.first().copied().unwrap_or(PORTABLE);
    if Instant::now() > deadline {
        return first;
    }
    let Ok(portable) = trial(PORTABLE) else { return first };
    let mut best = contenders.contains(&PORTABLE).then_some((portable.seconds, PORTABLE));
    for (number, &name) in contenders.iter().filter(|&&name| name != PORTABLE).enumerate() {
        // The likely best is tried in any case: it is what an exhausted budget would mean.
        if number > 0 && Instant::now() > deadline {
            break;
        }
        let Ok(outcome) = trial(name) else { continue };
        let error = normalised_error(&outcome.result, &portable.result);
        if error.is_nan() || error > tolerance {
            tracing::warn!(name, error, "a kernel is wrong");
        } else if best.is_none_or(|(seconds, _)| outcome.seconds < seconds) {
            best = Some((outcome.seconds, name));
        }
    }
    best.map_or(PORTABLE, |(_, name)| name)
}

/// One variant of an operation, ready to run on random operands.
struct Trial {
    session: Session,
    program: Program,
    /// Of the result.
    ty: Type,
    clock: bool,
}

impl Trial {
    fn new(device: &GpuDevice, contest: &Contest, variant: &'static str) -> Result<Trial, EngineError> {
        let mut session = Session::new(&Device::Gpu(device.preferring(variant)));
        let program = session.compile_trace(&alone(&contest.op, &contest.signature))?;
        let fill = session.compile_trace(&operands(&contest.signature)?)?;
        session.run(&fill, 1)?;
        session.run(&program, 1)?;
        let ty = contest.signature.output.clone();
        Ok(Trial { session, program, ty, clock: device.report().timestamps })
    }

    /// The result, and the seconds of the fastest run by the device's clock or, where it has none, by the host's.
    fn outcome(mut self) -> Result<Outcome, EngineError> {
        let result = self.digest()?;
        let mut fastest = f64::INFINITY;
        for _ in 0..RUNS {
            let seconds = if self.clock {
                let program = &self.program;
                let profile: Result<_, EngineError> = self.session.profile(|session| session.run(program, 1));
                profile?.kernel_seconds()
            } else {
                let start = Instant::now();
                self.session.run(&self.program, 1)?;
                self.session.wait()?;
                start.elapsed().as_secs_f64()
            };
            fastest = fastest.min(seconds);
        }
        Ok(Outcome { result, seconds: fastest })
    }
}

impl Trial {
    /// The result or, where it is long, sums of its elements with random signs: an error of the result is as large a
    /// part of them, and reading all of it back would take longer than all runs.
    fn digest(&mut self) -> Result<Vec<f32>, EngineError> {
        let elements = self.ty.shape.elements();
        let rows = elements.div_ceil(DIGESTED);
        let is_half = self.ty.dtype == DType::F16;
        if rows == 1 && !is_half {
            return self.session.read(RESULT);
        }
        let g = Graph::new();
        let result = g.state_of(RESULT.into(), self.ty.clone());
        // Only some operations read halves.
        let numbers = if is_half { result * 1.0 } else { result };
        let padding = rows * DIGESTED - elements;
        let whole = numbers.reshape([elements]).pad(&[(0, padding)]).reshape([rows, DIGESTED]);
        let signs = (Random::new(&g, "signs").uniform([rows, DIGESTED]) - 0.5).sign();
        g.output(DIGEST, (whole * signs).sum(&[0]));
        let program = self.session.compile(&g)?;
        self.session.run(&program, 1)?;
        self.session.read(DIGEST)
    }
}

fn operand(index: usize) -> String {
    format!("operand {index}")
}

/// A program of nothing but that operation.
fn alone(op: &Op, signature: &Signature) -> Trace {
    let mut trace = Trace::default();
    let mut state = |name: String, ty: &Type| {
        trace.states.push(State { name, ty: ty.clone(), parameter: false });
        StateId(trace.states.len() - 1)
    };
    let operands: Vec<StateId> =
        signature.inputs.iter().enumerate().map(|(index, ty)| state(operand(index), ty)).collect();
    let result = state(RESULT.into(), &signature.output);
    for (state, ty) in operands.iter().zip(&signature.inputs) {
        let op = Op::State(*state);
        trace.nodes.push(Node { op, inputs: vec![], ty: ty.clone(), is_gradient: false });
    }
    let inputs = (0..operands.len()).map(NodeId).collect();
    let (op, ty) = (op.clone(), signature.output.clone());
    trace.nodes.push(Node { op, inputs, ty, is_gradient: false });
    trace.assigns.push((result, NodeId(trace.nodes.len() - 1)));
    trace
}

/// A program that fills the operands with numbers from [-1, 1) and with bits. Integers stay 0.
fn operands(signature: &Signature) -> Result<Trace, EngineError> {
    let g = Graph::new();
    let random = Random::new(&g, "random");
    let drawn = |ty: &Type| random.uniform(ty.shape.clone());
    for (index, ty) in signature.inputs.iter().enumerate() {
        match ty.dtype {
            DType::F32 | DType::F16 => g.output(operand(index), drawn(ty) * 2.0 - 1.0),
            DType::Bit => g.output(operand(index), drawn(ty).exceeds(0.5)),
            DType::U32 => {}
        }
    }
    // Values of a graph are in single precision, but what computes one can store it in half.
    let mut trace = optimize(g.trace()?);
    let halves = (0..).zip(&signature.inputs).filter(|(_, ty)| ty.dtype == DType::F16);
    for (name, ty) in halves.map(|(index, ty)| (operand(index), ty)) {
        let state = trace.states.iter().position(|state| state.name == name).expect("it is an output");
        let (_, node) = trace.assigns.iter().find(|(of, _)| of.0 == state).expect("outputs are assigned");
        trace.nodes[node.0].ty = ty.clone();
        trace.states[state].ty = ty.clone();
    }
    Ok(trace)
}

fn normalised_error(found: &[f32], expected: &[f32]) -> f64 {
    let square = |x: f64| x * x;
    let (error, size) = found.iter().zip(expected).fold((0.0, 0.0), |(error, size), (&found, &expected)| {
        (error + square(f64::from(found) - f64::from(expected)), size + square(f64::from(expected)))
    });
    if error == 0.0 { 0.0 } else { error / size }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(result: f32, seconds: f64) -> Option<Outcome> {
        Some(Outcome { result: vec![1.0, result], seconds })
    }

    /// The winner of contenders of those outcomes, in time or when it has run out.
    fn winner(
        contenders: &[&'static str],
        late: bool,
        outcomes: &[(&'static str, Option<Outcome>)],
    ) -> &'static str {
        let outcomes: BTreeMap<_, _> = outcomes.iter().cloned().collect();
        let now = Instant::now();
        let deadline = if late { now - Duration::from_secs(1) } else { now + Duration::from_secs(60) };
        race(contenders, TOLERANCE, deadline, |name| outcomes[name].clone().ok_or(()))
    }

    #[test]
    fn the_fastest_that_is_right_wins() {
        let all = ["blocks", "matrix", PORTABLE];
        let portable = (PORTABLE, outcome(2.0, 3.0));
        let win =
            |blocks, matrix| winner(&all, false, &[portable.clone(), ("blocks", blocks), ("matrix", matrix)]);
        assert_eq!(win(outcome(2.0, 2.0), outcome(2.0, 1.0)), "matrix");
        assert_eq!(win(outcome(2.0, 1.0), outcome(2.0, 2.0)), "blocks");
        assert_eq!(win(outcome(2.0, 4.0), outcome(2.0, 5.0)), PORTABLE);
        assert_eq!(win(outcome(2.000_001, 1.0), outcome(2.0, 5.0)), "blocks", "rounding is no error");
        assert_eq!(win(outcome(2.001, 1.0), outcome(2.0, 2.0)), "matrix", "a wrong kernel never wins");
        assert_eq!(win(outcome(f32::NAN, 1.0), outcome(0.0, 2.0)), PORTABLE);
        assert_eq!(win(None, None), PORTABLE, "what does not run loses");
        // What is not worth running may still be what the others are held to.
        let held = [portable.clone(), ("blocks", outcome(2.0, 9.0)), ("matrix", outcome(1.0, 1.0))];
        assert_eq!(winner(&["blocks", "matrix"], false, &held), "blocks");
        assert_eq!(winner(&all, true, &[]), "blocks", "without time the first is taken");
        let none = [(PORTABLE, None)];
        assert_eq!(winner(&all, false, &none), "blocks");
    }

    #[test]
    fn choices_are_made_once_and_kept() {
        let device = GpuDevice::open(None).expect("GPU tests need an adapter").tuned();
        let g = Graph::new();
        let x = g.state("x", [2, 9, 9, 5]);
        g.output("y", x.conv2d(g.state("w", [3, 3, 5, 7]), None, 1, 1));
        let trace = crate::optimize::optimize(g.trace().expect("traces"));
        let abilities = Abilities::of(&device);
        for contest in contests(&device, &trace) {
            let names: Vec<_> = contest.variants.iter().map(|variant| variant.name).collect();
            let deadline = Instant::now() + BUDGET;
            assert!(names.contains(&fastest(&device, &contest, deadline)), "{names:?}");
            // All that this device can run is right on these types, and so is measured.
            for name in names {
                let outcome = Trial::new(&device, &contest, name).and_then(Trial::outcome).expect("runs");
                assert!(outcome.seconds > 0.0 && outcome.result.iter().any(|&x| x != 0.0), "{name}");
            }
        }
        device.tune(&trace).expect("measures");
        assert_eq!(contests(&device, &trace).len(), 0, "everything is chosen");
        for Step { op, signature, .. } in Plan::new(&trace, |_, _| vec![]).steps {
            let variants = op.gpu_variants(&signature, &abilities);
            if variants.iter().filter(|variant| variant.contends).count() > 1 {
                let chosen = device.choices().get(&Subject::new(op.operation().name(), &variants));
                let chosen = chosen.expect("is chosen");
                assert!(variants.iter().any(|variant| variant.contends && variant.name == chosen));
            }
        }
    }
}
