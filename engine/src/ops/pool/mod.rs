//! Pooling of images: the largest or the mean over windows that slide as those of a convolution.
//!
//! Max pooling is two steps, so that its gradient needs neither the input nor the output again and has
//! gradients of its own: [`PoolIndex`] finds where each window's maximum is, [`PoolTake`] reads there.
//! [`PoolPut`], which writes there, is the gradient of taking; taking is the gradient of putting.
//! [`AveragePool`] and [`AveragePoolGradient`] are each other's gradients.

mod cpu;
mod geometry;
mod gpu;

pub use geometry::Window;

use self::geometry::Geometry;
use super::{Operation, Signature};
use crate::autodiff::Differentiated;
use crate::graph::Value;
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::Lowered;
use crate::shape::{DType, Pair, Type};

/// `x [n, h, w, c] -> [n, p, q, c]` of u32: the number, row by row within its window, of the first
/// largest element. Padding never wins; not-a-number always does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolIndex {
    /// How the window slides.
    pub window: Window,
}

/// `x [n, h, w, c], index [n, p, q, c] -> y [n, p, q, c]`: the element of each window that the index names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolTake {
    /// How the window slides.
    pub window: Window,
}

/// `dy [n, p, q, c], index [n, p, q, c] -> dx [n, h, w, c]`: each element of dy is added at the element
/// of its window that the index names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolPut {
    /// How the window slides.
    pub window: Window,
    /// Rows and columns of the result.
    pub input: Pair,
}

/// `x [n, h, w, c] -> y [n, p, q, c]`: the mean over each window, zeros of the padding included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AveragePool {
    /// How the window slides.
    pub window: Window,
}

/// `dy [n, p, q, c] -> dx [n, h, w, c]`, the transpose of [`AveragePool`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AveragePoolGradient {
    /// How the window slides.
    pub window: Window,
    /// Rows and columns of the result.
    pub input: Pair,
}

impl<'g> Value<'g> {
    /// The largest of each window of images `[n, h, w, c]`: `[n, p, q, c]` with `p = (h + 2 * padding -
    /// kernel) / stride + 1`, rounded down. Of equal maxima the first, row by row, takes the gradient.
    /// As PyTorch's `max_pool2d`; the padding is at most half the kernel.
    #[track_caller]
    pub fn max_pool2d(
        self,
        kernel: impl Into<Pair>,
        stride: impl Into<Pair>,
        padding: impl Into<Pair>,
    ) -> Value<'g> {
        let window = Window { kernel: kernel.into(), stride: stride.into(), padding: padding.into() };
        let index = self.graph.apply(PoolIndex { window }, &[self]);
        self.graph.apply(PoolTake { window }, &[self, index])
    }

    /// The mean of each window of images `[n, h, w, c]`, zeros of the padding included: `[n, p, q, c]`,
    /// sizes as of [`max_pool2d`](Value::max_pool2d). As PyTorch's `avg_pool2d`.
    #[track_caller]
    pub fn average_pool2d(
        self,
        kernel: impl Into<Pair>,
        stride: impl Into<Pair>,
        padding: impl Into<Pair>,
    ) -> Value<'g> {
        let window = Window { kernel: kernel.into(), stride: stride.into(), padding: padding.into() };
        self.graph.apply(AveragePool { window }, &[self])
    }

    /// The mean over all pixels of images `[n, h, w, c]`: `[n, c]`.
    #[track_caller]
    pub fn global_average_pool(self) -> Value<'g> {
        let means = self.mean(&[1, 2]);
        let shape = means.shape();
        let channels = shape.last().copied().unwrap_or(1);
        means.reshape([shape.elements() / channels.max(1), channels])
    }
}

impl Operation for PoolIndex {
    fn name(&self) -> &'static str {
        "max pool index"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::expect_inputs(inputs, 1)?;
        let shape = Geometry::of_input(self.window, &inputs[0])?.output_shape();
        Ok(Type { shape: shape.into(), dtype: DType::U32 })
    }

    fn gradient<'g>(&self, _: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        vec![None]
    }

    fn reads_halves(&self, operand: usize, _: &Signature) -> bool {
        operand == 0
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        cpu::index(&Geometry::new(self.window, &signature.inputs[0], &signature.output), buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::index(&Geometry::new(self.window, &signature.inputs[0], &signature.output), signature)
    }
}

impl Operation for PoolTake {
    fn name(&self) -> &'static str {
        "max pool"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::expect_inputs(inputs, 2)?;
        let g = Geometry::of_input(self.window, &inputs[0])?;
        g.expect_output(&inputs[1], DType::U32)?;
        Ok(Type::f32(g.output_shape()))
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let shape = of.inputs[0].shape();
        let input = Pair { rows: shape[1], columns: shape[2] };
        let put = PoolPut { window: self.window, input };
        vec![Some(of.gradient.graph().apply(put, &[of.gradient, of.inputs[1]])), None]
    }

    fn reads_halves(&self, operand: usize, _: &Signature) -> bool {
        operand == 0
    }

    fn writes_halves(&self) -> bool {
        true
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        cpu::take(&Geometry::new(self.window, &signature.inputs[0], &signature.output), buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::take(&Geometry::new(self.window, &signature.inputs[0], &signature.output), signature)
    }
}

impl Operation for PoolPut {
    fn name(&self) -> &'static str {
        "max pool gradient"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::expect_inputs(inputs, 2)?;
        let g = Geometry::of_output(self.window, self.input, &inputs[0])?;
        g.expect_output(&inputs[1], DType::U32)?;
        Ok(Type::f32(g.input_shape()))
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let take = PoolTake { window: self.window };
        vec![Some(of.gradient.graph().apply(take, &[of.gradient, of.inputs[1]])), None]
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        cpu::put(&Geometry::new(self.window, &signature.output, &signature.inputs[0]), buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::put(&Geometry::new(self.window, &signature.output, &signature.inputs[0]))
    }
}

impl Operation for AveragePool {
    fn name(&self) -> &'static str {
        "average pool"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::expect_inputs(inputs, 1)?;
        Ok(Type::f32(Geometry::of_input(self.window, &inputs[0])?.output_shape()))
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let shape = of.inputs[0].shape();
        let input = Pair { rows: shape[1], columns: shape[2] };
        let transpose = AveragePoolGradient { window: self.window, input };
        vec![Some(of.gradient.graph().apply(transpose, &[of.gradient]))]
    }

    fn reads_halves(&self, operand: usize, _: &Signature) -> bool {
        operand == 0
    }

    fn writes_halves(&self) -> bool {
        true
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        cpu::average(&Geometry::new(self.window, &signature.inputs[0], &signature.output), buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::average(&Geometry::new(self.window, &signature.inputs[0], &signature.output), signature)
    }
}

impl Operation for AveragePoolGradient {
    fn name(&self) -> &'static str {
        "average pool gradient"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::expect_inputs(inputs, 1)?;
        let g = Geometry::of_output(self.window, self.input, &inputs[0])?;
        Ok(Type::f32(g.input_shape()))
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        vec![Some(of.gradient.graph().apply(AveragePool { window: self.window }, &[of.gradient]))]
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        cpu::average_gradient(&Geometry::new(self.window, &signature.output, &signature.inputs[0]), buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::average_gradient(&Geometry::new(self.window, &signature.output, &signature.inputs[0]))
    }
}
