//! Hues turned at fixed value and chroma, as torchvision's `adjust_hue` does by way of HSV.
//!
//! With V the largest channel, M the largest less the smallest and d the signed difference of the
//! other two, channel c of the result is V - max(0, min(K, 4 M - K, M)) with
//! K = (offset_c + sector + 6 shift) M + d, modulo 6 M. That is linear in the channels as long as
//! their order and the piece stay, needs no division, and holds for grey pixels, where M and d are 0.
//! So the operation is J(x, shift) v for a piecewise constant matrix J, and hue is J(x, shift) x.

use super::{cpu, gpu};
use crate::autodiff::Differentiated;
use crate::graph::Value;
use crate::ops::{Operation, Signature, expect_inputs};
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::Lowered;
use crate::shape::{DType, Type};

/// `x [n, h, w, 3], shifts [n], v [n, h, w, 3] -> [n, h, w, 3]`: for each pixel J(x, shift) v, where J
/// is the Jacobian of turning the hue of x; or Jᵀ v.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnHue {
    /// Multiply by the transposed Jacobian.
    pub transposed: bool,
}

impl Operation for TurnHue {
    fn name(&self) -> &'static str {
        "hue"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        expect_inputs(inputs, 3)?;
        let &[n, _, _, 3] = &inputs[0].shape[..] else {
            return Err("it takes coloured images [n, h, w, 3]".into());
        };
        if inputs[0].dtype != DType::F32 || inputs[2] != inputs[0] || inputs[1] != Type::f32([n]) {
            return Err(format!("it takes f32 images and {n} shifts"));
        }
        Ok(inputs[0].clone())
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        if of.wanted[1] {
            of.fail(self.name(), "it has no derivative by the shifts");
        }
        let back = || {
            let operands = [of.inputs[0], of.inputs[1], of.gradient];
            of.gradient.graph().apply(TurnHue { transposed: !self.transposed }, &operands)
        };
        // The first is zero but at the kinks: there the Jacobian jumps.
        vec![None, None, of.wanted[2].then(back)]
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        let shape = &signature.output.shape;
        cpu::turn_hue(self.transposed, shape[1] * shape[2], buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        let shape = &signature.output.shape;
        gpu::turn_hue(self.transposed, shape[0] * shape[1] * shape[2], shape[1] * shape[2])
    }
}
