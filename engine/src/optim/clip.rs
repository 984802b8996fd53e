//! Gradient clipping.

use crate::graph::{Graph, Value};

/// Scales `gradients` together so that their joint L2 norm is at most `limit`, as PyTorch's
/// `clip_grad_norm_`. Returns them and the norm before clipping, a scalar.
#[track_caller]
pub fn clip_norm<'g>(graph: &'g Graph, gradients: &[Value<'g>], limit: f32) -> (Vec<Value<'g>>, Value<'g>) {
    let squares = gradients.iter().map(|gradient| gradient.square().sum_all());
    let norm = squares.reduce(|a, b| a + b).unwrap_or_else(|| graph.full([], 0.0)).sqrt();
    // PyTorch's guard against division by zero.
    let scale = (norm + 1e-6).divides(limit).minimum(graph.full([], 1.0));
    (gradients.iter().map(|&gradient| gradient * scale).collect(), norm)
}

/// Limits every element of `gradients` to [-limit, limit].
#[track_caller]
pub fn clip_value<'g>(gradients: &[Value<'g>], limit: f32) -> Vec<Value<'g>> {
    gradients.iter().map(|gradient| gradient.clamp(-limit, limit)).collect()
}
