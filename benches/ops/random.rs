use criterion::Criterion;
use unperturb_engine::ops::random::Random;

use crate::harness::{Case, moved};

const COUNT: usize = 1 << 20;

pub fn benches(c: &mut Criterion) {
    Case {
        name: "random/uniform",
        inputs: &[],
        work: moved(COUNT),
        build: &|g, _| Random::new(g, "random").uniform([COUNT]),
    }
    .time(c);
    Case {
        name: "random/normal",
        inputs: &[],
        work: moved(COUNT),
        build: &|g, _| Random::new(g, "random").normal([COUNT]),
    }
    .time(c);
    Case {
        name: "random/dropout",
        inputs: &[&[COUNT]],
        work: moved(2 * COUNT),
        build: &|g, x| Random::new(g, "random").dropout(x[0], 0.3),
    }
    .time(c);
}
