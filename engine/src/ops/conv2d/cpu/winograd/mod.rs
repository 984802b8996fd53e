//! Winograd's F(2x2, 3x3): convolutions of 3x3 kernels and stride 1 with 16 products for every 36.
//!
//! With d the 4x4 pixels that make the 2x2 results y, and g the kernel (Lavin and Gray, *Fast Algorithms for
//! Convolutional Neural Networks*, 2015):
//!
//! ```text
//! y  = At [(G g Gt) * (Bt d B)] A           G is 4x3, Bt 4x4, At 2x4, * by elements
//! dg = Gt [(A dy At) * (Bt d B)] G          summed over all tiles
//! ```
//!
//! Products of elements are sums over channels (or over tiles, for dg): 16 matrix products, one for each
//! *place* in a tile. The input gradient is a convolution of its own, with the kernels turned by half a turn.
//! Every coefficient is 0, 1, -1 or a half, so that results are about half a digit less exact than those of the
//! direct sum; larger tiles would lose a whole digit.

mod correlation;
pub(super) mod transforms;
mod weight_gradient;

pub(super) use correlation::WinogradPass;
pub(super) use weight_gradient::WinogradWeightGradient;

use super::super::geometry::Geometry;
use super::axis::{Axis, Pass};
use super::micro::Kernels;
use super::plan::Plan;
use super::units::{Unit, Units};
use transforms::{Places, TileRow};

/// Places in a tile of the source, each with a matrix product of its own.
const PLACES: usize = 16;
/// Pixels along either axis of a tile of results.
const TILE: usize = 2;
/// Elements between the matrices of two places beyond their own, so that they do not all lie in the same sets of the
/// cache; as many at least as a tile of the outer product has rows.
const APART: usize = 16;
/// Elements of a unit's window.
const WINDOW_LIMIT: usize = 64 * 1024;
/// Fewer channels on either side are not worth transforming.
const FEWEST_CHANNELS: usize = 32;
/// Fewer tiles are not worth transforming the kernels.
const FEWEST_TILES: usize = 32;

/// How a pass is cut into tiles.
#[derive(Clone, Copy)]
struct Tiling {
    /// The pass with its results rounded up to whole tiles.
    plan: Plan,
    /// Rows and columns of the results.
    results: [usize; 2],
}

impl Tiling {
    /// Also the input gradient is a forward pass here.
    fn new(pass: Pass, g: &Geometry) -> Self {
        let (sources, results, padding, channels) = match pass {
            Pass::Forward => (
                [g.height, g.width],
                [g.out_height(), g.out_width()],
                [g.pad_h, g.pad_w],
                [g.in_channels, g.out_channels],
            ),
            Pass::InputGradient => (
                [g.out_height(), g.out_width()],
                [g.height, g.width],
                [2 - g.pad_h, 2 - g.pad_w],
                [g.out_channels, g.in_channels],
            ),
        };
        let axis = |i: usize| {
            Axis::new(Pass::Forward, sources[i], results[i].next_multiple_of(TILE), 3, 1, padding[i])
        };
        let plan = Plan {
            n: g.n,
            vertical: axis(0),
            horizontal: axis(1),
            source_channels: channels[0],
            destination_channels: channels[1],
        };
        Self { plan, results }
    }

    /// Rows and columns of tiles in an image.
    fn tiles(&self) -> [usize; 2] {
        self.results.map(|length| length.div_ceil(TILE))
    }

    /// Units of about `tiles` tiles, as far as rows of tiles allow.
    fn units(&self, tiles: usize) -> Units {
        let fits = |images, rows| self.plan.window_len(images, rows * TILE) <= WINDOW_LIMIT;
        Units::new(self.plan.n, self.tiles(), tiles, fits)
    }

    /// Elements of the copy of a unit's window; none where windows are read in place.
    fn window_len(&self, units: &Units) -> usize {
        let (images, rows) = units.largest();
        self.plan.copy_len(images, rows * TILE)
    }

    /// Matrices of the tiles of a unit and of so many channels; they start nowhere yet.
    fn places(&self, units: &Units, channels: usize) -> Places {
        let (images, rows) = units.largest();
        let place_stride = self.unit_tiles(images, rows) * channels + APART;
        Places { start: std::ptr::null_mut(), tile_stride: channels, place_stride }
    }

    /// The unit in pixels, whose rows are rows of tiles.
    fn in_pixels(unit: &Unit) -> Unit {
        Unit { images: unit.images.clone(), rows: unit.rows.start * TILE..unit.rows.end * TILE }
    }

    /// Tiles in a unit of so many images and rows of tiles.
    fn unit_tiles(&self, images: usize, rows: usize) -> usize {
        images * rows * self.tiles()[1]
    }

    /// Transforms the source of a unit; `window` is room for a copy where windows reach into padding.
    ///
    /// # Safety
    ///
    /// `places` has room for the unit's tiles, nothing else accesses it, and the processor has the kernels' instructions.
    unsafe fn transform_source(
        &self,
        unit: &Unit,
        source: &[f32],
        window: &mut [f32],
        mut places: Places,
        kernels: &Kernels,
    ) {
        let plan = &self.plan;
        let pixels = Self::in_pixels(unit);
        let window = plan.window(&pixels, source, window);
        let channels = plan.source_channels;
        for image in 0..unit.images.len() {
            for row in 0..unit.rows.len() {
                let first = image * window.image_stride + row * TILE * window.row_stride;
                let row = TileRow {
                    from: window.data[first..].as_ptr(),
                    from_steps: [TILE * channels, window.row_stride, channels],
                    to: places.start,
                    to_steps: places.steps(),
                    tiles: self.tiles()[1],
                    channels,
                    pixels: self.results,
                };
                places = places.after(row.tiles);
                // SAFETY: the window holds four rows of pixels from there on; the rest is this function's contract.
                unsafe { (kernels.transforms.source)(&row) }
            }
        }
    }

    /// Of the result, the place of an image, row and column.
    fn offset(&self, image: usize, row: usize, column: usize) -> usize {
        ((image * self.results[0] + row) * self.results[1] + column) * self.plan.destination_channels
    }
}

/// Whether passes over that geometry can be cut into tiles.
pub(super) fn applies(g: &Geometry) -> bool {
    [g.kernel_h, g.kernel_w, g.stride_h, g.stride_w] == [3, 3, 1, 1] && g.pad_h.max(g.pad_w) <= 2
}

/// Whether that is faster than the direct sums.
pub(super) fn wins(g: &Geometry) -> bool {
    let [_, height, width, _] = g.output_shape();
    let tiles = height.div_ceil(TILE) * width.div_ceil(TILE);
    applies(g)
        && g.in_channels.min(g.out_channels) >= FEWEST_CHANNELS
        && g.n * tiles >= FEWEST_TILES
        // At least three of four results in a tile are wanted.
        && 4 * height * width >= 3 * tiles * TILE * TILE
}
