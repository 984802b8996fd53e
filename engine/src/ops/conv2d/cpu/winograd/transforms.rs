//! What happens to tiles before and after their products, written once over [`Vector`] like the micro-kernels.

#![allow(
    clippy::needless_range_loop,
    reason = "indices of fixed-size arrays unroll into registers and read as the formula"
)]

use super::super::simd::{Single, Vector};
use super::{PLACES, TILE};

/// A row of tiles, and where their transforms go. The same happens to each of their channels.
pub(in super::super) struct TileRow {
    /// The first channel of the first element of the first tile.
    pub from: *const f32,
    /// Elements from one tile, one row and one column to the next.
    pub from_steps: [usize; 3],
    /// Where the first channel of the first tile goes.
    pub to: *mut f32,
    /// Elements from one tile, one row and one column to the next.
    pub to_steps: [usize; 3],
    /// Tiles in the row.
    pub tiles: usize,
    /// Channels, which lie side by side.
    pub channels: usize,
    /// Rows and columns of the result (or of its gradient) that exist; more of the last tile are neither read nor written.
    pub pixels: [usize; 2],
}

/// Matrices of tiles and channels, one for each place in a tile.
#[derive(Clone, Copy)]
pub(in super::super) struct Places {
    /// The first channel of the first tile.
    pub start: *mut f32,
    /// Elements from one tile to the next.
    pub tile_stride: usize,
    /// Elements from one place to the next.
    pub place_stride: usize,
}

impl Places {
    /// Elements of all matrices.
    pub fn len(&self) -> usize {
        PLACES * self.place_stride
    }

    /// The same from `matrices` on, which are as long.
    pub fn starting(self, matrices: &mut [f32]) -> Self {
        assert!(matrices.len() >= self.len(), "elements of the matrices");
        Self { start: matrices.as_mut_ptr(), ..self }
    }

    /// The same from a later tile on.
    pub fn after(self, tiles: usize) -> Self {
        Self { start: self.start.wrapping_add(tiles * self.tile_stride), ..self }
    }

    /// The matrix of one place.
    pub fn matrix(&self, place: usize) -> *mut f32 {
        self.start.wrapping_add(place * self.place_stride)
    }

    /// Elements from one tile, one row and one column of places to the next.
    pub fn steps(&self) -> [usize; 3] {
        [self.tile_stride, 4 * self.place_stride, self.place_stride]
    }
}

/// The transforms of one instruction set.
pub(in super::super) struct Transforms {
    /// `Bt d B`: 4x4 pixels to 4x4 places.
    pub source: unsafe fn(&TileRow),
    /// `At m A`: 4x4 places to 2x2 pixels.
    pub result: unsafe fn(&TileRow),
    /// `A dy At`: 2x2 pixels to 4x4 places.
    pub gradient: unsafe fn(&TileRow),
    /// `G g Gt`: 3x3 taps to 4x4 places.
    pub kernel: unsafe fn(&TileRow),
}

/// What a transform does along either axis.
pub(in super::super) trait Axis {
    /// Elements that it reads.
    const READ: usize;
    /// Elements that it makes.
    const MADE: usize;

    /// The first `READ` elements to the first `MADE`.
    ///
    /// # Safety
    ///
    /// That of [`Vector`].
    unsafe fn apply<V: Vector>(v: [V; 4]) -> [V; 4];
}

/// `Bt v`.
pub(in super::super) struct Source;

impl Axis for Source {
    const READ: usize = 4;
    const MADE: usize = 4;

    #[inline(always)]
    unsafe fn apply<V: Vector>(v: [V; 4]) -> [V; 4] {
        // SAFETY: this function's contract is the vector's.
        unsafe { [v[0].subtract(v[2]), v[1].add(v[2]), v[2].subtract(v[1]), v[1].subtract(v[3])] }
    }
}

/// `At v`.
pub(in super::super) struct Sums;

impl Axis for Sums {
    const READ: usize = 4;
    const MADE: usize = TILE;

    #[inline(always)]
    unsafe fn apply<V: Vector>(v: [V; 4]) -> [V; 4] {
        // SAFETY: this function's contract is the vector's.
        unsafe { [v[0].add(v[1]).add(v[2]), v[1].subtract(v[2]).subtract(v[3]), V::zero(), V::zero()] }
    }
}

