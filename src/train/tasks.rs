//! Training of the self-supervised tasks' nets. The classifier is there already and stays as it is.

use unperturb_data::{Augmentation, Batches, Dataset};
use unperturb_engine::ops::nt_xent::Positives;
use unperturb_engine::ops::random::Random;
use unperturb_engine::optim::{Adam, Optimizer, Parameter, Schedule, Sgd};
use unperturb_engine::{Device, Graph, Session};
use unperturb_nets::{
    Architecture, ContextEncoder, ContrastiveHead, Mode, RotationNet, Scope, SimClr, Weights,
};

use super::parts::{self, Update};
use super::snapshot::Settings;
use super::trainer::{self, Course, Keep, LEARNING_RATE, Next, Report, Trainer};
use crate::Failure;
use crate::attack::IMAGES;
use crate::model::Model;
use crate::task::Task;
use crate::task::losses::{self, Contrast};
use crate::task::nets::TaskNet;

/// The state that views are drawn from.
const RANDOM: &str = "random";
/// How views are compared in training.
const CONTRAST: Contrast = Contrast { views: 2, temperature: 0.2, positives: Positives::Authors };

/// How the net of one task is trained.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The net.
    pub net: TaskNet,
    /// Passes over the data.
    pub epochs: u32,
    /// Pictures in a batch.
    pub batch: usize,
    /// The learning rate that the schedule varies.
    pub learning_rate: f64,
    /// Seed of first weights, order, augmentation and views.
    pub seed: u64,
}

impl Recipe {
    /// The defaults for `task` on pictures of height `size`, such that two cores train it within minutes: a width
    /// of its own if one is given, in hidden units of the head or channels of the nets.
    pub fn new(task: Task, model: &Model, size: usize, width: Option<usize>, seed: u64) -> Self {
        let (net, epochs, batch, learning_rate) = match task {
            Task::Contrastive => {
                let features = model.classifier.architecture.features();
                let head = ContrastiveHead { features, hidden: width.unwrap_or(256), embedding: 16 };
                (TaskNet::Contrastive { head }, 4, 256, 1e-3)
            }
            Task::Rotation => {
                let net = RotationNet { width: width.unwrap_or(24) };
                (TaskNet::Rotation { net, normalization: model.classifier.normalization }, 4, 64, 0.1)
            }
            Task::Inpainting => {
                let width = width.unwrap_or(16);
                // The net halves its pictures down to 4x4 pixels; others are resized to the next smaller size.
                let size = (1 << size.max(1).ilog2()).clamp(32, 128);
                let net = ContextEncoder { size, width, latent: 8 * width };
                (TaskNet::Inpainting { net }, 8, 64, 1e-3)
            }
        };
        Recipe { net, epochs, batch, learning_rate, seed }
    }

    /// The defaults for a contrastive net of its own, SimCLR with this encoder, which take two cores hours and not minutes
    /// with resnet20 on CIFAR-10. It normalises pictures as the classifier does, and is otherwise independent of it.
    pub fn simclr(encoder: Architecture, model: &Model, seed: u64) -> Self {
        let normalization = model.classifier.normalization;
        let net = TaskNet::SimClr { net: SimClr::new(encoder), normalization };
        Recipe { net, epochs: 8, batch: 256, learning_rate: 1e-3, seed }
    }

    /// As published: SGD for the rotation net, Adam for the others.
    fn optimizer(&self) -> Optimizer {
        match self.net {
            TaskNet::Rotation { .. } => {
                Optimizer::Sgd(Sgd { momentum: 0.9, nesterov: true, weight_decay: 5e-4 })
            }
            TaskNet::Contrastive { .. } | TaskNet::SimClr { .. } | TaskNet::Inpainting { .. } => {
                Optimizer::Adam(Adam::default())
            }
        }
    }
}

/// Trains the net of one task; nothing if `report` stopped it before the end.
///
/// # Errors
/// Pictures that do not suit the net, files that cannot be read or written, what the engine reports.
pub fn train(
    device: &Device,
    data: &Dataset,
    model: &Model,
    recipe: &Recipe,
    keep: &Keep,
    report: impl FnMut(Report) -> Next,
) -> Result<Option<Weights>, Failure> {
    check_pictures(data, model, recipe)?;
    let name = recipe.net.task().to_string();
    let (mut session, update) = parts::fitting(device, recipe.batch, |parts| {
        let mut session = Session::new(device);
        let shape = [recipe.batch / parts, data.height(), data.width(), 3];
        let update = Update::compile(
            &mut session,
            parts,
            |g| trace_gradients(g, model, recipe, shape),
            |g, parameters| drop(recipe.optimizer().trace(g, parameters, g.state(LEARNING_RATE, []))),
        )?;
        Ok((session, update))
    })?;
    let specifications = recipe.net.specifications();
    Weights::initial(&specifications, recipe.seed).load(&mut session, &name, &specifications)?;
    if recipe.net.reads_classifier() {
        model.load(&mut session)?;
    }
    if session.has(losses::ROTATION_LABELS) {
        session.write_u32(
            losses::ROTATION_LABELS,
            &losses::rotation_label_values(recipe.batch / update.parts),
        )?;
    }
    let mut trainer = Trainer {
        random: vec![RANDOM.to_string()],
        session,
        update,
        before: Box::new(|_| Ok(())),
        batches: Batches::new(data, recipe.batch)?
            .shuffled(recipe.seed)
            .augmented(Augmentation::STANDARD)
            .drop_last(),
        picture_len: data.picture_len(),
    };
    let course = Course {
        epochs: recipe.epochs,
        learning_rate: recipe.learning_rate,
        schedule: Schedule::one_cycle(),
        seed: recipe.seed,
        settings: settings(recipe, model, data)
            .with("parts of a batch", trainer.update.parts)
            .with_precision(device),
    };
    if !trainer.run(&course, keep, report)? {
        return Ok(None);
    }
    Ok(Some(Weights::read(&mut trainer.session, &name, &specifications)?))
}

fn check_pictures(data: &Dataset, model: &Model, recipe: &Recipe) -> Result<(), Failure> {
    let (height, width) = (data.height(), data.width());
    if recipe.net.reads_classifier() {
        model.classifier.architecture.expect_size(height, width)?;
    }
    recipe.net.expect_size(height, width)
}

/// All that the result depends on, under the names of the options.
fn settings(recipe: &Recipe, model: &Model, data: &Dataset) -> Settings {
    // Taken apart, so that the compiler asks for what is new.
    let Recipe { net, epochs, batch, learning_rate, seed } = recipe;
    let settings = Settings::default()
        .with("net", format!("{net:?}"))
        .with("epochs", epochs)
        .with("batch", batch)
        .with("learning rate", learning_rate)
        .with("seed", seed)
        .with_pictures(data);
    if net.reads_classifier() { settings.with("classifier", model.weights.digest()) } else { settings }
}

/// The task's loss, and the gradients of the task's own net.
fn trace_gradients<'g>(
    g: &'g Graph,
    model: &Model,
    recipe: &Recipe,
    shape: [usize; 4],
) -> Result<Vec<Parameter<'g>>, Failure> {
    let images = g.state(IMAGES, shape);
    let scope = Scope::new(g, &recipe.net.task().to_string(), Mode::Train);
    let random = Random::new(g, RANDOM);
    let loss = recipe.net.loss(model, &scope, images, &random, CONTRAST).mean_all();
    random.advance();
    trainer::observe(g, loss, g.full([], 0.0));
    Ok(trainer::learned(g, &scope, loss)?)
}
