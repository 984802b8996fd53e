//! Training of classifiers: on clean pictures, or on pictures attacked at every step.

use unperturb_data::{Augmentation, Batches, Dataset};
use unperturb_engine::optim::{Optimizer, Parameter, Schedule, WeightAverage};
use unperturb_engine::{Device, Graph, Session};
use unperturb_nets::{Classifier, Mode, Scope, Weights};

use super::parts::{self, Update};
use super::snapshot::Settings;
use super::trainer::{self, Course, Keep, LEARNING_RATE, Next, Report, Trainer};
use crate::Failure;
use crate::attack::projected_gradient::Ascent;
use crate::attack::seeds::Seeds;
use crate::attack::{IMAGES, LABELS, POINT, ProjectedGradient, RANDOM, victim};
use crate::model::{Model, NAME, classifier_specifications};
use crate::passes::Passes;

/// How a classifier is trained.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The net.
    pub classifier: Classifier,
    /// The attack on every batch; none for standard training. FGSM with a random start is fast
    /// adversarial training (Wong et al. 2020), several steps that of Madry et al. (2018).
    pub attack: Option<ProjectedGradient>,
    /// Passes over the data.
    pub epochs: u32,
    /// Pictures in a batch.
    pub batch: usize,
    /// The learning rate that the schedule varies.
    pub learning_rate: f64,
    /// The learning rate over the updates.
    pub schedule: Schedule,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// Label smoothing of the training loss.
    pub label_smoothing: f32,
    /// Average the weights, with this decay per update; the averages are what is kept.
    pub average: Option<f64>,
    /// Seed of first weights, order, augmentation and attacks.
    pub seed: u64,
}

/// Averages live under this net's name.
const AVERAGED: &str = "average.classifier";

/// Trains a classifier, from the weights of another of the same net if one is given; nothing if `report`
/// stopped it before the end.
///
/// # Errors
/// Weights that do not fit the net, pictures that do not suit it, files that cannot be read or written, what the
/// engine reports.
pub fn train(
    device: &Device,
    data: &Dataset,
    recipe: &Recipe,
    from: Option<&Model>,
    keep: &Keep,
    report: impl FnMut(Report) -> Next,
) -> Result<Option<Model>, Failure> {
    recipe.classifier.architecture.expect_size(data.height(), data.width())?;
    if recipe.classifier.classes < 2 {
        return Err(Failure::Mismatch(format!(
            "{} has only one class, and a classifier needs two or more to tell apart",
            data.name()
        )));
    }
    let (mut session, ascent, update) = parts::fitting(device, recipe.batch, |parts| {
        compile(device, recipe, [recipe.batch / parts, data.height(), data.width(), 3], parts)
    })?;
    let specifications = classifier_specifications(&recipe.classifier);
    let first = match from {
        Some(model) => model.weights.clone(),
        None => Weights::initial(&specifications, recipe.seed),
    };
    first.load(&mut session, NAME, &specifications)?;
    let random = ascent.iter().flat_map(|_| session.has(RANDOM).then(|| RANDOM.to_string()));
    let mut trainer = Trainer {
        random: random.collect(),
        session,
        update,
        before: Box::new(move |session| match &ascent {
            Some(ascent) => Ok(ascent.run(session, &mut Passes::default())?),
            None => Ok(()),
        }),
        batches: Batches::new(data, recipe.batch)?
            .shuffled(recipe.seed)
            .augmented(Augmentation::STANDARD)
            .drop_last(),
        picture_len: data.picture_len(),
    };
    let course = Course {
        epochs: recipe.epochs,
        learning_rate: recipe.learning_rate,
        schedule: recipe.schedule.clone(),
        seed: recipe.seed,
        settings: settings(recipe, from, data)
            .with("parts of a batch", trainer.update.parts)
            .with_precision(device),
    };
    if !trainer.run(&course, keep, report)? {
        return Ok(None);
    }
    let net = if recipe.average.is_some() { AVERAGED } else { NAME };
    let weights = Weights::read(&mut trainer.session, net, &specifications)?;
    let model = Model::new(recipe.classifier, weights, "this training")?;
    Ok(Some(Model { size: Some([data.height(), data.width()]), ..model }))
}

