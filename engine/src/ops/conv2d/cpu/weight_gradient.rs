//! Weight gradient: sums of outer products of input pixels and output gradients.
//!
//! With j = (tap column, input channel), contiguous in a row of the input, and a tap row r:
//!
//! ```text
//! dw[r, j, k] = sum over pixels (n, p, q) of x[n, p * stride + r, q * stride.. at j] * dy[n, p, q, k]
//! ```
//!
//! The pixels are cut into a fixed number of chunks. Each chunk's sum goes into its own copy of the
//! weights in scratch, and the copies are added up in the order of the chunks.

use rayon::prelude::*;

use super::super::geometry::Geometry;
use super::WeightsPass;
use super::axis::Pass;
use super::micro::{Kernels, Outer};
use super::plan::{Plan, Window};
use super::shared::SharedMut;
use super::units::{Block, Blocks, Shares, Unit, Units};

/// Pixels in a unit of work: a block of their output gradients stays in the first-level cache while
/// all taps pass over it.
const UNIT_PIXELS: usize = 128;
/// Elements of a unit's window.
const WINDOW_LIMIT: usize = 64 * 1024;
/// Tasks that may run in parallel; fixed, so that neither scratch nor the order of sums depends on the
/// machine.
const TASKS: usize = 32;
/// Elements that the partial sums of all chunks may take together; with larger weights, tasks share
/// the pixels and divide the output channels instead.
const PARTIAL_LIMIT: usize = 256 * 1024;

/// Everything about the weight gradient that follows from its geometry.
pub(super) struct WeightGradientPass {
    kernels: &'static Kernels,
    plan: Plan,
    units: Units,
    blocks: Blocks,
    /// Shares of the output channels.
    shares: Shares,
    kernel_h: usize,
    /// Tap columns times input channels.
    row_len: usize,
    /// Tiles that cover `row_len`.
    row_tiles: usize,
}

impl WeightGradientPass {
    pub fn new(kernels: &'static Kernels, g: &Geometry) -> Self {
        let plan = Plan::new(Pass::Forward, g);
        let blocks = Blocks { channels: g.out_channels, lanes: kernels.lanes };
        let row_len = g.kernel_w * g.in_channels;
        let row_tiles = row_len.div_ceil(kernels.outer_rows);
        let partial = g.kernel_h * row_tiles * kernels.outer_rows * blocks.padded_channels();
        let chunks = (PARTIAL_LIMIT / partial).clamp(1, TASKS);
        let units = plan.units(UNIT_PIXELS, WINDOW_LIMIT).in_chunks(chunks);
        let shares = Shares::new(&blocks, TASKS, units.chunks());
        Self { kernels, plan, units, blocks, shares, kernel_h: g.kernel_h, row_len, row_tiles }
    }

    /// Elements of a chunk's sum per channel: tap rows times tiles times tile rows.
    fn partial_rows(&self) -> usize {
        self.kernel_h * self.row_tiles * self.kernels.outer_rows
    }

    fn partial_len(&self) -> usize {
        self.partial_rows() * self.blocks.padded_channels()
    }

    /// Whether the input can be read in place: no padding, and no tile reaches past a row of taps.
    fn reads_in_place(&self) -> bool {
        self.plan.is_inside() && self.row_len.is_multiple_of(self.kernels.outer_rows)
    }

    fn window_len(&self) -> usize {
        let (images, rows) = self.units.largest();
        // The last tile of a row of taps may read past the window's end, by less than a tile.
        if self.reads_in_place() { 0 } else { self.plan.window_len(images, rows) + self.kernels.outer_rows }
    }

    /// Elements of a copy of a unit's output gradients with channels filled up to whole vectors.
    fn gradient_len(&self) -> usize {
        let (images, rows) = self.units.largest();
        if self.blocks.padded_channels() == self.blocks.channels {
            0
        } else {
            images * rows * self.plan.horizontal.grid * self.blocks.padded_channels()
        }
    }
}

impl WeightsPass for WeightGradientPass {
    fn scratch_len(&self) -> usize {
        let tasks = self.units.chunks() * self.shares.count();
        self.units.chunks() * self.partial_len() + tasks * (self.window_len() + self.gradient_len())
    }

    fn run(&self, x: &[f32], dy: &[f32], dw: &mut [f32], scratch: &mut [f32]) {
        assert_eq!(x.len(), self.plan.source_len(), "elements of the input");
        assert_eq!(dy.len(), self.plan.destination_len(), "elements of the output's gradient");
        assert_eq!(dw.len(), self.kernel_h * self.row_len * self.blocks.channels, "elements of the weights");
        assert!(scratch.len() >= self.scratch_len(), "elements of scratch");
        let (partials, copies) = scratch.split_at_mut(self.units.chunks() * self.partial_len());

        let shared = SharedMut::new(partials);
        let tasks = self.units.chunks() * self.shares.count();
        let task = |index: usize, copies: &mut [f32]| self.run_task(index, x, dy, &shared, copies);
        match self.window_len() + self.gradient_len() {
            0 => (0..tasks).into_par_iter().for_each(|index| task(index, &mut [])),
            len => copies[..tasks * len]
                .par_chunks_exact_mut(len)
                .enumerate()
                .for_each(|(index, copies)| task(index, copies)),
        }
        self.sum_partials(partials, dw);
    }
}

