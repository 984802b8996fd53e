use crate::harness::{Array, Case, Input};

fn product(mask: &Array, y: &Array, threshold: f64) -> Array {
    let terms = mask.data.iter().zip(&y.data);
    Array::new(y.shape.clone(), terms.map(|(&x, &y)| if x > threshold { y } else { 0.0 }).collect())
}

/// Bits meet numbers in one elementwise operation, over blocks and beyond them.
#[test]
fn comparisons_as_bits() {
    for shape in [vec![32], vec![3, 7, 32], vec![2, 33, 5, 16], vec![4, 12, 12, 32]] {
        Case::new(format!("exceeds of {shape:?}"))
            .input(Input::uniform(shape.clone(), -2.0, 2.0))
            .input(Input::uniform(shape, -1.0, 1.0))
            .build(|_, x| x[0].exceeds(0.25).select(x[1], x[1] * 0.0))
            .reference(|x| product(&x[0], &x[1], 0.25))
            .check();
    }
}

/// Beside an operand that is stretched, so that axes do not merge.
#[test]
fn bits_beside_a_stretched_operand() {
    Case::new("bits, a row and a column")
        .input(Input::uniform([6, 25, 32], -2.0, 2.0))
        .input(Input::uniform([25, 1], -1.0, 1.0))
        .input(Input::uniform([32], -1.0, 1.0))
        .build(|_, x| x[0].exceeds(-0.5) * x[1] + x[2])
        .reference(|x| {
            Array::from_fn([6, 25, 32], |at| {
                let bit = f64::from(u8::from(x[0].at(at) > -0.5));
                bit * x[1].at(&[at[1], 0]) + x[2].at(&[at[2]])
            })
        })
        .check();
}