/// The programs of a training on parts of `shape`.
fn compile(
    device: &Device,
    recipe: &Recipe,
    shape: [usize; 4],
    parts: usize,
) -> Result<(Session, Option<Ascent>, Update), Failure> {
    let mut session = Session::new(device);
    let ascent = recipe
        .attack
        .as_ref()
        .map(|attack| {
            // As in the published recipes the attack sees batch statistics, like the update.
            let evaluate = victim::differentiate(&mut session, shape, Passes::default(), |g, points| {
                let scope = Scope::new(g, NAME, Mode::BatchStatistics);
                let logits = recipe.classifier.trace(&scope, points).logits;
                (logits, logits.cross_entropy(g.state_u32(LABELS, [shape[0]]), 0.0))
            })?;
            Ascent::compile(&mut session, attack, shape, Seeds::Batch, Box::new(evaluate))
        })
        .transpose()?;
    let update = Update::compile(
        &mut session,
        parts,
        |g| trace_gradients(g, recipe, shape),
        |g, parameters| trace_optimizer(g, recipe, parameters),
    )?;
    Ok((session, ascent, update))
}

/// All that the result depends on, under the names of the options.
fn settings(recipe: &Recipe, from: Option<&Model>, data: &Dataset) -> Settings {
    // Taken apart, so that the compiler asks for what is new.
    let Recipe {
        classifier,
        attack,
        epochs,
        batch,
        learning_rate,
        schedule,
        optimizer,
        label_smoothing,
        average,
        seed,
    } = recipe;
    let Classifier { architecture, classes, normalization } = classifier;
    Settings::default()
        .with("net", architecture)
        .with("classes", classes)
        .with("normalization", format!("{normalization:?}"))
        .with("training attack", attack.as_ref().map_or("none".into(), |attack| format!("{attack:?}")))
        .with("epochs", epochs)
        .with("batch", batch)
        .with("learning rate", learning_rate)
        .with("schedule", format!("{schedule:?}"))
        .with("optimizer", format!("{optimizer:?}"))
        .with("label smoothing", label_smoothing)
        .with("ema", average.map_or("none".into(), |decay| decay.to_string()))
        .with("seed", seed)
        .with("first weights", from.map_or("random".into(), |model| model.weights.digest()))
        .with_pictures(data)
}

/// Records one update on images of `shape`: loss of the (attacked) batch, gradients, optimiser, averages.
///
/// # Errors
/// What the engine reports.
pub fn trace_update(g: &Graph, recipe: &Recipe, shape: [usize; 4]) -> Result<(), Failure> {
    let parameters = trace_gradients(g, recipe, shape)?;
    trace_optimizer(g, recipe, &parameters);
    Ok(())
}

fn trace_gradients<'g>(
    g: &'g Graph,
    recipe: &Recipe,
    shape: [usize; 4],
) -> Result<Vec<Parameter<'g>>, Failure> {
    let images = g.state(IMAGES, shape);
    let labels = g.state_u32(LABELS, [shape[0]]);
    let seen = if recipe.attack.is_some() { g.state(POINT, shape) } else { images };
    let scope = Scope::new(g, NAME, Mode::Train);
    let logits = recipe.classifier.trace(&scope, seen).logits;
    let loss = logits.cross_entropy(labels, recipe.label_smoothing).mean_all();
    let right = logits.argmax(1).reshape([shape[0]]).to_f32().equals(labels.to_f32()).mean_all();
    trainer::observe(g, loss, right);
    Ok(trainer::learned(g, &scope, loss)?)
}

fn trace_optimizer<'g>(g: &'g Graph, recipe: &Recipe, parameters: &[Parameter<'g>]) {
    let updated = recipe.optimizer.trace(g, parameters, g.state(LEARNING_RATE, []));
    if let Some(decay) = recipe.average {
        // Running statistics are averaged as this program finds them, which is before a batch in one part changes them.
        let running = classifier_specifications(&recipe.classifier);
        let running: Vec<_> = running
            .iter()
            .filter(|specification| !specification.kind.is_learned())
            .map(|specification| {
                let name = format!("{NAME}/{}", specification.name);
                let value = g.state(&name, specification.shape.clone());
                (name, value)
            })
            .collect();
        let new = parameters.iter().zip(&updated.values).map(|(p, &value)| (p.name.as_str(), value));
        let all: Vec<_> = new.chain(running.iter().map(|(name, value)| (name.as_str(), *value))).collect();
        WeightAverage { decay }.trace(g, &all);
    }
}
