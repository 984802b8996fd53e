use crate::harness::{Array, Case, Input};

/// Combines over axes given as a mask, keeping them with size one.
fn reduced(x: &Array, axes: &[usize], start: f64, f: impl Fn(f64, f64) -> f64) -> Array {
    let mut shape = x.shape.clone();
    axes.iter().for_each(|&axis| shape[axis] = 1);
    let mut result = Array::from_fn(shape.clone(), |_| start);
    let mut index = vec![0; x.shape.len()];
    for &value in &x.data {
        let offset = index.iter().zip(&shape).fold(0, |o, (&i, &s)| o * s + if s == 1 { 0 } else { i });
        result.data[offset] = f(result.data[offset], value);
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            if index[axis] < x.shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    result
}

const CASES: [(&[usize], &[usize]); 8] = [
    (&[3, 5], &[1]),
    (&[3, 5], &[0]),
    (&[2, 3, 4, 5], &[1, 2]),
    (&[2, 3, 4, 5], &[0, 1, 2]),
    (&[2, 3, 4, 5], &[0, 2]),
    (&[2, 3, 4, 5], &[0, 1, 2, 3]),
    (&[2, 1500], &[1]),
    (&[1300, 3], &[0]),
];

#[test]
fn sums_and_means() {
    for (shape, axes) in CASES {
        Case::new(format!("sum of {shape:?} over {axes:?}"))
            .input(Input::uniform(shape, -1.0, 1.0))
            .build(move |_, x| x[0].sum(axes))
            .reference(move |x| reduced(&x[0], axes, 0.0, |a, b| a + b))
            .check();
        let count: usize = axes.iter().map(|&axis| shape[axis]).product();
        Case::new(format!("mean of {shape:?} over {axes:?}"))
            .input(Input::uniform(shape, -1.0, 1.0))
            .build(move |_, x| x[0].mean(axes))
            .reference(move |x| reduced(&x[0], axes, 0.0, |a, b| a + b).map(|y| y / count as f64))
            .check();
    }
}

#[test]
fn maxima_and_minima() {
    for (shape, axes) in CASES {
        Case::new(format!("max of {shape:?} over {axes:?}"))
            .input(Input::uniform(shape, -1.0, 1.0))
            .build(move |_, x| x[0].max(axes))
            .reference(move |x| reduced(&x[0], axes, f64::NEG_INFINITY, f64::max))
            .check();
    }
    Case::new("min")
        .input(Input::uniform([4, 9], -1.0, 1.0))
        .build(|_, x| x[0].min(&[1]))
        .reference(|x| reduced(&x[0], &[1], f64::INFINITY, f64::min))
        .check();
}

#[test]
fn everything() {
    Case::new("sum_all and mean_all")
        .input(Input::uniform([3, 70, 11], -1.0, 1.0))
        .build(|_, x| x[0].square().sum_all() + x[0].mean_all())
        .reference(|x| {
            let squares: f64 = x[0].data.iter().map(|x| x * x).sum();
            let sum: f64 = x[0].data.iter().sum();
            Array::new([], vec![squares + sum / x[0].data.len() as f64])
        })
        .check();
}

#[test]
fn position_of_the_first_largest() {
    Case::new("argmax with ties")
        .input(Input::values([2, 4], &[1.0, 3.0, 3.0, 2.0, -1.0, -1.0, -2.0, -1.0]))
        .without_gradient()
        .exact()
        .build(|_, x| x[0].argmax(1))
        .reference(|_| Array::new([2, 1], vec![1.0, 0.0]))
        .check();
    Case::new("argmax of an inner axis")
        .input(Input::uniform([3, 7, 5], -1.0, 1.0))
        .without_gradient()
        .exact()
        .build(|_, x| x[0].argmax(1))
        .reference(|x| {
            Array::from_fn([3, 1, 5], |i| {
                let best = |a: usize, b: usize| {
                    if x[0].at(&[i[0], b, i[2]]) > x[0].at(&[i[0], a, i[2]]) { b } else { a }
                };
                (0..7).reduce(best).expect("seven candidates") as f64
            })
        })
        .check();
}
