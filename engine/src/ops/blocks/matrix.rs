//! Blocks that are multiplied on matrix units, of 16-bit floats with sums in f32, to the precision of f32: each
//! factor is split into two halves, and three of their four products are made.
//!
//! The relative root mean square error of a product of random factors is about 3e-7, which is that of sums in
//! f32 too (the tests measure it on an emulation of the arithmetic). Numbers are split at bits, so that the
//! absolute error of a factor is at most 2^-21 of the number, or 2^-37 of the largest number of its tensor
//! where that is more. After Ootomo and Yokota, arXiv 2203.03341.

use super::{STEP, Vectors};
use crate::runtime::gpu::{Abilities, Binding, Launch, Lowered};

/// Side of the smallest block.
pub const SMALLEST: usize = 64;
/// Invocations of a subgroup, which holds a fragment together.
const SUBGROUP: usize = 32;
/// Rows and columns of a fragment.
const FRAGMENT: usize = 16;
/// Halves that a row of a tile is padded by.
const PADDING: usize = 8;
/// Halves of each factor.
const PIECES: usize = 2;
/// Candidates for the largest number of a factor, as the shader has it.
const MAXIMA: usize = 256;

/// How a workgroup shares the work on a block.
#[derive(Clone, Copy, Debug)]
pub struct Matrix {
    /// Subgroups down and across.
    pub subgroups: [usize; 2],
}

impl Matrix {
    /// Whether adapters of such abilities run it: those with matrix units, and software drivers, which emulate
    /// them so that the rest of the kernel is tested.
    pub fn runs(&self, abilities: &Abilities) -> bool {
        let units = abilities.cooperative_matrix && abilities.subgroup == Some(SUBGROUP as u32);
        abilities.f16 && (units || abilities.software)
    }

    /// Invocations of a workgroup.
    pub fn threads(&self) -> usize {
        SUBGROUP * self.subgroups[0] * self.subgroups[1]
    }

    /// Bytes of workgroup memory: a tile for each half of either factor, and a fragment of each subgroup.
    pub fn bytes(&self, side: usize, vectors: [Vectors; 2]) -> usize {
        let tiles: usize = vectors.iter().map(|vectors| PIECES * tile(side, *vectors).0 * 8).sum();
        // The largest numbers of both factors.
        tiles + self.threads() * 8 * size_of::<f32>() + 2 * size_of::<u32>()
    }

