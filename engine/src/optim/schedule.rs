//! Learning-rate schedules: functions of the step, computed on the host.

use std::f64::consts::PI;

/// The shape of a rise or fall from one rate to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anneal {
    /// Half a cosine wave.
    Cosine,
    /// A straight line.
    Linear,
}

/// How the learning rate goes over a training. Steps count from 0 to `total - 1`; whether a step is an
/// update or an epoch is the caller's choice.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// Always the same.
    Constant,
    /// Multiplied by `factor` after every `every` steps (PyTorch's `StepLR`).
    Step {
        /// Steps of one rate.
        every: usize,
        /// What the rate is multiplied by.
        factor: f64,
    },
    /// Multiplied by `factor` at each of `at` (PyTorch's `MultiStepLR`).
    Milestones {
        /// First steps of the new rates.
        at: Vec<usize>,
        /// What the rate is multiplied by.
        factor: f64,
    },
    /// Falls to `floor` along half a cosine wave (Loshchilov & Hutter 2017, without restarts;
    /// PyTorch's `CosineAnnealingLR`).
    Cosine {
        /// The rate at step `total`.
        floor: f64,
    },
    /// Rises from `base / initial` to `base`, then falls to `base / initial / last` at the last step
    /// (Smith & Topin 2018; PyTorch's `OneCycleLR`).
    OneCycle {
        /// Share of the steps that the rise takes, in (0, 1).
        rise: f64,
        /// Divides the base rate: where the rise starts.
        initial: f64,
        /// Divides the starting rate: where the fall ends.
        last: f64,
        /// The shape of both.
        anneal: Anneal,
    },
}

impl Schedule {
    /// One cycle with PyTorch's defaults: a rise over 30 % of the steps from 1/25, a fall by 10,000.
    pub fn one_cycle() -> Schedule {
        Schedule::OneCycle { rise: 0.3, initial: 25.0, last: 1e4, anneal: Anneal::Cosine }
    }

    /// The learning rate of `step` of `total`, where `base` is the rate that the schedule varies.
    pub fn rate(&self, base: f64, step: usize, total: usize) -> f64 {
        match *self {
            Schedule::Constant => base,
            Schedule::Step { every, factor } => base * factor.powi((step / every.max(1)) as i32),
            Schedule::Milestones { ref at, factor } => {
                base * factor.powi(at.iter().filter(|&&first| step >= first).count() as i32)
            }
            Schedule::Cosine { floor } => {
                Anneal::Cosine.between(base, floor, step as f64 / total.max(1) as f64)
            }
            Schedule::OneCycle { rise, initial, last, anneal } => {
                let (start, end) = (base / initial, base / initial / last);
                let peak = rise * total as f64 - 1.0;
                let final_step = total as f64 - 1.0;
                let step = step as f64;
                if step <= peak {
                    anneal.between(start, base, step / peak)
                } else {
                    anneal.between(base, end, (step - peak) / (final_step - peak))
                }
            }
        }
    }
}

impl Anneal {
    /// From `start` to `end` as `progress` goes from 0 to 1; flat after that.
    fn between(self, start: f64, end: f64, progress: f64) -> f64 {
        let progress = if progress.is_finite() { progress.clamp(0.0, 1.0) } else { 1.0 };
        match self {
            Anneal::Cosine => end + (start - end) * (1.0 + (PI * progress).cos()) / 2.0,
            Anneal::Linear => start + (end - start) * progress,
        }
    }
}
