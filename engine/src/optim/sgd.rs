//! Stochastic gradient descent.

use super::{Memory, Parameter, Updated, decayed};
use crate::graph::{Graph, Value};

/// Stochastic gradient descent with momentum, as PyTorch defines it:
/// `m = momentum * m + g`, then `w = w - rate * m`, or with Nesterov's look-ahead
/// `w = w - rate * (g + momentum * m)`, where g includes the weight decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Share of the last step that is kept; 0 needs no memory.
    pub momentum: f32,
    /// Steps from where the momentum leads (Sutskever et al. 2013).
    pub nesterov: bool,
    /// Factor of the parameter that is added to its gradient.
    pub weight_decay: f32,
}

impl Sgd {
    /// Traces one step; see [`Optimizer::trace`](super::Optimizer::trace). The momentum of a
    /// parameter is the state `optimizer.NAME.momentum`.
    #[track_caller]
    pub fn trace<'g>(
        &self,
        graph: &'g Graph,
        parameters: &[Parameter<'g>],
        learning_rate: Value<'g>,
    ) -> Updated<'g> {
        let mut memory = Memory::new(graph);
        let mut values = Vec::with_capacity(parameters.len());
        for parameter in parameters {
            let gradient = decayed(parameter, self.weight_decay);
            let mut direction = gradient;
            if self.momentum != 0.0 {
                let what = format!("{}.momentum", parameter.name);
                let state = memory.state(&what, parameter.value.shape());
                let momentum = state * self.momentum + gradient;
                graph.assign(state, momentum);
                direction = if self.nesterov { gradient + momentum * self.momentum } else { momentum };
            }
            let value = parameter.value - direction * learning_rate;
            graph.assign(parameter.value, value);
            values.push(value);
        }
        Updated { values, states: memory.states }
    }
}
