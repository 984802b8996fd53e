//! Adam.

use super::{Memory, Parameter, Updated, correction, decayed};
use crate::graph::{Graph, Value};

/// Adam (Kingma & Ba 2015, algorithm 1), as PyTorch defines it: weight decay is added to the gradient,
/// and epsilon to the corrected root.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Decay of the mean gradient.
    pub beta1: f64,
    /// Decay of the mean squared gradient.
    pub beta2: f64,
    /// Keeps the division finite.
    pub epsilon: f32,
    /// Factor of the parameter that is added to its gradient.
    pub weight_decay: f32,
}

impl Default for Adam {
    /// The values of the paper, without weight decay.
    fn default() -> Self {
        Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }
}

impl Adam {
    /// Traces one step; see [`Optimizer::trace`](super::Optimizer::trace). The states of a parameter
    /// are `optimizer.NAME.mean` and `optimizer.NAME.square`. `1 - beta1^t` and `1 - beta2^t`, which
    /// stand for the number of steps t, are `optimizer.mean_correction` and
    /// `optimizer.square_correction`.
    #[track_caller]
    pub fn trace<'g>(
        &self,
        graph: &'g Graph,
        parameters: &[Parameter<'g>],
        learning_rate: Value<'g>,
    ) -> Updated<'g> {
        let mut memory = Memory::new(graph);
        let step_size = learning_rate / correction(&mut memory, "mean_correction", self.beta1);
        let root_correction = correction(&mut memory, "square_correction", self.beta2).sqrt();
        let mut values = Vec::with_capacity(parameters.len());
        for parameter in parameters {
            let shape = parameter.value.shape();
            let gradient = decayed(parameter, self.weight_decay);
            let mut average = |what: &str, decay: f64, of: Value<'g>| {
                let state = memory.state(&format!("{}.{what}", parameter.name), shape.clone());
                let next = state * decay as f32 + of * (1.0 - decay) as f32;
                graph.assign(state, next);
                next
            };
            let mean = average("mean", self.beta1, gradient);
            let square = average("square", self.beta2, gradient * gradient);
            let value = parameter.value - step_size * mean / (square.sqrt() / root_correction + self.epsilon);
            graph.assign(parameter.value, value);
            values.push(value);
        }
        Updated { values, states: memory.states }
    }
}
