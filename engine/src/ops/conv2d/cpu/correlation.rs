//! Forward and input gradient: correlations of windows with packed weights.

use rayon::prelude::*;

use super::super::geometry::Geometry;
use super::PixelsPass;
use super::axis::Pass;
use super::micro::{Correlation, Kernels, MAX_PIXELS};
use super::plan::{Plan, Window};
use super::shared::SharedMut;
use super::units::{Block, Blocks, Shares, Unit, Units};
use crate::ops::elementwise::cpu::Epilogue;

/// Grid positions in a unit of work: enough that a block of weights is fetched seldom, few enough
/// that the window stays near the core.
const UNIT_PIXELS: usize = 128;
/// Elements of a unit's window.
const WINDOW_LIMIT: usize = 64 * 1024;
/// Tasks that may run in parallel; fixed, so that scratch does not depend on the machine.
const TASKS: usize = 32;

/// Everything about one pass that follows from its geometry.
pub(super) struct CorrelationPass {
    pass: Pass,
    kernels: &'static Kernels,
    plan: Plan,
    units: Units,
    blocks: Blocks,
    /// Shares of the destination channels.
    shares: Shares,
    /// Taps times source channels.
    reduction: usize,
    in_channels: usize,
    out_channels: usize,
    kernel_w: usize,
}

impl CorrelationPass {
    pub fn new(pass: Pass, kernels: &'static Kernels, g: &Geometry) -> Self {
        let plan = Plan::new(pass, g);
        let units = plan.units(UNIT_PIXELS, WINDOW_LIMIT).in_chunks(TASKS);
        let blocks = Blocks { channels: plan.destination_channels, lanes: kernels.lanes };
        Self {
            pass,
            kernels,
            plan,
            units,
            blocks,
            shares: Shares::new(&blocks, TASKS, units.chunks()),
            reduction: g.kernel_h * g.kernel_w * plan.source_channels,
            in_channels: g.in_channels,
            out_channels: g.out_channels,
            kernel_w: g.kernel_w,
        }
    }

    fn packed_len(&self) -> usize {
        self.reduction * self.blocks.padded_channels()
    }

    fn window_len(&self) -> usize {
        let (images, rows) = self.units.largest();
        self.plan.copy_len(images, rows)
    }
}

impl PixelsPass for CorrelationPass {
    fn scratch_len(&self) -> usize {
        self.packed_len() + self.units.chunks() * self.shares.count() * self.window_len()
    }

    fn run(
        &self,
        source: &[f32],
        weights: &[f32],
        destination: &mut [f32],
        scratch: &mut [f32],
        epilogue: Option<&Epilogue>,
    ) {
        assert_eq!(source.len(), self.plan.source_len(), "elements of the source");
        assert_eq!(weights.len(), self.reduction * self.plan.destination_channels, "elements of the weights");
        assert_eq!(destination.len(), self.plan.destination_len(), "elements of the destination");
        assert!(scratch.len() >= self.scratch_len(), "elements of scratch");
        let (packed, windows) = scratch.split_at_mut(self.packed_len());
        self.pack(weights, packed);

        let packed = &*packed;
        let tasks = self.units.chunks() * self.shares.count();
        // Whether a task makes all channels of its pixels, and can finish them while they are in cache.
        let early = epilogue.filter(|_| self.shares.count() == 1);
        let shared = SharedMut::new(destination);
        let task = |index: usize, copy: &mut [f32]| {
            let (chunk, blocks) = self.shares.task(index);
            for unit in self.units.chunk(chunk) {
                let window = self.plan.window(&unit, source, copy);
                for block in blocks.clone() {
                    self.run_unit(&unit, &window, &self.blocks.get(block), packed, &shared);
                }
                if let Some(epilogue) = early {
                    self.finish_unit(&unit, epilogue, &shared);
                }
            }
        };
        match self.window_len() {
            0 => (0..tasks).into_par_iter().for_each(|index| task(index, &mut [])),
            len => windows[..tasks * len]
                .par_chunks_exact_mut(len)
                .enumerate()
                .for_each(|(index, copy)| task(index, copy)),
        }
        if let (Some(epilogue), None) = (epilogue, early) {
            epilogue.apply_to_all(destination);
        }
    }
}

impl CorrelationPass {
    /// Passes the pixels of one unit, all of whose channels are made, through `epilogue`.
    fn finish_unit(&self, unit: &Unit, epilogue: &Epilogue, destination: &SharedMut<'_>) {
        let rows = self.plan.vertical.destination_rows(unit.rows.clone());
        for image in unit.images.clone() {
            let start = self.plan.destination_offset(image, rows.start, 0);
            let len = self.plan.destination_offset(image, rows.end, 0) - start;
            // SAFETY: units differ in their images or rows, so no other task touches these pixels.
            let pixels = unsafe { std::slice::from_raw_parts_mut(destination.at(start, len), len) };
            epilogue.apply(start, pixels);
        }
    }

