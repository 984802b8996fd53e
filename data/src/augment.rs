//! The standard augmentation of CIFAR training: pad, crop at a random place, flip at random.

use crate::random::{Purpose, Random};

/// Random crop out of a zero-padded picture, then a horizontal flip with probability 1/2
/// (He et al., "Deep Residual Learning for Image Recognition", section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Augmentation {
    /// Black pixels added on each side before the crop.
    pub padding: u32,
    /// Whether half of the pictures are mirrored.
    pub flip: bool,
}

impl Augmentation {
    /// Padding 4 and flips.
    pub const STANDARD: Self = Self { padding: 4, flip: true };

    /// What is done to picture `index` in `epoch`.
    pub(crate) fn draw(self, seed: u64, epoch: u32, index: u32) -> Placement {
        let mut random = Random::new(seed, Purpose::Augment, epoch, u64::from(index));
        let padding = i64::from(self.padding);
        let mut offset = || i64::from(random.below(2 * self.padding + 1)) - padding;
        let (down, right) = (offset(), offset());
        Placement { down, right, mirrored: self.flip && random.next_u32() & 1 == 1 }
    }
}

/// Where one augmented picture is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    /// Row of the source that becomes row 0; outside of the source is black.
    down: i64,
    /// Column of the source that becomes column 0, before mirroring.
    right: i64,
    mirrored: bool,
}

impl Placement {
    /// Writes the crop of `bytes` `[h, w, 3]` into `image` `[h, w, 3]`, as `f32` in [0, 1].
    pub(crate) fn apply(self, bytes: &[u8], image: &mut [f32], [height, width]: [usize; 2]) {
        for (y, row) in image.chunks_exact_mut(width * 3).enumerate() {
            let source_y = y as i64 + self.down;
            if source_y < 0 || source_y >= height as i64 {
                row.fill(0.0);
                continue;
            }
            let source = &bytes[source_y as usize * width * 3..][..width * 3];
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                let column = if self.mirrored { width - 1 - x } else { x };
                let source_x = column as i64 + self.right;
                if source_x < 0 || source_x >= width as i64 {
                    pixel.fill(0.0);
                } else {
                    crate::dataset::to_unit(&source[source_x as usize * 3..][..3], pixel);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 3x3 picture whose values say where they come from: 10 * row + column + 1, in every channel.
    fn numbered() -> Vec<u8> {
        (0..9u8).flat_map(|p| [10 * (p / 3) + p % 3 + 1; 3]).collect()
    }

    fn placed(placement: Placement) -> Vec<u8> {
        let mut image = vec![-1.0; 27];
        placement.apply(&numbered(), &mut image, [3, 3]);
        image.chunks(3).map(|p| (p[0] * 255.0).round() as u8).collect()
    }

    #[test]
    fn crops_and_flips_land_where_they_should() {
        let still = Placement { down: 0, right: 0, mirrored: false };
        assert_eq!(placed(still), [1, 2, 3, 11, 12, 13, 21, 22, 23]);
        assert_eq!(placed(Placement { mirrored: true, ..still }), [3, 2, 1, 13, 12, 11, 23, 22, 21]);
        assert_eq!(placed(Placement { down: 1, ..still }), [11, 12, 13, 21, 22, 23, 0, 0, 0]);
        assert_eq!(placed(Placement { right: -1, ..still }), [0, 1, 2, 0, 11, 12, 0, 21, 22]);
        // The crop comes first, then the flip.
        let both = Placement { down: -2, right: 1, mirrored: true };
        assert_eq!(placed(both), [0, 0, 0, 0, 0, 0, 0, 3, 2]);
    }

    #[test]
    fn draws_cover_the_range_and_repeat() {
        let draw = |i| Augmentation::STANDARD.draw(3, 5, i);
        let all: Vec<_> = (0..2000).map(draw).collect();
        assert!(all.iter().all(|p| p.down.abs() <= 4 && p.right.abs() <= 4));
        for offset in -4..=4 {
            assert!(all.iter().any(|p| p.down == offset) && all.iter().any(|p| p.right == offset));
        }
        let mirrored = all.iter().filter(|p| p.mirrored).count();
        assert!((900..1100).contains(&mirrored), "{mirrored} of 2000 mirrored");
        assert_eq!(draw(17), all[17]);
        assert_ne!(
            (0..9).map(|i| Augmentation::STANDARD.draw(3, 6, i)).collect::<Vec<_>>(),
            all[..9],
            "another epoch, another crop"
        );
    }

    #[test]
    fn nothing_to_do_is_the_picture_itself() {
        let none = Augmentation { padding: 0, flip: false };
        assert_eq!(none.draw(1, 2, 3), Placement { down: 0, right: 0, mirrored: false });
    }
}
