//! `train classifier` and `train tasks`.

use std::time::Instant;

use unperturb_data::{OpenOptions, Split};
use unperturb_engine::optim::{Optimizer, Schedule, Sgd};
use unperturb_nets::{Classifier, Normalization};

use super::args::{self, ClassifierTrainingArgs, TrainCommand};
use super::device;
use super::interrupt::Interrupt;
use super::progress::{Progress, duration};
use super::{Error, Global};
use crate::attack::{Norm, ProjectedGradient};
use crate::model::Model;
use crate::train::classifier::{self, Recipe};
use crate::train::snapshot;
use crate::train::trainer::{Keep, Next, Report};

/// Updates between two snapshots unless told otherwise.
pub(super) const SNAPSHOT_EVERY: u64 = 200;

/// Runs either command.
pub fn run(global: &Global, command: &TrainCommand) -> Result<(), Error> {
    match command {
        TrainCommand::Classifier(args) => train_classifier(global, args),
        TrainCommand::Tasks(args) => super::train_tasks::run(global, args),
    }
}

fn train_classifier(global: &Global, args: &ClassifierTrainingArgs) -> Result<(), Error> {
    let progress = Progress::new(global.quiet);
    let device = device::open(global)?;
    let interrupt = Interrupt::install()?;
    let mut architecture = args.net;
    if let Some(width) = args.width {
        architecture = architecture.with_width(width.get());
    }
    let data = unperturb_data::open_with(&args.data, Split::Train, OpenOptions::default())
        .map_err(Error::failed("cannot read the pictures"))?;
    let normalization =
        if data.name().starts_with("cifar") { Normalization::CIFAR10 } else { Normalization::NONE };
    let from = args.from.as_deref().map(Model::read).transpose();
    let from = from.map_err(Error::failed("cannot start from this classifier"))?;
    let steps = args.attack_steps();
    let recipe = Recipe {
        classifier: Classifier { architecture, classes: data.classes(), normalization },
        attack: (steps > 0).then(|| ProjectedGradient {
            norm: Norm::Linf,
            epsilon: args.eps.value(),
            step_size: args.attack_step().value(),
            steps,
            restarts: 1,
            random_start: true,
        }),
        epochs: args.epochs.get() as u32,
        batch: args.batch.get(),
        learning_rate: f64::from(args.learning_rate.value()),
        schedule: schedule(args.schedule, args.epochs.get(), data.len() / args.batch.get()),
        optimizer: Optimizer::Sgd(Sgd {
            momentum: args.momentum,
            nesterov: true,
            weight_decay: args.weight_decay.value(),
        }),
        label_smoothing: args.label_smoothing,
        average: args.ema.map(f64::from),
        seed: global.seed,
    };
    let path = snapshot::beside(&args.out);
    let keep = Keep {
        path: args.resume.clone().unwrap_or_else(|| path.clone()),
        every: args.checkpoint_every.map_or(SNAPSHOT_EVERY, |n| n.get() as u64),
        resume: args.resume.is_some(),
    };
    let what =
        format!("training {architecture} ({}) on {} pictures of {}", args.recipe, data.len(), data.name());
    let started = Instant::now();
    let batch = recipe.batch as u64;
    let mut stage =
        progress.stage(&what, u64::from(recipe.epochs) * (data.len() as u64 / batch) * batch, "images");
    let trained = classifier::train(&device, &data, &recipe, from.as_ref(), &keep, |report: Report| {
        stage.set(report.step * batch);
        if let Some((loss, right)) = report.epoch {
            let epoch = report.step * u64::from(recipe.epochs) / report.steps;
            stage.note(&format!(
                "epoch {epoch} of {}: loss {loss:.4}, right {:.2} %, after {}",
                recipe.epochs,
                100.0 * right,
                duration(started.elapsed())
            ));
        }
        if interrupt.is_requested() { Next::Stop } else { Next::GoOn }
    })
    .map_err(Error::failed("cannot train the classifier"))?;
    let Some(model) = trained else {
        return Err(Error::Interrupted(Some(format!("go on with `--resume {}`", keep.path.display()))));
    };
    stage.finish();
    model.write(&args.out, &format!("{recipe:?}")).map_err(Error::failed("cannot keep the classifier"))?;
    // The result is safe; what led to it has no more use.
    let _ = std::fs::remove_file(&keep.path);
    progress.note(&format!("wrote {} after {}", args.out.display(), duration(started.elapsed())));
    Ok(())
}

fn schedule(kind: args::Schedule, epochs: usize, per_epoch: usize) -> Schedule {
    let steps = epochs * per_epoch;
    match kind {
        args::Schedule::Constant => Schedule::Constant,
        args::Schedule::Step => Schedule::Milestones { at: vec![steps / 2, steps * 3 / 4], factor: 0.1 },
        args::Schedule::Cosine => Schedule::Cosine { floor: 0.0 },
        args::Schedule::OneCycle => Schedule::one_cycle(),
    }
}
