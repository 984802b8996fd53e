use crate::harness::{Array, Case, Input};

/// Softmax along the last axis.
pub fn softmax(x: &Array) -> Array {
    let k = *x.shape.last().expect("an axis");
    let rows = x.data.chunks(k).flat_map(|row| {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|x| (x - largest).exp()).sum();
        row.iter().map(move |x| (x - largest).exp() / sum)
    });
    Array::new(x.shape.clone(), rows.collect())
}

const SHAPES: [&[usize]; 5] = [&[10], &[3, 1], &[70, 10], &[3, 200], &[2, 3, 130]];

#[test]
fn softmax_and_its_logarithm() {
    for shape in SHAPES {
        Case::new(format!("softmax of {shape:?}"))
            .input(Input::uniform(shape, -3.0, 3.0))
            .build(|_, x| x[0].softmax())
            .reference(|x| softmax(&x[0]))
            .check();
        Case::new(format!("log softmax of {shape:?}"))
            .input(Input::uniform(shape, -3.0, 3.0))
            .build(|_, x| x[0].log_softmax())
            .reference(|x| softmax(&x[0]).map(f64::ln))
            .check();
    }
}

#[test]
fn large_logits_do_not_overflow() {
    let logits = [1000.0, 990.0, -1000.0, -500.0, -500.0, -510.0];
    Case::new("log softmax of large logits")
        .input(Input::values([2, 3], &logits))
        .build(|_, x| x[0].log_softmax())
        .reference(|x| {
            Array::from_fn([2, 3], |i| {
                let row: Vec<f64> = (0..3).map(|c| x[0].at(&[i[0], c])).collect();
                let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                row[i[1]] - largest - row.iter().map(|x| (x - largest).exp()).sum::<f64>().ln()
            })
        })
        .check();
}
