//! How a pass walks its images: axes and their phases, windows of the source, units of work.
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

use super::super::geometry::Geometry;

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
    source_len: usize,
    destination_len: usize,
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
    fn new(
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

    /// Source positions that `count` grid indices in a row read.
    pub fn window_len(&self, count: usize) -> usize {
        (count - 1) * self.source_step() + self.span()
    }

    /// Whether no window reaches outside the source.
    fn is_inside(&self) -> bool {
        let start = self.window_start(0);
        start >= 0 && start as usize + self.window_len(self.grid) <= self.source_len
    }
}

/// A pass over a batch of images.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub n: usize,
    pub vertical: Axis,
    pub horizontal: Axis,
    pub source_channels: usize,
    pub destination_channels: usize,
}

impl Plan {
    pub fn new(pass: Pass, g: &Geometry) -> Self {
        let (source_channels, destination_channels) = match pass {
            Pass::Forward => (g.in_channels, g.out_channels),
            Pass::InputGradient => (g.out_channels, g.in_channels),
        };
        Self {
            n: g.n,
            vertical: Axis::new(pass, g.height, g.out_height(), g.kernel_h, g.stride_h, g.pad_h),
            horizontal: Axis::new(pass, g.width, g.out_width(), g.kernel_w, g.stride_w, g.pad_w),
            source_channels,
            destination_channels,
        }
    }

    /// Elements of one source image.
    fn source_image_len(&self) -> usize {
        self.vertical.source_len * self.horizontal.source_len * self.source_channels
    }

    /// Elements of the source.
    pub fn source_len(&self) -> usize {
        self.n * self.source_image_len()
    }

    /// The place in the destination of an image, row and column.
    pub fn destination_offset(&self, image: usize, row: usize, column: usize) -> usize {
        ((image * self.vertical.destination_len + row) * self.horizontal.destination_len + column)
            * self.destination_channels
    }

    /// Elements of the destination.
    pub fn destination_len(&self) -> usize {
        self.destination_offset(self.n, 0, 0)
    }

    /// Whether windows can be read in the source itself, as none of them reaches into padding.
    pub fn is_inside(&self) -> bool {
        self.vertical.is_inside() && self.horizontal.is_inside()
    }

    /// Elements of a copied window of some images and grid rows.
    pub fn window_len(&self, images: usize, rows: usize) -> usize {
        images
            * self.vertical.window_len(rows)
            * self.horizontal.window_len(self.horizontal.grid)
            * self.source_channels
    }

    /// Where a unit's window lies inside the source; only if [`is_inside`](Self::is_inside).
    pub fn window_in_place<'a>(&self, unit: &Unit, source: &'a [f32]) -> Window<'a> {
        let row_stride = self.horizontal.source_len * self.source_channels;
        let row = self.vertical.window_start(unit.rows.start) as usize;
        let column = self.horizontal.window_start(0) as usize;
        let start =
            unit.images.start * self.source_image_len() + row * row_stride + column * self.source_channels;
        Window { data: &source[start..], image_stride: self.source_image_len(), row_stride }
    }

    /// Copies a unit's window, with zeros where it reaches outside the source, into `copy`.
    pub fn copy_window<'a>(&self, unit: &Unit, source: &[f32], copy: &'a mut [f32]) -> Window<'a> {
        let c = self.source_channels;
        let rows = self.vertical.window_len(unit.rows.len());
        let row_stride = self.horizontal.window_len(self.horizontal.grid) * c;
        let top = self.vertical.window_start(unit.rows.start);
        let left = self.horizontal.window_start(0);
        // The columns of the window that lie in the source: after `before` of zeros, `columns`.
        let before = usize::try_from(-left).unwrap_or(0).min(row_stride / c);
        let skipped = usize::try_from(left).unwrap_or(0);
        let columns = self.horizontal.source_len.saturating_sub(skipped).min(row_stride / c - before);
        let source_row = self.horizontal.source_len * c;
        let mut destination_rows = copy.chunks_exact_mut(row_stride);
        for image in unit.images.clone() {
            let pixels = &source[image * self.source_image_len()..][..self.source_image_len()];
            for (i, destination) in destination_rows.by_ref().take(rows).enumerate() {
                let inside =
                    usize::try_from(top + i as isize).ok().filter(|&row| row < self.vertical.source_len);
                match inside {
                    None => destination.fill(0.0),
                    Some(row) => {
                        let (zeros, rest) = destination.split_at_mut(before * c);
                        let (values, more_zeros) = rest.split_at_mut(columns * c);
                        zeros.fill(0.0);
                        values.copy_from_slice(&pixels[row * source_row + skipped * c..][..columns * c]);
                        more_zeros.fill(0.0);
                    }
                }
            }
        }
        Window { data: copy, image_stride: rows * row_stride, row_stride }
    }
}