impl WeightGradientPass {
    /// Sums one chunk of pixels for some blocks of channels.
    fn run_task(&self, index: usize, x: &[f32], dy: &[f32], partials: &SharedMut<'_>, copies: &mut [f32]) {
        let (window_copy, gradient_copy) = copies.split_at_mut(self.window_len());
        let (chunk, blocks) = self.shares.task(index);
        for (i, unit) in self.units.chunk(chunk).enumerate() {
            let window = if window_copy.is_empty() {
                self.plan.window_in_place(&unit, x)
            } else {
                let (window, slack) = window_copy.split_at_mut(window_copy.len() - self.kernels.outer_rows);
                slack.fill(0.0);
                let Window { image_stride, row_stride, .. } = self.plan.copy_window(&unit, x, window);
                Window { data: window_copy, image_stride, row_stride }
            };
            let gradient = self.unit_gradient(&unit, dy, gradient_copy);
            for block in blocks.clone() {
                let block = self.blocks.get(block);
                let offset = chunk * self.partial_len() + block.start * self.partial_rows();
                let partial = partials.at(offset, block.width * self.partial_rows());
                // SAFETY: tasks differ in their chunk or their blocks, so no other task touches these sums.
                unsafe { self.run_unit(&unit, &window, gradient, &block, partial, i > 0) };
            }
        }
    }

    /// The output gradients of a unit, `[pixels, padded channels]`.
    fn unit_gradient<'a>(&self, unit: &Unit, dy: &'a [f32], copy: &'a mut [f32]) -> &'a [f32] {
        let start = self.plan.destination_offset(unit.images.start, unit.rows.start, 0);
        let end = self.plan.destination_offset(unit.images.end - 1, unit.rows.end, 0);
        let dy = &dy[start..end];
        if copy.is_empty() {
            return dy;
        }
        let channels = self.blocks.channels;
        let pixels = dy.chunks_exact(channels);
        for (to, from) in copy.chunks_exact_mut(self.blocks.padded_channels()).zip(pixels) {
            to[..channels].copy_from_slice(from);
            to[channels..].fill(0.0);
        }
        copy
    }

    /// Sums the pixels of one unit for one block of channels into `partial`, `[tap rows, tiles, tile
    /// rows, width]`.
    ///
    /// # Safety
    ///
    /// `partial` holds as much, and nothing else accesses it.
    unsafe fn run_unit(
        &self,
        unit: &Unit,
        window: &Window<'_>,
        gradient: &[f32],
        block: &Block,
        partial: *mut f32,
        accumulate: bool,
    ) {
        let plan = &self.plan;
        let tile_rows = self.kernels.outer_rows;
        let x_strides = [
            window.image_stride,
            plan.vertical.source_step() * window.row_stride,
            plan.horizontal.source_step() * plan.source_channels,
        ];
        for r in 0..self.kernel_h {
            for tile in 0..self.row_tiles {
                let tile = Outer {
                    x: window.data[r * window.row_stride + tile * tile_rows..].as_ptr(),
                    x_strides,
                    dy: gradient[block.start..].as_ptr(),
                    dy_stride: self.blocks.padded_channels(),
                    pixels: [unit.images.len(), unit.rows.len(), plan.horizontal.grid],
                    sum: partial.wrapping_add((r * self.row_tiles + tile) * tile_rows * block.width),
                    accumulate,
                };
                // SAFETY: the window covers all taps of all pixels, and its slack the rest of the last
                // tile; the gradient has whole vectors; the table was chosen for this processor.
                unsafe { (self.kernels.outer[block.vectors - 1])(&tile) }
            }
        }
    }

    /// Adds up the chunks' sums, in their order, into the weights' own layout.
    fn sum_partials(&self, partials: &[f32], dw: &mut [f32]) {
        let channels = self.blocks.channels;
        let padded_row_len = self.row_tiles * self.kernels.outer_rows;
        dw.par_chunks_exact_mut(channels).with_min_len(64).enumerate().for_each(|(row, dw)| {
            let partial_row = row / self.row_len * padded_row_len + row % self.row_len;
            for index in 0..self.blocks.count() {
                let block = self.blocks.get(index);
                let place = block.start * self.partial_rows() + partial_row * block.width;
                let dw = &mut dw[block.start..][..block.channels];
                for (chunk, partial) in partials.chunks_exact(self.partial_len()).enumerate() {
                    let partial = &partial[place..][..block.channels];
                    if chunk == 0 {
                        dw.copy_from_slice(partial);
                    } else {
                        dw.iter_mut().zip(partial).for_each(|(sum, value)| *sum += value);
                    }
                }
            }
        });
    }
}
