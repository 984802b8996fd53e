//! The options of `evaluate --protocol adaptive`.

use std::num::NonZeroUsize;

use clap::Args;

use crate::adaptive::{Budget, Row};
use crate::cli::Error;
use crate::reversal::{Defence, Reversal};
use crate::spec::{Magnitude, words};

words! {
    /// What an evaluation consists of.
    #[derive(Default)]
    pub enum Protocol {
        /// Attacks that know of no defence.
        #[default]
        Standard = "standard",
        /// Those, and attacks that know of it.
        Adaptive = "adaptive",
    }
}

/// Rows and budgets of the adaptive protocol; each has a default.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options of --protocol adaptive")]
pub struct AdaptiveArgs {
    /// Attacks that know of the defence, comma-separated [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub rows: Vec<Row>,

    /// Their bound, L∞ [default: 8/255]
    #[arg(long, value_name = "EPS")]
    pub eps: Option<Magnitude>,

    /// Steps of Auto-PGD in each row [default: 20]
    #[arg(long, value_name = "N")]
    pub attack_steps: Option<NonZeroUsize>,

    /// Restarts of transfer-ce and transfer-dlr [default: 5]
    #[arg(long, value_name = "N")]
    pub restarts: Option<NonZeroUsize>,

    /// Draws of the defence for each gradient of bpda-eot-ce and bpda-eot-dlr [default: 20]
    #[arg(long, value_name = "N")]
    pub eot: Option<NonZeroUsize>,

    /// Steps of the reversal that unrolled goes through, at most 5 [default: 3]
    #[arg(long, value_name = "K")]
    pub unroll: Option<NonZeroUsize>,

    /// Points on the reversal's way at which trajectory takes gradients [default: 4]
    #[arg(long, value_name = "N")]
    pub trajectory_points: Option<NonZeroUsize>,

    /// Queries of square, each a whole repair [default: 100]
    #[arg(long, value_name = "N")]
    pub queries: Option<NonZeroUsize>,

    /// Fresh seeds of the defence that every row is scored with [default: 5]
    #[arg(long, value_name = "N")]
    pub defence_seeds: Option<NonZeroUsize>,

    /// Larger bounds at which bpda-ce must come near 0 % [default: 16/255,32/255,64/255,128/255]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub sweep: Vec<Magnitude>,
}

impl AdaptiveArgs {
    /// The rows to run.
    pub fn rows(&self) -> Vec<Row> {
        // In the order of the protocol, each once.
        Row::ALL.iter().copied().filter(|row| self.rows.is_empty() || self.rows.contains(row)).collect()
    }

    /// The bound of the rows.
    pub fn epsilon(&self) -> Magnitude {
        self.eps.unwrap_or(Magnitude::fraction(8, 255))
    }

    /// The bounds of the sweep, growing.
    pub fn sweep(&self) -> Vec<Magnitude> {
        let mut sweep = self.sweep.clone();
        if sweep.is_empty() {
            sweep = [16, 32, 64, 128].map(|n| Magnitude::fraction(n, 255)).to_vec();
        }
        sweep.sort_by(|a, b| a.value().total_cmp(&b.value()));
        sweep
    }

    /// How often every row is scored.
    pub fn seeds(&self) -> usize {
        self.defence_seeds.map_or(5, NonZeroUsize::get)
    }

    /// What the rows may spend.
    pub fn budget(&self) -> Budget {
        let or = |given: Option<NonZeroUsize>, default: usize| given.map_or(default, NonZeroUsize::get);
        Budget {
            steps: or(self.attack_steps, 20),
            restarts: or(self.restarts, 5),
            eot: or(self.eot, 20),
            unroll: or(self.unroll, 3),
            points: or(self.trajectory_points, 4),
            queries: or(self.queries, 100),
        }
    }

    /// Whether these arguments go with the others.
    pub(super) fn check(&self, protocol: Protocol, defences: &[Defence]) -> Result<(), Error> {
        let given = [
            ("--rows", !self.rows.is_empty()),
            ("--eps", self.eps.is_some()),
            ("--attack-steps", self.attack_steps.is_some()),
            ("--restarts", self.restarts.is_some()),
            ("--eot", self.eot.is_some()),
            ("--unroll", self.unroll.is_some()),
            ("--trajectory-points", self.trajectory_points.is_some()),
            ("--queries", self.queries.is_some()),
            ("--defence-seeds", self.defence_seeds.is_some()),
            ("--sweep", !self.sweep.is_empty()),
        ];
        match protocol {
            Protocol::Standard => match given.iter().find(|(_, given)| *given) {
                Some((option, _)) => Err(Error::Usage(format!("`{option}` goes with `--protocol adaptive`"))),
                None => Ok(()),
            },
            Protocol::Adaptive => {
                reversals(defences)?;
                if self.budget().unroll > Budget::MOST_UNROLLED {
                    let most = Budget::MOST_UNROLLED;
                    return Err(Error::Usage(format!("`--unroll` must be at most {most}")));
                }
                Ok(())
            }
        }
    }
}

/// The reversals that `--defence` names, with their defences.
///
/// # Errors
/// One is no reversal.
pub fn reversals<'a>(defences: &'a [Defence]) -> Result<Vec<(&'a Defence, &'a Reversal)>, Error> {
    let of = |defence: &'a Defence| match defence {
        Defence::Reversal(reversal) => Ok((defence, reversal)),
        other => Err(Error::Usage(format!(
            "`--protocol adaptive` attacks reversals, and the defence `{other}` is none: name one such as multi-task"
        ))),
    };
    defences.iter().map(of).collect()
}
