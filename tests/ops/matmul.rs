use crate::harness::{Array, Case, Input};

#[test]
fn either_side_transposed() {
    for (m, k, n) in [(1, 1, 1), (3, 5, 7), (64, 33, 10), (70, 17, 130), (4, 300, 6)] {
        for (left, right) in [(false, false), (true, false), (false, true), (true, true)] {
            Case::new(format!("matmul {m}x{k}x{n}, transposed {left} {right}"))
                .input(Input::uniform(if left { [k, m] } else { [m, k] }, -1.0, 1.0))
                .input(Input::uniform(if right { [n, k] } else { [k, n] }, -1.0, 1.0))
                .build(move |_, x| x[0].matmul_of(x[1], left, right))
                .reference(move |x| {
                    Array::from_fn([m, n], |i| {
                        let a = |c: usize| if left { x[0].at(&[c, i[0]]) } else { x[0].at(&[i[0], c]) };
                        let b = |c: usize| if right { x[1].at(&[i[1], c]) } else { x[1].at(&[c, i[1]]) };
                        (0..k).map(|c| a(c) * b(c)).sum()
                    })
                })
                .check();
        }
    }
}

/// A factor of whole powers of two, whose split into halves has zeros beside infinities.
#[test]
fn infinities_and_nans() {
    let mut left = [0.5f32; 3 * 40];
    (left[7], left[50], left[51]) = (f32::INFINITY, f32::NEG_INFINITY, f32::NAN);
    let right: Vec<f32> = (0..40 * 6).map(|i| if i % 5 == 0 { -2.0 } else { 4.0 }).collect();
    Case::new("matmul of infinities")
        .input(Input::values([3, 40], &left))
        .input(Input::values([40, 6], &right))
        .build(|_, x| x[0].matmul(x[1]))
        .reference(|x| {
            Array::from_fn([3, 6], |i| (0..40).map(|c| x[0].at(&[i[0], c]) * x[1].at(&[c, i[1]])).sum())
        })
        .without_gradient()
        .check();
}

#[test]
fn linear_layer() {
    Case::new("linear")
        .input(Input::uniform([4, 6], -1.0, 1.0))
        .input(Input::uniform([6, 3], -1.0, 1.0))
        .input(Input::uniform([3], -1.0, 1.0))
        .build(|_, x| x[0].linear(x[1], x[2]))
        .reference(|x| {
            Array::from_fn([4, 3], |i| {
                x[2].at(&[i[1]]) + (0..6).map(|c| x[0].at(&[i[0], c]) * x[1].at(&[c, i[1]])).sum::<f64>()
            })
        })
        .check();
}
