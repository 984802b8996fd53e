//! Softmax and its logarithm over the last axis.

mod cpu;
mod gpu;

use super::rows::Rows;
use super::{Operation, Signature};
use crate::autodiff::Differentiated;
use crate::graph::Value;
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::Lowered;
use crate::shape::{DType, Type};

/// `y[r, c] = exp(x[r, c]) / sum over k of exp(x[r, k])`, or its logarithm. The largest element of a
/// row is subtracted first, so that nothing overflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Softmax {
    /// Gives the logarithm, which does not underflow.
    pub logarithm: bool,
}

impl<'g> Value<'g> {
    /// Softmax over the last axis.
    #[track_caller]
    pub fn softmax(self) -> Value<'g> {
        self.graph.apply(Softmax { logarithm: false }, &[self])
    }

    /// Logarithm of the softmax over the last axis.
    #[track_caller]
    pub fn log_softmax(self) -> Value<'g> {
        self.graph.apply(Softmax { logarithm: true }, &[self])
    }
}

impl Operation for Softmax {
    fn name(&self) -> &'static str {
        if self.logarithm { "log_softmax" } else { "softmax" }
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::expect_inputs(inputs, 1)?;
        if inputs[0].dtype != DType::F32 || inputs[0].shape.rank() == 0 {
            return Err("it takes an f32 tensor of at least one axis".into());
        }
        Ok(inputs[0].clone())
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let (y, dy) = (of.output, of.gradient);
        let axis = [y.shape().rank() - 1];
        let dx = if self.logarithm { dy - y.exp() * dy.sum(&axis) } else { y * (dy - (y * dy).sum(&axis)) };
        vec![Some(dx)]
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        cpu::run(self.logarithm, Rows::new(&signature.output.shape), buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::lower(self, Rows::new(&signature.output.shape))
    }
}
