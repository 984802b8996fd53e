//! Batch normalisation over the last axis (Ioffe & Szegedy 2015), in training and in evaluation.
//!
//! Only the two reductions are kernels: a batch's statistics, and the sums its gradient needs. What
//! is left is elementwise and fuses with its neighbours: the activation, the shortcut's addition.

mod cpu;
mod gpu;
mod sums;

pub use sums::{BatchNormGradientSums, BatchNormStatistics};

use super::{Operation, Signature};
use crate::autodiff::Differentiated;
use crate::graph::Value;
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::Lowered;
use crate::shape::{Shape, Type};

/// A normalised batch and the statistics it was normalised with.
#[derive(Clone, Copy, Debug)]
pub struct BatchNormOutput<'g> {
    /// The normalised tensor, of the input's shape.
    pub y: Value<'g>,
    /// Mean of each channel, `[c]`.
    pub mean: Value<'g>,
    /// Biased variance of each channel, `[c]`: the mean squared distance from the mean.
    pub variance: Value<'g>,
    /// Values per channel.
    pub count: usize,
}

impl<'g> BatchNormOutput<'g> {
    /// Moves running statistics, two states `[c]`, by the share `momentum` towards this batch's. As
    /// in PyTorch the running variance is the unbiased one, `n / (n - 1)` times the batch's.
    #[track_caller]
    pub fn update_running(&self, mean: Value<'g>, variance: Value<'g>, momentum: f32) {
        let unbiased = self.count as f32 / (self.count as f32 - 1.0);
        let graph = self.y.graph();
        graph.assign(mean, mean * (1.0 - momentum) + self.mean.detach() * momentum);
        let target = self.variance.detach() * (momentum * unbiased);
        graph.assign(variance, variance * (1.0 - momentum) + target);
    }
}

impl<'g> Value<'g> {
    /// Normalises each channel (index along the last axis) to the batch's mean and biased variance,
    /// then scales by `gamma` and shifts by `beta`, both `[c]`:
    /// `y = (x - mean) / sqrt(variance + epsilon) * gamma + beta`.
    #[track_caller]
    pub fn batch_norm_train(self, gamma: Value<'g>, beta: Value<'g>, epsilon: f32) -> BatchNormOutput<'g> {
        let graph = self.graph;
        let statistics = graph.apply(BatchNormStatistics, &[self]);
        let [mean, variance] = rows(statistics);
        let scale = gamma / (variance + epsilon).sqrt();
        // Traced without gradients; `BatchNorm` gives it the rule that takes one pass.
        let y = (self.detach() - mean.detach()) * scale.detach() + beta.detach();
        let rule = BatchNorm { epsilon };
        let y = graph.apply(rule, &[y, self, gamma, beta, statistics, scale]);
        BatchNormOutput { y, mean, variance, count: Extent::new(&self.shape()).rows }
    }

    /// Normalises with given statistics, all `[c]`:
    /// `y = (x - mean) / sqrt(variance + epsilon) * gamma + beta`, traced as one scale and one shift
    /// for each channel, which the optimizer folds into a convolution before it.
    #[track_caller]
    pub fn batch_norm_eval(
        self,
        gamma: Value<'g>,
        beta: Value<'g>,
        mean: Value<'g>,
        variance: Value<'g>,
        epsilon: f32,
    ) -> Value<'g> {
        let scale = gamma / (variance + epsilon).sqrt();
        self * scale + (beta - mean * scale)
    }
}

/// The two rows of a `[2, c]` tensor, each as `[c]`.
#[track_caller]
fn rows<'g>(pair: Value<'g>) -> [Value<'g>; 2] {
    let channels = pair.shape().elements() / 2;
    [0, 1].map(|row| pair.slice(0, row..row + 1).reshape([channels]))
}

/// A tensor as rows of channels.
#[derive(Clone, Copy, Debug)]
struct Extent {
    rows: usize,
    channels: usize,
}

impl Extent {
    fn new(shape: &Shape) -> Extent {
        let channels = shape.last().copied().unwrap_or(1);
        Extent { rows: shape.elements() / channels.max(1), channels }
    }
}

/// The gradient rule of normalisation in training, put on a result that is already computed:
/// `(y, x, gamma, beta, statistics, scale) -> y`, with the scale gamma / deviation. Runs nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// Added to the variance.
    pub epsilon: f32,
}

impl Operation for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::expect_inputs(inputs, 6)?;
        let channels = Extent::new(&inputs[1].shape).channels;
        if inputs[2..4].iter().any(|ty| *ty != Type::f32([channels])) {
            return Err(format!("gamma and beta must both be [{channels}]"));
        }
        Ok(inputs[0].clone())
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let &[_, x, _, _, statistics, scale] = of.inputs else { unreachable!("checked by infer") };
        let dy = of.gradient;
        let [mean, variance] = rows(statistics);
        let sums = dy.graph().apply(BatchNormGradientSums { epsilon: self.epsilon }, &[x, dy, statistics]);
        let [dgamma, dbeta] = rows(sums);
        // dx = gamma / deviation * (dy - mean(dy) - x_hat * mean(dy * x_hat))
        let dx = of.wanted[1].then(|| {
            let along = dgamma / (variance + self.epsilon).sqrt();
            let share = 1.0 / Extent::new(&x.shape()).rows as f32;
            (dy - (dbeta + (x - mean) * along) * share) * scale
        });
        vec![None, dx, of.wanted[2].then_some(dgamma), of.wanted[3].then_some(dbeta), None, None]
    }

    fn is_alias(&self) -> bool {
        true
    }

    fn cpu(&self, _: &Signature, _: Buffers) {
        unreachable!("an alias has no kernel: the planner never schedules it")
    }

    fn gpu(&self, _: &Signature) -> Lowered {
        unreachable!("an alias has no kernel: the planner never schedules it")
    }
}
