//! CPU kernels. The arithmetic of the normal numbers is written out, here and in the shader alike:
//! library functions round differently on every device.

use rayon::prelude::*;

use super::{Distribution, Draw, Increment, philox4x32_10};
use crate::runtime::cpu::Buffers;

/// Elements per parallel task; a multiple of the four that a block gives.
const TASK: usize = 4096;
/// 2⁻²⁴, the distance between neighbouring numbers.
const STEP: f32 = 1.0 / (1 << 24) as f32;

pub(super) fn draw(draw: &Draw, mut buffers: Buffers) {
    let states = buffers.inputs[0];
    let numbers = match draw.distribution {
        Distribution::Uniform => |words: [u32; 4]| words.map(|word| (word >> 8) as f32 * STEP),
        Distribution::Normal => |[a, b, c, d]: [u32; 4]| {
            let ([x, y], [z, w]) = (normal_pair(a, b), normal_pair(c, d));
            [x, y, z, w]
        },
    };
    let (_, output) = buffers.f32();
    if output.is_empty() {
        return;
    }
    let row = output.len() / (states.len() / 4);
    output.par_chunks_mut(row).zip(states.par_chunks_exact(4)).for_each(|(row, state)| {
        let &[seed_low, seed_high, step_low, step_high] = state else { unreachable!("chunks of four words") };
        row.par_chunks_mut(TASK).enumerate().for_each(|(task, chunk)| {
            for (index, result) in chunk.chunks_mut(4).enumerate() {
                let block = (task * (TASK / 4) + index) as u32;
                let words = philox4x32_10([block, draw.stream, step_low, step_high], [seed_low, seed_high]);
                result.copy_from_slice(&numbers(words)[..result.len()]);
            }
        });
    });
}

pub(super) fn increment(increment: &Increment, width: usize, buffers: Buffers) {
    buffers.output.copy_from_slice(buffers.inputs[0]);
    for row in buffers.output.chunks_exact_mut(width) {
        for word in &mut row[increment.first..] {
            *word = word.wrapping_add(1);
            if *word != 0 {
                break;
            }
        }
    }
}

/// Two independent normal numbers (Box and Muller 1958): a radius from one word, an angle from the other.
fn normal_pair(a: u32, b: u32) -> [f32; 2] {
    // In (0, 1], so that the logarithm is finite.
    let radius = (-2.0 * log_fraction((a >> 8) + 1)).sqrt();
    let (sine, cosine) = turn(b >> 8);
    [radius * cosine, radius * sine]
}

/// ln(m 2⁻²⁴) for m in 1..=2²⁴, within an ulp or so: the polynomial of Cephes `logf` on [√½, √2).
fn log_fraction(m: u32) -> f32 {
    let bits = (m as f32).to_bits();
    let mut exponent = (bits >> 23) as i32 - 127 - 24;
    let mut mantissa = f32::from_bits(bits & 0x7f_ffff | 0x3f80_0000);
    if mantissa > std::f32::consts::SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    let (x, e) = (mantissa - 1.0, exponent as f32);
    let z = x * x;
    let mut p = 7.037_683_6e-2;
    for coefficient in [
        -1.151_461e-1,
        1.167_699_9e-1,
        -1.242_014_1e-1,
        1.424_932_3e-1,
        -1.666_805_8e-1,
        2.000_071_4e-1,
        -2.499_999_4e-1,
        3.333_333e-1,
    ] {
        p = p * x + coefficient;
    }
    // ln 2 in two parts, of which the larger times an exponent is exact.
    let small = p * x * z + e * -2.121_944_4e-4 - 0.5 * z;
    x + small + e * 0.693_359_4
}

/// Sine and cosine of `k` 2⁻²⁴ turns. The quarter is found in integers; the rest, within an eighth of
/// a turn, goes to the polynomials of Cephes `sinf` and `cosf`.
fn turn(k: u32) -> (f32, f32) {
    let quarter = (k + (1 << 21)) >> 22;
    let x = (k as i32 - (quarter << 22) as i32) as f32 * (std::f32::consts::TAU * STEP);
    let z = x * x;
    let sine = ((-1.951_529_6e-4 * z + 8.332_161e-3) * z - 1.666_665_5e-1) * z * x + x;
    let cosine = ((2.443_315_7e-5 * z - 1.388_731_6e-3) * z + 4.166_664_6e-2) * z * z - 0.5 * z + 1.0;
    match quarter & 3 {
        0 => (sine, cosine),
        1 => (cosine, -sine),
        2 => (-sine, -cosine),
        _ => (-cosine, sine),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_pairs_are_within_a_millionth_of_f64() {
        let mut worst = 0f64;
        for block in 0..50_000 {
            let [a, b, c, _] = philox4x32_10([block, 0, 0, 0], [1, 2]);
            // Extreme radii too: the smallest and the largest fraction.
            for a in [a, c & 0xff, !(c & 0xffff)] {
                let radius = (-2.0 * (f64::from((a >> 8) + 1) / 16_777_216.0).ln()).sqrt();
                let angle = std::f64::consts::TAU * f64::from(b >> 8) / 16_777_216.0;
                let [x, y] = normal_pair(a, b);
                worst = worst.max((f64::from(x) - radius * angle.cos()).abs());
                worst = worst.max((f64::from(y) - radius * angle.sin()).abs());
            }
        }
        assert!(worst < 1e-6, "{worst:e}");
    }
}