/// The source as the grid rows of one unit see it: position (0, 0) is the first source position that
/// they read.
pub(super) struct Window<'a> {
    pub data: &'a [f32],
    pub image_stride: usize,
    pub row_stride: usize,
}

/// Some grid rows of one image, or all grid rows of some images.
pub(super) struct Unit {
    pub images: Range<usize>,
    pub rows: Range<usize>,
}

/// The fixed division of a pass's grid into units, and of the units into chunks that may run in
/// parallel.
#[derive(Clone, Copy)]
pub(super) struct Units {
    n: usize,
    grid_h: usize,
    images_per_unit: usize,
    rows_per_unit: usize,
    units_per_chunk: usize,
}

impl Units {
    /// Units of about `pixels` grid positions and at most `window_limit` elements of window (as far
    /// as whole rows allow), in at most `chunks` chunks.
    pub fn new(plan: &Plan, pixels: usize, window_limit: usize, chunks: usize) -> Self {
        let (grid_h, grid_w) = (plan.vertical.grid, plan.horizontal.grid);
        let fits = |images: usize, rows: usize| plan.window_len(images, rows) <= window_limit;
        let mut images = (pixels / (grid_h * grid_w)).clamp(1, plan.n);
        while images > 1 && !fits(images, grid_h) {
            images -= 1;
        }
        let mut rows = if images > 1 { grid_h } else { (pixels / grid_w).clamp(1, grid_h) };
        while rows > 1 && !fits(images, rows) {
            rows -= 1;
        }
        // Bands of equal height, as near as can be.
        let rows = grid_h.div_ceil(grid_h.div_ceil(rows));
        let mut units =
            Self { n: plan.n, grid_h, images_per_unit: images, rows_per_unit: rows, units_per_chunk: 1 };
        units.units_per_chunk = units.count().div_ceil(chunks);
        units
    }

    fn bands(&self) -> usize {
        self.grid_h.div_ceil(self.rows_per_unit)
    }

    fn count(&self) -> usize {
        self.n.div_ceil(self.images_per_unit) * self.bands()
    }

    pub fn chunks(&self) -> usize {
        self.count().div_ceil(self.units_per_chunk)
    }

    /// The units of one chunk, in order.
    pub fn chunk(&self, index: usize) -> impl Iterator<Item = Unit> + use<> {
        let units = *self;
        let start = index * self.units_per_chunk;
        (start..(start + self.units_per_chunk).min(self.count())).map(move |unit| {
            let image = unit / units.bands() * units.images_per_unit;
            let row = unit % units.bands() * units.rows_per_unit;
            Unit {
                images: image..(image + units.images_per_unit).min(units.n),
                rows: row..(row + units.rows_per_unit).min(units.grid_h),
            }
        })
    }

    /// The most images and grid rows in a unit.
    pub fn largest(&self) -> (usize, usize) {
        (self.images_per_unit, self.rows_per_unit)
    }
}

/// Division of channels into blocks of at most two vectors, each block's last vector filled up.
#[derive(Clone, Copy)]
pub(super) struct Blocks {
    pub channels: usize,
    pub lanes: usize,
}

/// One block of channels.
pub(super) struct Block {
    /// The first channel.
    pub start: usize,
    /// Channels that exist.
    pub channels: usize,
    /// Vectors of the block.
    pub vectors: usize,
    /// Channels including those filled up.
    pub width: usize,
}

impl Blocks {
    /// Channels of a full block.
    pub fn full_width(&self) -> usize {
        super::micro::MAX_VECTORS * self.lanes
    }

    pub fn count(&self) -> usize {
        self.channels.div_ceil(self.full_width())
    }

    pub fn get(&self, index: usize) -> Block {
        let start = index * self.full_width();
        let channels = (self.channels - start).min(self.full_width());
        let vectors = channels.div_ceil(self.lanes);
        Block { start, channels, vectors, width: vectors * self.lanes }
    }

    /// Channels including those filled up, over all blocks.
    pub fn padded_channels(&self) -> usize {
        self.channels.next_multiple_of(self.lanes)
    }
}