    /// The shader before the operation's places are filled in. Its binding `free` holds the largest numbers.
    pub fn template(&self, side: usize, [left, right]: [Vectors; 2], free: usize, units: bool) -> String {
        let ((left_length, left_stride), (right_length, right_stride)) =
            (tile(side, left), tile(side, right));
        // Fragments of a tile whose vectors lie along k have their rows one behind the other on the left, and
        // their columns on the right.
        let (load_left, left_line, left_place, keep_left) = match left {
            Vectors::Along => {
                ("coopLoadT", "* LEFT_STRIDE", "i * 4u * LEFT_STRIDE + k", "row$i * LEFT_STRIDE + vector")
            }
            Vectors::Across => {
                ("coopLoad", "/ 4u", "k * 4u * LEFT_STRIDE + i", "left_k$i * LEFT_STRIDE + left_quad")
            }
        };
        let (load_right, right_line, right_place, keep_right) = match right {
            Vectors::Along => {
                ("coopLoad", "* RIGHT_STRIDE", "j * 4u * RIGHT_STRIDE + k", "row$i * RIGHT_STRIDE + vector")
            }
            Vectors::Across => {
                ("coopLoadT", "/ 4u", "k * 4u * RIGHT_STRIDE + j", "right_k$i * RIGHT_STRIDE + right_quad")
            }
        };
        let (enable, builtins, begin, fragments) = match units {
            true => (
                "enable wgpu_cooperative_matrix;",
                ",\n        @builtin(subgroup_id) subgroup: u32, @builtin(subgroup_invocation_id) within: u32",
                "",
                include_str!("../../../../shaders/lib/matrix_units.wgsl"),
            ),
            false => (
                "",
                "",
                "let subgroup = lane / 32u;\n  let within = lane % 32u;\n  emulated_lane = within;",
                include_str!("../../../../shaders/lib/matrix_emulated.wgsl"),
            ),
        };
        let words = [
            ("ROW_FRAGMENTS", side / FRAGMENT / self.subgroups[0]),
            ("COLUMN_FRAGMENTS", side / FRAGMENT / self.subgroups[1]),
            ("SUBGROUP_COLUMNS", self.subgroups[1]),
            ("LEFT_LENGTH", left_length),
            ("RIGHT_LENGTH", right_length),
            ("PIECES", PIECES),
            ("MAXIMA", free),
        ];
        let template = include_str!("../../../../shaders/lib/matrix.wgsl")
            .replace("//ENABLE", enable)
            .replace("//UNITS", fragments)
            .replace("//BUILTINS", builtins)
            .replace("//BEGIN", begin)
            .replace("KEEP_LEFT", keep_left)
            .replace("KEEP_RIGHT", keep_right)
            .replace("LEFT_LINE", left_line)
            .replace("RIGHT_LINE", right_line)
            .replace("LOAD_LEFT", load_left)
            .replace("LOAD_RIGHT", load_right)
            .replace("LEFT_PLACE", left_place)
            .replace("RIGHT_PLACE", right_place)
            .replace("LEFT_STRIDE", &format!("{left_stride}u"))
            .replace("RIGHT_STRIDE", &format!("{right_stride}u"));
        words.iter().fold(template, |text, (word, value)| text.replace(word, &value.to_string()))
    }
}

/// Length of a tile and of its rows, in vectors of four halves.
fn tile(side: usize, vectors: Vectors) -> (usize, usize) {
    let (rows, row) = match vectors {
        Vectors::Along => (side, STEP),
        Vectors::Across => (STEP, side),
    };
    let stride = (row + PADDING) / 4;
    (rows * stride, stride)
}

