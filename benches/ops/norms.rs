use criterion::Criterion;
use unperturb_engine::ops::norms::{Ball, Norm};

use crate::harness::{Case, moved};

const PICTURES: &[usize] = &[256, 32, 32, 3];
const COUNT: usize = 256 * 32 * 32 * 3;

pub fn benches(c: &mut Criterion) {
    for norm in [Norm::L1, Norm::L2, Norm::Linf] {
        Case {
            name: &format!("norms/{norm:?} of pictures"),
            inputs: &[PICTURES],
            work: moved(COUNT),
            build: &move |_, x| x[0].norm(norm),
        }
        .time(c);
    }
    for (name, ball) in [("L1", Ball::L1(100.0)), ("L2", Ball::L2(1.0)), ("Linf", Ball::Linf(8.0 / 255.0))] {
        Case {
            name: &format!("norms/projection onto an {name} ball"),
            inputs: &[PICTURES],
            work: moved(2 * COUNT),
            build: &move |_, x| x[0].project(ball),
        }
        .time(c);
    }
}
