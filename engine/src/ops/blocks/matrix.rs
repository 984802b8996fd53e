//! Blocks that are multiplied on matrix units, of 16-bit floats with sums in f32.
//!
//! To the precision of f32, each factor is split into two pieces, and three of their four products are made. The
//! relative root mean square error of a product of random factors is about 3e-7 then, which is that of sums in f32
//! too (the tests measure it on an emulation of the arithmetic). Numbers are split at bits, so that the absolute
//! error of a factor is at most 2^-21 of the number, or 2^-37 of the largest number of its tensor where that is
//! more. After Ootomo and Yokota, arXiv 2203.03341. With one piece, which is a third of the work, the error is
//! about 3e-4.
//!
//! Factors are split by a launch of their own, once, because the one that multiplies meets every number many times.

use super::{Product, Vectors};
use crate::ops::conv2d::gpu::pixels;
use crate::runtime::gpu::{Abilities, Binding, Launch, Lowered, Stored, unroll};

/// Side of the smallest block.
pub const SMALLEST: usize = 64;
/// Invocations of a subgroup, which holds a fragment together.
const SUBGROUP: usize = 32;
/// Rows and columns of a fragment.
const FRAGMENT: usize = 16;
/// Halves that a row of a tile is padded by.
const PADDING: usize = 8;
/// Candidates for the largest number of a factor, as the shader has it.
const MAXIMA: usize = 256;
/// Quads that a workgroup splits, as the shader has it.
const SPLIT_BY_WORKGROUP: usize = 1024;

/// Scratch buffers: candidates for the largest numbers, the exponents of the scales, and the split factors.
const LARGEST: usize = 0;
const SCALES: usize = 1;
const FACTORS: [usize; 2] = [2, 3];

/// How a workgroup shares the work on a block.
#[derive(Clone, Copy, Debug)]
pub struct Matrix {
    /// Subgroups down and across.
    pub subgroups: [usize; 2],
    /// Pieces of each factor, 1 or 2.
    pub pieces: usize,
    /// Length of a step along the sum.
    pub step: usize,
}

impl Matrix {
    /// Whether adapters of such abilities run it: those with matrix units, and software drivers, which emulate
    /// them so that the rest of the kernel is tested.
    pub fn runs(&self, abilities: &Abilities) -> bool {
        let units = abilities.cooperative_matrix && abilities.subgroup == Some(SUBGROUP as u32);
        let precise = self.pieces > 1 || abilities.half_products;
        abilities.f16 && precise && (units || abilities.software)
    }

    /// Invocations of a workgroup.
    pub fn threads(&self) -> usize {
        SUBGROUP * self.subgroups[0] * self.subgroups[1]
    }

    /// Length of a tile and of its rows, in vectors of four halves.
    fn tile(&self, side: usize, vectors: Vectors) -> (usize, usize) {
        let (rows, row) = match vectors {
            Vectors::Along => (side, self.step),
            Vectors::Across => (self.step, side),
        };
        let stride = (row + PADDING) / 4;
        (rows * stride, stride)
    }

    /// Bytes of workgroup memory: a tile for each piece of either factor, and a fragment of each subgroup.
    pub fn bytes(&self, side: usize, vectors: [Vectors; 2]) -> usize {
        let tiles: usize = vectors.iter().map(|vectors| self.pieces * self.tile(side, *vectors).0 * 8).sum();
        tiles + self.threads() * 8 * size_of::<f32>()
    }

    /// Whether a factor is read as it is stored. To split it would add nothing.
    fn is_direct(&self, stored: Stored) -> bool {
        self.pieces == 1 && stored == Stored::Half
    }

    /// The factors that are scaled and split before, by number.
    pub fn split_factors(&self, product: &Product) -> Vec<usize> {
        (0..2).filter(|&factor| !self.is_direct(product.stored[factor])).collect()
    }

    /// Where the kernel finds the factors.
    pub fn operands(&self, product: &Product) -> [Binding; 2] {
        [0, 1].map(|factor| match self.is_direct(product.stored[factor]) {
            true => Binding::read_input(factor),
            false => Binding::read_scratch(FACTORS[factor]),
        })
    }

    /// What else it reads.
    pub fn others(&self) -> Binding {
        Binding::read_scratch(SCALES)
    }

    /// Declares the split factor `name` at `binding`, with the functions that read its quads.
    pub fn factor(&self, name: &str, binding: usize) -> String {
        include_str!("../../../../shaders/lib/split_factor.wgsl")
            .replace("NAME", name)
            .replace("BINDING", &binding.to_string())
    }

    /// The launches that split the factors.
    pub fn prepare(&self, product: &Product) -> Lowered {
        let mut lowered = Lowered { scratch: vec![2 * MAXIMA, 2, 0, 0], launches: vec![] };
        for factor in self.split_factors(product) {
            let [rows, length] = product.factors[factor];
            let quads = rows * length.div_ceil(4);
            lowered.scratch[FACTORS[factor]] = quads * 2 * self.pieces;
            lowered.launches.push(largest(factor, rows * length, product.stored[factor]));
            lowered.launches.push(self.split(factor, quads, length, product.stored[factor]));
        }
        lowered
    }