    /// Packs the weights as `[block][phase][tap row][tap column][source channel][channel of the block]`,
    /// taps in the order in which the source is read, channels that do not exist as zeros.
    fn pack(&self, weights: &[f32], packed: &mut [f32]) {
        let full_block = self.reduction * self.blocks.full_width();
        packed.par_chunks_mut(full_block).enumerate().for_each(|(index, packed)| {
            let block = self.blocks.get(index);
            let mut rows = packed.chunks_exact_mut(block.width);
            for (vertical, horizontal) in self.phases() {
                let (vertical, horizontal) =
                    (self.plan.vertical.phase(vertical), self.plan.horizontal.phase(horizontal));
                for r in vertical.kernel_indices() {
                    for s in horizontal.kernel_indices() {
                        let tap = &weights[(r * self.kernel_w + s) * self.in_channels * self.out_channels..];
                        for (channel, row) in rows.by_ref().take(self.plan.source_channels).enumerate() {
                            self.pack_row(&tap[..self.in_channels * self.out_channels], channel, &block, row);
                        }
                    }
                }
            }
        });
    }

    /// One tap's weights from one source channel to a block of destination channels.
    fn pack_row(&self, tap: &[f32], channel: usize, block: &Block, row: &mut [f32]) {
        let (row, zeros) = row.split_at_mut(block.channels);
        zeros.fill(0.0);
        match self.pass {
            Pass::Forward => {
                row.copy_from_slice(&tap[channel * self.out_channels + block.start..][..row.len()])
            }
            Pass::InputGradient => {
                let column =
                    tap[block.start * self.out_channels + channel..].iter().step_by(self.out_channels);
                row.iter_mut().zip(column).for_each(|(to, &from)| *to = from);
            }
        }
    }

    /// The phases of both axes, in the order in which their weights are packed.
    fn phases(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (vertical, horizontal) = (self.plan.vertical.phases(), self.plan.horizontal.phases());
        (0..vertical).flat_map(move |v| (0..horizontal).map(move |h| (v, h)))
    }

    /// Makes one block of destination channels at the grid positions of one unit.
    fn run_unit(
        &self,
        unit: &Unit,
        window: &Window<'_>,
        block: &Block,
        packed: &[f32],
        destination: &SharedMut<'_>,
    ) {
        let plan = &self.plan;
        let channels = plan.source_channels;
        let mut weights = &packed[block.start * self.reduction..][..block.width * self.reduction];
        for (vertical, horizontal) in self.phases() {
            let (vertical, horizontal) = (plan.vertical.phase(vertical), plan.horizontal.phase(horizontal));
            let row_len = horizontal.taps * channels;
            let (phase_weights, rest) = weights.split_at(vertical.taps * row_len * block.width);
            weights = rest;
            let mut tiles = Tiles {
                kernels: self.kernels,
                vectors: block.vectors,
                filled: 0,
                tile: Correlation {
                    source: [std::ptr::null(); MAX_PIXELS],
                    destination: [std::ptr::null_mut(); MAX_PIXELS],
                    rows: vertical.taps,
                    row_len,
                    row_stride: window.row_stride,
                    weights: phase_weights.as_ptr(),
                    channels: block.channels,
                },
            };
            let rows = unit.rows.start.max(vertical.grid.start)..unit.rows.end.min(vertical.grid.end);
            for image in unit.images.clone() {
                for grid_row in rows.clone() {
                    let row = (grid_row - unit.rows.start) * plan.vertical.source_step() + vertical.source;
                    let source_row =
                        (image - unit.images.start) * window.image_stride + row * window.row_stride;
                    let destination_row =
                        vertical.destination + (grid_row * plan.vertical.destination_step()) as isize;
                    for grid_column in horizontal.grid.clone() {
                        let column = grid_column * plan.horizontal.source_step() + horizontal.source;
                        let destination_column = horizontal.destination
                            + (grid_column * plan.horizontal.destination_step()) as isize;
                        let to = plan.destination_offset(
                            image,
                            destination_row as usize,
                            destination_column as usize,
                        );
                        // SAFETY: tasks differ in their units or their blocks, so no other task touches
                        // these channels of this pixel; source and weights reach as far as the taps.
                        unsafe {
                            tiles.push(
                                &window.data[source_row + column * channels..],
                                destination.at(to + block.start, block.channels),
                            );
                        }
                    }
                }
            }
            // SAFETY: as for the pixels pushed.
            unsafe { tiles.flush() }
        }
    }
}

/// Collects pixels into tiles and runs the micro-kernel on each full one.
struct Tiles {
    kernels: &'static Kernels,
    /// Vectors of channels.
    vectors: usize,
    filled: usize,
    tile: Correlation,
}

impl Tiles {
    /// # Safety
    ///
    /// `source` holds the taps of the pixel, and `destination` may be written for the block's channels
    /// until the next [`flush`](Self::flush) returns.
    #[inline]
    unsafe fn push(&mut self, source: &[f32], destination: *mut f32) {
        self.tile.source[self.filled] = source.as_ptr();
        self.tile.destination[self.filled] = destination;
        self.filled += 1;
        if self.filled == self.kernels.pixels() {
            // SAFETY: every pixel of the tile was pushed under this function's contract.
            unsafe { self.flush() }
        }
    }

    /// # Safety
    ///
    /// The contract of [`push`](Self::push) still holds for the pixels pushed.
    unsafe fn flush(&mut self) {
        if self.filled == 0 {
            return;
        }
        // SAFETY: so many pixels are valid, and the table was chosen for this processor.
        unsafe { (self.kernels.correlate[self.filled - 1][self.vectors - 1])(&self.tile) }
        self.filled = 0;
    }
}
