//! Forward and input gradient by tiles.

use rayon::prelude::*;

use super::super::PixelsPass;
use super::super::micro::{Correlation, Kernels, MAX_PIXELS};
use super::super::shared::SharedMut;
use super::super::units::{Blocks, Unit, Units};
use super::transforms::{Places, TileRow};
use super::{Geometry, PLACES, Pass, TILE, Tiling};
use crate::ops::elementwise::cpu::Epilogue;

/// Tiles in a unit of work: enough that a block of kernels is fetched seldom, few enough that their transforms stay near
/// the core.
const UNIT_TILES: usize = 16;
/// Tasks that may run in parallel; fixed, so that scratch does not depend on the machine.
const TASKS: usize = 32;
/// Tasks where channels are so many that more of them would take more scratch than the limit.
const FEWEST_TASKS: usize = 8;
/// Elements of all tasks' scratch.
const SCRATCH_LIMIT: usize = 4 * 1024 * 1024;

/// Everything about one pass that follows from its geometry.
pub(in super::super) struct WinogradPass {
    pass: Pass,
    kernels: &'static Kernels,
    tiling: Tiling,
    units: Units,
    blocks: Blocks,
}

/// One task's scratch.
struct Scratch<'a> {
    window: &'a mut [f32],
    /// The transformed source.
    source: Places,
    /// The sums of products.
    sums: Places,
}

impl WinogradPass {
    pub fn new(pass: Pass, kernels: &'static Kernels, g: &Geometry) -> Self {
        let tiling = Tiling::new(pass, g);
        let units = tiling.units(UNIT_TILES);
        let blocks = Blocks { channels: tiling.plan.destination_channels, lanes: kernels.lanes };
        let pass = Self { pass, kernels, tiling, units, blocks };
        let tasks = (SCRATCH_LIMIT / pass.task_len()).clamp(FEWEST_TASKS, TASKS);
        Self { units: units.in_chunks(tasks), ..pass }
    }

    fn packed_len(&self) -> usize {
        PLACES * self.tiling.plan.source_channels * self.blocks.padded_channels()
    }

    /// The transformed source and the sums of a unit.
    fn places(&self) -> [Places; 2] {
        [self.tiling.plan.source_channels, self.blocks.padded_channels()]
            .map(|channels| self.tiling.places(&self.units, channels))
    }

    fn task_len(&self) -> usize {
        self.tiling.window_len(&self.units) + self.places().iter().map(Places::len).sum::<usize>()
    }
}

impl PixelsPass for WinogradPass {
    fn scratch_len(&self) -> usize {
        self.packed_len() + self.units.chunks() * self.task_len()
    }

    fn run(
        &self,
        source: &[f32],
        weights: &[f32],
        destination: &mut [f32],
        scratch: &mut [f32],
        epilogue: Option<&Epilogue>,
    ) {
        let plan = &self.tiling.plan;
        assert_eq!(source.len(), plan.source_len(), "elements of the source");
        assert_eq!(
            weights.len(),
            9 * plan.source_channels * plan.destination_channels,
            "elements of the weights"
        );
        assert_eq!(destination.len(), self.tiling.offset(plan.n, 0, 0), "elements of the destination");
        assert!(scratch.len() >= self.scratch_len(), "elements of scratch");
        let (packed, tasks) = scratch.split_at_mut(self.packed_len());
        self.pack(weights, packed);

        let packed = &*packed;
        let shared = SharedMut::new(destination);
        let tasks = tasks[..self.units.chunks() * self.task_len()].par_chunks_exact_mut(self.task_len());
        tasks.enumerate().for_each(|(chunk, scratch)| {
            let mut scratch = self.scratch(scratch);
            for unit in self.units.chunk(chunk) {
                // SAFETY: the pointers of the scratch are those of this task's own, which it holds for itself.
                unsafe {
                    let Scratch { window, source: places, .. } = &mut scratch;
                    self.tiling.transform_source(&unit, source, window, *places, self.kernels);
                    self.multiply(&unit, packed, &scratch);
                    self.transform_sums(&unit, &scratch, &shared);
                }
                if let Some(epilogue) = epilogue {
                    self.finish_unit(&unit, epilogue, &shared);
                }
            }
        });
    }
}

