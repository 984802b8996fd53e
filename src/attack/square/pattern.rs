//! The pattern of the L2 form of Square Attack.

use std::f64::consts::SQRT_2;
use std::ops::Range;

use unperturb_engine::Value;

/// The pattern of the L2 attack on a square, of length 1 there, at rows and columns of the square (it is arbitrary
/// outside): two rectangles, one upon the other and of opposite signs, each a sum of nested rectangles around its centre
/// of weights 1, 1/4, 1/9, ... outwards (section 3.4 of the paper).
pub(super) fn pattern<'g>(side: usize, rows: Value<'g>, columns: Value<'g>) -> Value<'g> {
    let Halves { upper, centres, scales } = Halves::of(side);
    let is_upper = 1.0 - rows.greater_equal(rows.graph().full([], upper as f32));
    let number = |value: f64| rows.graph().full([], value as f32);
    let centre = is_upper.select(number(centres[0] as f64), number(centres[1] as f64));
    let across = (columns - (side / 2) as f32).abs();
    let distance = (rows - centre).abs().maximum(across);
    let height = (0..=side / 2).fold(distance * 0.0, |height, k| {
        // As far out as ring k, by whole numbers.
        height + (1.0 - distance.greater(k as f32 + 0.5)) * (weight(k) as f32)
    });
    height * is_upper.select(number(scales[0]), number(-scales[1]))
}

/// Of ring k.
fn weight(k: usize) -> f64 {
    1.0 / ((k + 1) * (k + 1)) as f64
}

/// The two rectangles of a pattern.
struct Halves {
    /// Rows of the upper one.
    upper: usize,
    /// Their central rows.
    centres: [usize; 2],
    /// What brings the whole to length 1.
    scales: [f64; 2],
}

impl Halves {
    fn of(side: usize) -> Self {
        let upper = side / 2;
        let lower = side - upper;
        let centres = [upper / 2, upper + lower / 2];
        let height = |distance: usize| (distance..=side / 2).map(weight).sum::<f64>();
        let length = |rows: Range<usize>, centre: usize| {
            let squares = rows.flat_map(|row| {
                let across = move |column: usize| row.abs_diff(centre).max(column.abs_diff(side / 2));
                (0..side).map(across)
            });
            squares.map(|distance| height(distance).powi(2)).sum::<f64>().sqrt()
        };
        let lengths = [length(0..upper, centres[0]), length(upper..side, centres[1])];
        let share = if upper == 0 { 1.0 } else { SQRT_2 };
        Halves { upper, centres, scales: lengths.map(|length| 1.0 / (share * length)) }
    }
}

#[cfg(test)]
mod tests {
    use unperturb_engine::{Device, Graph, Session};

    use super::*;
    use crate::attack::loss::positions;

    fn patterns(side: usize) -> Vec<f32> {
        let g = Graph::new();
        let at = |shape: [usize; 2]| positions(&g, side).reshape(shape);
        g.output("pattern", pattern(side, at([side, 1]), at([1, side])));
        let mut session = Session::new(&Device::cpu());
        let program = session.compile(&g).unwrap();
        session.run(&program, 1).unwrap();
        session.read("pattern").unwrap()
    }

    /// By adding rectangles, as the paper has it.
    #[test]
    fn patterns_are_sums_of_nested_rectangles() {
        for side in [2usize, 3, 5, 6, 7, 11, 29] {
            let mut expected = vec![0.0; side * side];
            for (first, rows, sign) in [(0, side / 2, 1.0), (side / 2, side - side / 2, -1.0)] {
                let mut sum = vec![0.0f64; rows * side];
                for k in 0..=(rows / 2).max(side / 2) {
                    for row in (rows / 2).saturating_sub(k)..(rows / 2 + k + 1).min(rows) {
                        for column in (side / 2).saturating_sub(k)..(side / 2 + k + 1).min(side) {
                            sum[row * side + column] += 1.0 / ((k + 1) * (k + 1)) as f64;
                        }
                    }
                }
                let length = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
                for (i, x) in sum.iter().enumerate() {
                    expected[first * side + i] = sign * x / length / SQRT_2;
                }
            }
            for (i, (found, expected)) in patterns(side).iter().zip(expected).enumerate() {
                assert!((f64::from(*found) - expected).abs() < 1e-6, "{side}, {i}: {found} for {expected}");
            }
        }
    }
}
