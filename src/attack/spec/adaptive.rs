//! The options of the attacks that need no tuning: APGD, FAB and Square, and AutoAttack, which runs them in turn.

use super::{Norm, at_least_one, counted};
use crate::spec::{Magnitude, OptionValue, words};

/// Auto-PGD (Croce and Hein 2020, *Reliable evaluation of adversarial robustness with an ensemble of diverse
/// parameter-free attacks*), on cross-entropy or the difference of logits ratio.
#[derive(Debug, Clone, PartialEq)]
pub struct Apgd {
    /// `norm`
    pub norm: Norm,
    /// `eps`, the bound, of images in [0, 1].
    pub epsilon: Magnitude,
    /// `steps`
    pub steps: usize,
    /// `restarts`, each from its own random point.
    pub restarts: usize,
    /// `rho`, the share of steps that must raise the loss for the step size to stay.
    pub rho: Magnitude,
    /// `eot`, gradients averaged at each point, for models that answer at random.
    pub eot: usize,
}

/// Auto-PGD on the targeted difference of logits ratio, once for each target.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetedApgd {
    /// `norm`
    pub norm: Norm,
    /// `eps`, the bound, of images in [0, 1].
    pub epsilon: Magnitude,
    /// `steps`
    pub steps: usize,
    /// `targets`: the most likely wrong classes, by clean logits, as far as there are so many.
    pub targets: usize,
    /// `rho`, as of [`Apgd`].
    pub rho: Magnitude,
    /// `eot`, as of [`Apgd`].
    pub eot: usize,
}

/// Fast adaptive boundary attack (Croce and Hein 2020, *Minimally distorted adversarial examples with a fast adaptive
/// boundary attack*): the nearest adversarial point, which counts where it is within the bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Fab {
    /// `norm`
    pub norm: Norm,
    /// `eps`, the bound, of images in [0, 1].
    pub epsilon: Magnitude,
    /// `steps`
    pub steps: usize,
    /// `restarts`, or `targets` of the targeted form.
    pub rounds: usize,
    /// `alpha`, the most weight that the way back to the clean image gets.
    pub alpha: Magnitude,
    /// `eta`, by how much a step overshoots the boundary.
    pub eta: Magnitude,
    /// `beta`, the share of the way from the clean image that is kept after a success.
    pub beta: Magnitude,
}

/// Square Attack (Andriushchenko et al. 2020): random search by queries alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Square {
    /// `norm`
    pub norm: Norm,
    /// `eps`, the bound, of images in [0, 1].
    pub epsilon: Magnitude,
    /// `queries`
    pub queries: usize,
    /// `p`, the share of an image that the first squares cover.
    pub p: Magnitude,
}

words! {
    /// Which attacks AutoAttack runs.
    pub enum Version {
        /// APGD-CE, targeted APGD-DLR, targeted FAB, Square.
        Standard = "standard",
        /// As standard, with untargeted APGD-DLR and FAB and five restarts.
        Plus = "plus",
        /// APGD-CE and APGD-DLR with averaged gradients, for models that answer at random.
        Rand = "rand",
    }
}

/// AutoAttack (Croce and Hein 2020): attacks in turn, each on the images that are still right.
#[derive(Debug, Clone, PartialEq)]
pub struct AutoAttack {
    /// `version`
    pub version: Version,
    /// `norm`
    pub norm: Norm,
    /// `eps`, the bound, of images in [0, 1].
    pub epsilon: Magnitude,
    /// `steps` of APGD and FAB.
    pub steps: usize,
    /// `queries` of Square.
    pub queries: usize,
}

const STEPS: usize = 100;
const RHO: Magnitude = Magnitude::plain(0.75);
const TARGETS: usize = 9;
const QUERIES: usize = 5000;

impl Apgd {
    pub(super) fn published(norm: Norm) -> Self {
        Self { norm, epsilon: norm.epsilon(), steps: STEPS, restarts: 1, rho: RHO, eot: 1 }
    }

    pub(super) fn fields(&mut self) -> Vec<(&'static str, &mut dyn OptionValue)> {
        let Self { norm, epsilon, steps, restarts, rho, eot } = self;
        vec![
            ("norm", norm),
            ("eps", epsilon),
            ("steps", steps),
            ("restarts", restarts),
            ("rho", rho),
            ("eot", eot),
        ]
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.norm.expect_linf_or_l2()?;
        at_least_one("steps", self.steps)?;
        at_least_one("eot", self.eot)?;
        counted("restarts", self.restarts)
    }
}

