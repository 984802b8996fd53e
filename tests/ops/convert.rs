use crate::harness::{Array, Case, Input};

#[test]
fn integers_as_numbers() {
    Case::new("to_f32")
        .input(Input::integers([2, 3], &[0, 1, 7, 255, 65_537, 16_777_215]))
        .exact()
        .build(|_, x| x[0].to_f32())
        .reference(|x| x[0].clone())
        .check();
    Case::new("share of right answers")
        .input(Input::uniform([40, 5], -1.0, 1.0))
        .input(Input::labels([40], 5))
        .without_gradient()
        .build(|_, x| x[0].argmax(1).reshape([40]).to_f32().equals(x[1].to_f32()).mean_all())
        .reference(|x| {
            let best =
                |i: usize| (1..5).fold(0, |b, k| if x[0].at(&[i, k]) > x[0].at(&[i, b]) { k } else { b });
            let right = (0..40).filter(|&i| best(i) as f64 == x[1].at(&[i])).count();
            Array::new([], vec![right as f64 / 40.0])
        })
        .check();
}