/// `A v`.
pub(in super::super) struct Gradient;

impl Axis for Gradient {
    const READ: usize = TILE;
    const MADE: usize = 4;

    #[inline(always)]
    unsafe fn apply<V: Vector>(v: [V; 4]) -> [V; 4] {
        // SAFETY: this function's contract is the vector's.
        unsafe { [v[0], v[0].add(v[1]), v[0].subtract(v[1]), V::zero().subtract(v[1])] }
    }
}

/// `G v`.
pub(in super::super) struct Kernel;

impl Axis for Kernel {
    const READ: usize = 3;
    const MADE: usize = 4;

    #[inline(always)]
    unsafe fn apply<V: Vector>(v: [V; 4]) -> [V; 4] {
        // SAFETY: this function's contract is the vector's.
        unsafe {
            let outer = v[0].add(v[2]);
            let half = V::splat(&0.5);
            let halved = |sum: V| V::zero().multiply_add(half, sum);
            [v[0], halved(outer.add(v[1])), halved(outer.subtract(v[1])), v[2]]
        }
    }
}

/// Transforms a row of tiles.
///
/// # Safety
///
/// The pointers reach what [`TileRow`] says, and the vector's instruction set is there.
#[inline(always)]
pub(in super::super) unsafe fn transform<V: Vector, A: Axis>(t: &TileRow) {
    let whole = t.channels - t.channels % V::LANES;
    for tile in 0..t.tiles {
        // SAFETY: by this function's contract.
        unsafe {
            for channel in (0..whole).step_by(V::LANES) {
                transform_channels::<V, A>(t, tile, channel);
            }
            for channel in whole..t.channels {
                transform_channels::<Single, A>(t, tile, channel);
            }
        }
    }
}

/// Transforms as many channels of a tile as a vector has elements.
///
/// # Safety
///
/// That of [`transform`].
#[inline(always)]
unsafe fn transform_channels<V: Vector, A: Axis>(t: &TileRow, tile: usize, channel: usize) {
    let from = t.from.wrapping_add(tile * t.from_steps[0] + channel);
    let to = t.to.wrapping_add(tile * t.to_steps[0] + channel);
    // Only tiles of results may have fewer elements than a transform reads or makes.
    let limit = |count: usize| {
        if count == TILE {
            [t.pixels[0].min(TILE), (t.pixels[1] - TILE * tile).min(TILE)]
        } else {
            [count; 2]
        }
    };
    // SAFETY: by this function's contract.
    unsafe {
        let mut rows = [[V::zero(); 4]; 4];
        let exist = limit(A::READ);
        for row in 0..A::READ {
            let mut elements = [V::zero(); 4];
            for column in 0..A::READ {
                if row < exist[0] && column < exist[1] {
                    elements[column] =
                        V::load(from.wrapping_add(row * t.from_steps[1] + column * t.from_steps[2]));
                }
            }
            rows[row] = A::apply(elements);
        }
        let exist = limit(A::MADE);
        for column in 0..A::MADE {
            let elements = A::apply([rows[0][column], rows[1][column], rows[2][column], rows[3][column]]);
            for row in 0..A::MADE {
                if row < exist[0] && column < exist[1] {
                    elements[row].store(to.wrapping_add(row * t.to_steps[1] + column * t.to_steps[2]));
                }
            }
        }
    }
}

/// `Gt m G`: a kernel's gradient, from the sums at the places of a tile.
pub(super) fn kernel_gradient(places: [f32; PLACES]) -> [f32; 9] {
    let axis = |v: [f32; 4]| [v[0] + 0.5 * (v[1] + v[2]), 0.5 * (v[1] - v[2]), 0.5 * (v[1] + v[2]) + v[3]];
    let rows: [[f32; 3]; 4] =
        std::array::from_fn(|row| axis(std::array::from_fn(|column| places[row * 4 + column])));
    let columns: [[f32; 3]; 3] =
        std::array::from_fn(|s| axis([rows[0][s], rows[1][s], rows[2][s], rows[3][s]]));
    std::array::from_fn(|tap| columns[tap % 3][tap / 3])
}
