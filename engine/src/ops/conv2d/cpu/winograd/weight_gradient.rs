//! Weight gradient by tiles: for each place, a sum of outer products of transformed inputs and output gradients.
//!
//! As in the direct pass, each of a fixed number of chunks of tiles has sums of its own, which are added up in the order
//! of the chunks.

use rayon::prelude::*;

use super::super::WeightsPass;
use super::super::micro::{Kernels, Outer};
use super::super::shared::SharedMut;
use super::super::units::{Blocks, Shares, Unit, Units};
use super::transforms::{self, Places, TileRow};
use super::{APART, Geometry, PLACES, Pass, TILE, Tiling};

/// Tiles in a unit of work: a block of their gradients stays in the first-level cache while all input channels pass over
/// it.
const UNIT_TILES: usize = 32;
/// Tasks that may run in parallel; fixed, so that neither scratch nor the order of sums depends on the machine.
const TASKS: usize = 16;
/// Elements that the sums of all chunks may take together; with larger weights, tasks share the pixels and divide the
/// output channels instead.
const PARTIAL_LIMIT: usize = 2 * 1024 * 1024;

/// Everything about the weight gradient that follows from its geometry.
pub(in super::super) struct WinogradWeightGradient {
    kernels: &'static Kernels,
    tiling: Tiling,
    units: Units,
    blocks: Blocks,
    /// Shares of the output channels.
    shares: Shares,
    /// Tiles of the outer product that cover the input channels.
    row_tiles: usize,
}

impl WinogradWeightGradient {
    pub fn new(kernels: &'static Kernels, g: &Geometry) -> Self {
        let tiling = Tiling::new(Pass::Forward, g);
        let blocks = Blocks { channels: g.out_channels, lanes: kernels.lanes };
        let row_tiles = g.in_channels.div_ceil(kernels.outer_rows);
        let partial = PLACES * row_tiles * kernels.outer_rows * blocks.padded_channels();
        let chunks = (PARTIAL_LIMIT / partial).clamp(1, TASKS);
        let units = tiling.units(UNIT_TILES).in_chunks(chunks);
        let shares = Shares::new(&blocks, TASKS, units.chunks());
        Self { kernels, tiling, units, blocks, shares, row_tiles }
    }

    /// Input channels including those that fill up the last tile of the outer product.
    fn rows(&self) -> usize {
        self.row_tiles * self.kernels.outer_rows
    }

    fn partial_len(&self) -> usize {
        PLACES * self.rows() * self.blocks.padded_channels()
    }

    /// Channels of the gradient that one task transforms.
    fn task_channels(&self) -> usize {
        self.shares.widest(&self.blocks)
    }

    /// The transformed inputs and gradients of a unit.
    fn places(&self) -> [Places; 2] {
        [self.tiling.plan.source_channels, self.task_channels()]
            .map(|channels| self.tiling.places(&self.units, channels))
    }

    fn task_len(&self) -> usize {
        self.tiling.window_len(&self.units) + self.places().iter().map(Places::len).sum::<usize>()
    }
}

impl WeightsPass for WinogradWeightGradient {
    fn scratch_len(&self) -> usize {
        self.units.chunks() * (self.partial_len() + self.shares.count() * self.task_len())
    }

    fn run(&self, x: &[f32], dy: &[f32], dw: &mut [f32], scratch: &mut [f32]) {
        let plan = &self.tiling.plan;
        assert_eq!(x.len(), plan.source_len(), "elements of the input");
        assert_eq!(dy.len(), self.tiling.offset(plan.n, 0, 0), "elements of the output's gradient");
        assert_eq!(dw.len(), 9 * plan.source_channels * self.blocks.channels, "elements of the weights");
        assert!(scratch.len() >= self.scratch_len(), "elements of scratch");
        let (partials, tasks) = scratch.split_at_mut(self.units.chunks() * self.partial_len());

        let shared = SharedMut::new(partials);
        let count = self.units.chunks() * self.shares.count();
        let tasks = tasks[..count * self.task_len()].par_chunks_exact_mut(self.task_len());
        tasks.enumerate().for_each(|(index, scratch)| self.run_task(index, x, dy, &shared, scratch));
        self.sum_partials(partials, dw);
    }
}

