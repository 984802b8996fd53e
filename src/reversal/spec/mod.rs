//! What `--defence` names.
//!
//! To add a defence: a variant of [`Defence`] (or a [`Task`] for another loss to reverse), its line in
//! [`Options::known`], and the arms that the compiler then asks for. The options of a reversal are in `reversal.rs`.

mod reversal;

use std::fmt;
use std::str::FromStr;

pub use reversal::{Combine, Direction, Objective, Positives, Reversal};

use crate::spec::{self, Magnitude, OptionValue, Options, SpecError};
use crate::task::Task;
use reversal::EPSILON;

/// A defence and its options.
///
/// `Display` gives the shortest text that reads back as this defence, `{:#}` the one with every option.
#[derive(Debug, Clone, PartialEq)]
pub enum Defence {
    /// The classifier as it is.
    None,
    /// The control: uniform noise as large as a repair may be, and no repair.
    Noise {
        /// `eps`, the bound of the noise, L∞, of images in [0, 1].
        epsilon: Magnitude,
    },
    /// The repair: descent of self-supervised losses.
    Reversal(Reversal),
}

impl Defence {
    /// The tasks whose nets this defence needs; none for the controls.
    pub fn tasks(&self) -> Vec<Task> {
        match self {
            Defence::None | Defence::Noise { .. } => vec![],
            Defence::Reversal(reversal) => reversal.tasks(),
        }
    }
}

impl Options for Defence {
    const KIND: &'static str = "defence";

    fn known() -> Vec<Self> {
        let single = |task: &Task| Defence::Reversal(Reversal::published(Objective::Single(*task)));
        let mut known = vec![Defence::None, Defence::Noise { epsilon: EPSILON }];
        known.extend(Task::ALL.iter().map(single));
        known.push(Defence::Reversal(Reversal::published(Objective::MultiTask)));
        known
    }

    fn name(&self) -> &'static str {
        match self {
            Defence::None => "none",
            Defence::Noise { .. } => "noise",
            Defence::Reversal(Reversal { objective: Objective::Single(task), .. }) => task.as_str(),
            Defence::Reversal(Reversal { objective: Objective::MultiTask, .. }) => "multi-task",
        }
    }

    fn fields(&mut self) -> Vec<(&'static str, &mut dyn OptionValue)> {
        match self {
            Defence::None => vec![],
            Defence::Noise { epsilon } => vec![("eps", epsilon)],
            Defence::Reversal(reversal) => reversal.fields(),
        }
    }

    fn published(&self) -> Self {
        match self {
            Defence::None => Defence::None,
            Defence::Noise { .. } => Defence::Noise { epsilon: EPSILON },
            Defence::Reversal(Reversal { objective, combine, epsilon, .. }) => {
                let published = Reversal::published(*objective).combined(*combine);
                Defence::Reversal(Reversal { noise: *epsilon, ..published })
            }
        }
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Defence::None | Defence::Noise { .. } => Ok(()),
            Defence::Reversal(reversal) => reversal.check(),
        }
    }
}

impl fmt::Display for Defence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&if f.alternate() { spec::full(self) } else { spec::short(self) })
    }
}

impl FromStr for Defence {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        spec::parse_one(text)
    }
}

/// One or more defences, comma-separated, none of them twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Defences(pub Vec<Defence>);

impl FromStr for Defences {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        spec::parse_list(text).map(Defences)
    }
}

#[cfg(test)]
mod tests;
