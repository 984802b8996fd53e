//! The commands that run a trained classifier, and those that look at one.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use unperturb_engine::runtime::gpu::Variant;
use unperturb_nets::{Architecture, Normalization};

use super::adaptive::{AdaptiveArgs, Protocol};
use crate::attack::{Attack, Attacks};
use crate::cli::Error;
use crate::cli::values::ClassifierSource;
use crate::reversal::{Defence, Defences};
use crate::spec::words;

words! {
    /// Which part of a data set.
    #[derive(Default)]
    pub enum Split {
        /// What is trained on.
        Train = "train",
        /// What is held back.
        #[default]
        Test = "test",
    }
}

/// Which images.
#[derive(Debug, Clone, Args)]
pub struct ImageArgs {
    /// A folder of CIFAR batches or of images, or the word `shapes`
    #[arg(long, value_name = "PATH")]
    pub data: PathBuf,

    /// Which part of the data
    #[arg(long, value_name = "SPLIT", default_value_t)]
    pub split: Split,

    /// The first N images of the split [default: all]
    #[arg(long, value_name = "N")]
    pub images: Option<NonZeroUsize>,

    /// Images that are attacked together
    #[arg(long, value_name = "N", default_value = "100")]
    pub batch: NonZeroUsize,
}

/// Which classifier.
#[derive(Debug, Clone, Args)]
pub struct NetArgs {
    /// FILE, or NET:FILE for a foreign checkpoint (.pt, .pth, .th, .ckpt, .safetensors)
    #[arg(long, value_name = "FILE")]
    pub classifier: ClassifierSource,

    /// What a foreign checkpoint's net subtracts and divides by: none, cifar10, imagenet, or m,m,m/s,s,s
    /// [default: the file's own, else none]
    #[arg(long, value_name = "HOW")]
    pub normalize: Option<Normalization>,
}

/// `evaluate`.
#[derive(Debug, Clone, Args)]
pub struct EvaluateArgs {
    /// The images.
    #[command(flatten)]
    pub images: ImageArgs,

    /// The classifier.
    #[command(flatten)]
    pub net: NetArgs,

    /// The folder of `train tasks`; every defence but none and noise needs it
    #[arg(long, value_name = "DIR")]
    pub tasks: Option<PathBuf>,

    /// Attacks, comma-separated or one per --attack, besides the clean images: fgsm, bim,
    /// pgd:norm=linf,eps=8/255,step=2/255,steps=20,restarts=1,loss=ce,target=any, cw, apgd-ce, apgd-dlr,
    /// apgd-t, fab, fab-t, square, autoattack:version=standard,norm=linf,eps=8/255
    #[arg(long, value_name = "ATTACK", default_value = "pgd")]
    pub attack: Vec<Attacks>,

    /// Keep what attacks have reached in DIR, and go on from what is there of an interrupted run
    #[arg(long, value_name = "DIR")]
    pub resume: Option<PathBuf>,

    /// Defences, comma-separated: none, noise, contrastive, rotation, inpainting,
    /// multi-task:eps=16/255,step=2/255,steps=40,views=2,combine=alternate (or sum, authors)
    #[arg(long, value_name = "LIST", default_value = "none")]
    pub defence: Defences,

    /// standard: the table. adaptive: attackers who know of the defence, too, with the worst case of all rows, fresh
    /// seeds, controls, a sweep of bounds, and what that says; every defence must be a reversal
    #[arg(long, value_name = "PROTOCOL", default_value_t)]
    pub protocol: Protocol,

    /// What the adaptive protocol does.
    #[command(flatten)]
    pub adaptive: AdaptiveArgs,
}

impl EvaluateArgs {
    /// The attacks to run: the clean images first, then every attack once, in the order given.
    pub fn attacks(&self) -> Vec<Attack> {
        let mut attacks = vec![Attack::None];
        for attack in self.attack.iter().flat_map(|Attacks(attacks)| attacks) {
            if !attacks.contains(attack) {
                attacks.push(attack.clone());
            }
        }
        attacks
    }

    /// Whether the arguments go together.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.adaptive.check(self.protocol, &self.defence.0)?;
        if self.tasks.is_some() {
            return Ok(());
        }
        match self.defence.0.iter().find(|defence| !defence.tasks().is_empty()) {
            Some(defence) => Err(without_tasks(defence)),
            None => Ok(()),
        }
    }
}

fn without_tasks(defence: &Defence) -> Error {
    Error::Usage(format!("the defence `{defence}` needs trained tasks: give their folder with `--tasks DIR`"))
}

/// `attack`.
#[derive(Debug, Clone, Args)]
pub struct AttackArgs {
    /// The images.
    #[command(flatten)]
    pub images: ImageArgs,

    /// The classifier.
    #[command(flatten)]
    pub net: NetArgs,

    /// fgsm, bim, pgd, cw, apgd-ce, apgd-dlr, apgd-t, fab, fab-t, square, autoattack, with options:
    /// pgd:norm=linf,eps=8/255,step=2/255,steps=20,restarts=1,loss=ce,target=any
    #[arg(long, value_name = "ATTACK", default_value = "pgd")]
    pub attack: Attack,

    /// Keep what the attack has reached in DIR, and go on from what is there of an interrupted run
    #[arg(long, value_name = "DIR")]
    pub resume: Option<PathBuf>,

    /// The safetensors file to write: clean and attacked images, labels and predictions
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,

    /// Also write the attacked images as PNG files to DIR
    #[arg(long, value_name = "DIR")]
    pub png: Option<PathBuf>,
}

/// `repair INPUT...`.
#[derive(Debug, Clone, Args)]
pub struct RepairArgs {
    /// Image files, or folders of them
    #[arg(value_name = "INPUT", required = true)]
    pub inputs: Vec<PathBuf>,

    /// The classifier.
    #[command(flatten)]
    pub net: NetArgs,

    /// The folder of `train tasks`; every defence but none and noise needs it
    #[arg(long, value_name = "DIR")]
    pub tasks: Option<PathBuf>,

    /// One defence, with options
    #[arg(long, value_name = "DEFENCE", default_value = "multi-task")]
    pub defence: Defence,

    /// The folder to write repaired images to
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

impl RepairArgs {
    /// Whether the arguments go together.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.tasks.is_none() && !self.defence.tasks().is_empty() {
            return Err(without_tasks(&self.defence));
        }
        Ok(())
    }
}

/// `demo`.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// How many images
    #[arg(long, value_name = "N", default_value = "64")]
    pub images: NonZeroUsize,

    /// Where to write the table and the picture
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub out: PathBuf,
}

/// `inspect FILE`.
#[derive(Debug, Clone, Args)]
pub struct InspectArgs {
    /// A checkpoint
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// `export FILE`.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// A checkpoint, FILE, or NET:FILE for one that does not say or show which net it holds
    #[arg(value_name = "FILE")]
    pub net: ClassifierSource,

    /// The safetensors file to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// `bench [FILTER]`.
#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    /// Only what has this in its name, or what has this name
    #[arg(value_name = "FILTER")]
    pub filter: Option<String>,

    /// Images that are worked on together, instead of 64 in the reversal and 32 elsewhere
    #[arg(long, value_name = "N")]
    pub batch: Option<NonZeroUsize>,

    /// The net that the steps are of
    #[arg(long, value_name = "NET", default_value = "resnet20")]
    pub net: Architecture,

    /// Take these GPU kernels wherever there are such, instead of the fastest
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(Variant::names()))]
    pub variant: Option<String>,

    /// Also show where the time of the steps goes, kernel by kernel
    #[arg(long)]
    pub profile: bool,
}
