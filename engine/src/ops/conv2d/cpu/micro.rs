//! The micro-kernels: a tile of accumulators held in registers while a long sum runs.
//!
//! Two of them carry all three passes. [`Correlation`] sums over taps and source channels for a few
//! destination pixels at once (forward and input gradient); [`Outer`] sums over pixels for a few
//! (tap, input channel) pairs at once (weight gradient). Both broadcast scalars of one operand
//! against vectors of channels of the other. They are written once, over the [`Vector`] trait and
//! the tile's sizes, and compiled for each instruction set; [`Kernels`] is the table of one set.

#![allow(
    clippy::needless_range_loop,
    reason = "indices of fixed-size arrays unroll into registers and read as the formula"
)]

#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512, Fma};
use super::simd::{Portable, Vector};
use super::winograd::transforms::{Axis, Gradient, Kernel, Source, Sums, TileRow, Transforms, transform};

/// The most pixels any instruction set gives to one [`Correlation`] tile.
pub(super) const MAX_PIXELS: usize = 8;

/// The most vectors of channels in a tile, so that a block of channels is at most this many vectors.
pub(super) const MAX_VECTORS: usize = 2;

/// The most elements in a vector of any instruction set.
const MAX_LANES: usize = 16;

/// One tile of a correlation: for each pixel p of the tile and each channel k of a block,
///
/// ```text
/// destination[p][k] = sum over i < rows, j < row_len of source[p][i * row_stride + j] * weights[i, j, k]
/// ```
pub(super) struct Correlation {
    /// The first tap's first channel, for each pixel.
    pub source: [*const f32; MAX_PIXELS],
    /// The first channel of the block, for each pixel.
    pub destination: [*mut f32; MAX_PIXELS],
    /// Rows of taps.
    pub rows: usize,
    /// Elements in a row of taps: columns of taps times source channels, contiguous in the source.
    pub row_len: usize,
    /// Elements from one row of the source to the next.
    pub row_stride: usize,
    /// `[rows, row_len, vectors * lanes]`.
    pub weights: *const f32,
    /// Channels of the block that exist, at most `vectors * lanes`; no more are written.
    pub channels: usize,
}

/// One tile of an outer-product sum: for each j of the tile and each channel k of a block,
///
/// ```text
/// sum[j, k] (+)= sum over pixels p of x[p][j] * dy[p][k]
/// ```
///
/// where the pixels are a grid of images, rows and columns.
pub(super) struct Outer {
    /// The first j of the first pixel.
    pub x: *const f32,
    /// Elements of x from one image, row and column of pixels to the next.
    pub x_strides: [usize; 3],
    /// The first channel of the block of the first pixel.
    pub dy: *const f32,
    /// Elements of dy from one pixel to the next, in the order image, row, column.
    pub dy_stride: usize,
    /// Images, rows and columns of pixels.
    pub pixels: [usize; 3],
    /// `[tile rows, vectors * lanes]`.
    pub sum: *mut f32,
    /// Whether to add to `sum` rather than to overwrite it.
    pub accumulate: bool,
}

/// The micro-kernels of one instruction set, and the sizes of their tiles.
pub(super) struct Kernels {
    /// Elements in a vector.
    pub lanes: usize,
    /// Rows (j) in an [`Outer`] tile.
    pub outer_rows: usize,
    /// By pixels in the tile and vectors of channels, each less one.
    pub correlate: &'static [[unsafe fn(&Correlation); MAX_VECTORS]],
    /// By vectors of channels in the tile, less one.
    pub outer: [unsafe fn(&Outer); MAX_VECTORS],
    /// Those of Winograd's tiles.
    pub transforms: Transforms,
}

impl Kernels {
    /// Pixels in a full [`Correlation`] tile.
    pub fn pixels(&self) -> usize {
        self.correlate.len()
    }
}

/// # Safety
///
/// The pointers reach what [`Correlation`] says, for the first `P` pixels, and the vector's
/// instruction set is there.
#[inline(always)]
unsafe fn correlate<V: Vector, const P: usize, const N: usize>(tile: &Correlation) {
    // SAFETY: by this function's contract every access below is inside the tile's operands.
    unsafe {
        let mut source: [*const f32; P] = std::array::from_fn(|p| tile.source[p]);
        let mut weights = tile.weights;
        let mut sum = [[V::zero(); N]; P];
        for _ in 0..tile.rows {
            for j in 0..tile.row_len {
                let mut w = [V::zero(); N];
                for v in 0..N {
                    w[v] = V::load(weights.wrapping_add(v * V::LANES));
                }
                for p in 0..P {
                    let x = V::splat(source[p].wrapping_add(j));
                    for v in 0..N {
                        sum[p][v] = sum[p][v].multiply_add(x, w[v]);
                    }
                }
                weights = weights.wrapping_add(N * V::LANES);
            }
            for pointer in &mut source {
                *pointer = pointer.wrapping_add(tile.row_stride);
            }
        }
        if tile.channels == N * V::LANES {
            for p in 0..P {
                for v in 0..N {
                    sum[p][v].store(tile.destination[p].wrapping_add(v * V::LANES));
                }
            }
        } else {
            let mut row = [0.0; MAX_LANES * MAX_VECTORS];
            for p in 0..P {
                for v in 0..N {
                    sum[p][v].store(row.as_mut_ptr().wrapping_add(v * V::LANES));
                }
                std::ptr::copy_nonoverlapping(row.as_ptr(), tile.destination[p], tile.channels);
            }
        }
    }
}

