//! What the forward pass and the gradient of the input have in common, for every variant.
//!
//! Both correlate a source with the weights: along an axis, for grid position g of phase f and tap number t,
//!
//! ```text
//! destination  g * step + f + destination_offset
//! source       g * source_step + source_offset + t * direction
//! tap          f + t * step
//! ```
//!
//! Forward there is one phase. The gradient of the input has as many as the stride: input pixels i with
//! `(i + padding) % stride = f` meet only the taps f, f + stride, ...

use super::{Geometry, Pass};
use crate::ops::Signature;
use crate::runtime::gpu::Stored;

/// An axis of a correlation.
pub struct Axis {
    /// Grid positions of a phase.
    pub grid: usize,
    /// Destinations from one grid position to the next, and phases.
    pub step: usize,
    /// Sources from one grid position to the next.
    pub source_step: usize,
    /// Source of the first tap at the first position.
    pub source_offset: isize,
    /// Destination of the first position.
    pub destination_offset: isize,
}

impl Axis {
    fn forward(output: usize, stride: usize, pad: usize) -> Self {
        let source_offset = -(pad as isize);
        Axis { grid: output, step: 1, source_step: stride, source_offset, destination_offset: 0 }
    }

    fn input_gradient(input: usize, stride: usize, pad: usize) -> Self {
        let first = pad / stride;
        Axis {
            grid: (input + pad - 1) / stride - first + 1,
            step: stride,
            source_step: 1,
            source_offset: first as isize,
            destination_offset: (first * stride) as isize - pad as isize,
        }
    }
}

/// A pass as a correlation.
pub struct Correlation {
    pub label: &'static str,
    /// Images.
    pub n: usize,
    /// Rows and columns.
    pub axes: [Axis; 2],
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Rows, columns, channels.
    pub source: [usize; 3],
    pub destination: [usize; 3],
    pub direction: isize,
    /// Words of the weights from one channel of the source to the next, and likewise of the destination.
    pub weight_steps: [usize; 2],
    /// How the source and the destination are.
    pub stored: [Stored; 2],
}

impl Correlation {
    pub fn new(pass: Pass, g: &Geometry, signature: &Signature) -> Self {
        let stored = [&signature.inputs[0], &signature.output].map(|ty| Stored::of(ty.dtype));
        let (n, kernel) = (g.n, [g.kernel_h, g.kernel_w]);
        let input = [g.height, g.width, g.in_channels];
        let output = [g.out_height(), g.out_width(), g.out_channels];
        match pass {
            Pass::Forward => Correlation {
                label: "conv2d",
                n,
                axes: [
                    Axis::forward(output[0], g.stride_h, g.pad_h),
                    Axis::forward(output[1], g.stride_w, g.pad_w),
                ],
                kernel,
                source: input,
                destination: output,
                direction: 1,
                weight_steps: [g.out_channels, 1],
                stored,
            },
            Pass::InputGradient => Correlation {
                label: "conv2d input gradient",
                n,
                axes: [
                    Axis::input_gradient(input[0], g.stride_h, g.pad_h),
                    Axis::input_gradient(input[1], g.stride_w, g.pad_w),
                ],
                kernel,
                source: output,
                destination: input,
                direction: -1,
                weight_steps: [1, g.out_channels],
                stored,
            },
        }
    }
}

impl Correlation {
    /// The matrix product `[m, k] x [k, n]`, as one of a kernel of one tap, whose pixels are the m rows. `weight_steps`
    /// are the words of the right side from one of k, and from one of n, to the next.
    pub fn product(label: &'static str, [m, k, n]: [usize; 3], weight_steps: [usize; 2]) -> Self {
        Correlation {
            label,
            n: 1,
            axes: [Axis::forward(1, 1, 0), Axis::forward(m, 1, 0)],
            kernel: [1, 1],
            source: [1, m, k],
            destination: [1, m, n],
            direction: 1,
            weight_steps,
            stored: [Stored::Single; 2],
        }
    }

    /// Destination pixels of a phase.
    pub fn positions(&self) -> usize {
        self.n * self.axes[0].grid * self.axes[1].grid
    }

    /// How often the kernel is split by the stride.
    pub fn phases(&self) -> usize {
        self.axes[0].step * self.axes[1].step
    }

    /// Whether the weights' rows run along the channels of the source, as the gradient of the input meets them.
    pub fn swapped(&self) -> bool {
        self.direction < 0
    }
}

/// A number that may be negative, as a word of parameters.
pub fn signed(number: isize) -> usize {
    number as i32 as u32 as usize
}
