//! Two-dimensional convolution and its two gradients: a set closed under differentiation.
//!
//! With x the input, w the weights and y the output, the convolution is bilinear in x and w, and each
//! of the three operations is the other two's gradient:
//!
//! | operation | makes | gradients |
//! | --- | --- | --- |
//! | [`Conv2d`] | y from x, w | [`Conv2dInputGradient`], [`Conv2dWeightGradient`] |
//! | [`Conv2dInputGradient`] | dx from dy, w | [`Conv2d`], [`Conv2dWeightGradient`] |
//! | [`Conv2dWeightGradient`] | dw from x, dy | [`Conv2dInputGradient`], [`Conv2d`] |
//!
//! The input gradient is also the transposed convolution.

mod cpu;
mod fused;
mod geometry;
pub(crate) mod gpu;

pub use fused::{Convolved, FusedConv2d, Operand};
pub use geometry::Geometry;

use super::{Operation, Signature};
use crate::autodiff::Differentiated;
use crate::graph::Value;
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::{Abilities, Lowered, Stored, Variant};
use crate::shape::{DType, Pair, Shape, Type};

/// `x [n, h, w, in], w [kernel_h, kernel_w, in, out] -> y [n, p, q, out]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Input pixels from one output pixel to the next.
    pub stride: Pair,
    /// Zeros on either side of the input.
    pub padding: Pair,
}

/// `dy [n, p, q, out], w [kernel_h, kernel_w, in, out] -> dx [n, h, w, in]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dInputGradient {
    /// The convolution's.
    pub of: Conv2d,
    /// Rows and columns of the convolution's input, which its output alone does not tell.
    pub input: Pair,
}

/// `x [n, h, w, in], dy [n, p, q, out] -> dw [kernel_h, kernel_w, in, out]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dWeightGradient {
    /// The convolution's.
    pub of: Conv2d,
    /// Rows and columns of the kernel, which input and output alone do not tell.
    pub kernel: Pair,
}

impl<'g> Value<'g> {
    /// Convolution (cross-correlation) of images `[n, h, w, in]` with `weight` `[kernel_h, kernel_w,
    /// in, out]`, plus `bias` `[out]`: `[n, p, q, out]` with `p = (h + 2 * padding - kernel_h) /
    /// stride + 1`, rounded down. Stride and padding are one number, or two for rows and columns.
    #[track_caller]
    pub fn conv2d(
        self,
        weight: Value<'g>,
        bias: Option<Value<'g>>,
        stride: impl Into<Pair>,
        padding: impl Into<Pair>,
    ) -> Value<'g> {
        let conv = Conv2d { stride: stride.into(), padding: padding.into() };
        let y = self.graph.apply(conv, &[self, weight]);
        bias.map_or(y, |bias| y + bias)
    }

    /// Transposed convolution of images `[n, h, w, in]` with `weight` `[kernel_h, kernel_w, out, in]`,
    /// plus `bias` `[out]`: `[n, p, q, out]` with `p = (h - 1) * stride - 2 * padding + kernel_h +
    /// output_padding`, where the output padding is less than the stride. The weight's axes are those
    /// of the convolution that it transposes.
    #[track_caller]
    pub fn conv_transpose2d(
        self,
        weight: Value<'g>,
        bias: Option<Value<'g>>,
        stride: impl Into<Pair>,
        padding: impl Into<Pair>,
        output_padding: impl Into<Pair>,
    ) -> Value<'g> {
        let of = Conv2d { stride: stride.into(), padding: padding.into() };
        let more = output_padding.into();
        let (image, kernel) = (self.shape(), weight.shape());
        // Sizes that come out as nothing, or of too few axes, are refused by the shape rule.
        let length = |axis: usize, kernel_axis: usize, stride: usize, padding: usize, more: usize| {
            let steps = image.get(axis).copied().unwrap_or(0).saturating_sub(1);
            let kernel = kernel.get(kernel_axis).copied().unwrap_or(0);
            steps.saturating_mul(stride).saturating_add(kernel + more).saturating_sub(2 * padding)
        };
        let input = Pair {
            rows: length(1, 0, of.stride.rows, of.padding.rows, more.rows),
            columns: length(2, 1, of.stride.columns, of.padding.columns, more.columns),
        };
        let y = self.graph.apply(Conv2dInputGradient { of, input }, &[self, weight]);
        bias.map_or(y, |bias| y + bias)
    }
}