impl WinogradPass {
    fn scratch<'a>(&self, task: &'a mut [f32]) -> Scratch<'a> {
        let (window, rest) = task.split_at_mut(self.tiling.window_len(&self.units));
        let [source, sums] = self.places();
        let (sources, rest) = rest.split_at_mut(source.len());
        Scratch { window, source: source.starting(sources), sums: sums.starting(rest) }
    }

    /// Packs the kernels' transforms as `[block][place][source channel][channel of the block]`, channels that do not
    /// exist as zeros.
    fn pack(&self, weights: &[f32], packed: &mut [f32]) {
        let (sources, destinations) =
            (self.tiling.plan.source_channels, self.tiling.plan.destination_channels);
        let full_block = PLACES * sources * self.blocks.full_width();
        packed.par_chunks_mut(full_block).enumerate().for_each(|(index, packed)| {
            let block = self.blocks.get(index);
            if block.channels < block.width {
                packed.fill(0.0);
            }
            let transform = |from: &[f32], from_steps, packed: &mut [f32], tiles| {
                let kernels = TileRow {
                    from: from.as_ptr(),
                    from_steps,
                    to: packed.as_mut_ptr(),
                    to_steps: [block.width, 4 * sources * block.width, sources * block.width],
                    tiles,
                    channels: block.channels,
                    pixels: [TILE, TILE * tiles],
                };
                // SAFETY: there are nine taps, and sixteen places for each source channel; the table was chosen for this
                // processor.
                unsafe { (self.kernels.transforms.kernel)(&kernels) }
            };
            match self.pass {
                Pass::Forward => {
                    let tap = sources * destinations;
                    transform(&weights[block.start..], [destinations, 3 * tap, tap], packed, sources);
                }
                // Turned by half a turn, and from output to input channels.
                Pass::InputGradient => {
                    let mut turned = vec![0.0; 9 * block.channels];
                    for channel in 0..sources {
                        for (tap, to) in turned.chunks_exact_mut(block.channels).enumerate() {
                            let from =
                                &weights[((8 - tap) * destinations + block.start) * sources + channel..];
                            to.iter_mut()
                                .zip(from.iter().step_by(sources))
                                .for_each(|(to, &from)| *to = from);
                        }
                        let steps = [0, 3 * block.channels, block.channels];
                        transform(&turned, steps, &mut packed[channel * block.width..], 1);
                    }
                }
            }
        });
    }

    /// # Safety
    ///
    /// The transformed source is there, and nothing else accesses the scratch.
    unsafe fn multiply(&self, unit: &Unit, packed: &[f32], scratch: &Scratch<'_>) {
        let channels = self.tiling.plan.source_channels;
        let tiles = self.tiling.unit_tiles(unit.images.len(), unit.rows.len());
        // Parts as equal as can be, so that none is too short to keep the processor busy.
        let parts = tiles.div_ceil(self.kernels.pixels());
        let mut tile = Correlation {
            source: [std::ptr::null(); MAX_PIXELS],
            destination: [std::ptr::null_mut(); MAX_PIXELS],
            rows: 1,
            row_len: channels,
            row_stride: 0,
            weights: std::ptr::null(),
            channels: 0,
        };
        for place in 0..PLACES {
            let (source, sums) = (scratch.source.matrix(place), scratch.sums.matrix(place));
            for index in 0..self.blocks.count() {
                let block = self.blocks.get(index);
                let weights = (block.start * PLACES + place * block.width) * channels;
                tile.weights = packed[weights..][..channels * block.width].as_ptr();
                tile.channels = block.width;
                for part in 0..parts {
                    let part = part * tiles / parts..(part + 1) * tiles / parts;
                    for (p, at) in part.clone().enumerate() {
                        tile.source[p] = source.wrapping_add(at * channels);
                        tile.destination[p] = sums.wrapping_add(at * scratch.sums.tile_stride + block.start);
                    }
                    // SAFETY: the scratch holds all tiles of a unit, and sums have whole vectors of channels; the table
                    // was chosen for this processor.
                    unsafe { (self.kernels.correlate[part.len() - 1][block.vectors - 1])(&tile) }
                }
            }
        }
    }

    /// # Safety
    ///
    /// The sums are there, and nothing else accesses the scratch.
    unsafe fn transform_sums(&self, unit: &Unit, scratch: &Scratch<'_>, destination: &SharedMut<'_>) {
        let [height, width] = self.tiling.results;
        let channels = self.tiling.plan.destination_channels;
        let mut places = scratch.sums;
        for image in unit.images.clone() {
            for row in unit.rows.clone() {
                let rows = TILE.min(height - row * TILE);
                let row = TileRow {
                    from: places.start,
                    from_steps: places.steps(),
                    to: destination.at(self.tiling.offset(image, row * TILE, 0), rows * width * channels),
                    to_steps: [TILE * channels, width * channels, channels],
                    tiles: self.tiling.tiles()[1],
                    channels,
                    pixels: [rows, width],
                };
                places = places.after(row.tiles);
                // SAFETY: tasks differ in their units, so no other task touches these pixels; the table was chosen for
                // this processor.
                unsafe { (self.kernels.transforms.result)(&row) }
            }
        }
    }

    /// Passes the pixels of one unit through `epilogue`.
    fn finish_unit(&self, unit: &Unit, epilogue: &Epilogue, destination: &SharedMut<'_>) {
        let height = self.tiling.results[0];
        for image in unit.images.clone() {
            let start = self.tiling.offset(image, unit.rows.start * TILE, 0);
            let len = self.tiling.offset(image, (unit.rows.end * TILE).min(height), 0) - start;
            // SAFETY: units differ in their images or rows, so no other task touches these pixels.
            let pixels = unsafe { std::slice::from_raw_parts_mut(destination.at(start, len), len) };
            epilogue.apply(start, pixels);
        }
    }
}
