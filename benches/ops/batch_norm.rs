use criterion::Criterion;

use crate::harness::{Case, gradient, moved, numbers};

const SHAPE: &[usize] = &[128, 32, 32, 16];
const COUNT: usize = 128 * 32 * 32 * 16;
const INPUTS: &[&[usize]] = &[SHAPE, &[16], &[16]];

pub fn benches(c: &mut Criterion) {
    let x = numbers(COUNT);
    let mut y = vec![0.0f32; COUNT];
    Case {
        name: "batch_norm/statistics",
        inputs: INPUTS,
        work: moved(COUNT),
        build: &|_, x| x[0].batch_norm_train(x[1], x[2], 1e-5).variance,
    }
    .time(c);
    Case {
        name: "batch_norm/training, with relu",
        inputs: INPUTS,
        work: moved(3 * COUNT),
        build: &|_, x| x[0].batch_norm_train(x[1], x[2], 1e-5).y.relu(),
    }
    .time_beside(c, "copy", || y.copy_from_slice(&x));
    Case {
        name: "batch_norm/evaluation, with relu",
        inputs: INPUTS,
        work: moved(2 * COUNT),
        build: &|_, x| x[0].batch_norm_eval(x[1], x[2], x[2], x[1], 1e-5).relu(),
    }
    .time_beside(c, "copy", || y.copy_from_slice(&x));
    Case {
        name: "batch_norm/gradient in training",
        inputs: INPUTS,
        work: moved(5 * COUNT),
        build: &|_, x| gradient(x[0].batch_norm_train(x[1], x[2], 1e-5).y, x[0]),
    }
    .time(c);
}
