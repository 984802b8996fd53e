//! What `--attack` names.
//!
//! To add an attack: a struct of its options in a file of this folder, a variant of [`Attack`], its line in
//! [`Options::known`], and the arms that the compiler then asks for.

mod adaptive;
mod norm;
mod steps;

use std::fmt;
use std::str::FromStr;

pub use adaptive::{Apgd, AutoAttack, Fab, Square, TargetedApgd, Version};
pub use norm::Norm;
pub use steps::{Aim, Bim, Cw, Fgsm, Pgd, PgdLoss, ProjectedGradient};

use crate::spec::{self, OptionValue, Options, SpecError};

/// An attack and its options.
///
/// `Display` gives the shortest text that reads back as this attack, `{:#}` the one with every option.
#[derive(Debug, Clone, PartialEq)]
pub enum Attack {
    /// Clean images.
    None,
    /// The fast gradient sign method.
    Fgsm(Fgsm),
    /// The basic iterative method.
    Bim(Bim),
    /// Projected gradient descent.
    Pgd(Pgd),
    /// PGD on the margin of Carlini and Wagner.
    Cw(Cw),
    /// Auto-PGD on cross-entropy.
    ApgdCe(Apgd),
    /// Auto-PGD on the difference of logits ratio.
    ApgdDlr(Apgd),
    /// Auto-PGD on the targeted difference of logits ratio.
    ApgdT(TargetedApgd),
    /// The fast adaptive boundary attack.
    Fab(Fab),
    /// Its targeted form.
    FabT(Fab),
    /// Square Attack.
    Square(Square),
    /// AutoAttack.
    AutoAttack(AutoAttack),
}

impl Attack {
    /// The steps to run, if this attack is one of projected steps of a fixed length.
    pub fn projected_gradient(&self) -> Option<ProjectedGradient> {
        match self {
            Attack::Fgsm(fgsm) => Some(fgsm.steps()),
            Attack::Bim(bim) => Some(bim.steps()),
            Attack::Pgd(pgd) => Some(pgd.steps()),
            Attack::Cw(cw) => Some(cw.steps()),
            _ => None,
        }
    }
}

impl Options for Attack {
    const KIND: &'static str = "attack";

    fn known() -> Vec<Self> {
        vec![
            Attack::None,
            Attack::Fgsm(Fgsm::published(Norm::Linf)),
            Attack::Bim(Bim::published(Norm::Linf)),
            Attack::Pgd(Pgd::published(Norm::Linf)),
            Attack::Cw(Cw::published(Norm::Linf)),
            Attack::ApgdCe(Apgd::published(Norm::Linf)),
            Attack::ApgdDlr(Apgd::published(Norm::Linf)),
            Attack::ApgdT(TargetedApgd::published(Norm::Linf)),
            Attack::Fab(Fab::published(Norm::Linf)),
            Attack::FabT(Fab::published_targeted(Norm::Linf)),
            Attack::Square(Square::published(Norm::Linf)),
            Attack::AutoAttack(AutoAttack::published(Version::Standard, Norm::Linf)),
        ]
    }

    fn name(&self) -> &'static str {
        match self {
            Attack::None => "none",
            Attack::Fgsm(_) => "fgsm",
            Attack::Bim(_) => "bim",
            Attack::Pgd(_) => "pgd",
            Attack::Cw(_) => "cw",
            Attack::ApgdCe(_) => "apgd-ce",
            Attack::ApgdDlr(_) => "apgd-dlr",
            Attack::ApgdT(_) => "apgd-t",
            Attack::Fab(_) => "fab",
            Attack::FabT(_) => "fab-t",
            Attack::Square(_) => "square",
            Attack::AutoAttack(_) => "autoattack",
        }
    }

    fn fields(&mut self) -> Vec<(&'static str, &mut dyn OptionValue)> {
        match self {
            Attack::None => vec![],
            Attack::Fgsm(fgsm) => fgsm.fields(),
            Attack::Bim(bim) => bim.fields(),
            Attack::Pgd(pgd) => pgd.fields(),
            Attack::Cw(cw) => cw.fields(),
            Attack::ApgdCe(apgd) | Attack::ApgdDlr(apgd) => apgd.fields(),
            Attack::ApgdT(apgd) => apgd.fields(),
            Attack::Fab(fab) => fab.fields("restarts"),
            Attack::FabT(fab) => fab.fields("targets"),
            Attack::Square(square) => square.fields(),
            Attack::AutoAttack(autoattack) => autoattack.fields(),
        }
    }

    fn published(&self) -> Self {
        match self {
            Attack::None => Attack::None,
            Attack::Fgsm(fgsm) => Attack::Fgsm(Fgsm::published(fgsm.norm)),
            Attack::Bim(bim) => Attack::Bim(Bim::published(bim.norm)),
            Attack::Pgd(pgd) => Attack::Pgd(Pgd::published(pgd.norm)),
            Attack::Cw(cw) => Attack::Cw(Cw::published(cw.norm)),
            Attack::ApgdCe(apgd) => Attack::ApgdCe(Apgd::published(apgd.norm)),
            Attack::ApgdDlr(apgd) => Attack::ApgdDlr(Apgd::published(apgd.norm)),
            Attack::ApgdT(apgd) => Attack::ApgdT(TargetedApgd::published(apgd.norm)),
            Attack::Fab(fab) => Attack::Fab(Fab::published(fab.norm)),
            Attack::FabT(fab) => Attack::FabT(Fab::published_targeted(fab.norm)),
            Attack::Square(square) => Attack::Square(Square::published(square.norm)),
            Attack::AutoAttack(auto) => Attack::AutoAttack(AutoAttack::published(auto.version, auto.norm)),
        }
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Attack::None | Attack::Fgsm(_) => Ok(()),
            Attack::Bim(bim) => bim.check(),
            Attack::Pgd(pgd) => pgd.check(),
            Attack::Cw(cw) => cw.check(),
            Attack::ApgdCe(apgd) | Attack::ApgdDlr(apgd) => apgd.check(),
            Attack::ApgdT(apgd) => apgd.check(),
            Attack::Fab(fab) => fab.check("restarts"),
            Attack::FabT(fab) => fab.check("targets"),
            Attack::Square(square) => square.check(),
            Attack::AutoAttack(autoattack) => autoattack.check(),
        }
    }
}

fn at_least_one(name: &str, value: usize) -> Result<(), String> {
    if value == 0 { Err(format!("`{name}` must be at least 1")) } else { Ok(()) }
}

/// As [`at_least_one`], and within the 32 bits in which random numbers count.
fn counted(name: &str, value: usize) -> Result<(), String> {
    at_least_one(name, value)?;
    u32::try_from(value).map(drop).map_err(|_| format!("`{name}` must be at most {}", u32::MAX))
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&if f.alternate() { spec::full(self) } else { spec::short(self) })
    }
}

impl FromStr for Attack {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        spec::parse_one(text)
    }
}

/// One or more attacks, comma-separated, none of them twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Attacks(pub Vec<Attack>);

impl FromStr for Attacks {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        spec::parse_list(text).map(Attacks)
    }
}

#[cfg(test)]
mod tests;
