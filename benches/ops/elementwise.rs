use criterion::Criterion;
use rayon::prelude::*;

use crate::harness::{Case, gradient, moved, numbers};

const SHAPE: &[usize] = &[64, 32, 32, 64];
const COUNT: usize = 64 * 32 * 32 * 64;

pub fn benches(c: &mut Criterion) {
    let (a, b) = (numbers(COUNT), numbers(COUNT));
    let mut y = vec![0.0; COUNT];
    Case {
        name: "elementwise/add",
        inputs: &[SHAPE, SHAPE],
        work: moved(3 * COUNT),
        build: &|_, x| x[0] + x[1],
    }
    .time_beside(c, "rayon", || {
        let pairs = a.par_iter().zip(&b).with_min_len(1 << 14);
        y.par_iter_mut().zip(pairs).for_each(|(y, (a, b))| *y = a + b);
    });
    Case {
        name: "elementwise/chain of eight, fused",
        inputs: &[SHAPE, &[64]],
        work: moved(2 * COUNT),
        build: &|_, x| ((x[0] * x[1] + 0.5).relu() * 2.0 - x[1]).clamp(-1.0, 1.0).square() * 0.25,
    }
    .time(c);
    Case { name: "elementwise/tanh", inputs: &[SHAPE], work: moved(2 * COUNT), build: &|_, x| x[0].tanh() }
        .time(c);
    Case {
        name: "elementwise/gradient of leaky relu",
        inputs: &[SHAPE],
        work: moved(3 * COUNT),
        build: &|_, x| gradient(x[0].leaky_relu(0.2), x[0]),
    }
    .time(c);
}
