//! The threshold that projects onto an L1 ball.

use super::{cpu, gpu};
use crate::autodiff::Differentiated;
use crate::graph::Value;
use crate::ops::{Operation, Signature, expect_inputs};
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::Lowered;
use crate::shape::{DType, Shape, Type};

/// The t >= 0 by which magnitudes must fall for an image to lie in the L1 ball (Duchi et al. 2008):
/// `sum of max(|x| - t, 0) = radius`, or 0 where the image lies within. `[n, ...] -> [n, 1, ...]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct L1Threshold {
    /// Of the ball.
    pub radius: f32,
}

impl L1Threshold {
    fn images(input: &Shape) -> (usize, usize) {
        (input[0], input[1..].iter().product())
    }
}

impl Operation for L1Threshold {
    fn name(&self) -> &'static str {
        "l1_threshold"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        expect_inputs(inputs, 1)?;
        if inputs[0].dtype != DType::F32 || inputs[0].shape.rank() < 2 {
            return Err("it takes f32 images [n, ...]".into());
        }
        if !(self.radius >= 0.0 && self.radius.is_finite()) {
            return Err(format!("{} is not the radius of a ball", self.radius));
        }
        let mut shape = vec![1; inputs[0].shape.rank()];
        shape[0] = inputs[0].shape[0];
        Ok(Type::f32(shape))
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let (x, threshold) = (of.inputs[0], of.output);
        let axes: Vec<usize> = (1..x.shape().rank()).collect();
        // t = (sum of |x| over the elements above t - radius) / their number
        let above = x.abs().greater_than(threshold);
        let number = above.sum(&axes).maximum(x.graph().full([], 1.0));
        let outside = threshold.greater(0.0);
        vec![Some(x.sign() * above * (of.gradient * outside / number))]
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        let (_, elements) = Self::images(&signature.inputs[0].shape);
        cpu::threshold(self.radius, elements, buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        let (images, elements) = Self::images(&signature.inputs[0].shape);
        gpu::threshold(self.radius, images, elements)
    }
}
