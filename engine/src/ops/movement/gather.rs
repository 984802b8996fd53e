//! Rows picked by number, and the transpose of that: rows added up by number.

use super::{cpu, gpu};
use crate::autodiff::Differentiated;
use crate::graph::Value;
use crate::ops::{Operation, Signature, expect_inputs};
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::Lowered;
use crate::shape::{DType, Type};

/// `x [rows, ...], index u32 [m] -> [m, ...]`: row i is x[index[i]], or zeros where x has no such row.
#[derive(Clone, Debug, PartialEq)]
pub struct Gather;

/// `x [m, ...], index u32 [m] -> [rows, ...]`: row j is the sum of the x[i] with index[i] = j. Every
/// row looks through the whole index, so it is meant for hundreds of rows, not for millions.
#[derive(Clone, Debug, PartialEq)]
pub struct Scatter {
    /// Rows of the result.
    pub rows: usize,
}

fn width(ty: &Type) -> usize {
    ty.shape[1..].iter().product()
}

/// The row shape of `x`, once the operands are found to be rows and their numbers.
fn check(inputs: &[Type]) -> Result<Vec<usize>, String> {
    expect_inputs(inputs, 2)?;
    let (x, index) = (&inputs[0], &inputs[1]);
    if x.shape.rank() == 0 || index.shape.rank() != 1 || index.dtype != DType::U32 {
        return Err("it takes rows, and a list of u32 row numbers".into());
    }
    Ok(x.shape.to_vec())
}

impl Operation for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        let mut sizes = check(inputs)?;
        sizes[0] = inputs[1].shape[0];
        Ok(Type { shape: sizes.into(), dtype: inputs[0].dtype })
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let scatter = Scatter { rows: of.inputs[0].shape()[0] };
        vec![Some(of.gradient.graph().apply(scatter, &[of.gradient, of.inputs[1]])), None]
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        cpu::gather(width(&signature.output), buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::gather(signature.output.words(), width(&signature.output), signature.inputs[0].shape[0])
    }
}

impl Operation for Scatter {
    fn name(&self) -> &'static str {
        "scatter"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        let mut sizes = check(inputs)?;
        if inputs[0].dtype != DType::F32 || sizes[0] != inputs[1].shape[0] {
            return Err("it adds up f32 rows, as many as there are numbers".into());
        }
        sizes[0] = self.rows;
        Ok(Type::f32(sizes))
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        vec![Some(of.gradient.gather(of.inputs[1])), None]
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        cpu::scatter(width(&signature.output), buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::scatter(signature.output.words(), width(&signature.output), signature.inputs[1].shape[0])
    }
}
