use criterion::Criterion;

use crate::harness::{Case, gradient, moved};

const INPUTS: &[&[usize]] = &[&[256, 32, 32, 3], &[256]];
const COUNT: usize = 256 * 32 * 32 * 3;

pub fn benches(c: &mut Criterion) {
    Case { name: "colour/grey", inputs: INPUTS, work: moved(COUNT + COUNT / 3), build: &|_, x| x[0].grey() }
        .time(c);
    Case {
        name: "colour/contrast",
        inputs: INPUTS,
        work: moved(3 * COUNT),
        build: &|_, x| x[0].adjust_contrast(x[1]),
    }
    .time(c);
    Case {
        name: "colour/saturation",
        inputs: INPUTS,
        work: moved(2 * COUNT),
        build: &|_, x| x[0].adjust_saturation(x[1]),
    }
    .time(c);
    Case { name: "colour/hue", inputs: INPUTS, work: moved(2 * COUNT), build: &|_, x| x[0].adjust_hue(x[1]) }
        .time(c);
    Case {
        name: "colour/gradient of hue",
        inputs: INPUTS,
        work: moved(3 * COUNT),
        build: &|_, x| gradient(x[0].adjust_hue(x[1]), x[0]),
    }
    .time(c);
}
