//! Vectors of `f32` for the micro-kernels: one trait, one implementation per instruction set.

/// A vector of `f32` of one instruction set.
///
/// # Safety
///
/// Every method may use the instructions of its set, so a caller must be, or be inlined into, a
/// function compiled for that set and run on a processor that has it. All methods are
/// `#[inline(always)]` for this reason.
pub(super) trait Vector: Copy {
    /// Elements in a vector.
    const LANES: usize;

    /// A vector of zeros.
    unsafe fn zero() -> Self;

    /// `LANES` elements from `source`, which needs no alignment.
    unsafe fn load(source: *const f32) -> Self;

    /// One element in every lane.
    unsafe fn splat(source: *const f32) -> Self;

    /// Writes `LANES` elements to `destination`, which needs no alignment.
    unsafe fn store(self, destination: *mut f32);

    /// `self + a * b`, rounded once where the set has such an instruction.
    unsafe fn multiply_add(self, a: Self, b: Self) -> Self;

    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;

    /// `self - other`.
    unsafe fn subtract(self, other: Self) -> Self;
}

/// One lane, for what is left where whole vectors end.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Single(f32);

impl Vector for Single {
    const LANES: usize = 1;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self(0.0)
    }

    #[inline(always)]
    unsafe fn load(source: *const f32) -> Self {
        // SAFETY: the caller gives one readable element.
        Self(unsafe { *source })
    }

    #[inline(always)]
    unsafe fn splat(source: *const f32) -> Self {
        // SAFETY: the caller gives one readable element.
        Self(unsafe { *source })
    }

    #[inline(always)]
    unsafe fn store(self, destination: *mut f32) {
        // SAFETY: the caller gives one writable element.
        unsafe { *destination = self.0 }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, a: Self, b: Self) -> Self {
        Self(self.0 + a.0 * b.0)
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    #[inline(always)]
    unsafe fn subtract(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

/// Four lanes in plain Rust, which every target's compiler turns into its 128-bit vectors.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Portable([f32; 4]);

impl Vector for Portable {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self([0.0; 4])
    }

    #[inline(always)]
    unsafe fn load(source: *const f32) -> Self {
        // SAFETY: the caller gives four readable elements; an array of f32 is aligned as one f32.
        Self(unsafe { *source.cast::<[f32; 4]>() })
    }

    #[inline(always)]
    unsafe fn splat(source: *const f32) -> Self {
        // SAFETY: the caller gives one readable element.
        Self([unsafe { *source }; 4])
    }

    #[inline(always)]
    unsafe fn store(self, destination: *mut f32) {
        // SAFETY: the caller gives four writable elements.
        unsafe { *destination.cast::<[f32; 4]>() = self.0 }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, a: Self, b: Self) -> Self {
        // `mul_add` is one instruction on aarch64; where it is not, it would be a library call per element.
        let one = |i: usize| {
            if cfg!(target_arch = "aarch64") {
                a.0[i].mul_add(b.0[i], self.0[i])
            } else {
                self.0[i] + a.0[i] * b.0[i]
            }
        };
        Self([one(0), one(1), one(2), one(3)])
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }

    #[inline(always)]
    unsafe fn subtract(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] - other.0[i]))
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512, Fma};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Vector;

    /// Implements [`Vector`] by the intrinsics of one x86 instruction set.
    macro_rules! implement_vector {
        ($(#[$doc:meta])* $name:ident, $register:ty, $lanes:literal,
         $zero:ident, $load:ident, $splat:ident, $store:ident, $multiply_add:ident, $add:ident, $subtract:ident) => {
            $(#[$doc])*
            #[derive(Clone, Copy)]
            #[repr(transparent)]
            pub(in super::super) struct $name($register);

            // SAFETY of every block: the trait's contract gives a processor with the instruction set,
            // and `LANES` (for `splat`: one) elements behind each pointer.
            impl Vector for $name {
                const LANES: usize = $lanes;

                #[inline(always)]
                unsafe fn zero() -> Self {
                    Self(unsafe { $zero() })
                }

                #[inline(always)]
                unsafe fn load(source: *const f32) -> Self {
                    Self(unsafe { $load(source) })
                }

                #[inline(always)]
                unsafe fn splat(source: *const f32) -> Self {
                    Self(unsafe { $splat(*source) })
                }

                #[inline(always)]
                unsafe fn store(self, destination: *mut f32) {
                    unsafe { $store(destination, self.0) }
                }

                #[inline(always)]
                unsafe fn multiply_add(self, a: Self, b: Self) -> Self {
                    Self(unsafe { $multiply_add(a.0, b.0, self.0) })
                }

                #[inline(always)]
                unsafe fn add(self, other: Self) -> Self {
                    Self(unsafe { $add(self.0, other.0) })
                }

                #[inline(always)]
                unsafe fn subtract(self, other: Self) -> Self {
                    Self(unsafe { $subtract(self.0, other.0) })
                }
            }
        };
    }

    implement_vector!(
        /// Sixteen lanes; needs `avx512f`.
        Avx512, __m512, 16,
        _mm512_setzero_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_storeu_ps, _mm512_fmadd_ps, _mm512_add_ps,
        _mm512_sub_ps
    );
    implement_vector!(
        /// Eight lanes; needs `avx2` and `fma`.
        Avx2, __m256, 8,
        _mm256_setzero_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_storeu_ps, _mm256_fmadd_ps, _mm256_add_ps,
        _mm256_sub_ps
    );
    implement_vector!(
        /// Four lanes; needs `fma`.
        Fma, __m128, 4,
        _mm_setzero_ps, _mm_loadu_ps, _mm_set1_ps, _mm_storeu_ps, _mm_fmadd_ps, _mm_add_ps,
        _mm_sub_ps
    );
}
