//! `train classifier` and `train tasks`.

use std::num::NonZeroUsize;
use std::time::Instant;

use unperturb_data::{OpenOptions, Split};
use unperturb_engine::optim::{Optimizer, Schedule, Sgd};
use unperturb_nets::{Classifier, Normalization};

use super::args::{self, ClassifierTrainingArgs, TrainCommand};
use super::interrupt::Interrupt;
use super::progress::{Progress, duration};
use super::resumable::Resumable;
use super::training_result::{ClassifierRecipe, Epoch, Run, TrainedClassifier};
use super::{Error, Global, device, inputs, output};
use crate::attack::{Norm, ProjectedGradient};
use crate::model::Model;
use crate::report::evaluation::DatasetInfo;
use crate::train::classifier::{self, Recipe};
use crate::train::trainer::{Next, Report};

/// Runs either command.
pub fn run(global: &Global, command: &TrainCommand) -> Result<(), Error> {
    match command {
        TrainCommand::Classifier(args) => train_classifier(global, args),
        TrainCommand::Tasks(args) => super::train_tasks::run(global, args),
    }
}

fn train_classifier(global: &Global, args: &ClassifierTrainingArgs) -> Result<(), Error> {
    let architecture = inputs::widened(args.net, args.width)?;
    let files = Resumable::new(&args.out, args.resume.clone(), args.checkpoint_every, |path| {
        format!("--resume {}", path.display())
    })?;
    output::expect_json(global)?;
    let progress = Progress::new(global.quiet);
    let device = device::open(global)?;
    let interrupt = Interrupt::install()?;
    let options = OpenOptions { limit: args.images.map(NonZeroUsize::get), ..Default::default() };
    let data = unperturb_data::open_with(&args.data, Split::Train, options)
        .map_err(Error::failed("cannot read the pictures"))?;
    let normalization =
        if data.name().starts_with("cifar") { Normalization::CIFAR10 } else { Normalization::NONE };
    let from = args.from.as_deref().map(Model::read).transpose();
    let from = from.map_err(Error::failed("cannot start from this classifier"))?;
    let steps = args.attack_steps();
    let per_epoch = data.len() / args.batch.get();
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
        epochs: args.epochs.get(),
        batch: args.batch.get(),
        learning_rate: f64::from(args.learning_rate.value()),
        schedule: schedule(args.schedule, args.epochs.get() as usize * per_epoch),
        optimizer: Optimizer::Sgd(Sgd {
            momentum: args.momentum,
            nesterov: true,
            weight_decay: args.weight_decay.value(),
        }),
        label_smoothing: args.label_smoothing,
        average: args.ema.map(f64::from),
        seed: global.seed,
    };
    let what =
        format!("training {architecture} ({}) on {} pictures of {}", args.recipe, data.len(), data.name());
    let started = Instant::now();
    let batch = recipe.batch as u64;
    let mut stage = progress.stage(&what, u64::from(recipe.epochs) * per_epoch as u64 * batch, "images");
    let mut told = false;
    let mut run = Run { resumed: files.keep.resume, file: args.out.display().to_string(), ..Run::default() };
    let trained = classifier::train(&device, &data, &recipe, from.as_ref(), &files.keep, |report: Report| {
        stage.set(report.step * batch);
        if !std::mem::replace(&mut told, true) {
            stage.note_some(device::divided_batches(recipe.batch, report.parts));
        }
        if let Some(ended @ Epoch { epoch, loss, .. }) = Epoch::ended(&report, recipe.epochs, true) {
            stage.note(&format!(
                "epoch {epoch} of {}: loss {loss:.4}, right {:.2} %, after {}",
                recipe.epochs,
                100.0 * ended.accuracy.unwrap_or_default(),
                duration(started.elapsed())
            ));
            run.epochs.push(ended);
        }
        if interrupt.is_requested() { Next::Stop } else { Next::GoOn }
    })
    .map_err(|error| files.stopped(error, "cannot train the classifier"))?;
    let Some(model) = trained else {
        return Err(files.interrupted());
    };
    stage.finish();
    let kept = model.write(&args.out, &format!("{recipe:?}"));
    kept.map_err(|error| files.stopped(error, "cannot keep the classifier"))?;
    files.finish();
    progress.note(&format!("wrote {} after {}", args.out.display(), duration(started.elapsed())));
    run.seconds = started.elapsed().as_secs_f64();
    let result = TrainedClassifier {
        device: device.to_string(),
        seed: global.seed,
        dataset: DatasetInfo::from(&data),
        net: architecture.to_string(),
        classes: data.classes(),
        parameters: model.parameters(),
        recipe: ClassifierRecipe::new(args),
        run,
    };
    output::json(global, &output::document("train classifier", &result))
}

fn schedule(kind: args::Schedule, steps: usize) -> Schedule {
    match kind {
        args::Schedule::Constant => Schedule::Constant,
        args::Schedule::Step => Schedule::Milestones { at: vec![steps / 2, steps * 3 / 4], factor: 0.1 },
        args::Schedule::Cosine => Schedule::Cosine { floor: 0.0 },
        args::Schedule::OneCycle => Schedule::one_cycle(),
    }
}
