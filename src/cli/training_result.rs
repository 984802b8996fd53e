//! What the trainings write to the file of `--json`.

use serde::Serialize;

use super::args::ClassifierTrainingArgs;
use crate::report::evaluation::{ClassifierInfo, DatasetInfo};
use crate::task::nets::TaskNet;
use crate::train::tasks;
use crate::train::trainer::Report;

/// The result of `train classifier`.
#[derive(Serialize)]
pub struct TrainedClassifier {
    /// Where it was trained.
    pub device: String,
    /// Seed of everything random.
    pub seed: u64,
    /// The pictures.
    pub dataset: DatasetInfo,
    /// The net's name.
    pub net: String,
    /// Classes that it tells apart.
    pub classes: usize,
    /// How many numbers it has learned.
    pub parameters: u64,
    /// How it was trained.
    pub recipe: ClassifierRecipe,
    /// What this run did.
    #[serde(flatten)]
    pub run: Run,
}

/// The recipe of a classifier, under the names of the options. What its attack did is there if it has one.
#[derive(Serialize)]
pub struct ClassifierRecipe {
    name: &'static str,
    epochs: u32,
    batch: usize,
    learning_rate: f32,
    schedule: &'static str,
    weight_decay: f32,
    momentum: f32,
    label_smoothing: f32,
    ema: Option<f32>,
    from: Option<String>,
    #[serde(flatten)]
    attack: Option<TrainingAttack>,
}

#[derive(Serialize)]
struct TrainingAttack {
    eps: String,
    step: String,
    attack_steps: usize,
}

impl ClassifierRecipe {
    /// The recipe that the arguments name.
    pub fn new(args: &ClassifierTrainingArgs) -> Self {
        let attack = TrainingAttack {
            eps: args.eps.to_string(),
            step: args.attack_step().to_string(),
            attack_steps: args.attack_steps(),
        };
        ClassifierRecipe {
            name: args.recipe.as_str(),
            epochs: args.epochs.get(),
            batch: args.batch.get(),
            learning_rate: args.learning_rate.value(),
            schedule: args.schedule.as_str(),
            weight_decay: args.weight_decay.value(),
            momentum: args.momentum,
            label_smoothing: args.label_smoothing,
            ema: args.ema,
            from: args.from.as_ref().map(|path| path.display().to_string()),
            attack: (attack.attack_steps > 0).then_some(attack),
        }
    }
}

/// The result of `train tasks`.
#[derive(Serialize)]
pub struct TrainedTasks {
    /// Where they were trained.
    pub device: String,
    /// Seed of everything random.
    pub seed: u64,
    /// The pictures.
    pub dataset: DatasetInfo,
    /// The classifier that the nets go with.
    pub classifier: ClassifierInfo,
    /// The nets that this run trained.
    pub tasks: Vec<TrainedTask>,
    /// The files of those that were there already, with `--resume`.
    pub already_there: Vec<String>,
}

/// One net of `train tasks`.
#[derive(Serialize)]
pub struct TrainedTask {
    task: &'static str,
    net: TaskNet,
    parameters: u64,
    recipe: TaskRecipe,
    #[serde(flatten)]
    run: Run,
}

#[derive(Serialize)]
struct TaskRecipe {
    epochs: u32,
    batch: usize,
    learning_rate: f32,
}

impl TrainedTask {
    /// The net of this recipe and the run that trained it.
    pub fn new(recipe: &tasks::Recipe, run: Run) -> Self {
        let tasks::Recipe { net, epochs, batch, learning_rate, seed: _ } = recipe;
        TrainedTask {
            task: net.task().as_str(),
            net: *net,
            parameters: crate::model::learned(&net.specifications()),
            recipe: TaskRecipe { epochs: *epochs, batch: *batch, learning_rate: *learning_rate as f32 },
            run,
        }
    }
}

/// What one run of a training did.
#[derive(Serialize, Default)]
pub struct Run {
    /// Whether it went on from what an earlier run left, whose epochs are not among these.
    pub resumed: bool,
    /// The epochs that ended in it.
    pub epochs: Vec<Epoch>,
    /// How long it took.
    pub seconds: f64,
    /// The checkpoint that it wrote.
    pub file: String,
}

/// The means over an epoch.
#[derive(Serialize)]
pub struct Epoch {
    /// From 1.
    pub epoch: u64,
    /// The loss.
    pub loss: f32,
    /// The share of right answers, where the net is to answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f32>,
}

impl Epoch {
    /// The epoch that ended with this report, if one did; `epochs` are those of the whole training.
    pub fn ended(report: &Report, epochs: u32, has_answers: bool) -> Option<Self> {
        report.epoch.map(|(loss, right)| Epoch {
            epoch: report.step * u64::from(epochs) / report.steps,
            loss,
            accuracy: has_answers.then_some(right),
        })
    }
}