impl TargetedApgd {
    pub(super) fn published(norm: Norm) -> Self {
        Self { norm, epsilon: norm.epsilon(), steps: STEPS, targets: TARGETS, rho: RHO, eot: 1 }
    }

    pub(super) fn fields(&mut self) -> Vec<(&'static str, &mut dyn OptionValue)> {
        let Self { norm, epsilon, steps, targets, rho, eot } = self;
        vec![
            ("norm", norm),
            ("eps", epsilon),
            ("steps", steps),
            ("targets", targets),
            ("rho", rho),
            ("eot", eot),
        ]
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.norm.expect_linf_or_l2()?;
        at_least_one("steps", self.steps)?;
        at_least_one("eot", self.eot)?;
        counted("targets", self.targets)
    }
}

impl Fab {
    fn with_rounds(norm: Norm, rounds: usize) -> Self {
        Self {
            norm,
            epsilon: norm.epsilon(),
            steps: STEPS,
            rounds,
            alpha: Magnitude::plain(0.1),
            eta: Magnitude::plain(1.05),
            beta: Magnitude::plain(0.9),
        }
    }

    pub(super) fn published(norm: Norm) -> Self {
        Self::with_rounds(norm, 5)
    }

    pub(super) fn published_targeted(norm: Norm) -> Self {
        Self::with_rounds(norm, TARGETS)
    }

    pub(super) fn fields(&mut self, rounds: &'static str) -> Vec<(&'static str, &mut dyn OptionValue)> {
        let Self { norm, epsilon, steps, rounds: count, alpha, eta, beta } = self;
        vec![
            ("norm", norm),
            ("eps", epsilon),
            ("steps", steps),
            (rounds, count),
            ("alpha", alpha),
            ("eta", eta),
            ("beta", beta),
        ]
    }

    pub(super) fn check(&self, rounds: &str) -> Result<(), String> {
        self.norm.expect_linf_or_l2()?;
        at_least_one("steps", self.steps)?;
        counted(rounds, self.rounds)
    }
}

impl Square {
    pub(super) fn published(norm: Norm) -> Self {
        Self { norm, epsilon: norm.epsilon(), queries: QUERIES, p: Magnitude::plain(0.8) }
    }

    pub(super) fn fields(&mut self) -> Vec<(&'static str, &mut dyn OptionValue)> {
        let Self { norm, epsilon, queries, p } = self;
        vec![("norm", norm), ("eps", epsilon), ("queries", queries), ("p", p)]
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.norm.expect_linf_or_l2()?;
        if self.p.value() > 1.0 {
            return Err("`p` is a share: it must be at most 1".to_owned());
        }
        counted("queries", self.queries)
    }
}

impl AutoAttack {
    pub(super) fn published(version: Version, norm: Norm) -> Self {
        Self { version, norm, epsilon: norm.epsilon(), steps: STEPS, queries: QUERIES }
    }

    pub(super) fn fields(&mut self) -> Vec<(&'static str, &mut dyn OptionValue)> {
        let Self { version, norm, epsilon, steps, queries } = self;
        vec![("version", version), ("norm", norm), ("eps", epsilon), ("steps", steps), ("queries", queries)]
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.norm.expect_linf_or_l2()?;
        at_least_one("steps", self.steps)?;
        counted("queries", self.queries)
    }

    /// The attacks it runs, in their order.
    pub fn attacks(&self) -> Vec<super::Attack> {
        use super::Attack::{ApgdCe, ApgdDlr, ApgdT, Fab as FabAttack, FabT, Square as SquareAttack};
        let &AutoAttack { version, norm, epsilon, steps, queries } = self;
        let apgd = |restarts, eot| Apgd { epsilon, steps, restarts, eot, ..Apgd::published(norm) };
        let targeted = TargetedApgd { epsilon, steps, ..TargetedApgd::published(norm) };
        let fab = Fab { epsilon, steps, ..Fab::published(norm) };
        let targeted_fab = Fab { epsilon, steps, ..Fab::published_targeted(norm) };
        let square = Square { epsilon, queries, ..Square::published(norm) };
        match version {
            Version::Standard => {
                vec![ApgdCe(apgd(1, 1)), ApgdT(targeted), FabT(targeted_fab), SquareAttack(square)]
            }
            Version::Plus => vec![
                ApgdCe(apgd(5, 1)),
                ApgdDlr(apgd(5, 1)),
                FabAttack(fab),
                SquareAttack(square),
                ApgdT(targeted),
                FabT(targeted_fab),
            ],
            Version::Rand => vec![ApgdCe(apgd(1, 20)), ApgdDlr(apgd(1, 20))],
        }
    }
}
