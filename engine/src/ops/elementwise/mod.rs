//! Elementwise operations with broadcasting: arithmetic, comparison, selection, and chains of them.

mod broadcast;
pub(crate) mod cpu;
pub(crate) mod gpu;
mod gradient;
pub mod program;
mod quads;
mod trace;

use std::collections::BTreeMap;

use program::{Code, Instruction, Unary};

use super::{Operation, Signature};
use crate::autodiff::Differentiated;
use crate::graph::Value;
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::{Abilities, Lowered, Variant};
use crate::shape::{DType, Shape, Type};

/// Applies a small program to every element of its operands, broadcast against each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Elementwise {
    /// What is computed for each element.
    pub code: Code,
    /// A shape that the result has at least, for programs whose operands alone do not give it.
    pub shape: Shape,
    /// The part that is read of an operand, by its number; of others all is. The optimizer makes these.
    pub parts: BTreeMap<usize, Part>,
}

/// Neighbours in memory, as a tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The first of them.
    pub first: usize,
    /// Their shape.
    pub shape: Shape,
}

impl Elementwise {
    pub(crate) fn new(code: Vec<Instruction>) -> Self {
        Elementwise { code: Code(code), shape: Shape::scalar(), parts: BTreeMap::new() }
    }

    pub(crate) fn fill(value: f32, shape: Shape) -> Self {
        Elementwise { shape, ..Elementwise::new(vec![Instruction::Constant(value)]) }
    }

    pub(crate) fn copy_to(shape: Shape) -> Self {
        let code = vec![Instruction::Input(0), Instruction::Unary(Unary::Copy, 0)];
        Elementwise { shape, ..Elementwise::new(code) }
    }
}

impl Operation for Elementwise {
    fn name(&self) -> &'static str {
        match self.code.0.last() {
            Some(Instruction::Constant(_)) => "fill",
            Some(Instruction::Binary(..)) => "binary",
            Some(Instruction::Select(..)) => "select",
            _ => "unary",
        }
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::expect_inputs(inputs, self.code.inputs())?;
        let mut shape = self.shape.clone();
        for (index, input) in inputs.iter().enumerate() {
            if input.dtype == DType::U32 {
                return Err("it computes with numbers and bits only".into());
            }
            let read = match self.parts.get(&index) {
                Some(part) if part.first + part.shape.elements() > input.shape.elements() => {
                    return Err(format!("there is no such part of {input}"));
                }
                Some(part) => &part.shape,
                None => &input.shape,
            };
            shape = shape.broadcast(read).ok_or("these shapes do not broadcast")?;
        }
        if shape.broadcast(&self.shape).as_ref() != Some(&shape) {
            return Err(format!("the result cannot have the shape {}", self.shape));
        }
        if inputs.iter().any(|input| input.dtype == DType::Bit && input.shape != shape) {
            return Err("bits are not stretched".into());
        }
        Ok(Type::f32(shape))
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        gradient::gradient(&self.code, of)
    }

    fn reads_halves(&self, _: usize, _: &Signature) -> bool {
        true
    }

    fn writes_halves(&self) -> bool {
        true
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        cpu::run(self, signature, buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::lower(self, signature)
    }

    fn gpu_variants(&self, signature: &Signature, abilities: &Abilities) -> Vec<Variant> {
        let lanes = abilities.lanes(|| quads::lanes(self, signature, abilities));
        Variant::all(lanes, vec![], gpu::lower(self, signature), abilities)
    }
}