impl WinogradWeightGradient {
    /// Sums one chunk of tiles for some blocks of channels.
    fn run_task(&self, index: usize, x: &[f32], dy: &[f32], partials: &SharedMut<'_>, scratch: &mut [f32]) {
        let (chunk, blocks) = self.shares.task(index);
        let (window, matrices) = scratch.split_at_mut(self.tiling.window_len(&self.units));
        let [inputs, gradients] = self.places();
        let (sources, rest) = matrices.split_at_mut(inputs.len());
        // The last tile of an outer product reads on into what is kept between places, or into the next tile. Like the
        // channels that fill up a vector, that makes sums of which nobody asks, but has to be numbers.
        sources.chunks_exact_mut(inputs.place_stride).for_each(|place| {
            let end = place.len() - APART;
            place[end..].fill(0.0);
        });
        if self.blocks.padded_channels() > self.blocks.channels {
            rest.fill(0.0);
        }
        let (inputs, gradients) = (inputs.starting(sources), gradients.starting(rest));
        for (i, unit) in self.units.chunk(chunk).enumerate() {
            // SAFETY: both are of this task's scratch, which has room for the tiles of a unit.
            unsafe {
                self.tiling.transform_source(&unit, x, window, inputs, self.kernels);
                self.transform_gradient(&unit, dy, blocks.start, gradients);
            }
            for index in blocks.clone() {
                let block = self.blocks.get(index);
                let offset = chunk * self.partial_len() + block.start * PLACES * self.rows();
                let partial = partials.at(offset, block.width * PLACES * self.rows());
                let first = block.start - blocks.start * self.blocks.full_width();
                for tile in 0..PLACES * self.row_tiles {
                    let (place, row) =
                        (tile / self.row_tiles, tile % self.row_tiles * self.kernels.outer_rows);
                    let outer = Outer {
                        x: inputs.matrix(place).wrapping_add(row),
                        x_strides: [0, 0, inputs.tile_stride],
                        dy: gradients.matrix(place).wrapping_add(first),
                        dy_stride: gradients.tile_stride,
                        pixels: [1, 1, self.tiling.unit_tiles(unit.images.len(), unit.rows.len())],
                        sum: partial.wrapping_add(tile * self.kernels.outer_rows * block.width),
                        accumulate: i > 0,
                    };
                    // SAFETY: tasks differ in their chunk or their blocks, so no other task touches these sums; the
                    // scratch holds whole vectors and reaches a tile further; the table was chosen for this processor.
                    unsafe { (self.kernels.outer[block.vectors - 1])(&outer) }
                }
            }
        }
    }

    /// Transforms a unit's output gradients, of the channels from that block on.
    ///
    /// # Safety
    ///
    /// Nothing else accesses the places.
    unsafe fn transform_gradient(&self, unit: &Unit, dy: &[f32], block: usize, mut places: Places) {
        let [height, width] = self.tiling.results;
        let first = block * self.blocks.full_width();
        let channels = self.task_channels().min(self.blocks.channels - first);
        for image in unit.images.clone() {
            for row in unit.rows.clone() {
                let row = TileRow {
                    from: dy[self.tiling.offset(image, row * TILE, 0) + first..].as_ptr(),
                    from_steps: [TILE, width, 1].map(|pixels| pixels * self.blocks.channels),
                    to: places.start,
                    to_steps: places.steps(),
                    tiles: self.tiling.tiles()[1],
                    channels,
                    pixels: [height - row * TILE, width],
                };
                places = places.after(row.tiles);
                // SAFETY: those rows of the gradient exist, and so do the unit's tiles in the scratch; the table was
                // chosen for this processor.
                unsafe { (self.kernels.transforms.gradient)(&row) }
            }
        }
    }

    /// Adds up the chunks' sums, in their order, and makes them gradients of kernels.
    fn sum_partials(&self, partials: &[f32], dw: &mut [f32]) {
        let (sources, channels) = (self.tiling.plan.source_channels, self.blocks.channels);
        let shared = SharedMut::new(dw);
        (0..sources).into_par_iter().for_each_init(Vec::new, |sums, source| {
            for index in 0..self.blocks.count() {
                let block = self.blocks.get(index);
                sums.clear();
                sums.resize(PLACES * block.width, 0.0);
                for partial in partials.chunks_exact(self.partial_len()) {
                    let partial = &partial[block.start * PLACES * self.rows()..];
                    for (place, sums) in sums.chunks_exact_mut(block.width).enumerate() {
                        let partial = &partial[(place * self.rows() + source) * block.width..];
                        sums.iter_mut().zip(partial).for_each(|(sum, value)| *sum += value);
                    }
                }
                for channel in 0..block.channels {
                    let taps = transforms::kernel_gradient(std::array::from_fn(|place| {
                        sums[place * block.width + channel]
                    }));
                    for (tap, value) in taps.into_iter().enumerate() {
                        let place = (tap * sources + source) * channels + block.start + channel;
                        // SAFETY: tasks differ in their input channel.
                        unsafe { *shared.at(place, 1) = value }
                    }
                }
            }
        });
    }
}
