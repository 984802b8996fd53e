//! Truth values, 32 to a word: what a backward pass has to know of most activations.

mod cpu;
mod gpu;

use super::{Operation, Signature};
use crate::autodiff::Differentiated;
use crate::graph::Value;
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::{Abilities, Lowered, Variant};
use crate::shape::{DType, Type};

pub(crate) use cpu::unpack;
pub(crate) use gpu::declare;

/// Elements of a tensor of bits come in whole words of so many.
pub(crate) const WORD: usize = 32;

/// x > threshold, as bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exceeds {
    /// What elements are compared with.
    pub threshold: f32,
}

impl<'g> Value<'g> {
    /// Whether x > `threshold`, a bit each, for tensors of a multiple of 32 elements. Elementwise operations of
    /// the same shape take the result as 1 and 0. There is no gradient.
    #[track_caller]
    pub fn exceeds(self, threshold: f32) -> Value<'g> {
        self.graph.apply(Exceeds { threshold }, &[self])
    }
}

impl Operation for Exceeds {
    fn name(&self) -> &'static str {
        "exceeds"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::expect_inputs(inputs, 1)?;
        if inputs[0].dtype != DType::F32 || !inputs[0].shape.elements().is_multiple_of(WORD) {
            return Err("it compares f32, a multiple of 32 elements".into());
        }
        Ok(Type { dtype: DType::Bit, ..inputs[0].clone() })
    }

    fn gradient<'g>(&self, _: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        vec![None]
    }

    fn reads_halves(&self, _: usize, _: &Signature) -> bool {
        true
    }

    fn cpu(&self, _: &Signature, buffers: Buffers) {
        cpu::pack(bytemuck::cast_slice(buffers.inputs[0]), self.threshold, buffers.output);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::portable(self.threshold, signature)
    }

    fn gpu_variants(&self, signature: &Signature, abilities: &Abilities) -> Vec<Variant> {
        let lanes = abilities.lanes(|| Some(gpu::lanes(self.threshold, signature, abilities)));
        Variant::all(lanes, vec![], self.gpu(signature), abilities)
    }
}
