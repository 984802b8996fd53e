//! `train classifier` and `train tasks`.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use unperturb_nets::{Architecture, Normalization};

use crate::cli::values::{ClassifierSource, PerTask, below_one, positive};
use crate::spec::{Magnitude, words};
use crate::task::Task;

words! {
    /// How a classifier is trained.
    pub enum Recipe {
        /// On the images as they are.
        Standard = "standard",
        /// Fast adversarial training: one step from a random start (Wong et al. 2020).
        Fgsm = "fgsm",
        /// Adversarial training with PGD (Madry et al. 2018).
        Pgd = "pgd",
    }
}

impl Recipe {
    /// The step of the training attack where `--step` is not given: 10/255 (Wong et al.), 2/255 (Madry et al.).
    pub fn attack_step(self) -> Magnitude {
        match self {
            Recipe::Standard | Recipe::Pgd => Magnitude::fraction(2, 255),
            Recipe::Fgsm => Magnitude::fraction(10, 255),
        }
    }

    /// The steps of the training attack where `--attack-steps` is not given.
    pub fn attack_steps(self) -> usize {
        match self {
            Recipe::Standard => 0,
            Recipe::Fgsm => 1,
            Recipe::Pgd => 10,
        }
    }
}

words! {
    /// How the learning rate goes over the training.
    pub enum Schedule {
        /// It stays.
        Constant = "constant",
        /// A tenth of it after a half, a hundredth after three quarters.
        Step = "step",
        /// Along half a cosine, down to zero.
        Cosine = "cosine",
        /// Linearly up, then down to zero.
        OneCycle = "one-cycle",
    }
}

/// What to train.
#[derive(Debug, Clone, Subcommand)]
pub enum TrainCommand {
    /// Train a classifier
    Classifier(ClassifierTrainingArgs),
    /// Train the self-supervised nets that the repair needs
    Tasks(TaskTrainingArgs),
}

/// `train classifier`.
#[derive(Debug, Clone, Args)]
pub struct ClassifierTrainingArgs {
    /// A folder of CIFAR batches or of images, or the word `shapes`
    #[arg(long, value_name = "PATH")]
    pub data: PathBuf,

    /// resnet20/32/44/56, resnet18/34/50, preact-resnet18 or wrn-D-K
    #[arg(long, value_name = "NET", default_value = "resnet20")]
    pub net: Architecture,

    /// The first N images of the training split [default: all]
    #[arg(long, value_name = "N")]
    pub images: Option<NonZeroUsize>,

    /// What it is trained against
    #[arg(long, value_name = "RECIPE")]
    pub recipe: Recipe,

    /// The checkpoint to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,

    /// Passes over the data
    #[arg(long, value_name = "N", default_value = "30")]
    pub epochs: NonZeroU32,

    /// Images per step
    #[arg(long, value_name = "N", default_value = "128")]
    pub batch: NonZeroUsize,

    /// The largest learning rate
    #[arg(long, value_name = "RATE", default_value = "0.1", value_parser = positive)]
    pub learning_rate: Magnitude,

    /// How the learning rate goes
    #[arg(long, value_name = "SCHEDULE", default_value = "one-cycle")]
    pub schedule: Schedule,

    /// Decay of the weights (L2), those of batch norm included
    #[arg(long, value_name = "DECAY", default_value = "0.0005")]
    pub weight_decay: Magnitude,

    /// Nesterov momentum
    #[arg(long, value_name = "M", default_value = "0.9", value_parser = below_one)]
    pub momentum: f32,

    /// Channels of the first stage [default: the net's own]
    #[arg(long, value_name = "N")]
    pub width: Option<NonZeroUsize>,

    /// The bound of the training attack, L∞ (fgsm, pgd)
    #[arg(long, value_name = "EPS", default_value = "8/255")]
    pub eps: Magnitude,

    /// Its step [default: 10/255 for fgsm, 2/255 for pgd]
    #[arg(long, value_name = "STEP", value_parser = positive)]
    pub step: Option<Magnitude>,

    /// Its steps [default: 1 for fgsm, 10 for pgd]
    #[arg(long, value_name = "N")]
    pub attack_steps: Option<NonZeroUsize>,

    /// Probability taken from the true label and shared among all
    #[arg(long, value_name = "P", default_value = "0", value_parser = below_one)]
    pub label_smoothing: f32,

    /// Keep a moving average of the weights with this decay, and save that
    #[arg(long, value_name = "DECAY", value_parser = below_one)]
    pub ema: Option<f32>,

    /// Write a resumable state every N steps [default: 200]
    #[arg(long, value_name = "N")]
    pub checkpoint_every: Option<NonZeroUsize>,

    /// Start from the weights of this checkpoint of the same net instead of from random ones.
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,

    /// Go on from a state that an earlier run left
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,
}

impl ClassifierTrainingArgs {
    /// The step of the training attack: `--step`, or the recipe's own.
    pub fn attack_step(&self) -> Magnitude {
        self.step.unwrap_or_else(|| self.recipe.attack_step())
    }

    /// The steps of the training attack: `--attack-steps`, or the recipe's own.
    pub fn attack_steps(&self) -> usize {
        self.attack_steps.map_or_else(|| self.recipe.attack_steps(), NonZeroUsize::get)
    }
}

/// `train tasks`. Numbers are for all tasks (`20`) or for each (`contrastive=20,rotation=30`).
#[derive(Debug, Clone, Args)]
pub struct TaskTrainingArgs {
    /// A folder of CIFAR batches or of images, or the word `shapes`
    #[arg(long, value_name = "PATH")]
    pub data: PathBuf,

    /// The classifier whose features the contrastive head reads; SimCLR and the rotation net normalise pictures as it
    /// does: FILE, or NET:FILE for a foreign checkpoint
    #[arg(long, value_name = "FILE")]
    pub classifier: ClassifierSource,

    /// What a foreign checkpoint's net subtracts and divides by: none, cifar10, imagenet, or m,m,m/s,s,s
    #[arg(long, value_name = "HOW")]
    pub normalize: Option<Normalization>,

    /// Which tasks
    #[arg(
        long,
        value_name = "TASKS",
        value_delimiter = ',',
        default_value = "contrastive,rotation,inpainting"
    )]
    pub tasks: Vec<Task>,

    /// For the contrastive task, SimCLR with an encoder of its own, as resnet20 or resnet18 [default: a head on the
    /// classifier's features]
    #[arg(long, value_name = "NET")]
    pub simclr: Option<Architecture>,

    /// The first N images of the training split [default: all]
    #[arg(long, value_name = "N")]
    pub images: Option<NonZeroUsize>,

    /// The folder to write their checkpoints to
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    /// Passes over the data; a number, or one per task as in contrastive=20,rotation=30
    #[arg(long, value_name = "N")]
    pub epochs: Option<PerTask<NonZeroU32>>,

    /// Images per step; a number, or one per task
    #[arg(long, value_name = "N")]
    pub batch: Option<PerTask<NonZeroUsize>>,

    /// Learning rate; a number, or one per task
    #[arg(long, value_name = "RATE")]
    pub learning_rate: Option<PerTask<Magnitude>>,

    /// Width of the net: hidden units of the head, channels of the others; a number, or one per task
    #[arg(long, value_name = "N")]
    pub width: Option<PerTask<NonZeroUsize>>,

    /// Write a resumable state every N steps [default: 200]
    #[arg(long, value_name = "N")]
    pub checkpoint_every: Option<NonZeroUsize>,

    /// Go on from the states that an earlier run left in `--out`
    #[arg(long)]
    pub resume: bool,
}
