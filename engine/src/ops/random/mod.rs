//! Random numbers from a counter-based generator.
//!
//! The numbers are a function of (seed, stream, step, position) alone: the seed and the step are in
//! a state of four words, the stream is a constant of the operation, the position is the element's
//! index. A program that assigns the advanced state to itself draws new numbers in every run without
//! the host; the same seed gives the same numbers for any number of threads, and uniform ones have
//! the same bits on every device.

mod cpu;
mod gpu;
mod philox;

pub use philox::philox4x32_10;

use super::{Op, Operation, Signature};
use crate::autodiff::Differentiated;
use crate::graph::{Graph, Value};
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::Lowered;
use crate::shape::{DType, Shape, Type};

/// How the numbers are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Distribution {
    /// Evenly over [0, 1), in steps of 2⁻²⁴.
    Uniform,
    /// Normally, with mean 0 and variance 1 (Box and Muller).
    Normal,
}

/// Draws a tensor of random `f32` from the state `[seed low, seed high, step low, step high]`, or each of its rows
/// from a row of such states: then positions count from the start of the row, whatever stands beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Draw {
    /// How they are distributed.
    pub distribution: Distribution,
    /// Tells draws of one program apart.
    pub stream: u32,
    /// How many, and their axes.
    pub shape: Shape,
}

/// Adds one to the integer whose least significant word is word `first` of each row (the last axis) of a `u32`
/// tensor, carrying into the words of the row after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Increment {
    /// The least significant word.
    pub first: usize,
}

/// The random numbers of a program: a named state and a stream for every draw.
///
/// ```
/// use unperturb_engine::ops::random::Random;
/// use unperturb_engine::{Device, Graph, Session};
///
/// let g = Graph::new();
/// let random = Random::new(&g, "random");
/// g.output("noise", random.uniform([2, 3]));
/// random.advance();
///
/// let mut session = Session::new(&Device::cpu());
/// let program = session.compile(&g)?;
/// session.write_u32("random", &Random::seeded(7))?;
/// session.run(&program, 1)?;
/// let first = session.read("noise")?;
/// session.run(&program, 1)?;
/// assert_ne!(session.read("noise")?, first);
/// # Ok::<(), unperturb_engine::EngineError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Random<'g> {
    state: Value<'g>,
}

impl<'g> Random<'g> {
    /// Draws from the state called `name`, a `u32` tensor of four words.
    #[track_caller]
    pub fn new(graph: &'g Graph, name: impl Into<String>) -> Self {
        Random { state: graph.state_u32(name, [4]) }
    }

    /// Draws each of the `rows` of a tensor from the state of its own, a row of the `u32` tensor `[rows, 4]` called
    /// `name`: what a row gets does not depend on the rows beside it.
    #[track_caller]
    pub fn per_row(graph: &'g Graph, name: impl Into<String>, rows: usize) -> Self {
        Random { state: graph.state_u32(name, [rows, 4]) }
    }

    /// What the host writes to the state to begin the numbers of `seed`.
    pub fn seeded(seed: u64) -> [u32; 4] {
        [seed as u32, (seed >> 32) as u32, 0, 0]
    }

    /// Numbers spread evenly over [0, 1), in steps of 2⁻²⁴: the same bits on every device.
    #[track_caller]
    pub fn uniform(&self, shape: impl Into<Shape>) -> Value<'g> {
        self.draw(Distribution::Uniform, shape.into())
    }

    /// Normal numbers of mean 0 and variance 1; devices agree within 10⁻⁶.
    #[track_caller]
    pub fn normal(&self, shape: impl Into<Shape>) -> Value<'g> {
        self.draw(Distribution::Normal, shape.into())
    }

    /// `x` with each element set to zero with the given probability, and the others divided by the
    /// probability to stay, so that the expectation is `x` (Srivastava et al. 2014).
    #[track_caller]
    pub fn dropout(&self, x: Value<'g>, probability: f32) -> Value<'g> {
        if probability == 0.0 {
            return x;
        }
        let dropped = probability - self.uniform(x.shape());
        dropped.greater(0.0).select(x.graph().full([], 0.0), x * (1.0 / (1.0 - probability)))
    }

    /// Makes the next run draw other numbers. Once in a program is enough, wherever it stands: draws
    /// of one run all see the state from before the run.
    #[track_caller]
    pub fn advance(&self) {
        let next = self.state.graph().apply(Increment { first: 2 }, &[self.state]);
        self.state.graph().assign(self.state, next);
    }

    /// Streams are numbered through the graph, so that two draws never share one.
    #[track_caller]
    fn draw(&self, distribution: Distribution, shape: Shape) -> Value<'g> {
        let graph = self.state.graph();
        let stream = graph.count(|op| matches!(op, Op::Draw(_))) as u32;
        graph.apply(Draw { distribution, stream, shape }, &[self.state])
    }
}

impl Operation for Draw {
    fn name(&self) -> &'static str {
        match self.distribution {
            Distribution::Uniform => "uniform",
            Distribution::Normal => "normal",
        }
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::expect_inputs(inputs, 1)?;
        let rows = self.shape.first().copied().unwrap_or(1);
        if inputs[0] != Type::u32([4]) && inputs[0] != Type::u32([rows, 4]) {
            return Err("it draws from a state of four u32 words, or from one for each row".into());
        }
        Ok(Type::f32(self.shape.clone()))
    }

    fn gradient<'g>(&self, _: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        vec![None]
    }

    fn cpu(&self, _: &Signature, buffers: Buffers) {
        cpu::draw(self, buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::draw(self, signature.inputs[0].words() / 4, signature.output.words())
    }
}

impl Operation for Increment {
    fn name(&self) -> &'static str {
        "increment"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::expect_inputs(inputs, 1)?;
        let ty = &inputs[0];
        if ty.dtype != DType::U32 || self.first >= ty.shape.last().copied().unwrap_or(1) {
            return Err(format!("there is no u32 word {} to count in", self.first));
        }
        Ok(ty.clone())
    }

    fn gradient<'g>(&self, _: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        vec![None]
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        cpu::increment(self, width(signature), buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::increment(self, width(signature), signature.output.words())
    }
}

/// Words of a row of the result.
fn width(signature: &Signature) -> usize {
    signature.output.shape.last().copied().unwrap_or(1)
}
