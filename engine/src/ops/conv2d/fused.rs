//! A convolution whose result passes through elementwise code before it is stored.

use super::{Conv2d, Conv2dInputGradient, cpu, gpu};
use crate::autodiff::Differentiated;
use crate::graph::Value;
use crate::ops::elementwise;
use crate::ops::elementwise::program::Code;
use crate::ops::{Operation, Signature};
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::{Abilities, Lowered, Stored, Variant};
use crate::shape::{DType, Type};

/// `x, w, operands.. -> code(convolution(x, w), operands..)`. Operand 0 of the code is the convolution's
/// result, the others are tensors of its shape, numbers for each channel, or single numbers.
///
/// The optimizer makes these after differentiation, so that they have no gradient rule.
#[derive(Clone, Debug, PartialEq)]
pub struct FusedConv2d {
    /// The convolution.
    pub of: Convolved,
    /// What its result passes through.
    pub code: Code,
}

/// Which convolution makes the pixels.
#[derive(Clone, Debug, PartialEq)]
pub enum Convolved {
    /// The output from the input.
    Forward(Conv2d),
    /// The gradient of the input from that of the output.
    InputGradient(Conv2dInputGradient),
}

/// How an operand of an epilogue meets the pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A number for each channel of each pixel.
    Pixels(Stored),
    /// A truth value for each channel of each pixel, of a multiple of four channels.
    Bits,
    /// A number for each channel.
    Channels,
    /// One number.
    Scalar,
}

impl Operand {
    /// How an operand of the type `ty` meets pixels of the type `pixels`, if it does in one of these ways.
    pub fn of(ty: &Type, pixels: &Type) -> Option<Operand> {
        let channels = *pixels.shape.last()?;
        match ty.shape.elements() {
            _ if ty.dtype == DType::Bit => {
                (ty.shape == pixels.shape && channels.is_multiple_of(4)).then_some(Operand::Bits)
            }
            _ if ty.dtype == DType::U32 || ty.shape.rank() > pixels.shape.rank() => None,
            _ if ty.shape == pixels.shape => Some(Operand::Pixels(Stored::of(ty.dtype))),
            _ if ty.dtype != DType::F32 => None,
            1 => Some(Operand::Scalar),
            count if count == channels && ty.shape.last() == Some(&channels) => Some(Operand::Channels),
            _ => None,
        }
    }
}

/// The code and its operands beyond the convolution's result, as kernels need them.
#[derive(Clone, Debug)]
pub struct Epilogue<'a> {
    /// What the result passes through.
    pub code: &'a Code,
    /// The operands from number 1 on.
    pub operands: Vec<Operand>,
}

impl FusedConv2d {
    fn convolution(&self) -> &dyn Operation {
        match &self.of {
            Convolved::Forward(of) => of,
            Convolved::InputGradient(of) => of,
        }
    }

    fn correlation(&self, signature: &Signature) -> gpu::Correlation {
        match &self.of {
            Convolved::Forward(of) => of.correlation(signature),
            Convolved::InputGradient(of) => of.correlation(signature),
        }
    }

    fn geometry(&self, signature: &Signature) -> super::Geometry {
        match &self.of {
            Convolved::Forward(of) => of.signed(signature),
            Convolved::InputGradient(of) => of.signed(signature),
        }
    }

    fn epilogue(&self, signature: &Signature) -> Epilogue<'_> {
        let meets = |ty| Operand::of(ty, &signature.output).expect("checked by infer");
        Epilogue { code: &self.code, operands: signature.inputs[2..].iter().map(meets).collect() }
    }
}

impl Operation for FusedConv2d {
    fn name(&self) -> &'static str {
        match self.of {
            Convolved::Forward(_) => "conv2d, fused",
            Convolved::InputGradient(_) => "conv2d input gradient, fused",
        }
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        crate::ops::expect_inputs(inputs, 1 + self.code.inputs())?;
        let result = self.convolution().infer(&inputs[..2])?;
        match inputs[2..].iter().find(|ty| Operand::of(ty, &result).is_none()) {
            Some(ty) => Err(format!("an operand {ty} does not meet pixels {result}")),
            None => Ok(result),
        }
    }

    fn gradient<'g>(&self, _: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        unreachable!("the optimizer fuses after differentiation")
    }

    fn reads_halves(&self, operand: usize, signature: &Signature) -> bool {
        operand == 0 || operand > 1 && signature.inputs[operand].shape == signature.output.shape
    }

    fn writes_halves(&self) -> bool {
        true
    }

    fn cpu_scratch(&self, signature: &Signature) -> usize {
        self.convolution().cpu_scratch(signature)
    }

    fn cpu(&self, signature: &Signature, mut buffers: Buffers) {
        let g = self.geometry(signature);
        let (inputs, output, scratch) = buffers.f32_with_scratch();
        let mut types = vec![signature.output.clone()];
        types.extend_from_slice(&signature.inputs[2..]);
        let elementwise = Signature { inputs: types, output: signature.output.clone() };
        let epilogue = elementwise::cpu::Epilogue::new(&self.code, &elementwise, inputs[2..].to_vec());
        let run = match self.of {
            Convolved::Forward(_) => cpu::forward,
            Convolved::InputGradient(_) => cpu::input_gradient,
        };
        run(&g, inputs[0], inputs[1], output, scratch, Some(&epilogue));
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::correlation(&self.correlation(signature), Some(&self.epilogue(signature)))
    }

    fn gpu_variants(&self, signature: &Signature, abilities: &Abilities) -> Vec<Variant> {
        let epilogue = self.epilogue(signature);
        gpu::correlation_variants(&self.correlation(signature), Some(&epilogue), abilities)
    }
}
