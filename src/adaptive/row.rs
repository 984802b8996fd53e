//! The rows of the protocol that know of the defence, and what each may spend.

use std::fmt;

use crate::attack::Objective;
use crate::attack::loss::Loss;
use crate::spec::{Magnitude, words};

words! {
    /// An attack of the protocol. All are in L∞; all but `square` are Auto-PGD on some gradient and leave the point of
    /// the best loss.
    pub enum Row {
        /// Cross-entropy of the undefended net, several restarts.
        TransferCe = "transfer-ce",
        /// The difference of logits ratio of the undefended net, several restarts.
        TransferDlr = "transfer-dlr",
        /// Cross-entropy after one draw of the defence, its gradient taken past the reversal as if that were the
        /// identity (BPDA, Athalye et al. 2018).
        BpdaCe = "bpda-ce",
        /// The same with the difference of logits ratio.
        BpdaDlr = "bpda-dlr",
        /// As `bpda-ce`, averaged over fresh draws of the defence (EOT).
        BpdaEotCe = "bpda-eot-ce",
        /// As `bpda-dlr`, averaged over fresh draws.
        BpdaEotDlr = "bpda-eot-dlr",
        /// The true gradient through a few unrolled steps of the reversal.
        Unrolled = "unrolled",
        /// Defence-aware: cross-entropy less λ times the self-supervised losses, λ = 0.
        Aware0 = "aware-0",
        /// λ = 0.1.
        AwareTenth = "aware-0.1",
        /// λ = 1.
        Aware1 = "aware-1",
        /// λ = 10.
        Aware10 = "aware-10",
        /// BPDA gradients averaged along the reversal's trajectory.
        Trajectory = "trajectory",
        /// Square Attack on the defended model, one draw.
        Square = "square",
    }
}

impl Row {
    /// λ of a defence-aware row.
    pub fn lambda(self) -> Option<f32> {
        match self {
            Row::Aware0 => Some(0.0),
            Row::AwareTenth => Some(0.1),
            Row::Aware1 => Some(1.0),
            Row::Aware10 => Some(10.0),
            _ => None,
        }
    }

    /// What it raises.
    pub fn objective(self) -> Objective {
        let loss = match self {
            Row::TransferDlr | Row::BpdaDlr | Row::BpdaEotDlr => Loss::Dlr,
            _ => Loss::CrossEntropy,
        };
        Objective { loss, targeted: false }
    }

    /// How often it starts anew.
    pub fn restarts(self, budget: &Budget) -> usize {
        if matches!(self, Row::TransferCe | Row::TransferDlr) { budget.restarts } else { 1 }
    }

    /// How many gradients it averages over draws.
    pub fn draws(self, budget: &Budget) -> usize {
        if matches!(self, Row::BpdaEotCe | Row::BpdaEotDlr) { budget.eot } else { 1 }
    }

    /// What it was told, for a reader who wants to repeat it.
    pub fn options(self, epsilon: &Magnitude, budget: &Budget) -> String {
        let Budget { steps, restarts, eot, unroll, points, queries, .. } = budget;
        let more = match self {
            Row::TransferCe | Row::TransferDlr => format!(",restarts={restarts}"),
            Row::BpdaEotCe | Row::BpdaEotDlr => format!(",eot={eot}"),
            Row::Unrolled => format!(",unroll={unroll}"),
            Row::Trajectory => format!(",points={points}"),
            Row::Square => return format!("{self}:eps={epsilon},queries={queries}"),
            _ => String::new(),
        };
        format!("{self}:eps={epsilon},steps={steps}{more}")
    }
}

/// What the rows may spend.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// Steps of Auto-PGD.
    pub steps: usize,
    /// Restarts of transfer.
    pub restarts: usize,
    /// Draws of the defence for each gradient of EOT.
    pub eot: usize,
    /// Steps of the reversal that `unrolled` goes through, at most [`Budget::MOST_UNROLLED`].
    pub unroll: usize,
    /// Points of the trajectory at which gradients are taken.
    pub points: usize,
    /// Queries of Square.
    pub queries: usize,
}

impl Budget {
    /// Each unrolled step is a part of one program, with all that its derivative needs in memory.
    pub const MOST_UNROLLED: usize = 5;
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Budget { steps, restarts, eot, unroll, points, queries } = self;
        write!(
            f,
            "steps={steps},restarts={restarts},eot={eot},unroll={unroll},points={points},queries={queries}"
        )
    }
}
