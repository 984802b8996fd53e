//! Matrix product, either side transposed.

mod blocks;
mod cpu;
mod gpu;
mod lanes;

use super::{Operation, Signature};
use crate::autodiff::Differentiated;
use crate::graph::Value;
use crate::ops::blocks::{Cut, variants};
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::{Abilities, Lowered, Variant};
use crate::shape::{DType, Type};

/// `[m, k] x [k, n] -> [m, n]`, where a transposed side is stored as `[k, m]` or `[n, k]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matmul {
    /// The left side is stored as `[k, m]`.
    pub transpose_left: bool,
    /// The right side is stored as `[n, k]`.
    pub transpose_right: bool,
}

/// Sizes of a product.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    m: usize,
    k: usize,
    n: usize,
}

impl<'g> Value<'g> {
    /// Matrix product `[m, k] x [k, n] -> [m, n]`.
    #[track_caller]
    pub fn matmul(self, right: Value<'g>) -> Value<'g> {
        self.matmul_of(right, false, false)
    }

    /// Matrix product with either side stored transposed.
    #[track_caller]
    pub fn matmul_of(self, right: Value<'g>, transpose_left: bool, transpose_right: bool) -> Value<'g> {
        self.graph.apply(Matmul { transpose_left, transpose_right }, &[self, right])
    }

    /// A linear layer: `[n, in] x [in, out] + [out]`.
    #[track_caller]
    pub fn linear(self, weight: Value<'g>, bias: Value<'g>) -> Value<'g> {
        self.matmul(weight) + bias
    }
}

impl Matmul {
    fn sizes(&self, signature: &Signature) -> Sizes {
        let left = &signature.inputs[0].shape;
        let (m, k) = if self.transpose_left { (left[1], left[0]) } else { (left[0], left[1]) };
        Sizes { m, k, n: signature.output.shape[1] }
    }
}

impl Operation for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::expect_inputs(inputs, 2)?;
        if inputs.iter().any(|ty| ty.shape.rank() != 2 || ty.dtype != DType::F32) {
            return Err("it multiplies two f32 matrices".into());
        }
        let (left, right) = (&inputs[0].shape, &inputs[1].shape);
        let (m, k) = if self.transpose_left { (left[1], left[0]) } else { (left[0], left[1]) };
        let (other_k, n) = if self.transpose_right { (right[1], right[0]) } else { (right[0], right[1]) };
        if k != other_k {
            return Err(format!("the inner sizes {k} and {other_k} differ"));
        }
        Ok(Type::f32([m, n]))
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let (dy, a, b) = (of.gradient, of.inputs[0], of.inputs[1]);
        let (ta, tb) = (self.transpose_left, self.transpose_right);
        let left =
            of.wanted[0].then(|| if ta { b.matmul_of(dy, tb, true) } else { dy.matmul_of(b, false, !tb) });
        let right =
            of.wanted[1].then(|| if tb { dy.matmul_of(a, true, ta) } else { a.matmul_of(dy, !ta, false) });
        vec![left, right]
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        cpu::run(self, self.sizes(signature), buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::lower(self, self.sizes(signature))
    }

    fn gpu_variants(&self, signature: &Signature, abilities: &Abilities) -> Vec<Variant> {
        let sizes = self.sizes(signature);
        let product = blocks::product(self, sizes);
        let launch = |cut: &Cut, to| blocks::launch(&product, cut, to);
        let lanes = abilities.lanes(|| lanes::lower(self, sizes, abilities));
        Variant::all(lanes, variants(product, abilities, launch), gpu::lower(self, sizes), abilities)
    }
}
