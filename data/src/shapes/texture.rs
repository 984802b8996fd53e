//! Surface patterns, as functions of the place in pixels.

use super::canvas::Colour;
use super::geometry::Point;
use crate::random::Random;

/// A pattern with values about -1 to 1.
#[derive(Clone, Copy, Debug)]
pub(super) enum Texture {
    /// Smooth random blobs, two octaves.
    Clouds { salt: u32, frequency: f32 },
    /// Soft stripes across `direction`, whose length sets how narrow they are.
    Stripes { direction: Point, phase: f32 },
    /// A soft chequerboard.
    Checks { frequency: f32, phase: f32 },
}

impl Texture {
    pub(super) fn draw(random: &mut Random) -> Self {
        match random.below(5) {
            0..3 => Self::Clouds { salt: random.next_u32(), frequency: random.between(0.12, 0.4) },
            3 => {
                let direction = super::geometry::at(random.between(-0.3, 0.3), random.between(-0.3, 0.3));
                Self::Stripes { direction, phase: random.unit() }
            }
            _ => Self::Checks { frequency: random.between(0.1, 0.22), phase: random.unit() },
        }
    }

    pub(super) fn value(self, p: Point) -> f32 {
        match self {
            Self::Clouds { salt, frequency } => {
                let coarse = clouds(salt, p * frequency);
                let fine = clouds(salt ^ 0x5BD1_E995, p * (frequency * 2.3));
                coarse + fine * 0.6
            }
            Self::Stripes { direction, phase } => wave(p.dot(direction) + phase),
            Self::Checks { frequency, phase } => {
                wave(p.x * frequency + phase) * wave(p.y * frequency + phase)
            }
        }
    }
}

/// A parabolic stand-in for sine with period 1, in [-1, 1].
fn wave(t: f32) -> f32 {
    let t = (t - t.floor()) * 2.0 - 1.0;
    4.0 * t * (1.0 - t.abs())
}

/// Value noise: random values at whole places, smoothly joined.
fn clouds(salt: u32, p: Point) -> f32 {
    let (x0, y0) = (p.x.floor(), p.y.floor());
    let corner = |dx: i32, dy: i32| {
        let word = hash(salt, (x0 as i32 + dx) as u32, (y0 as i32 + dy) as u32);
        (word >> 8) as f32 / (1u32 << 23) as f32 - 1.0
    };
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (tx, ty) = (ease(p.x - x0), ease(p.y - y0));
    let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
    mix(mix(corner(0, 0), corner(1, 0), tx), mix(corner(0, 1), corner(1, 1), tx), ty)
}

/// Noise without any smoothness: a value in [-1, 1] for each channel of each pixel.
pub(super) fn grain(salt: u32, p: Point) -> Colour {
    let word = hash(salt, p.x as u32, p.y as u32);
    [0, 10, 20].map(|shift| ((word >> shift) & 1023) as f32 / 511.5 - 1.0)
}

/// Mixes three words into one (the finaliser of MurmurHash3 after each).
fn hash(salt: u32, x: u32, y: u32) -> u32 {
    [x, y].iter().fold(salt, |state, &word| {
        let mut h = state.wrapping_add(word).wrapping_mul(0x9E37_79B1);
        h = (h ^ (h >> 16)).wrapping_mul(0x85EB_CA6B);
        h = (h ^ (h >> 13)).wrapping_mul(0xC2B2_AE35);
        h ^ (h >> 16)
    })
}

/// A colour from hue (a turn is 1), saturation and value.
pub(super) fn hsv(hue: f32, saturation: f32, value: f32) -> Colour {
    [5.0, 3.0, 1.0].map(|offset| {
        let k = (offset + hue * 6.0) % 6.0;
        value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0)
    })
}

/// Each channel times a factor.
pub(super) fn lit(colour: Colour, factor: f32) -> Colour {
    colour.map(|value| value * factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::geometry::at;

    #[test]
    fn hues_are_where_they_belong() {
        assert_eq!(hsv(0.0, 1.0, 1.0), [1.0, 0.0, 0.0]);
        assert_eq!(hsv(2.0 / 6.0, 1.0, 0.5), [0.0, 0.5, 0.0]);
        assert_eq!(hsv(4.0 / 6.0, 1.0, 1.0), [0.0, 0.0, 1.0]);
        assert_eq!(hsv(0.3, 0.0, 0.7), [0.7; 3]);
    }

    #[test]
    fn textures_are_continuous_and_bounded() {
        let textures = [
            Texture::Clouds { salt: 5, frequency: 0.4 },
            Texture::Stripes { direction: at(0.3, 0.2), phase: 0.4 },
            Texture::Checks { frequency: 0.2, phase: 0.1 },
        ];
        for texture in textures {
            let mut spread = 0.0f32;
            for i in 0..3200 {
                let p = at(i as f32 * 0.01, 7.3);
                let (here, next) = (texture.value(p), texture.value(p + at(0.01, 0.0)));
                assert!(here.abs() <= 1.7 && (here - next).abs() < 0.05, "{texture:?} at {p:?}");
                spread = spread.max(here.abs());
            }
            assert!(spread > 0.4, "{texture:?} is flat");
        }
    }
}
