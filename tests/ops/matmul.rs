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