/// Refuses operands unless they are two f32 tensors of four axes each.
fn expect_images(inputs: &[Type], names: [&str; 2]) -> Result<(), String> {
    super::expect_inputs(inputs, 2)?;
    for (ty, name) in inputs.iter().zip(names) {
        if ty.shape.rank() != 4 || ty.dtype != DType::F32 {
            return Err(format!("its {name} must be f32 of four axes"));
        }
    }
    Ok(())
}

impl Conv2d {
    /// The geometry over an input of `[n, height, width, in]` with weights `[kernel_h, kernel_w, in, out]`.
    fn geometry(&self, input: [usize; 4], weight: [usize; 4]) -> Geometry {
        let [n, height, width, in_channels] = input;
        let [kernel_h, kernel_w, _, out_channels] = weight;
        Geometry {
            n,
            height,
            width,
            in_channels,
            kernel_h,
            kernel_w,
            stride_h: self.stride.rows,
            stride_w: self.stride.columns,
            pad_h: self.padding.rows,
            pad_w: self.padding.columns,
            out_channels,
        }
    }
}

/// The four sizes of a shape that `infer` found to have four axes.
fn sizes(shape: &Shape) -> [usize; 4] {
    [shape[0], shape[1], shape[2], shape[3]]
}

fn expect_channels(what: &str, given: usize, expected: usize) -> Result<(), String> {
    if given == expected {
        Ok(())
    } else {
        Err(format!("the {what} has {given} channels, the weight {expected}"))
    }
}

/// Refuses a gradient of the output whose images are not of the size that the convolution makes.
fn expect_output(g: &Geometry, given: &Shape) -> Result<(), String> {
    let expected = Shape::from(g.output_shape());
    if *given == expected {
        Ok(())
    } else {
        Err(format!("the output of that convolution has the shape {expected}"))
    }
}

impl Operation for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        expect_images(inputs, ["input", "weight"])?;
        let (input, weight) = (sizes(&inputs[0].shape), sizes(&inputs[1].shape));
        expect_channels("input", input[3], weight[2])?;
        let g = self.geometry(input, weight);
        g.validate()?;
        Ok(Type::f32(g.output_shape()))
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let (x, w, dy) = (of.inputs[0], of.inputs[1], of.gradient);
        vec![
            of.wanted[0].then(|| input_gradient(*self, dy, w, &x.shape())),
            of.wanted[1].then(|| weight_gradient(*self, x, dy, &w.shape())),
        ]
    }

    fn reads_halves(&self, operand: usize, _: &Signature) -> bool {
        operand == 0
    }

    fn writes_halves(&self) -> bool {
        true
    }

    fn cpu_scratch(&self, signature: &Signature) -> usize {
        cpu::forward_scratch(&self.signed(signature))
    }

    fn cpu(&self, signature: &Signature, mut buffers: Buffers) {
        let (inputs, output, scratch) = buffers.f32_with_scratch();
        cpu::forward(&self.signed(signature), inputs[0], inputs[1], output, scratch, None);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::correlation(&self.correlation(signature), None)
    }

    fn gpu_variants(&self, signature: &Signature, abilities: &Abilities) -> Vec<Variant> {
        gpu::correlation_variants(&self.correlation(signature), None, abilities)
    }
}

impl Conv2d {
    fn signed(&self, signature: &Signature) -> Geometry {
        self.geometry(sizes(&signature.inputs[0].shape), sizes(&signature.inputs[1].shape))
    }

    fn correlation(&self, signature: &Signature) -> gpu::Correlation {
        gpu::Correlation::new(gpu::Pass::Forward, &self.signed(signature), signature)
    }
}

impl Conv2dInputGradient {
    fn geometry(&self, dy: [usize; 4], weight: [usize; 4]) -> Geometry {
        self.of.geometry([dy[0], self.input.rows, self.input.columns, weight[2]], weight)
    }

    fn signed(&self, signature: &Signature) -> Geometry {
        self.geometry(sizes(&signature.inputs[0].shape), sizes(&signature.inputs[1].shape))
    }

    fn correlation(&self, signature: &Signature) -> gpu::Correlation {
        gpu::Correlation::new(gpu::Pass::InputGradient, &self.signed(signature), signature)
    }
}

