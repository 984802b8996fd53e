//! Times something that can be repeated: the median over samples that are long enough for the clock.

use std::time::{Duration, Instant};

use serde::Serialize;
use unperturb_engine::KernelTime;

use super::{Case, Rate};

/// Time for the samples of a case.
const BUDGET: Duration = Duration::from_millis(500);
/// Length of a sample; shorter runs are repeated within it.
const SAMPLE: Duration = Duration::from_millis(5);
/// Fewest and most samples.
const FEWEST: usize = 3;
const MOST: usize = 100;
/// A run this long needs no other to warm up, and one sample tells enough.
const LONG: Duration = Duration::from_secs(5);

/// How long a run of a case takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// The case.
    pub name: String,
    /// Seconds from tracing to the end of the first run. Kernels that earlier cases on this device compiled are not
    /// compiled again.
    pub first_seconds: f64,
    /// Median over the samples of the seconds of a run.
    pub median_seconds: f64,
    /// The shortest sample's.
    pub fastest_seconds: f64,
    /// How many samples there were.
    pub samples: usize,
    /// Work per second, by the median.
    #[serde(flatten)]
    pub rate: Rate,
    /// Where the time of a run goes, if that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
}

/// Where the time of a run goes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Profile {
    /// Seconds of the run, with each of its programs waited for.
    pub wall_seconds: f64,
    /// Seconds of it within kernels.
    pub kernel_seconds: f64,
    /// Kinds of kernel, slowest first.
    pub kernels: Vec<Kernel>,
}

/// One kind of kernel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Kernel {
    /// Its name.
    pub label: &'static str,
    /// How many ran.
    pub launches: usize,
    /// Seconds of all of them, by the device's own clock.
    pub seconds: f64,
}

impl From<unperturb_engine::Profile> for Profile {
    fn from(profile: unperturb_engine::Profile) -> Self {
        let kernel =
            |time: &KernelTime| Kernel { label: time.label, launches: time.launches, seconds: time.seconds };
        Profile {
            wall_seconds: profile.wall_seconds,
            kernel_seconds: profile.kernel_seconds(),
            kernels: profile.kernels.iter().map(kernel).collect(),
        }
    }
}

/// The seconds of one run.
pub(super) struct Times {
    /// The first, which pays for late compilation and cold caches.
    pub first: f64,
    /// In each of several samples after that.
    pub samples: Vec<f64>,
}

impl Measurement {
    /// From the seconds of preparation and those of runs, of which there is at least one sample.
    pub(super) fn new(case: &Case, preparation: f64, times: Times) -> Self {
        let (first, mut times) = (times.first, times.samples);
        times.sort_by(f64::total_cmp);
        let middle = times.len() / 2;
        let median =
            if times.len() % 2 == 1 { times[middle] } else { (times[middle - 1] + times[middle]) / 2.0 };
        Measurement {
            name: case.name.clone(),
            first_seconds: preparation + first,
            median_seconds: median,
            fastest_seconds: times[0],
            samples: times.len(),
            rate: case.work.rate(median),
            profile: None,
        }
    }
}

/// Times one run again and again. `run` does so many runs and waits for their end.
pub(super) fn times<E>(mut run: impl FnMut(usize) -> Result<(), E>) -> Result<Times, E> {
    let mut time = |count: usize| -> Result<f64, E> {
        let start = Instant::now();
        run(count)?;
        // A clock that is too coarse must not make a rate infinite.
        Ok(start.elapsed().as_secs_f64().max(1e-9) / count as f64)
    };
    let first = time(1)?;
    if first > LONG.as_secs_f64() {
        return Ok(Times { first, samples: vec![time(1)?] });
    }
    let count = (SAMPLE.as_secs_f64() / time(1)?).ceil().clamp(1.0, 10_000.0) as usize;
    let start = Instant::now();
    let mut samples = Vec::new();
    while samples.len() < FEWEST || (samples.len() < MOST && start.elapsed() < BUDGET) {
        samples.push(time(count)?);
    }
    Ok(Times { first, samples })
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
        let slow = slow.unwrap();
        assert!(slow.samples.iter().chain([&slow.first]).all(|&time| time >= BUDGET.as_secs_f64() / 2.0));

        let mut most = 0;
        let quick = times(|count| {
            most = most.max(count);
            sleep(Duration::from_micros(50) * count as u32);
            Ok::<_, ()>(())
        });
        assert!(most > 1);
        assert!(quick.unwrap().samples.len() >= FEWEST);
        assert_eq!(times(|_| Err("no device")).err(), Some("no device"));
    }

    #[test]
    fn the_median_makes_the_rate() {
        let case = Case::new("copy", Work::Bytes(4e9), |_| unreachable!("nothing is run"));
        let of =
            |samples: &[f64]| Measurement::new(&case, 0.5, Times { first: 3.0, samples: samples.into() });
        let odd = of(&[8.0, 1.0, 2.0]);
        assert_eq!((odd.first_seconds, odd.median_seconds, odd.fastest_seconds), (3.5, 2.0, 1.0));
        assert_eq!(odd.rate, Rate { value: 2.0, unit: "GB/s" });
        assert_eq!(of(&[4.0, 1.0, 2.0, 8.0]).median_seconds, 3.0);
        assert_eq!(Work::Operations(4e9).rate(2.0), Rate { value: 2.0, unit: "GFLOP/s" });
        assert_eq!(Work::Images(32.0).rate(2.0), Rate { value: 16.0, unit: "images/s" });
    }
}
