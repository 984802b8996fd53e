//! What can be typed, as clap understands it.

mod adaptive;
mod data;
mod evaluate;
mod train;

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

pub use adaptive::{AdaptiveArgs, Protocol, reversals};
pub use data::{DataCommand, DatasetName, FetchArgs, InfoArgs};
pub use evaluate::{
    AttackArgs, BenchArgs, DemoArgs, EvaluateArgs, ExportArgs, ImageArgs, InspectArgs, NetArgs, RepairArgs,
    Split,
};
pub use train::{ClassifierTrainingArgs, Recipe, Schedule, TaskTrainingArgs, TrainCommand};

use super::Error;
use super::values::{DeviceChoice, MemorySize, Precision};

/// Repairs adversarial images at test time by self-supervision, and measures what that wins back and costs.
#[derive(Debug, Clone, Parser)]
#[command(name = "unperturb", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Exit status: 0 done, 1 failed, 2 wrong use.")]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// How to do it.
    #[command(flatten)]
    pub global: Global,
}

/// The options of every command; they may stand before or after its name.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// auto (a hardware GPU if there is one, else the CPU), gpu, gpu:N, or cpu
    #[arg(long, global = true, value_name = "DEVICE", default_value_t)]
    pub device: DeviceChoice,

    /// Everything random follows from this number
    #[arg(long, global = true, value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// Also write the result to FILE as JSON
    #[arg(long, global = true, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Show no progress
    #[arg(long, global = true)]
    pub quiet: bool,

    /// The most memory that a computation may take, such as 512MiB or 2GiB: larger batches are divided
    #[arg(long, global = true, value_name = "SIZE")]
    pub memory: Option<MemorySize>,

    /// How activations and factors of products are rounded
    #[arg(long, global = true, value_name = "PRECISION", default_value_t)]
    pub precision: Precision,
}

/// The commands.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// The whole story on built-in data and weights: attack, repair, table, picture
    Demo(DemoArgs),
    /// The adapters of this machine, and which one `auto` takes and why
    Devices,
    /// Fetch a data set, or describe one
    #[command(subcommand)]
    Data(DataCommand),
    /// Train a classifier, or the self-supervised tasks
    #[command(subcommand)]
    Train(TrainCommand),
    /// The table: each defence on clean and attacked images
    Evaluate(EvaluateArgs),
    /// Write attacked images
    Attack(AttackArgs),
    /// Repair image files
    ///
    /// Every picture is first brought to the size of those that the classifier was trained on, if its file says that,
    /// else to the size that the inpainting net is made for (if the defence uses it), else to 32x32 pixels.
    Repair(RepairArgs),
    /// What a checkpoint holds, and the net it fits
    Inspect(InspectArgs),
    /// Write a net as a safetensors file for PyTorch, from any checkpoint that can be read
    Export(ExportArgs),
    /// Time kernels and steps on this machine
    Bench(BenchArgs),
}

impl Arguments {
    /// Reads the program's arguments. Asked for help or the version, it prints that and ends the program.
    ///
    /// # Errors
    /// [`Error::Usage`], in one sentence.
    pub fn from_command_line() -> Result<Self, Error> {
        match Self::try_parse() {
            Ok(arguments) => arguments.checked(),
            Err(error) => match error.kind() {
                ErrorKind::DisplayHelp
                | ErrorKind::DisplayVersion
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => error.exit(),
                _ => Err(Error::Usage(sentence(&error))),
            },
        }
    }

    /// What clap cannot check: arguments that do not go together.
    fn checked(self) -> Result<Self, Error> {
        match &self.command {
            Command::Evaluate(evaluate) => evaluate.check()?,
            Command::Repair(repair) => repair.check()?,
            Command::Demo(_)
            | Command::Devices
            | Command::Data(_)
            | Command::Train(_)
            | Command::Attack(_)
            | Command::Inspect(_)
            | Command::Export(_)
            | Command::Bench(_) => {}
        }
        Ok(self)
    }
}

/// Clap's message without its ornaments: what is wrong, and a tip if there is one.
fn sentence(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(|paragraph| {
        let lines: Vec<_> = paragraph.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        lines.join(" ")
    });
    let mut sentence = paragraphs.next().unwrap_or_default();
    if let Some(rest) = sentence.strip_prefix("error: ") {
        sentence = rest.to_owned();
    }
    if let Some(tip) = paragraphs.find(|paragraph| paragraph.starts_with("tip: ")) {
        sentence = format!("{sentence} ({tip})");
    }
    sentence
}

#[cfg(test)]
mod tests;
