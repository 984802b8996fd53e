use criterion::Criterion;
use unperturb_engine::Value;

use crate::harness::{Case, moved, numbers};

const SHAPE: &[usize] = &[64, 32, 32, 64];
const COUNT: usize = 64 * 32 * 32 * 64;
const PICTURES: &[usize] = &[256, 32, 32, 3];
const PICTURE_WORDS: usize = 256 * 32 * 32 * 3;

pub fn benches(c: &mut Criterion) {
    let x = numbers(COUNT);
    let mut y = vec![0.0f32; COUNT];
    Case {
        name: "movement/slice of half the channels",
        inputs: &[SHAPE],
        work: moved(COUNT),
        build: &|_, x| x[0].slice(3, 16..48),
    }
    .time_beside(c, "copy of as much", || y[..COUNT / 2].copy_from_slice(&x[..COUNT / 2]));
    Case {
        name: "movement/nhwc to nchw",
        inputs: &[SHAPE],
        work: moved(2 * COUNT),
        build: &|_, x| x[0].transpose(&[0, 3, 1, 2]),
    }
    .time_beside(c, "copy of as much", || y.copy_from_slice(&x));
    Case {
        name: "movement/pad rows and columns by one",
        inputs: &[SHAPE],
        work: moved(2 * COUNT),
        build: &|_, x| x[0].pad(&[(0, 0), (1, 1), (1, 1), (0, 0)]),
    }
    .time(c);
    Case {
        name: "movement/mirror pictures",
        inputs: &[PICTURES],
        work: moved(2 * PICTURE_WORDS),
        build: &|_, x| x[0].flip(2),
    }
    .time(c);
    Case {
        name: "movement/turn pictures by 90 degrees",
        inputs: &[PICTURES],
        work: moved(2 * PICTURE_WORDS),
        build: &|_, x| x[0].rotate90(1),
    }
    .time(c);
    Case {
        name: "movement/concatenate two along channels",
        inputs: &[SHAPE, SHAPE],
        work: moved(4 * COUNT),
        build: &|_, x| Value::concatenate(x, 3),
    }
    .time(c);
    Case {
        name: "movement/gather 256 pictures",
        inputs: &[PICTURES],
        work: moved(2 * PICTURE_WORDS),
        build: &|g, x| x[0].gather(g.state_u32("index", [256])),
    }
    .time(c);
}
