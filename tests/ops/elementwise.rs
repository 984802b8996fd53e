use crate::harness::{Array, Case, Input};
use unperturb_engine::Value;

fn unary(
    name: &str,
    low: f64,
    high: f64,
    f: impl for<'g> Fn(Value<'g>) -> Value<'g> + 'static,
    truth: fn(f64) -> f64,
) {
    Case::new(name)
        .input(Input::uniform([3, 37], low, high))
        .build(move |_, x| f(x[0]))
        .reference(move |x| x[0].map(truth))
        .check();
}

#[test]
fn functions_of_one_number() {
    unary("neg", -2.0, 2.0, |x| -x, |x| -x);
    unary("abs", -2.0, 2.0, |x| x.abs(), f64::abs);
    unary("sign", -2.0, 2.0, |x| x.sign() + x * 1e-3, |x| x.signum() + x * f64::from(1e-3f32));
    unary("exp", -2.0, 2.0, |x| x.exp(), f64::exp);
    unary("log", 0.1, 3.0, |x| x.log(), f64::ln);
    unary("sqrt", 0.1, 3.0, |x| x.sqrt(), f64::sqrt);
    unary("tanh", -3.0, 3.0, |x| x.tanh(), f64::tanh);
    unary("floor", -3.0, 3.0, |x| x.floor() + x, |x| x.floor() + x);
    unary("relu", -2.0, 2.0, |x| x.relu(), |x| x.max(0.0));
    unary(
        "leaky relu",
        -2.0,
        2.0,
        |x| x.leaky_relu(0.2),
        |x| if x > 0.0 { x } else { x * f64::from(0.2f32) },
    );
    unary("clamp", -2.0, 2.0, |x| x.clamp(-0.7, 1.1), |x| x.clamp(f64::from(-0.7f32), f64::from(1.1f32)));
    unary("square", -2.0, 2.0, |x| x.square(), |x| x * x);
    unary("divides", 0.3, 2.0, |x| x.divides(3.0), |x| 3.0 / x);
    unary("constants", -2.0, 2.0, |x| (2.0 - x * 3.0 + 1.0) / 4.0 - 0.5, |x| (3.0 - x * 3.0) / 4.0 - 0.5);
    unary("greater", -2.0, 2.0, |x| x.greater(0.25) * x, |x| if x > 0.25 { x } else { 0.0 });
}

#[test]
fn tanh_saturates_without_nan() {
    unary("tanh of large numbers", -3e4, 3e4, |x| x.tanh(), f64::tanh);
}

#[test]
fn infinities_pass() {
    Case::new("log of zero, exp of much")
        .input(Input::values([2], &[-0.05, 200.0]))
        .without_gradient()
        .build(|_, x| (x[0] + 0.0).exp())
        .reference(|x| x[0].map(|x| if x > 88.8 { f64::INFINITY } else { x.exp() }))
        .check();
}

type Shape = &'static [usize];

fn binary(
    name: &str,
    shapes: [Shape; 2],
    f: impl for<'g> Fn(Value<'g>, Value<'g>) -> Value<'g> + Copy + 'static,
    truth: fn(f64, f64) -> f64,
) {
    Case::new(format!("{name} of {shapes:?}"))
        .input(Input::uniform(shapes[0], -2.0, 2.0))
        .input(Input::uniform(shapes[1], 0.4, 2.0))
        .build(move |_, x| f(x[0], x[1]))
        .reference(move |x| {
            let rank = x[0].shape.len().max(x[1].shape.len());
            let size = |a: &Array, axis: usize| {
                (axis + a.shape.len()).checked_sub(rank).map_or(1, |own| a.shape[own])
            };
            let shape: Vec<usize> = (0..rank).map(|axis| size(&x[0], axis).max(size(&x[1], axis))).collect();
            let get = |a: &Array, index: &[usize]| {
                let own = &index[rank - a.shape.len()..];
                let own: Vec<usize> =
                    own.iter().zip(&a.shape).map(|(&i, &s)| if s == 1 { 0 } else { i }).collect();
                a.at(&own)
            };
            Array::from_fn(shape, |index| truth(get(&x[0], index), get(&x[1], index)))
        })
        .check();
}

