//! How long something takes: samples long enough for the clock, as `unperturb bench` takes them.

use std::time::{Duration, Instant};

/// Time for the samples of one request; `run` asks several times.
const BUDGET: Duration = Duration::from_millis(500);
/// Length of a sample; shorter runs are repeated within it.
const SAMPLE: Duration = Duration::from_millis(5);
/// Beyond this a run needs no other to warm up the caches.
const LONG: Duration = Duration::from_secs(2);

/// The seconds of one run in each of several samples. `run` does so many runs and waits for their end.
pub fn samples(mut run: impl FnMut(usize)) -> Vec<f64> {
    let mut time = |count: usize| {
        let start = Instant::now();
        run(count);
        start.elapsed().max(Duration::from_nanos(1)) / count as u32
    };
    let first = time(1);
    if first > LONG {
        return vec![first.as_secs_f64()];
    }
    let count = (SAMPLE.as_secs_f64() / time(1).as_secs_f64()).ceil().clamp(1.0, 10_000.0) as usize;
    let start = Instant::now();
    let mut samples = Vec::new();
    while samples.is_empty() || start.elapsed() < BUDGET {
        samples.push(time(count).as_secs_f64());
    }
    samples
}
