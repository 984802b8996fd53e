//! Integers as numbers: labels and positions, to be compared and averaged.

use rayon::prelude::*;

use super::{Operation, Signature};
use crate::autodiff::Differentiated;
use crate::graph::Value;
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::{Binding, Launch, Lowered};
use crate::shape::{DType, Type};

/// `u32` to the nearest `f32`; exact below 2^24.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToF32;

impl<'g> Value<'g> {
    /// A `u32` tensor as `f32`; exact below 2^24.
    #[track_caller]
    pub fn to_f32(self) -> Value<'g> {
        self.graph.apply(ToF32, &[self])
    }
}

impl Operation for ToF32 {
    fn name(&self) -> &'static str {
        "to_f32"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::expect_inputs(inputs, 1)?;
        if inputs[0].dtype != DType::U32 {
            return Err("it converts u32".into());
        }
        Ok(Type::f32(&inputs[0].shape))
    }

    fn gradient<'g>(&self, _: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        vec![None]
    }

    fn cpu(&self, _: &Signature, mut buffers: Buffers) {
        let input = buffers.inputs[0];
        let (_, output) = buffers.f32();
        output.par_iter_mut().with_min_len(4096).zip(input).for_each(|(y, &x)| *y = x as f32);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        let elements = signature.output.words();
        Lowered::single(Launch {
            label: "to_f32",
            source: include_str!("../../../../shaders/convert/to_f32.wgsl").into(),
            bindings: vec![Binding::read_input(0), Binding::write_output()],
            params: vec![elements as u32],
            workgroups: elements.div_ceil(64),
        })
    }
}
