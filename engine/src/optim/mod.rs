//! Optimisers, traced as ordinary operations: a training step is one program.
//!
//! Everything an optimiser remembers is a named state that starts as zeros, so that a session which
//! writes back the weights and the states of [`Updated::states`] goes on to the bit. The learning
//! rate is a scalar state too: the host writes what its [`Schedule`] says before each step.
//!
//! ```
//! use unperturb_engine::optim::{Optimizer, Parameter, Sgd};
//! use unperturb_engine::{Device, Graph, Session};
//!
//! let g = Graph::new();
//! let weight = g.state("weight", [3]);
//! let gradient = g.gradient(weight.square().sum_all(), &[weight])?[0];
//! let parameters = [Parameter { name: "weight".into(), value: weight, gradient, decay: true }];
//! let optimizer = Optimizer::Sgd(Sgd { momentum: 0.9, nesterov: true, weight_decay: 5e-4 });
//! let updated = optimizer.trace(&g, &parameters, g.state("learning_rate", []));
//! assert_eq!(updated.states, ["optimizer.weight.momentum"]);
//!
//! let mut session = Session::new(&Device::cpu());
//! let step = session.compile(&g)?;
//! session.write("weight", &[1.0, 2.0, 3.0])?;
//! session.write("learning_rate", &[0.1])?;
//! session.run(&step, 100)?;
//! assert!(session.read("weight")?.iter().all(|w| w.abs() < 0.05));
//! # Ok::<(), unperturb_engine::EngineError>(())
//! ```

mod adam;
mod average;
mod clip;
mod schedule;
mod sgd;

pub use adam::Adam;
pub use average::WeightAverage;
pub use clip::{clip_norm, clip_value};
pub use schedule::{Anneal, Schedule};
pub use sgd::Sgd;

use crate::graph::{Graph, Value};

/// A state to train, and its gradient.
#[derive(Clone, Debug)]
pub struct Parameter<'g> {
    /// Its name, unique among the parameters of an optimiser.
    pub name: String,
    /// The state.
    pub value: Value<'g>,
    /// Gradient of the loss, of the same shape.
    pub gradient: Value<'g>,
    /// Whether weight decay applies.
    pub decay: bool,
}

/// What a traced optimiser step leaves for others.
#[derive(Clone, Debug)]
pub struct Updated<'g> {
    /// The parameters after the step, in the order they were given; their states are assigned already.
    pub values: Vec<Value<'g>>,
    /// Names of all states that the optimiser remembers itself by, for checkpoints.
    pub states: Vec<String>,
}

/// Any optimiser.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimizer {
    /// Stochastic gradient descent.
    Sgd(Sgd),
    /// Adam.
    Adam(Adam),
}

impl Optimizer {
    /// Traces one step, which assigns every parameter. `learning_rate` is a scalar.
    #[track_caller]
    pub fn trace<'g>(
        &self,
        graph: &'g Graph,
        parameters: &[Parameter<'g>],
        learning_rate: Value<'g>,
    ) -> Updated<'g> {
        match self {
            Optimizer::Sgd(sgd) => sgd.trace(graph, parameters, learning_rate),
            Optimizer::Adam(adam) => adam.trace(graph, parameters, learning_rate),
        }
    }
}

/// Declares states named after parameters and keeps their names.
struct Memory<'g> {
    graph: &'g Graph,
    states: Vec<String>,
}

impl<'g> Memory<'g> {
    fn new(graph: &'g Graph) -> Self {
        Memory { graph, states: Vec::new() }
    }

    /// The state `optimizer.WHAT`, of the shape of `like`.
    #[track_caller]
    fn state(&mut self, what: &str, shape: crate::Shape) -> Value<'g> {
        let name = format!("optimizer.{what}");
        let state = self.graph.state(name.clone(), shape);
        self.states.push(name);
        state
    }
}

/// The gradient with the derivative of `decay / 2 * |value|^2` added, as PyTorch's `weight_decay`.
#[track_caller]
fn decayed<'g>(parameter: &Parameter<'g>, decay: f32) -> Value<'g> {
    if decay == 0.0 || !parameter.decay {
        return parameter.gradient;
    }
    parameter.gradient + parameter.value * decay
}

/// `1 - decay^t` after t steps, exactly enough for t = 1: the state `c` starts at 0 and follows
/// `c = c * decay + (1 - decay)`. Averages that start at zero are divided by it.
#[track_caller]
fn correction<'g>(memory: &mut Memory<'g>, what: &str, decay: f64) -> Value<'g> {
    let state = memory.state(what, crate::Shape::scalar());
    let next = state * decay as f32 + (1.0 - decay) as f32;
    memory.graph.assign(state, next);
    next
}
