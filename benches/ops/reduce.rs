use criterion::Criterion;
use rayon::prelude::*;

use crate::harness::{Case, moved, numbers};

const SHAPE: &[usize] = &[64, 32, 32, 64];
const COUNT: usize = 64 * 32 * 32 * 64;

pub fn benches(c: &mut Criterion) {
    let x = numbers(COUNT);
    Case { name: "reduce/sum of all", inputs: &[SHAPE], work: moved(COUNT), build: &|_, x| x[0].sum_all() }
        .time_beside(c, "rayon", || {
            std::hint::black_box(x.par_chunks(1 << 14).map(|part| part.iter().sum::<f32>()).sum::<f32>());
        });
    Case {
        name: "reduce/sum over pixels",
        inputs: &[SHAPE],
        work: moved(COUNT),
        build: &|_, x| x[0].sum(&[0, 1, 2]),
    }
    .time(c);
    Case {
        name: "reduce/mean over channels",
        inputs: &[SHAPE],
        work: moved(COUNT),
        build: &|_, x| x[0].mean(&[3]),
    }
    .time(c);
    Case {
        name: "reduce/largest of each image",
        inputs: &[SHAPE],
        work: moved(COUNT),
        build: &|_, x| x[0].abs().max(&[1, 2, 3]),
    }
    .time(c);
    Case {
        name: "reduce/argmax of logits",
        inputs: &[&[4096, 100]],
        work: moved(409_600),
        build: &|_, x| x[0].argmax(1),
    }
    .time(c);
}
