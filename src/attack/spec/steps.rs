//! The options of attacks that take steps of a fixed length: FGSM, BIM, PGD, and CW as the authors use it.

use super::{Norm, at_least_one, counted};
use crate::attack::Objective;
use crate::attack::loss::Loss;
use crate::spec::{Magnitude, OptionValue, words};

words! {
    /// What PGD raises.
    pub enum PgdLoss {
        /// Cross-entropy.
        CrossEntropy = "ce",
        /// The margin of the best wrong class over the right one (Carlini and Wagner 2017).
        Margin = "margin",
        /// The difference of logits ratio (Croce and Hein 2020).
        Dlr = "dlr",
    }
}

words! {
    /// The class that a targeted attack aims at, chosen for each image from its clean logits.
    #[derive(PartialOrd, Ord)]
    pub enum Aim {
        /// None: any wrong class will do.
        Any = "any",
        /// The most likely wrong class.
        Likely = "likely",
        /// The least likely wrong class.
        Unlikely = "unlikely",
        /// A wrong class drawn at random.
        Random = "random",
    }
}

/// Fast gradient sign method (Goodfellow et al. 2015): one step of the whole bound, from the clean image.
#[derive(Debug, Clone, PartialEq)]
pub struct Fgsm {
    /// `norm`
    pub norm: Norm,
    /// `eps`, the bound, of images in [0, 1].
    pub epsilon: Magnitude,
}

/// Basic iterative method (Kurakin et al. 2017): projected steps from the clean image.
#[derive(Debug, Clone, PartialEq)]
pub struct Bim {
    /// `norm`
    pub norm: Norm,
    /// `eps`, the bound, of images in [0, 1].
    pub epsilon: Magnitude,
    /// `step`, the length of a step.
    pub step_size: Magnitude,
    /// `steps`
    pub steps: usize,
}

/// Projected gradient descent (Madry et al. 2018): projected steps from random points within the bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Pgd {
    /// `norm`
    pub norm: Norm,
    /// `eps`, the bound, of images in [0, 1].
    pub epsilon: Magnitude,
    /// `step`, the length of a step.
    pub step_size: Magnitude,
    /// `steps`
    pub steps: usize,
    /// `restarts`, each from its own random point; an image counts as broken if any of them breaks it.
    pub restarts: usize,
    /// `loss`
    pub loss: PgdLoss,
    /// `target`
    pub target: Aim,
}

/// The CW attack of Lawhon et al. (2022), which is PGD on the margin of the right class, cut where the best wrong class
/// leads by `kappa`.
#[derive(Debug, Clone, PartialEq)]
pub struct Cw {
    /// `norm`
    pub norm: Norm,
    /// `eps`, the bound, of images in [0, 1].
    pub epsilon: Magnitude,
    /// `step`, the length of a step.
    pub step_size: Magnitude,
    /// `steps`
    pub steps: usize,
    /// `restarts`
    pub restarts: usize,
    /// `kappa`, the confidence: beyond this lead there is nothing to win.
    pub kappa: Magnitude,
}

/// What these attacks have in common: ascent of a loss by projected steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProjectedGradient {
    /// The norm of the bound, and of the direction of a step.
    pub norm: Norm,
    /// The bound.
    pub epsilon: f32,
    /// The length of a step.
    pub step_size: f32,
    /// Steps per restart.
    pub steps: usize,
    /// At least 1.
    pub restarts: usize,
    /// Whether to start at a random point within the bound instead of at the clean image.
    pub random_start: bool,
}

impl Fgsm {
    pub(super) fn published(norm: Norm) -> Self {
        Self { norm, epsilon: norm.epsilon() }
    }

    pub(super) fn fields(&mut self) -> Vec<(&'static str, &mut dyn OptionValue)> {
        vec![("norm", &mut self.norm), ("eps", &mut self.epsilon)]
    }

