//! Where results along one axis read the image; the shaders have the same in `sampling.wgsl`.

use std::ops::RangeInclusive;

use super::{Filter, Sizes};

/// One axis of one image: `count` results read positions between `low` and `high`.
#[derive(Clone, Copy, Debug)]
pub struct Sampling {
    filter: Filter,
    /// The crop's first pixel.
    start: f32,
    /// Pixels from one result to the next.
    scale: f32,
    low: f32,
    high: f32,
    count: usize,
    mirrored: bool,
}

/// Pixels from one result to the next, for whole images. Made by the host for both runtimes, because
/// the choice of a nearest pixel hangs on its last bit.
pub fn whole_scale(limit: usize, count: usize) -> f32 {
    limit as f32 / count as f32
}

impl Sampling {
    /// Rows and columns of an image, or of the crop `(top, left, height, width)`.
    pub fn both(filter: Filter, sizes: &Sizes, crop: Option<&[f32]>) -> [Sampling; 2] {
        [0, 1].map(|axis| {
            let (limit, count) = (sizes.image[axis], sizes.result[axis]);
            let last = (limit - 1) as f32;
            let Some(crop) = crop else {
                let scale = whole_scale(limit, count);
                return Sampling { filter, start: 0.0, scale, low: 0.0, high: last, count, mirrored: false };
            };
            let (start, size) = (crop[axis], crop[2 + axis].abs());
            Sampling {
                filter,
                start,
                scale: size / count as f32,
                low: start.max(0.0).min(last),
                high: (start + (size - 1.0).max(0.0)).max(0.0).min(last),
                count,
                mirrored: crop[2 + axis] < 0.0,
            }
        })
    }

    /// The position that result `i` reads; between two pixels, both are read.
    pub fn position(&self, i: usize) -> f32 {
        let i = if self.mirrored { self.count - 1 - i } else { i } as f32;
        let raw = match self.filter {
            Filter::Nearest => (i * self.scale + self.start).floor(),
            Filter::Bilinear => (i + 0.5) * self.scale - 0.5 + self.start,
        };
        raw.max(self.low).min(self.high)
    }

    /// How much the result that reads `position` takes of `pixel`.
    pub fn weight(position: f32, pixel: usize) -> f32 {
        (1.0 - (position - pixel as f32).abs()).max(0.0)
    }

    /// All results that may read `pixel`, and perhaps some that do not.
    pub fn readers(&self, pixel: usize) -> RangeInclusive<usize> {
        let (pixel, last) = (pixel as f32, (self.count - 1) as f32);
        let result = |position: f32| (position - self.start + 0.5) / self.scale.max(1e-6) - 0.5;
        // Results beyond the edges read the edges.
        let first = if pixel - 1.0 < self.low { 0.0 } else { result(pixel - 1.0).floor().max(0.0) };
        let end = if pixel + 1.0 > self.high { last } else { result(pixel + 1.0).ceil().min(last) };
        if end < first {
            return RangeInclusive::new(1, 0);
        }
        let (first, end) = (first as usize, end as usize);
        if self.mirrored { self.count - 1 - end..=self.count - 1 - first } else { first..=end }
    }
}
