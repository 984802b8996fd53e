//! The two reductions of batch normalisation.

use super::{Extent, cpu, gpu, rows};
use crate::autodiff::Differentiated;
use crate::graph::Value;
use crate::ops::{Operation, Signature, expect_inputs};
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::{Abilities, Lowered, Variant};
use crate::shape::{DType, Type};

/// Mean (row 0) and biased variance (row 1) of each channel: `[..., c] -> [2, c]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormStatistics;

/// Sum of `dy * x_hat` (row 0) and of `dy` (row 1) for each channel, where `x_hat` is x normalised:
/// `(x, dy, statistics) -> [2, c]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormGradientSums {
    /// Added to the variance.
    pub epsilon: f32,
}

impl Operation for BatchNormStatistics {
    fn name(&self) -> &'static str {
        "batch_norm_statistics"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        expect_inputs(inputs, 1)?;
        if inputs[0].dtype != DType::F32 || inputs[0].shape.rank() < 2 {
            return Err("it normalises an f32 tensor [n, ..., c]".into());
        }
        let Extent { rows, channels } = Extent::new(&inputs[0].shape);
        if rows < 2 {
            return Err("it needs more than one value per channel".into());
        }
        Ok(Type::f32([2, channels]))
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let x = of.inputs[0];
        let share = 1.0 / Extent::new(&x.shape()).rows as f32;
        let [mean, _] = rows(of.output);
        let [dmean, dvariance] = rows(of.gradient);
        vec![Some(dmean * share + (x - mean) * (dvariance * (2.0 * share)))]
    }

    fn reads_halves(&self, operand: usize, _: &Signature) -> bool {
        operand == 0
    }

    fn cpu_scratch(&self, signature: &Signature) -> usize {
        cpu::scratch(Extent::new(&signature.inputs[0].shape))
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        cpu::statistics(Extent::new(&signature.inputs[0].shape), buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::statistics().lower(signature)
    }

    fn gpu_variants(&self, signature: &Signature, abilities: &Abilities) -> Vec<Variant> {
        gpu::statistics().variants(signature, abilities)
    }
}

impl Operation for BatchNormGradientSums {
    fn name(&self) -> &'static str {
        "batch_norm_gradient_sums"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        expect_inputs(inputs, 3)?;
        let channels = Extent::new(&inputs[0].shape).channels;
        if inputs[0] != inputs[1] || inputs[0].dtype != DType::F32 || inputs[2] != Type::f32([2, channels]) {
            return Err("it takes x, a gradient of the same shape and statistics [2, c]".into());
        }
        Ok(Type::f32([2, channels]))
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let &[x, dy, statistics] = of.inputs else { unreachable!("checked by infer") };
        let [mean, variance] = rows(statistics);
        let variance = variance + self.epsilon;
        let inverse = variance.sqrt().divides(1.0);
        let [along, plain] = rows(of.gradient);
        let dx = of.wanted[0].then(|| dy * (along * inverse));
        let ddy = of.wanted[1].then(|| (x - mean) * (along * inverse) + plain);
        let dstatistics = of.wanted[2].then(|| {
            let [sum_along, sum_plain] = rows(of.output);
            let channels = mean.shape()[0];
            let dmean = (-along * inverse * sum_plain).reshape([1, channels]);
            let dvariance = (along * sum_along * -0.5 / variance).reshape([1, channels]);
            Value::concatenate(&[dmean, dvariance], 0)
        });
        vec![dx, ddy, dstatistics]
    }

    fn reads_halves(&self, operand: usize, _: &Signature) -> bool {
        operand == 0
    }

    fn cpu_scratch(&self, signature: &Signature) -> usize {
        cpu::scratch(Extent::new(&signature.inputs[0].shape))
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        cpu::gradient_sums(self.epsilon, Extent::new(&signature.inputs[0].shape), buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::gradient_sums(self.epsilon).lower(signature)
    }

    fn gpu_variants(&self, signature: &Signature, abilities: &Abilities) -> Vec<Variant> {
        gpu::gradient_sums(self.epsilon).variants(signature, abilities)
    }
}
