//! A pass over a batch of images, and the windows of the source that its units read.

use super::super::geometry::Geometry;
use super::axis::{Axis, Pass};
use super::units::{Unit, Units};

/// A pass over a batch of images.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub n: usize,
    pub vertical: Axis,
    pub horizontal: Axis,
    pub source_channels: usize,
    pub destination_channels: usize,
}

impl Plan {
    pub fn new(pass: Pass, g: &Geometry) -> Self {
        let (source_channels, destination_channels) = match pass {
            Pass::Forward => (g.in_channels, g.out_channels),
            Pass::InputGradient => (g.out_channels, g.in_channels),
        };
        Self {
            n: g.n,
            vertical: Axis::new(pass, g.height, g.out_height(), g.kernel_h, g.stride_h, g.pad_h),
            horizontal: Axis::new(pass, g.width, g.out_width(), g.kernel_w, g.stride_w, g.pad_w),
            source_channels,
            destination_channels,
        }
    }

    /// Elements of one source image.
    fn source_image_len(&self) -> usize {
        self.vertical.source_len * self.horizontal.source_len * self.source_channels
    }

    /// Elements of the source.
    pub fn source_len(&self) -> usize {
        self.n * self.source_image_len()
    }

    /// The place in the destination of an image, row and column.
    pub fn destination_offset(&self, image: usize, row: usize, column: usize) -> usize {
        ((image * self.vertical.destination_len + row) * self.horizontal.destination_len + column)
            * self.destination_channels
    }

    /// Elements of the destination.
    pub fn destination_len(&self) -> usize {
        self.destination_offset(self.n, 0, 0)
    }

    /// Whether windows can be read in the source itself, as none of them reaches into padding.
    pub fn is_inside(&self) -> bool {
        self.vertical.is_inside() && self.horizontal.is_inside()
    }

    /// Elements of a copied window of some images and grid rows.
    pub fn window_len(&self, images: usize, rows: usize) -> usize {
        images
            * self.vertical.window_len(rows)
            * self.horizontal.window_len(self.horizontal.grid)
            * self.source_channels
    }

    /// Units of about `pixels` grid positions and at most `window_limit` elements of window, as far as whole rows allow.
    pub fn units(&self, pixels: usize, window_limit: usize) -> Units {
        let fits = |images, rows| self.window_len(images, rows) <= window_limit;
        Units::new(self.n, [self.vertical.grid, self.horizontal.grid], pixels, fits)
    }

    /// Elements of the copy of a window of some images and grid rows; none where windows are read in place.
    pub fn copy_len(&self, images: usize, rows: usize) -> usize {
        if self.is_inside() { 0 } else { self.window_len(images, rows) }
    }

    /// A unit's window, in `copy` unless that has no elements.
    pub fn window<'a>(&self, unit: &Unit, source: &'a [f32], copy: &'a mut [f32]) -> Window<'a> {
        if copy.is_empty() {
            self.window_in_place(unit, source)
        } else {
            self.copy_window(unit, source, copy)
        }
    }

    /// Where a unit's window lies inside the source; only if [`is_inside`](Self::is_inside).
    pub fn window_in_place<'a>(&self, unit: &Unit, source: &'a [f32]) -> Window<'a> {
        let row_stride = self.horizontal.source_len * self.source_channels;
        let row = self.vertical.window_start(unit.rows.start) as usize;
        let column = self.horizontal.window_start(0) as usize;
        let start =
            unit.images.start * self.source_image_len() + row * row_stride + column * self.source_channels;
        Window { data: &source[start..], image_stride: self.source_image_len(), row_stride }
    }

    /// Copies a unit's window, with zeros where it reaches outside the source, into `copy`.
    pub fn copy_window<'a>(&self, unit: &Unit, source: &[f32], copy: &'a mut [f32]) -> Window<'a> {
        let c = self.source_channels;
        let rows = self.vertical.window_len(unit.rows.len());
        let row_stride = self.horizontal.window_len(self.horizontal.grid) * c;
        let top = self.vertical.window_start(unit.rows.start);
        let left = self.horizontal.window_start(0);
        // The columns of the window that lie in the source: after `before` of zeros, `columns`.
        let before = usize::try_from(-left).unwrap_or(0).min(row_stride / c);
        let skipped = usize::try_from(left).unwrap_or(0);
        let columns = self.horizontal.source_len.saturating_sub(skipped).min(row_stride / c - before);
        let source_row = self.horizontal.source_len * c;
        let mut destination_rows = copy.chunks_exact_mut(row_stride);
        for image in unit.images.clone() {
            let pixels = &source[image * self.source_image_len()..][..self.source_image_len()];
            for (i, destination) in destination_rows.by_ref().take(rows).enumerate() {
                let inside =
                    usize::try_from(top + i as isize).ok().filter(|&row| row < self.vertical.source_len);
                match inside {
                    None => destination.fill(0.0),
                    Some(row) => {
                        let (zeros, rest) = destination.split_at_mut(before * c);
                        let (values, more_zeros) = rest.split_at_mut(columns * c);
                        zeros.fill(0.0);
                        values.copy_from_slice(&pixels[row * source_row + skipped * c..][..columns * c]);
                        more_zeros.fill(0.0);
                    }
                }
            }
        }
        Window { data: copy, image_stride: rows * row_stride, row_stride }
    }
}

/// The source as the grid rows of one unit see it: position (0, 0) is the first source position that
/// they read.
pub(super) struct Window<'a> {
    pub data: &'a [f32],
    pub image_stride: usize,
    pub row_stride: usize,
}
