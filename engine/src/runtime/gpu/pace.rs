//! Cuts long loops into submissions of a fit length.
//!
//! A driver resets a GPU that stays busy with one submission for seconds, and a host that submits
//! without end fills memory with commands. So submissions aim at a small part of a second, by what
//! earlier ones of the same program took, and at most two are under way.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use wgpu::{CommandEncoder, SubmissionIndex};

use super::device::GpuDevice;
use crate::error::EngineError;

/// How long a submission should take.
const TARGET: Duration = Duration::from_millis(100);
/// Submissions under way at a time: one runs while the next is encoded.
const IN_FLIGHT: usize = 2;
/// How many dispatches the first submission of a program holds.
const FIRST: usize = 16;
/// The most that one submission holds: beyond this, encoding is no longer a visible cost.
const MOST: usize = 4096;

/// Decides how many dispatches of each program go into its next submission.
#[derive(Default)]
pub(super) struct Pace {
    in_flight: VecDeque<Submitted>,
    /// When the last submission known to be done was done.
    last_done: Option<Instant>,
    /// For each program of the session.
    fitting: Vec<usize>,
}

struct Submitted {
    index: SubmissionIndex,
    at: Instant,
    program: usize,
    dispatches: usize,
}

impl Pace {
    /// Counts another program.
    pub fn add_program(&mut self) {
        self.fitting.push(FIRST);
    }

    /// How many dispatches the next submission of `program` may hold.
    pub fn dispatches(&self, program: usize) -> usize {
        self.fitting[program]
    }

    /// Submits what was encoded, then waits until there is room for another.
    pub fn submit(
        &mut self,
        device: &GpuDevice,
        encoder: CommandEncoder,
        program: usize,
        dispatches: usize,
    ) -> Result<(), EngineError> {
        let at = Instant::now();
        let index = device.guarded(0, || device.queue().submit([encoder.finish()]))?;
        self.in_flight.push_back(Submitted { index, at, program, dispatches });
        while self.in_flight.len() >= IN_FLIGHT {
            self.finish_oldest(device)?;
        }
        Ok(())
    }

    /// Waits until nothing is under way.
    pub fn drain(&mut self, device: &GpuDevice) -> Result<(), EngineError> {
        while !self.in_flight.is_empty() {
            self.finish_oldest(device)?;
        }
        Ok(())
    }

    fn finish_oldest(&mut self, device: &GpuDevice) -> Result<(), EngineError> {
        let Some(Submitted { index, at, program, dispatches }) = self.in_flight.pop_front() else {
            return Ok(());
        };
        // Done before anybody looked: how long it took is only known not to exceed `time`.
        let seen_ending = !device.is_done(&index)?;
        device.wait(index)?;
        let now = Instant::now();
        let time = now - self.last_done.map_or(at, |done| at.max(done));
        self.last_done = Some(now);
        if seen_ending || time < TARGET {
            self.fitting[program] = adapted(self.fitting[program], dispatches, time);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn submissions_approach_the_target_from_both_sides() {
        let each = |milliseconds: f64| {
            let mut size = FIRST;
            for _ in 0..20 {
                size = adapted(size, size, Duration::from_secs_f64(size as f64 * milliseconds / 1e3));
            }
            size
        };
        assert_eq!(each(1.0), 100);
        assert_eq!(each(40.0), 2);
        assert_eq!(each(5000.0), 1);
        assert_eq!(each(0.001), MOST);
        assert_eq!(adapted(64, 64, Duration::ZERO), 128);
    }
}