/// Finds the largest magnitudes of the operands 0 and 1, which have so many elements, into a scratch buffer.
pub fn largest(elements: [usize; 2]) -> Lowered {
    let launch = |operand: usize| Launch {
        label: "largest magnitude",
        source: include_str!("../../../../shaders/reduce/largest.wgsl").into(),
        bindings: vec![Binding::read_input(operand), Binding::write_scratch(0)],
        params: [elements[operand], operand * MAXIMA].map(|word| word as u32).to_vec(),
        workgroups: MAXIMA,
    };
    Lowered { scratch: vec![2 * MAXIMA], launches: vec![launch(0), launch(1)] }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    /// `scale_exponent` of the shader, as a factor.
    fn scale(factor: &[f32]) -> f32 {
        let largest = factor.iter().map(|x| x.abs()).filter(|x| x.is_finite()).fold(0.0, f32::max);
        f32::from_bits((268 - (largest.to_bits() >> 23)).min(253) << 23)
    }

    /// `piece0` and `piece1` of the shader.
    fn pieces(x: f32) -> [f64; 2] {
        if !x.is_finite() || x == 0.0 {
            return [f64::from(x), 0.0];
        }
        let high = f16::from_f32(f32::from_bits(x.to_bits() & 0xffff_e000));
        let rest = (x - high.to_f32()).to_bits();
        let rounded = (rest + 0x1000) & 0xffff_e000;
        let low = (rounded & 0x7fff_ffff).max(0x3380_0000) | (x.to_bits() & 0x8000_0000);
        [high.to_f64(), f16::from_f32(f32::from_bits(low)).to_f64()]
    }

    /// A sum in f32 rounded toward zero, as matrix units do it.
    fn toward_zero(sum: f64) -> f32 {
        let near = sum as f32;
        if f64::from(near).abs() > sum.abs() { f32::from_bits(near.to_bits() - 1) } else { near }
    }

    /// The kernel's arithmetic for one element.
    fn product(a: &[f32], b: &[f32], scales: [f32; 2]) -> f32 {
        let mut sum = 0.0f32;
        for (a, b) in a.chunks(STEP).zip(b.chunks(STEP)) {
            let mut part = 0.0f32;
            for (p, q) in [(1, 0), (0, 1), (0, 0)] {
                let terms =
                    a.iter().zip(b).map(|(&a, &b)| pieces(a * scales[0])[p] * pieces(b * scales[1])[q]);
                part = toward_zero(f64::from(part) + terms.sum::<f64>());
            }
            sum += part;
        }
        sum / scales[0] / scales[1]
    }

    /// Relative root mean square errors against f64: of the kernel's arithmetic, and of sums in f32.
    fn errors(length: usize, mut number: impl FnMut() -> f32) -> [f64; 2] {
        const ROWS: usize = 16;
        let mut factor = || (0..ROWS * length).map(|_| number()).collect::<Vec<f32>>();
        let (a, b) = (factor(), factor());
        let scales = [scale(&a), scale(&b)];
        let (mut size, mut squares) = (0.0, [0.0; 2]);
        for a in a.chunks(length) {
            for b in b.chunks(length) {
                let exact: f64 = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
                let plain = a.iter().zip(b).fold(0.0f32, |sum, (&a, &b)| a.mul_add(b, sum));
                size += exact * exact;
                squares[0] += (f64::from(product(a, b, scales)) - exact).powi(2);
                squares[1] += (f64::from(plain) - exact).powi(2);
            }
        }
        squares.map(|square| (square / size).sqrt())
    }

    /// Numbers from [-1, 1), the same every time.
    fn uniform(state: &mut u64) -> f32 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    #[test]
    fn split_products_are_as_exact_as_sums_in_f32() {
        for length in [27, 576, 4608] {
            let mut state = length as u64;
            let [split, plain] = errors(length, || uniform(&mut state));
            assert!(split < 4e-7 && split < 2.0 * plain, "length {length}: {split:.2e}, f32 {plain:.2e}");
            // Factors of one sign, as after an activation, where errors of one direction add up.
            let [split, plain] = errors(length, || uniform(&mut state).abs());
            assert!(split < 4e-7, "positive, length {length}: {split:.2e}, f32 {plain:.2e}");
            // Gradients: tiny, and their magnitudes lie far apart.
            let mut wide = || 1e-9 * uniform(&mut state) * 2f32.powf(10.0 * uniform(&mut state));
            let [split, plain] = errors(length, &mut wide);
            assert!(split < 4e-7, "wide, length {length}: {split:.2e}, f32 {plain:.2e}");
        }
    }

    #[test]
    fn scales_stay_within_the_range_of_f32() {
        for largest in [0.0, f32::from_bits(1), f32::MIN_POSITIVE, 1e-30, 1.0, 3.5, f32::MAX] {
            let scale = scale(&[largest, f32::INFINITY]);
            assert!(scale.is_normal() && (1.0 / scale).is_normal(), "{largest:e}: {scale:e}");
            let scaled = largest * scale;
            assert!(scaled < 32768.0 && (largest < 1e-34 || scaled >= 16384.0), "{largest:e}: {scaled:e}");
        }
    }

    #[test]
    fn the_second_piece_of_a_number_is_not_zero() {
        for x in [1.0, -1.0, 1.5, 1.000_976_6, 16384.0, 3e-5] {
            let [high, low] = pieces(x);
            assert!(
                (high + low - f64::from(x)).abs()
                    <= (2f64.powi(-21) * f64::from(x.abs())).max(2f64.powi(-23))
            );
            assert!(low * f64::from(x) > 0.0, "{x}: {high} {low}");
        }
        assert_eq!(pieces(0.0), [0.0; 2]);
        assert_eq!(pieces(f32::INFINITY), [f64::INFINITY, 0.0]);
    }
}
