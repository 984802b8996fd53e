//! How fast this machine runs kernels and steps, for `unperturb bench`.
//!
//! The benches in `benches/` hold kernels against peers; these cases tell a user what to expect.

mod kernels;
mod measure;
mod reversal;
mod steps;

use std::time::Instant;

use serde::Serialize;
use unperturb_engine::{Device, EngineError, Session};
use unperturb_nets::Architecture;

pub use measure::{Kernel, Measurement, Profile};

use crate::Failure;

/// Images in a convolution and in a step of a classifier.
const BATCH: usize = 32;
/// Images that are repaired together.
const REVERSAL_BATCH: usize = 64;

/// What one run does, for rates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Work {
    /// Multiplications and additions.
    Operations(f64),
    /// Bytes that must cross memory.
    Bytes(f64),
    /// Images that go through.
    Images(f64),
}

/// Work per second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// How much.
    #[serde(rename = "rate")]
    pub value: f64,
    /// Of what: `GFLOP/s`, `GB/s` or `images/s`.
    pub unit: &'static str,
}

impl Work {
    /// The rate of a run that takes so many seconds.
    pub fn rate(self, seconds: f64) -> Rate {
        match self {
            Work::Operations(count) => Rate { value: count / seconds / 1e9, unit: "GFLOP/s" },
            Work::Bytes(count) => Rate { value: count / seconds / 1e9, unit: "GB/s" },
            Work::Images(count) => Rate { value: count / seconds, unit: "images/s" },
        }
    }
}

/// Runs a prepared program so many times.
type Run = Box<dyn Fn(&mut Session, usize) -> Result<(), EngineError>>;

/// Compiles what is timed, in a session of its own.
type Prepare = Box<dyn Fn(&mut Session) -> Result<Run, Failure>>;

/// Something to time.
pub struct Case {
    /// Its name.
    pub name: String,
    /// What one run does.
    pub work: Work,
    prepare: Prepare,
}

impl Case {
    fn new(
        name: impl Into<String>,
        work: Work,
        prepare: impl Fn(&mut Session) -> Result<Run, Failure> + 'static,
    ) -> Self {
        Case { name: name.into(), work, prepare: Box::new(prepare) }
    }

    /// Compiles it for `device` and times it, in about a second; slow devices take a few runs. With `profile`, one more
    /// run is timed kernel by kernel.
    ///
    /// # Errors
    /// What the engine reports; no clock for kernels on the device.
    pub fn measure(&self, device: &Device, profile: bool) -> Result<Measurement, Failure> {
        let start = Instant::now();
        let mut session = Session::new(device);
        let run = (self.prepare)(&mut session)?;
        let preparation = start.elapsed().as_secs_f64();
        let times = measure::times(|count| {
            run(&mut session, count)?;
            session.wait()
        })?;
        let mut measurement = Measurement::new(self, preparation, times);
        if profile {
            measurement.profile = Some(session.profile(|session| run(session, 1))?.into());
        }
        Ok(measurement)
    }

    /// Whether it is a whole step of a net, and not a kernel.
    pub fn is_step(&self) -> bool {
        matches!(self.work, Work::Images(_))
    }
}

/// Every case: kernels at the shapes of resnet20, then whole steps of `net`. `batch` images are worked on together; where
/// it is not given, as many as is usual: 64 in a reversal, else 32.
pub fn cases(net: Architecture, batch: Option<usize>) -> Vec<Case> {
    let mut cases = kernels::cases(batch.unwrap_or(BATCH));
    cases.extend(steps::cases(net, batch.unwrap_or(BATCH)));
    cases.push(reversal::case(net, batch.unwrap_or(REVERSAL_BATCH)));
    cases
}

/// `count` numbers from [0, 1), the same every time.
fn numbers(count: usize) -> Vec<f32> {
    // The upper bits of multiples of 2^32 divided by the golden ratio are spread evenly.
    (0..count as u32).map(|i| (i.wrapping_mul(0x9e37_79b9) >> 8) as f32 / (1 << 24) as f32).collect()
}
