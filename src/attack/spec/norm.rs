//! In what a perturbation is measured, and the usual sizes.

use crate::spec::{Magnitude, words};

words! {
    /// The norm in which a perturbation is bounded.
    pub enum Norm {
        /// The largest change of any channel of any pixel.
        Linf = "linf",
        /// The Euclidean length of the whole perturbation.
        L2 = "l2",
        /// The sum of all changes.
        L1 = "l1",
    }
}

impl Norm {
    /// The usual bound for CIFAR-sized pictures.
    pub(super) fn epsilon(self) -> Magnitude {
        match self {
            Norm::Linf => Magnitude::fraction(8, 255),
            Norm::L2 => Magnitude::plain(0.5),
            Norm::L1 => Magnitude::plain(12.0),
        }
    }

    /// The usual step for that bound.
    pub(super) fn step_size(self) -> Magnitude {
        match self {
            Norm::Linf => Magnitude::fraction(2, 255),
            Norm::L2 => Magnitude::plain(0.1),
            Norm::L1 => Magnitude::plain(1.0),
        }
    }

    /// Refuses L1, for which an attack is not written.
    pub(super) fn expect_linf_or_l2(self) -> Result<(), String> {
        match self {
            Norm::Linf | Norm::L2 => Ok(()),
            Norm::L1 => Err("`norm` must be linf or l2".to_owned()),
        }
    }
}