    /// The steps to run.
    pub fn steps(&self) -> ProjectedGradient {
        let epsilon = self.epsilon.value();
        let norm = self.norm;
        ProjectedGradient { norm, epsilon, step_size: epsilon, steps: 1, restarts: 1, random_start: false }
    }
}

impl Bim {
    pub(super) fn published(norm: Norm) -> Self {
        Self { norm, epsilon: norm.epsilon(), step_size: norm.step_size(), steps: 20 }
    }

    pub(super) fn fields(&mut self) -> Vec<(&'static str, &mut dyn OptionValue)> {
        let Self { norm, epsilon, step_size, steps } = self;
        vec![("norm", norm), ("eps", epsilon), ("step", step_size), ("steps", steps)]
    }

    pub(super) fn check(&self) -> Result<(), String> {
        at_least_one("steps", self.steps)
    }

    /// The steps to run.
    pub fn steps(&self) -> ProjectedGradient {
        ProjectedGradient {
            norm: self.norm,
            epsilon: self.epsilon.value(),
            step_size: self.step_size.value(),
            steps: self.steps,
            restarts: 1,
            random_start: false,
        }
    }
}

impl Pgd {
    pub(super) fn published(norm: Norm) -> Self {
        Self {
            norm,
            epsilon: norm.epsilon(),
            step_size: norm.step_size(),
            steps: 20,
            restarts: 1,
            loss: PgdLoss::CrossEntropy,
            target: Aim::Any,
        }
    }

    pub(super) fn fields(&mut self) -> Vec<(&'static str, &mut dyn OptionValue)> {
        let Self { norm, epsilon, step_size, steps, restarts, loss, target } = self;
        vec![
            ("norm", norm),
            ("eps", epsilon),
            ("step", step_size),
            ("steps", steps),
            ("restarts", restarts),
            ("loss", loss),
            ("target", target),
        ]
    }

    pub(super) fn check(&self) -> Result<(), String> {
        at_least_one("steps", self.steps)?;
        counted("restarts", self.restarts)
    }

    /// The steps to run.
    pub fn steps(&self) -> ProjectedGradient {
        ProjectedGradient {
            norm: self.norm,
            epsilon: self.epsilon.value(),
            step_size: self.step_size.value(),
            steps: self.steps,
            restarts: self.restarts,
            random_start: true,
        }
    }

    /// What the steps raise.
    pub fn objective(&self) -> Objective {
        let loss = match self.loss {
            PgdLoss::CrossEntropy => Loss::CrossEntropy,
            PgdLoss::Margin => Loss::Margin,
            PgdLoss::Dlr => Loss::Dlr,
        };
        Objective { loss, targeted: self.target != Aim::Any }
    }
}

impl Cw {
    /// As the published code runs it: 10 steps, κ = 50.
    pub(super) fn published(norm: Norm) -> Self {
        let (epsilon, step_size) = (norm.epsilon(), norm.step_size());
        Self { norm, epsilon, step_size, steps: 10, restarts: 1, kappa: Magnitude::plain(50.0) }
    }

    pub(super) fn fields(&mut self) -> Vec<(&'static str, &mut dyn OptionValue)> {
        let Self { norm, epsilon, step_size, steps, restarts, kappa } = self;
        vec![
            ("norm", norm),
            ("eps", epsilon),
            ("step", step_size),
            ("steps", steps),
            ("restarts", restarts),
            ("kappa", kappa),
        ]
    }

    pub(super) fn check(&self) -> Result<(), String> {
        at_least_one("steps", self.steps)?;
        counted("restarts", self.restarts)
    }

    /// The steps to run.
    pub fn steps(&self) -> ProjectedGradient {
        let Self { norm, epsilon, step_size, steps, restarts, .. } = *self;
        Pgd { norm, epsilon, step_size, steps, restarts, ..Pgd::published(norm) }.steps()
    }

    /// What the steps raise.
    pub fn objective(&self) -> Objective {
        Objective { loss: Loss::Confidence(self.kappa.value()), targeted: false }
    }
}
