//! Cuts batches of images into parts whose pixels fit into windows of uniform memory.

use std::ops::Range;

use crate::runtime::gpu::{MAX_WINDOW, WINDOW_STEP};

/// Whole images, or rows of one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub images: Range<usize>,
    pub rows: Range<usize>,
}

/// Pixels that a part must find in one window.
#[derive(Clone, Copy)]
pub struct Seen {
    /// Rows of an image.
    pub rows: usize,
    /// Words of a row.
    pub row_words: usize,
    /// Rows from those of one row of the part to those of the next.
    pub step: usize,
    /// How many rows a row of the part needs, from its first to its last.
    pub reach: usize,
}

impl Seen {
    /// Words that are certainly in a window, wherever it begins.
    fn capacity(unit: usize) -> usize {
        if unit.is_multiple_of(WINDOW_STEP) { MAX_WINDOW } else { MAX_WINDOW - WINDOW_STEP + 1 }
    }

    /// The most images that fit.
    fn images(&self) -> usize {
        let image = self.rows * self.row_words;
        Self::capacity(image) / image
    }

    /// The most rows of a part whose pixels fit.
    fn rows(&self) -> usize {
        let fitting = Self::capacity(self.row_words) / self.row_words;
        (fitting + self.step).saturating_sub(self.reach) / self.step
    }
}

/// Parts of `n` images of `rows` rows, as even as they can be, that see no more of each of `seen` than a window
/// holds. None where that is less than a row.
pub fn parts(n: usize, rows: usize, seen: &[Seen]) -> Option<Vec<Part>> {
    let fits_whole = |seen: &Seen| n * seen.rows * seen.row_words <= MAX_WINDOW;
    if seen.iter().all(fits_whole) {
        return Some(vec![Part { images: 0..n, rows: 0..rows }]);
    }
    let images = seen.iter().map(Seen::images).min()?;
    if images > 0 {
        return Some(even(n, images).map(|images| Part { images, rows: 0..rows }).collect());
    }
    let most = seen.iter().map(Seen::rows).min().filter(|&rows| rows > 0)?;
    let of_image = |image: usize| even(rows, most).map(move |rows| Part { images: image..image + 1, rows });
    Some((0..n).flat_map(of_image).collect())
}

/// The numbers below `count` in as few ranges of at most `most` as there can be, as even as they can be.
fn even(count: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let ranges = count.div_ceil(most).max(1);
    (0..ranges).map(move |index| index * count / ranges..(index + 1) * count / ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 3x3 convolution of stride 1.
    fn seen(rows: usize, row_words: usize) -> Seen {
        Seen { rows, row_words, step: 1, reach: 3 }
    }

    #[test]
    fn small_batches_stay_whole() {
        assert_eq!(parts(3, 8, &[seen(8, 8 * 64)]), Some(vec![Part { images: 0..3, rows: 0..8 }]));
    }

    #[test]
    fn several_images_share_a_part() {
        let parts = parts(7, 16, &[seen(16, 16 * 32)]).expect("fits");
        let images: Vec<_> = parts.iter().map(|part| part.images.clone()).collect();
        assert_eq!(images, [0..1, 1..3, 3..5, 5..7]);
        assert!(parts.iter().all(|part| part.rows == (0..16)));
    }

    #[test]
    fn large_images_are_cut_at_rows() {
        // Windows of 8 rows, of which each part's first and last are seen by others, too.
        let parts = parts(2, 32, &[seen(32, 32 * 64)]).expect("fits");
        assert_eq!(parts.len(), 12);
        assert!(parts.iter().all(|part| part.images.len() == 1 && part.rows.len() <= 6));
        assert_eq!(parts.iter().map(|part| part.rows.len()).sum::<usize>(), 64);
        // Of stride 2, rows 0..3 and 2..5 and 4..7 fit.
        assert_eq!(Seen { step: 2, ..seen(32, 32 * 64) }.rows(), 3);
    }

    #[test]
    fn rows_that_do_not_fit_are_refused() {
        assert_eq!(parts(1, 8, &[seen(8, MAX_WINDOW)]), None);
        assert_eq!(parts(2, 8, &[seen(8, 64), seen(8, 1 + MAX_WINDOW)]), None);
    }
}
