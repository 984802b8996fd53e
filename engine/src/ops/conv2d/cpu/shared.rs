//! A slice that parallel tasks write at disjoint places which no safe split of it can describe.

use std::marker::PhantomData;

/// Shared write access to a slice.
pub(super) struct SharedMut<'a> {
    start: *mut f32,
    len: usize,
    slice: PhantomData<&'a mut [f32]>,
}

// SAFETY: access goes through `at`, whose results are raw; who dereferences them promises that no two
// tasks touch one element.
unsafe impl Sync for SharedMut<'_> {}
// SAFETY: as above.
unsafe impl Send for SharedMut<'_> {}

impl<'a> SharedMut<'a> {
    pub fn new(slice: &'a mut [f32]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// The place of element `offset`, from which `len` elements are inside the slice.
    #[inline]
    pub fn at(&self, offset: usize, len: usize) -> *mut f32 {
        assert!(offset <= self.len && len <= self.len - offset);
        self.start.wrapping_add(offset)
    }
}