    fn split(&self, operand: usize, quads: usize, length: usize, stored: Stored) -> Launch {
        let template = include_str!("../../../../shaders/convert/split.wgsl")
            .replace("//SOURCE", &pixels::source("x", 1, length, stored))
            .replace("PIECES", &self.pieces.to_string())
            .replace("PIECE$p", if self.pieces == 1 { "halves_of" } else { "piece$p" });
        Launch {
            label: "split for matrix units",
            source: unroll(&template).into(),
            bindings: vec![
                Binding::read_input(operand),
                Binding::read_scratch(LARGEST),
                Binding::write_scratch(FACTORS[operand]),
                Binding::write_scratch(SCALES),
            ],
            params: [quads, length, operand * MAXIMA, operand].map(|word| word as u32).to_vec(),
            workgroups: quads.div_ceil(SPLIT_BY_WORKGROUP),
        }
    }

    /// The shader before the operation's places are filled in. Its binding `free` holds the scales.
    pub fn template(&self, side: usize, product: &Product, free: usize, units: bool) -> String {
        let [left, right] = product.vectors;
        let ((left_length, left_stride), (right_length, right_stride)) =
            (self.tile(side, left), self.tile(side, right));
        // Where a tile has the next fragments along k.
        let next = |vectors: Vectors, stride: usize| match vectors {
            Vectors::Along => format!("{}u", FRAGMENT / 4),
            Vectors::Across => format!("{}u", FRAGMENT * stride),
        };
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
        // That of a factor which is read as it is stored is the exponent of 1.
        let exponent = |factor: usize| match self.is_direct(product.stored[factor]) {
            true => "127u".to_string(),
            false => format!("scales[{factor}]"),
        };
        let words = [
            ("ROW_FRAGMENTS", side / FRAGMENT / self.subgroups[0]),
            ("COLUMN_FRAGMENTS", side / FRAGMENT / self.subgroups[1]),
            ("SUBGROUP_COLUMNS", self.subgroups[1]),
            ("LEFT_LENGTH", left_length),
            ("RIGHT_LENGTH", right_length),
            ("FRAGMENTS_OF_A_STEP", self.step / FRAGMENT),
            ("PIECES", self.pieces),
            ("SCALES", free),
        ];
        let template = include_str!("../../../../shaders/lib/matrix.wgsl")
            .replace("//ENABLE", enable)
            .replace("//UNITS", fragments)
            .replace("//BUILTINS", builtins)
            .replace("//BEGIN", begin)
            .replace("ADD_PRODUCTS", if self.pieces == 1 { ADD_ONE } else { ADD_THREE })
            .replace("KEEP_LEFT", keep_left)
            .replace("KEEP_RIGHT", keep_right)
            .replace("LEFT_LINE", left_line)
            .replace("RIGHT_LINE", right_line)
            .replace("LOAD_LEFT", load_left)
            .replace("LOAD_RIGHT", load_right)
            .replace("LEFT_EXPONENT", &exponent(0))
            .replace("RIGHT_EXPONENT", &exponent(1))
            .replace("LEFT_NEXT", &next(left, left_stride))
            .replace("RIGHT_NEXT", &next(right, right_stride))
            .replace("LEFT_PLACE", left_place)
            .replace("RIGHT_PLACE", right_place)
            .replace("LEFT_STRIDE", &format!("{left_stride}u"))
            .replace("RIGHT_STRIDE", &format!("{right_stride}u"));
        words.iter().fold(template, |text, (word, value)| text.replace(word, &value.to_string()))
    }
}

/// Finds the largest magnitude of an operand that has so many elements.
fn largest(operand: usize, elements: usize, stored: Stored) -> Launch {
    let scalar = stored.scalar();
    let (element, value, elements) = match elements.is_multiple_of(4) {
        true => (format!("vec4<{scalar}>"), "vec4<f32>", elements / 4),
        false => (scalar.to_string(), "f32", elements),
    };
    let source = include_str!("../../../../shaders/reduce/largest.wgsl").replace("ELEMENT", &element);
    Launch {
        label: "largest magnitude",
        source: source.replace("VALUE", value).into(),
        bindings: vec![Binding::read_input(operand), Binding::write_scratch(LARGEST)],
        params: [elements, operand * MAXIMA].map(|word| word as u32).to_vec(),
        workgroups: MAXIMA,
    }
}

/// How the products of pieces are added to the sum.
const ADD_ONE: &str = "sum$h_$j = multiply0_0(a0_$h, b0_$j, sum$h_$j);";
const ADD_THREE: &str = "\
let small$h_$j = multiply0_1(a0_$h, b1_$j, multiply1_0(a1_$h, b0_$j, Sum()));
sum$h_$j = add(sum$h_$j, multiply0_0(a0_$h, b0_$j, small$h_$j));";

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
        for (a, b) in a.chunks(FRAGMENT).zip(b.chunks(FRAGMENT)) {
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
