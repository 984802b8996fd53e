use criterion::Criterion;
use unperturb_engine::{Graph, Value};

use crate::harness::{Case, gradient, moved};

const PICTURES: &[usize] = &[256, 32, 32, 3];
const COUNT: usize = 256 * 32 * 32 * 3;

/// A crop of half the width and half the height of each picture.
fn boxes(g: &Graph) -> Value<'_> {
    let sides = [8.0, 4.0, 16.0, -16.0].map(|side| g.full([256, 1], side));
    Value::concatenate(&sides, 1)
}

pub fn benches(c: &mut Criterion) {
    Case {
        name: "resample/nearest, twice the size",
        inputs: &[PICTURES],
        work: moved(5 * COUNT),
        build: &|_, x| x[0].resize_nearest(64, 64),
    }
    .time(c);
    Case {
        name: "resample/bilinear, twice the size",
        inputs: &[PICTURES],
        work: moved(5 * COUNT),
        build: &|_, x| x[0].resize_bilinear(64, 64),
    }
    .time(c);
    Case {
        name: "resample/crops",
        inputs: &[PICTURES],
        work: moved(2 * COUNT),
        build: &|g, x| x[0].crop_resize(boxes(g), 32, 32),
    }
    .time(c);
    Case {
        name: "resample/gradient of crops",
        inputs: &[PICTURES],
        work: moved(2 * COUNT),
        build: &|g, x| gradient(x[0].crop_resize(boxes(g), 32, 32), x[0]),
    }
    .time(c);
}