#[test]
fn functions_of_two_numbers_broadcast() {
    let shapes: [[Shape; 2]; 9] = [
        [&[4, 19], &[4, 19]],
        [&[4, 19], &[19]],
        [&[4, 19], &[4, 1]],
        [&[19], &[4, 19]],
        [&[], &[5]],
        [&[2, 3, 1, 5], &[3, 4, 1]],
        [&[2, 1, 3, 1], &[1, 4, 3, 2]],
        [&[2, 5, 3, 7], &[2, 1, 1, 7]],
        [&[300, 3], &[3]],
    ];
    for shapes in shapes {
        binary("add", shapes, |a, b| a + b, |a, b| a + b);
        binary("mul", shapes, |a, b| a * b, |a, b| a * b);
    }
    // More than a window of uniform memory, rows of vectors or not.
    let large: [[Shape; 2]; 6] = [
        [&[9, 32, 64], &[9, 32, 64]],
        [&[2, 90, 100], &[100]],
        [&[9, 32, 64], &[9, 1, 64]],
        [&[3, 70, 80], &[3, 70, 1]],
        [&[5, 33, 102], &[102]],
        [&[16_500], &[]],
    ];
    for shapes in large {
        binary("sub", shapes, |a, b| a - b, |a, b| a - b);
    }
    let pairs: [[Shape; 2]; 2] = [[&[4, 19], &[4, 1]], [&[6], &[6]]];
    for shapes in pairs {
        binary("sub", shapes, |a, b| a - b, |a, b| a - b);
        binary("div", shapes, |a, b| a / b, |a, b| a / b);
        binary("maximum", shapes, |a, b| a.maximum(b), f64::max);
        binary("minimum", shapes, |a, b| a.minimum(b), f64::min);
        binary("greater_than", shapes, |a, b| a.greater_than(b) * a, |a, b| if a > b { a } else { 0.0 });
        binary("greater_equal", shapes, |a, b| a.greater_equal(b) * a, |a, b| if a >= b { a } else { 0.0 });
        binary(
            "select",
            shapes,
            |a, b| a.greater(0.1).select(a * b, b),
            |a, b| {
                if a > f64::from(0.1f32) { a * b } else { b }
            },
        );
    }
}

#[test]
fn equal_operands_share_the_gradient() {
    Case::new("maximum of a value with itself")
        .input(Input::uniform([7], -1.0, 1.0))
        .build(|_, x| x[0].maximum(x[0]) * x[0])
        .reference(|x| x[0].map(|x| x * x))
        .check();
}

/// Long chains are fused, cut at the limits of a program, and must not change the result.
#[test]
fn long_chains() {
    Case::new("a chain longer than a program")
        .input(Input::uniform([5, 11], 0.2, 0.9))
        .input(Input::uniform([11], 0.2, 0.9))
        .build(|g, x| {
            let mut y = x[0];
            for i in 0..40 {
                y = (y * x[1] + (i as f32) * 0.125).sqrt() + g.full([], 0.25);
            }
            y
        })
        .reference(|x| {
            Array::from_fn([5, 11], |i| {
                (0..40).fold(x[0].at(i), |y, k| (y * x[1].at(&i[1..]) + f64::from(k) * 0.125).sqrt() + 0.25)
            })
        })
        .check();
}

#[test]
fn a_value_read_twice_and_broadcast() {
    Case::new("shared sub-expressions")
        .input(Input::uniform([3, 4], -1.0, 1.0))
        .input(Input::uniform([4], -1.0, 1.0))
        .build(|_, x| {
            let a = (x[0] * x[1]).tanh();
            let b = a.square() + a;
            b * x[1].exp().broadcast_to([3, 4]) - a
        })
        .reference(|x| {
            Array::from_fn([3, 4], |i| {
                let (p, q) = (x[0].at(i), x[1].at(&i[1..]));
                let a = (p * q).tanh();
                (a * a + a) * q.exp() - a
            })
        })
        .check();
}

/// Neighbours in a small tensor are read where they are: rows, one number, and as much as the result has.
#[test]
fn parts_of_operands() {
    for channels in [8, 5] {
        Case::new(format!("parts of tensors with {channels} channels"))
            .input(Input::uniform([300, 4, channels], -1.0, 1.0))
            .input(Input::uniform([4, channels], 0.5, 1.5))
            .input(Input::uniform([1, 320, 4, channels], -1.0, 1.0))
            .build(move |_, x| {
                let row = |row: usize| x[1].slice(0, row..row + 1).reshape([channels]);
                let number = x[1].slice(0, 2..3).slice(1, 4..5).reshape([]);
                let other = x[2].slice(1, 13..313).reshape([300, 4, channels]);
                (x[0] - row(1)) * row(3) + other * number
            })
            .reference(move |x| {
                Array::from_fn([300, 4, channels], |i| {
                    let other = x[2].at(&[0, i[0] + 13, i[1], i[2]]);
                    (x[0].at(i) - x[1].at(&[1, i[2]])) * x[1].at(&[3, i[2]]) + other * x[1].at(&[2, 4])
                })
            })
            .check();
    }
}
