//! Convolution on the CPU by register tiles, with no matrix of patches ever built.
//!
//! Every pass copies a zero-padded window of its source (some rows of an image, or some small images)
//! into scratch, so that the inner loops know no edges; where nothing is padded they read the source
//! itself. Forward and input gradient are the same walk (`correlation.rs`) with differently packed
//! weights; the weight gradient is a sum of outer products (`weight_gradient.rs`). Kernels of 3x3 and stride 1 on
//! enough channels go by Winograd's tiles instead (`winograd/`), with fewer than half of the products.
//! The work is cut by the geometry alone and partial sums are added in a fixed order, so results are
//! equal bit for bit whatever the number of threads. They are not equal between instruction sets,
//! since these differ in the length of a tile and in whether a multiplication is rounded before it is added.

mod axis;
mod correlation;
mod micro;
mod plan;
mod shared;
mod simd;
#[cfg(test)]
mod tests;
mod units;
mod weight_gradient;
mod winograd;

use self::axis::Pass;
use self::correlation::CorrelationPass;
use self::micro::Kernels;
use self::weight_gradient::WeightGradientPass;
use self::winograd::{WinogradPass, WinogradWeightGradient};
use super::geometry::Geometry;
use crate::ops::elementwise::cpu::Epilogue;

/// Elements of scratch that [`forward`] needs.
pub fn forward_scratch(g: &Geometry) -> usize {
    forward_pass(g).scratch_len()
}

/// Makes `y` (shape [`Geometry::output_shape`]) from `x` ([`Geometry::input_shape`]) and `w`
/// ([`Geometry::weight_shape`]), and passes it through `epilogue`; every element of `y` is written.
///
/// # Panics
///
/// If a slice's length does not fit the geometry, or `scratch` is shorter than [`forward_scratch`] says.
pub fn forward(
    g: &Geometry,
    x: &[f32],
    w: &[f32],
    y: &mut [f32],
    scratch: &mut [f32],
    epilogue: Option<&Epilogue>,
) {
    forward_pass(g).run(x, w, y, scratch, epilogue);
}

/// Elements of scratch that [`input_gradient`] needs.
pub fn input_gradient_scratch(g: &Geometry) -> usize {
    input_gradient_pass(g).scratch_len()
}

/// Makes `dx`, the gradient of the input (shape [`Geometry::input_shape`]), from `dy`, that of the
/// output ([`Geometry::output_shape`]), and `w`; every element of `dx` is written. This is the
/// transposed convolution of `dy`. The result passes through `epilogue`.
///
/// # Panics
///
/// If a slice's length does not fit the geometry, or `scratch` is shorter than
/// [`input_gradient_scratch`] says.
pub fn input_gradient(
    g: &Geometry,
    dy: &[f32],
    w: &[f32],
    dx: &mut [f32],
    scratch: &mut [f32],
    epilogue: Option<&Epilogue>,
) {
    input_gradient_pass(g).run(dy, w, dx, scratch, epilogue);
}

/// Elements of scratch that [`weight_gradient`] needs.
pub fn weight_gradient_scratch(g: &Geometry) -> usize {
    weight_gradient_pass(g).scratch_len()
}

/// Makes `dw`, the gradient of the weights (shape [`Geometry::weight_shape`]), from `x` and `dy`;
/// every element of `dw` is written.
///
/// # Panics
///
/// If a slice's length does not fit the geometry, or `scratch` is shorter than
/// [`weight_gradient_scratch`] says.
pub fn weight_gradient(g: &Geometry, x: &[f32], dy: &[f32], dw: &mut [f32], scratch: &mut [f32]) {
    weight_gradient_pass(g).run(x, dy, dw, scratch);
}

/// A way to make pixels from pixels.
trait PixelsPass {
    /// Elements of scratch.
    fn scratch_len(&self) -> usize;

    /// Writes every element of `destination`, which then passes through `epilogue`.
    fn run(
        &self,
        source: &[f32],
        weights: &[f32],
        destination: &mut [f32],
        scratch: &mut [f32],
        epilogue: Option<&Epilogue>,
    );
}

/// A way to make the gradient of weights.
trait WeightsPass {
    /// Elements of scratch.
    fn scratch_len(&self) -> usize;

    /// Writes every element of `dw`.
    fn run(&self, x: &[f32], dy: &[f32], dw: &mut [f32], scratch: &mut [f32]);
}

fn forward_pass(g: &Geometry) -> Box<dyn PixelsPass> {
    pixels_pass(Pass::Forward, g, InstructionSet::best(g.out_channels).kernels())
}

fn input_gradient_pass(g: &Geometry) -> Box<dyn PixelsPass> {
    pixels_pass(Pass::InputGradient, g, InstructionSet::best(g.in_channels).kernels())
}

fn pixels_pass(pass: Pass, g: &Geometry, kernels: &'static Kernels) -> Box<dyn PixelsPass> {
    if winograd::wins(g) {
        Box::new(WinogradPass::new(pass, kernels, g))
    } else {
        Box::new(CorrelationPass::new(pass, kernels, &as_matrix_product(g)))
    }
}

fn weight_gradient_pass(g: &Geometry) -> Box<dyn WeightsPass> {
    let kernels = InstructionSet::best(g.out_channels).kernels();
    if winograd::wins(g) {
        Box::new(WinogradWeightGradient::new(kernels, g))
    } else {
        Box::new(WeightGradientPass::new(kernels, &as_matrix_product(g)))
    }
}

/// A kernel as large as its unpadded input makes one pixel from all of it. As everything is contiguous,
/// that is a kernel of one tap over an image of one pixel with all the elements for channels, which
/// spares the input gradient a window that is nearly all zeros. Other geometries return as they are.
fn as_matrix_product(g: &Geometry) -> Geometry {
    if [g.kernel_h, g.kernel_w, g.pad_h, g.pad_w] != [g.height, g.width, 0, 0] {
        return *g;
    }
    Geometry {
        height: 1,
        width: 1,
        in_channels: g.height * g.width * g.in_channels,
        kernel_h: 1,
        kernel_w: 1,
        stride_h: 1,
        stride_w: 1,
        ..*g
    }
}

/// An instruction set that the micro-kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InstructionSet {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Fma,
    Portable,
}

impl InstructionSet {
    /// The sets that this processor has, those with the longest vectors first.
    fn available() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let sets = [
            is_x86_feature_detected!("avx512f").then_some(Self::Avx512),
            (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self::Avx2),
            is_x86_feature_detected!("fma").then_some(Self::Fma),
            Some(Self::Portable),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let sets = [Some(Self::Portable)];
        sets.into_iter().flatten()
    }

    /// The set for vectors of so many channels: that with the longest vectors, unless the channels also
    /// fit into a shorter one, of which processors start more per cycle.
    fn best(channels: usize) -> Self {
        let fused = || Self::available().filter(|&set| set != Self::Portable);
        let shortest = fused().filter(|set| set.kernels().lanes >= channels).last();
        shortest.or_else(|| fused().next()).unwrap_or(Self::Portable)
    }

    fn kernels(self) -> &'static Kernels {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => &micro::AVX512,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => &micro::AVX2,
            #[cfg(target_arch = "x86_64")]
            Self::Fma => &micro::FMA,
            Self::Portable => &micro::PORTABLE,
        }
    }
}
