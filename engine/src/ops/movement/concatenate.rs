//! Tensors side by side along an axis.

use super::{cpu, gpu};
use crate::autodiff::Differentiated;
use crate::graph::Value;
use crate::ops::{Operation, Signature};
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::Lowered;
use crate::shape::Type;

/// Joins any number of tensors along `axis`; their other axes are equal.
#[derive(Clone, Debug, PartialEq)]
pub struct Concatenate {
    /// Along which.
    pub axis: usize,
}

impl Concatenate {
    /// How many words each operand gives to a run of the result.
    fn parts(&self, signature: &Signature) -> Vec<usize> {
        signature.inputs.iter().map(|input| input.shape[self.axis..].iter().product()).collect()
    }
}

impl Operation for Concatenate {
    fn name(&self) -> &'static str {
        "concatenate"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        let first = inputs.first().ok_or("it takes at least one operand")?;
        let mut sizes = first.shape.to_vec();
        if self.axis >= sizes.len() {
            return Err(format!("there is no axis {}", self.axis));
        }
        sizes[self.axis] = 0;
        for input in inputs {
            let fits = input.dtype == first.dtype
                && input.shape.rank() == sizes.len()
                && (0..sizes.len()).all(|a| a == self.axis || input.shape[a] == sizes[a]);
            if !fits {
                return Err(format!("they differ in more than axis {}", self.axis));
            }
            sizes[self.axis] += input.shape[self.axis];
        }
        Ok(Type { shape: sizes.into(), dtype: first.dtype })
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let mut at = 0;
        let mut gradients = Vec::new();
        for (input, &wanted) in of.inputs.iter().zip(of.wanted) {
            let end = at + input.shape()[self.axis];
            gradients.push(wanted.then(|| of.gradient.slice(self.axis, at..end)));
            at = end;
        }
        gradients
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        cpu::concatenate(&self.parts(signature), buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        let rows = signature.output.shape[..self.axis].iter().product();
        gpu::concatenate(&self.parts(signature), rows)
    }
}
