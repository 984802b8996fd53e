//! One axis of a pass: which source positions and taps make which destination positions.
//!
//! Forward and input gradient are both correlations of a *source* with packed weights into a
//! *destination*. Along each axis the destination is visited by a grid:
//!
//! - forward: grid index g makes output g from the inputs `g * stride - pad ..`, one tap each;
//! - input gradient: grid index g makes the `stride` inputs whose position plus padding is
//!   `(first + g) * stride + phase`. Phase f is reached by the taps `f, f + stride, ..` only, so each
//!   phase is a small correlation of stride 1 with its own few taps, and no multiplication by a zero
//!   between strided positions is ever made.

use std::ops::Range;

/// Which pass an [`Axis`] walks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    Forward,
    InputGradient,
}

/// One axis (height or width) of a pass.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pass: Pass,
    kernel: usize,
    stride: usize,
    pad: usize,
    /// Positions of the source.
    pub source_len: usize,
    /// Positions of the destination.
    pub destination_len: usize,
    /// The input gradient's first grid index, in units of strides from the padded input's beginning.
    first: usize,
    /// Grid positions.
    pub grid: usize,
}

/// The part of an axis's work that uses one set of taps.
pub(super) struct Phase {
    /// The grid indices whose destination exists.
    pub grid: Range<usize>,
    /// Where the first tap of grid index 0 is, counted from the window's beginning.
    pub source: usize,
    /// The destination of grid index 0, which may not exist.
    pub destination: isize,
    /// The kernel indices of the taps, in the source's order: `kernel_first + i * kernel_step`.
    pub taps: usize,
    kernel_first: usize,
    kernel_step: isize,
}

impl Phase {
    /// The kernel index of each tap, in the source's order.
    pub fn kernel_indices(&self) -> impl Iterator<Item = usize> + Clone + use<> {
        let (first, step) = (self.kernel_first, self.kernel_step);
        (0..self.taps).map(move |i| first.wrapping_add_signed(i as isize * step))
    }
}

impl Axis {
    /// `input_len` and `output_len` are those of the convolution, whatever the pass.
    pub fn new(
        pass: Pass,
        input_len: usize,
        output_len: usize,
        kernel: usize,
        stride: usize,
        pad: usize,
    ) -> Self {
        let first = pad / stride;
        let (source_len, destination_len, first, grid) = match pass {
            Pass::Forward => (input_len, output_len, 0, output_len),
            Pass::InputGradient => (output_len, input_len, first, (input_len - 1 + pad) / stride - first + 1),
        };
        Self { pass, kernel, stride, pad, source_len, destination_len, first, grid }
    }

    /// Sets of taps; phases are numbered from 0.
    pub fn phases(&self) -> usize {
        match self.pass {
            Pass::Forward => 1,
            Pass::InputGradient => self.stride,
        }
    }

    /// Source positions from one grid index to the next.
    pub fn source_step(&self) -> usize {
        match self.pass {
            Pass::Forward => self.stride,
            Pass::InputGradient => 1,
        }
    }

    /// Destination positions from one grid index to the next.
    pub fn destination_step(&self) -> usize {
        match self.pass {
            Pass::Forward => 1,
            Pass::InputGradient => self.stride,
        }
    }

    /// The most taps of any phase: the source positions that one grid index reads.
    fn span(&self) -> usize {
        match self.pass {
            Pass::Forward => self.kernel,
            Pass::InputGradient => self.kernel.div_ceil(self.stride),
        }
    }

    /// The phase of that number, below [`phases`](Self::phases).
    pub fn phase(&self, index: usize) -> Phase {
        match self.pass {
            Pass::Forward => Phase {
                grid: 0..self.grid,
                source: 0,
                destination: 0,
                taps: self.kernel,
                kernel_first: 0,
                kernel_step: 1,
            },
            Pass::InputGradient => {
                let taps = self.kernel.saturating_sub(index).div_ceil(self.stride);
                let destination = (self.first * self.stride + index) as isize - self.pad as isize;
                // Whether grid index g exists: 0 <= destination + g * stride < destination_len.
                let below = |end: isize| usize::try_from(end).unwrap_or(0).div_ceil(self.stride);
                Phase {
                    grid: below(-destination)..below(self.destination_len as isize - destination),
                    source: self.span() - taps.max(1),
                    destination,
                    taps,
                    // The source runs forwards while the kernel runs backwards.
                    kernel_first: index + taps.saturating_sub(1) * self.stride,
                    kernel_step: -(self.stride as isize),
                }
            }
        }
    }

    /// The source position at which the window of grid indices `from..` begins; may lie before the source.
    pub fn window_start(&self, from: usize) -> isize {
        match self.pass {
            Pass::Forward => (from * self.stride) as isize - self.pad as isize,
            Pass::InputGradient => (self.first + from + 1) as isize - self.span() as isize,
        }
    }

    /// The destinations that those grid indices make, over all phases.
    pub fn destination_rows(&self, grid: Range<usize>) -> Range<usize> {
        match self.pass {
            Pass::Forward => grid,
            Pass::InputGradient => {
                let place = |index: usize| {
                    ((self.first + index) * self.stride).saturating_sub(self.pad).min(self.destination_len)
                };
                place(grid.start)..place(grid.end)
            }
        }
    }

    /// Source positions that `count` grid indices in a row read.
    pub fn window_len(&self, count: usize) -> usize {
        (count - 1) * self.source_step() + self.span()
    }

    /// Whether no window reaches outside the source.
    pub fn is_inside(&self) -> bool {
        let start = self.window_start(0);
        start >= 0 && start as usize + self.window_len(self.grid) <= self.source_len
    }
}
