//! Weighted sums of each pixel's channels: grey, and any other change of colour axes.

use super::{cpu, gpu};
use crate::autodiff::Differentiated;
use crate::graph::Value;
use crate::ops::{Operation, Signature, expect_inputs};
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::Lowered;
use crate::shape::{DType, Type};

/// `[..., c] -> [..., k]`: result k of a pixel is the sum of its channels weighted by row k.
#[derive(Clone, Debug, PartialEq)]
pub struct MixChannels {
    /// k rows of c weights.
    pub matrix: Vec<Vec<f32>>,
}

/// The weights are launch parameters, of which there may not be many.
const MOST_WEIGHTS: usize = 64;

impl MixChannels {
    fn transposed(&self, channels: usize) -> MixChannels {
        let column = |c: usize| self.matrix.iter().map(|row| row[c]).collect();
        MixChannels { matrix: (0..channels).map(column).collect() }
    }
}

impl Operation for MixChannels {
    fn name(&self) -> &'static str {
        "mix channels"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        expect_inputs(inputs, 1)?;
        let mut sizes = inputs[0].shape.to_vec();
        let channels = sizes.last_mut().ok_or("it takes pixels of channels")?;
        if inputs[0].dtype != DType::F32 {
            return Err("it computes with f32 only".into());
        }
        if self.matrix.iter().any(|row| row.len() != *channels) {
            return Err(format!("it needs {channels} weights for each result"));
        }
        if !(1..=MOST_WEIGHTS).contains(&(self.matrix.len() * *channels)) {
            return Err(format!("it takes 1 to {MOST_WEIGHTS} weights"));
        }
        *channels = self.matrix.len();
        Ok(Type::f32(sizes))
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let back = self.transposed(self.matrix[0].len());
        vec![Some(of.gradient.graph().apply(back, &[of.gradient]))]
    }

    fn cpu(&self, _: &Signature, buffers: Buffers) {
        cpu::mix(&self.matrix, buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::mix(&self.matrix, signature.output.words())
    }
}
