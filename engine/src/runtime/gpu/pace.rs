//! Cuts long loops into submissions of a fit length.
//!
//! A driver resets a GPU that stays busy with one submission for seconds, and a host that submits
//! without end fills memory with commands. So submissions aim at a small part of a second, by what
//! earlier ones took, and at most two are under way.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use wgpu::{CommandEncoder, SubmissionIndex};

use super::device::GpuDevice;
use crate::error::EngineError;

/// How long a submission should take.
const TARGET: Duration = Duration::from_millis(100);
/// Submissions under way at a time: one runs while the next is encoded.
const IN_FLIGHT: usize = 2;
const FIRST: usize = 64;
const MOST: usize = 4096;

/// Decides how many dispatches go into the next submission.
pub(super) struct Pace {
    in_flight: VecDeque<Submitted>,
    last_done: Instant,
    dispatches: usize,
}

struct Submitted {
    index: SubmissionIndex,
    at: Instant,
    dispatches: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { in_flight: VecDeque::new(), last_done: Instant::now(), dispatches: FIRST }
    }
}

impl Pace {
    /// How many dispatches the next submission may hold.
    pub fn dispatches(&self) -> usize {
        self.dispatches
    }

    /// Submits what was encoded, then waits until there is room for another.
    pub fn submit(
        &mut self,
        device: &GpuDevice,
        encoder: CommandEncoder,
        dispatches: usize,
    ) -> Result<(), EngineError> {
        let at = Instant::now();
        let index = device.guarded(0, || device.queue().submit([encoder.finish()]))?;
        self.in_flight.push_back(Submitted { index, at, dispatches });
        while self.in_flight.len() >= IN_FLIGHT {
            let Some(oldest) = self.in_flight.pop_front() else { break };
            device.wait(oldest.index)?;
            let started = oldest.at.max(self.last_done);
            self.last_done = Instant::now();
            self.dispatches = adapted(self.dispatches, oldest.dispatches, self.last_done - started);
        }
        Ok(())
    }
}

/// The new size of submissions after one of `dispatches` took `time`: towards the target, at most
/// twice as many at a step, since dispatches differ.
fn adapted(current: usize, dispatches: usize, time: Duration) -> usize {
    let fitting = dispatches as f64 * TARGET.as_secs_f64() / time.as_secs_f64().max(1e-6);
    (fitting as usize).clamp(1, (2 * current).min(MOST))
}
