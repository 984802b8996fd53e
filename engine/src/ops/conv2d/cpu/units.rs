//! Units of work: the fixed division of a pass's grid and of its channels.

use std::ops::Range;

use super::micro::MAX_VECTORS;

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
    /// Units of about `positions` grid positions of `n` images, of so many images and rows that they `fit` (as far as
    /// whole rows allow), each a chunk of its own.
    pub fn new(
        n: usize,
        [grid_h, grid_w]: [usize; 2],
        positions: usize,
        fits: impl Fn(usize, usize) -> bool,
    ) -> Self {
        let mut images = (positions / (grid_h * grid_w)).clamp(1, n);
        while images > 1 && !fits(images, grid_h) {
            images -= 1;
        }
        let mut rows = if images > 1 { grid_h } else { (positions / grid_w).clamp(1, grid_h) };
        while rows > 1 && !fits(images, rows) {
            rows -= 1;
        }
        // Bands of equal height, as near as can be.
        let rows = grid_h.div_ceil(grid_h.div_ceil(rows));
        Self { n, grid_h, images_per_unit: images, rows_per_unit: rows, units_per_chunk: 1 }
    }

    /// The same units in at most so many chunks.
    pub fn in_chunks(self, chunks: usize) -> Self {
        Self { units_per_chunk: self.count().div_ceil(chunks), ..self }
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

/// Division of the blocks among tasks that share the pixels of a chunk.
#[derive(Clone, Copy)]
pub(super) struct Shares {
    blocks: usize,
    blocks_per_task: usize,
}

impl Shares {
    /// As many as make at least `tasks` tasks of so many chunks, as far as there are blocks.
    pub fn new(blocks: &Blocks, tasks: usize, chunks: usize) -> Self {
        let blocks = blocks.count();
        Self { blocks, blocks_per_task: blocks.div_ceil(tasks.div_ceil(chunks).min(blocks)) }
    }

    pub fn count(&self) -> usize {
        self.blocks.div_ceil(self.blocks_per_task)
    }

    /// The chunk and the blocks of a task.
    pub fn task(&self, index: usize) -> (usize, Range<usize>) {
        let first = index % self.count() * self.blocks_per_task;
        (index / self.count(), first..(first + self.blocks_per_task).min(self.blocks))
    }

    /// Channels of the largest share, including those filled up.
    pub fn widest(&self, blocks: &Blocks) -> usize {
        (self.blocks_per_task * blocks.full_width()).min(blocks.padded_channels())
    }
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
        MAX_VECTORS * self.lanes
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
