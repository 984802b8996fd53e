//! Averaged weights.

use super::Updated;
use crate::graph::{Graph, Value};

/// Exponential moving average of weights: `average = decay * average + (1 - decay) * w`, divided by
/// `1 - decay^t` after t steps, so that it needs no start value and is the weights themselves after
/// the first step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightAverage {
    /// Share of the average that a step keeps, for example 0.999.
    pub decay: f64,
}

impl WeightAverage {
    /// Traces one step. `weights` are names and values after the optimiser's step, of
    /// [`Updated::values`]; the averages are the states `average.NAME`, and the values returned.
    #[track_caller]
    pub fn trace<'g>(&self, graph: &'g Graph, weights: &[(&str, Value<'g>)]) -> Updated<'g> {
        let mut states = vec!["average.correction".to_string()];
        let state = graph.state(states[0].clone(), []);
        let correction = state * self.decay as f32 + (1.0 - self.decay) as f32;
        graph.assign(state, correction);
        // The corrected average follows: a += (1 - decay) / (1 - decay^t) * (w - a).
        let share = correction.divides((1.0 - self.decay) as f32);
        let mut values = Vec::with_capacity(weights.len());
        for (name, weight) in weights {
            let name = format!("average.{name}");
            let state = graph.state(name.clone(), weight.shape());
            let average = state + (*weight - state) * share;
            graph.assign(state, average);
            states.push(name);
            values.push(average);
        }
        Updated { values, states }
    }
}