/// # Safety
///
/// The pointers reach what [`Outer`] says, for `J` tile rows, and the vector's instruction set is
/// there.
#[inline(always)]
unsafe fn outer<V: Vector, const J: usize, const N: usize>(tile: &Outer) {
    // SAFETY: by this function's contract every access below is inside the tile's operands.
    unsafe {
        let mut sum = [[V::zero(); N]; J];
        let mut dy = tile.dy;
        let [images, rows, columns] = tile.pixels;
        let [image_stride, row_stride, column_stride] = tile.x_strides;
        let mut image = tile.x;
        for _ in 0..images {
            let mut row = image;
            for _ in 0..rows {
                let mut x = row;
                for _ in 0..columns {
                    let mut d = [V::zero(); N];
                    for v in 0..N {
                        d[v] = V::load(dy.wrapping_add(v * V::LANES));
                    }
                    for j in 0..J {
                        let x = V::splat(x.wrapping_add(j));
                        for v in 0..N {
                            sum[j][v] = sum[j][v].multiply_add(x, d[v]);
                        }
                    }
                    x = x.wrapping_add(column_stride);
                    dy = dy.wrapping_add(tile.dy_stride);
                }
                row = row.wrapping_add(row_stride);
            }
            image = image.wrapping_add(image_stride);
        }
        for j in 0..J {
            for v in 0..N {
                let place = tile.sum.wrapping_add((j * N + v) * V::LANES);
                let total = if tile.accumulate { V::load(place).add(sum[j][v]) } else { sum[j][v] };
                total.store(place);
            }
        }
    }
}

/// Compiles the micro-kernels for one instruction set and lists them in a table.
macro_rules! kernels {
    ($module:ident, $table:ident, $vector:ty, pixels: [$($pixels:literal)*], outer_rows: $rows:expr, $(#[$feature:meta])?) => {
        mod $module {
            use super::*;

            $(#[$feature])?
            unsafe fn correlate_tile<const P: usize, const N: usize>(tile: &Correlation) {
                // SAFETY: the caller's contract is the same, and this function has the instructions.
                unsafe { correlate::<$vector, P, N>(tile) }
            }

            $(#[$feature])?
            unsafe fn outer_tile<const N: usize>(tile: &Outer) {
                // SAFETY: the caller's contract is the same, and this function has the instructions.
                unsafe { outer::<$vector, { $rows }, N>(tile) }
            }

            $(#[$feature])?
            unsafe fn transform_row<A: Axis>(row: &TileRow) {
                // SAFETY: the caller's contract is the same, and this function has the instructions.
                unsafe { transform::<$vector, A>(row) }
            }

            pub(in super::super) static $table: Kernels = Kernels {
                lanes: <$vector>::LANES,
                outer_rows: $rows,
                correlate: &[$([correlate_tile::<$pixels, 1>, correlate_tile::<$pixels, 2>],)*],
                outer: [outer_tile::<1>, outer_tile::<2>],
                transforms: Transforms {
                    source: transform_row::<Source>,
                    result: transform_row::<Sums>,
                    gradient: transform_row::<Gradient>,
                    kernel: transform_row::<Kernel>,
                },
            };
        }
        pub(super) use $module::$table;
    };
}

// The tiles fill the vector registers: 32 of them with AVX-512 and on aarch64, else 16. Those of the
// four lanes with `fma` do so with one vector of channels, as it serves few channels only.
#[cfg(target_arch = "x86_64")]
kernels!(avx512, AVX512, Avx512, pixels: [1 2 3 4 5 6 7 8], outer_rows: 12, #[target_feature(enable = "avx512f")]);
#[cfg(target_arch = "x86_64")]
kernels!(avx2, AVX2, Avx2, pixels: [1 2 3 4 5 6], outer_rows: 6, #[target_feature(enable = "avx2,fma")]);
#[cfg(target_arch = "x86_64")]
kernels!(fma, FMA, Fma, pixels: [1 2 3 4 5 6 7 8], outer_rows: 8, #[target_feature(enable = "fma")]);
#[cfg(target_arch = "aarch64")]
kernels!(portable, PORTABLE, Portable, pixels: [1 2 3 4 5 6 7 8], outer_rows: 12,);
#[cfg(not(target_arch = "aarch64"))]
kernels!(portable, PORTABLE, Portable, pixels: [1 2 3 4], outer_rows: 4,);