impl Operation for Conv2dInputGradient {
    fn name(&self) -> &'static str {
        "conv2d input gradient"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        expect_images(inputs, ["output gradient", "weight"])?;
        let (dy, weight) = (sizes(&inputs[0].shape), sizes(&inputs[1].shape));
        expect_channels("output gradient", dy[3], weight[3])?;
        let g = self.geometry(dy, weight);
        g.validate()?;
        expect_output(&g, &inputs[0].shape)?;
        Ok(Type::f32(g.input_shape()))
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let (dy, w, gradient) = (of.inputs[0], of.inputs[1], of.gradient);
        vec![
            of.wanted[0].then(|| gradient.graph().apply(self.of, &[gradient, w])),
            of.wanted[1].then(|| weight_gradient(self.of, gradient, dy, &w.shape())),
        ]
    }

    fn reads_halves(&self, operand: usize, _: &Signature) -> bool {
        operand == 0
    }

    fn writes_halves(&self) -> bool {
        true
    }

    fn cpu_scratch(&self, signature: &Signature) -> usize {
        cpu::input_gradient_scratch(&self.signed(signature))
    }

    fn cpu(&self, signature: &Signature, mut buffers: Buffers) {
        let (inputs, output, scratch) = buffers.f32_with_scratch();
        cpu::input_gradient(&self.signed(signature), inputs[0], inputs[1], output, scratch, None);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::correlation(&self.correlation(signature), None)
    }

    fn gpu_variants(&self, signature: &Signature, abilities: &Abilities) -> Vec<Variant> {
        gpu::correlation_variants(&self.correlation(signature), None, abilities)
    }
}

impl Conv2dWeightGradient {
    fn geometry(&self, input: [usize; 4], dy: [usize; 4]) -> Geometry {
        self.of.geometry(input, [self.kernel.rows, self.kernel.columns, input[3], dy[3]])
    }

    fn signed(&self, signature: &Signature) -> Geometry {
        self.geometry(sizes(&signature.inputs[0].shape), sizes(&signature.inputs[1].shape))
    }
}

impl Operation for Conv2dWeightGradient {
    fn name(&self) -> &'static str {
        "conv2d weight gradient"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        expect_images(inputs, ["input", "output gradient"])?;
        let g = self.geometry(sizes(&inputs[0].shape), sizes(&inputs[1].shape));
        g.validate()?;
        expect_output(&g, &inputs[1].shape)?;
        Ok(Type::f32(g.weight_shape()))
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let (x, dy, gradient) = (of.inputs[0], of.inputs[1], of.gradient);
        vec![
            of.wanted[0].then(|| input_gradient(self.of, dy, gradient, &x.shape())),
            of.wanted[1].then(|| x.graph().apply(self.of, &[x, gradient])),
        ]
    }

    fn reads_halves(&self, _: usize, _: &Signature) -> bool {
        true
    }

    fn cpu_scratch(&self, signature: &Signature) -> usize {
        cpu::weight_gradient_scratch(&self.signed(signature))
    }

    fn cpu(&self, signature: &Signature, mut buffers: Buffers) {
        let (inputs, output, scratch) = buffers.f32_with_scratch();
        cpu::weight_gradient(&self.signed(signature), inputs[0], inputs[1], output, scratch);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::weight_gradient(&self.signed(signature), stored(signature))
    }

    fn gpu_variants(&self, signature: &Signature, abilities: &Abilities) -> Vec<Variant> {
        gpu::weight_gradient_variants(&self.signed(signature), stored(signature), abilities)
    }
}

/// How the images and the gradients are from which the gradient of the weights is made.
fn stored(signature: &Signature) -> [Stored; 2] {
    [0, 1].map(|operand| Stored::of(signature.inputs[operand].dtype))
}

/// Gradient of an input of shape `input`.
#[track_caller]
fn input_gradient<'g>(of: Conv2d, dy: Value<'g>, w: Value<'g>, input: &Shape) -> Value<'g> {
    let input = Pair { rows: input[1], columns: input[2] };
    dy.graph().apply(Conv2dInputGradient { of, input }, &[dy, w])
}

/// Gradient of weights of shape `weight`.
#[track_caller]
fn weight_gradient<'g>(of: Conv2d, x: Value<'g>, dy: Value<'g>, weight: &Shape) -> Value<'g> {
    let kernel = Pair { rows: weight[0], columns: weight[1] };
    x.graph().apply(Conv2dWeightGradient { of, kernel }, &[x, dy])
}
