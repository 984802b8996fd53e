//! Times something that can be repeated: the median over samples that are long enough for the clock.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Case, Rate};

/// Time for the samples of a case.
const BUDGET: Duration = Duration::from_millis(500);
/// Length of a sample; shorter runs are repeated within it.
const SAMPLE: Duration = Duration::from_millis(5);
/// Fewest and most samples.
const FEWEST: usize = 3;
const MOST: usize = 100;

/// How long a run of a case takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// The case.
    pub name: String,
    /// Median over the samples of the seconds of a run.
    pub median_seconds: f64,
    /// The shortest sample's.
    pub fastest_seconds: f64,
    /// How many samples there were.
    pub samples: usize,
    /// Work per second, by the median.
    #[serde(flatten)]
    pub rate: Rate,
}

impl Measurement {
    /// From the seconds of a run in each sample, of which there is at least one.
    pub(super) fn new(case: &Case, mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        let middle = times.len() / 2;
        let median =
            if times.len() % 2 == 1 { times[middle] } else { (times[middle - 1] + times[middle]) / 2.0 };
        Measurement {
            name: case.name.clone(),
            median_seconds: median,
            fastest_seconds: times[0],
            samples: times.len(),
            rate: case.work.rate(median),
        }
    }
}

/// The seconds of one run in each of several samples. `run` does so many runs and waits for their end.
pub(super) fn times<E>(mut run: impl FnMut(usize) -> Result<(), E>) -> Result<Vec<f64>, E> {
    let mut time = |count: usize| -> Result<f64, E> {
        let start = Instant::now();
        run(count)?;
        // A clock that is too coarse must not make a rate infinite.
        Ok(start.elapsed().as_secs_f64().max(1e-9) / count as f64)
    };
    // The first run pays for late compilation and cold caches.
    time(1)?;
    let count = (SAMPLE.as_secs_f64() / time(1)?).ceil().clamp(1.0, 10_000.0) as usize;
    let start = Instant::now();
    let mut samples = Vec::new();
    while samples.len() < FEWEST || (samples.len() < MOST && start.elapsed() < BUDGET) {
        samples.push(time(count)?);
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::super::Work;
    use super::*;

    #[test]
    fn slow_runs_are_sampled_a_few_times_and_short_ones_are_repeated() {
        let mut runs = Vec::new();
        let slow = times(|count| {
            runs.push(count);
            sleep(BUDGET / 2);
            Ok::<_, ()>(())
        });
        assert_eq!(runs, [1; 2 + FEWEST]);
        assert!(slow.unwrap().iter().all(|&seconds| seconds >= BUDGET.as_secs_f64() / 2.0));

        let mut most = 0;
        let quick = times(|count| {
            most = most.max(count);
            sleep(Duration::from_micros(50) * count as u32);
            Ok::<_, ()>(())
        });
        assert!(most > 1);
        assert!(quick.unwrap().len() >= FEWEST);
        assert_eq!(times(|_| Err("no device")), Err("no device"));
    }

    #[test]
    fn the_median_makes_the_rate() {
        let case = Case::new("copy", Work::Bytes(4e9), |_| unreachable!("nothing is run"));
        let odd = Measurement::new(&case, vec![8.0, 1.0, 2.0]);
        assert_eq!((odd.median_seconds, odd.fastest_seconds, odd.samples), (2.0, 1.0, 3));
        assert_eq!(odd.rate, Rate { value: 2.0, unit: "GB/s" });
        assert_eq!(Measurement::new(&case, vec![4.0, 1.0, 2.0, 8.0]).median_seconds, 3.0);
        assert_eq!(Work::Operations(4e9).rate(2.0), Rate { value: 2.0, unit: "GFLOP/s" });
        assert_eq!(Work::Images(32.0).rate(2.0), Rate { value: 16.0, unit: "images/s" });
    }
}
