//! `train tasks`: the nets of the self-supervised tasks, one after the other.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;

use unperturb_data::{Dataset, OpenOptions, Split};
use unperturb_engine::Device;

use super::args::{NetArgs, TaskTrainingArgs};
use super::interrupt::Interrupt;
use super::progress::{Progress, duration};
use super::resumable::Resumable;
use super::training_result::{Epoch, Run, TrainedTask, TrainedTasks};
use super::{Error, Global, device, inputs, output};
use crate::model::Model;
use crate::report::evaluation::{ClassifierInfo, DatasetInfo};
use crate::task::Task;
use crate::task::nets::TaskNet;
use crate::train::snapshot;
use crate::train::tasks::{self, Recipe};
use crate::train::trainer::{Next, Report};

/// Runs the command.
pub fn run(global: &Global, args: &TaskTrainingArgs) -> Result<(), Error> {
    output::expect_json(global)?;
    unperturb_files::expect_folder(&args.out)?;
    let device = device::open(global)?;
    let net = NetArgs { classifier: args.classifier.clone(), normalize: args.normalize };
    let model = inputs::model(&net)?;
    let options = OpenOptions { limit: args.images.map(NonZeroUsize::get), ..Default::default() };
    let data = unperturb_data::open_with(&args.data, Split::Train, options)
        .map_err(Error::failed("cannot read the pictures"))?;
    unperturb_files::make_folder(&args.out)?;
    let work = Work {
        device: &device,
        data: &data,
        model: &model,
        progress: Progress::new(global.quiet),
        interrupt: Interrupt::install()?,
    };
    // The recipes and files of all tasks first: none shall turn out to be no good after the others are trained.
    let (mut ahead, mut already_there) = (vec![], vec![]);
    for &task in &args.tasks {
        let out = TaskNet::path(&args.out, task);
        let from = Some(snapshot::beside(&out)).filter(|path| args.resume && path.exists());
        // A task whose net is there and which left no snapshot is done.
        if args.resume && from.is_none() && out.exists() {
            work.progress.note(&format!("{} is there already", out.display()));
            already_there.push(out.display().to_string());
            continue;
        }
        let files = Resumable::new(&out, from, args.checkpoint_every, |_| "--resume".into())?;
        ahead.push((recipe(args, task, &model, data.height(), global.seed)?, files, out));
    }
    let mut trained = vec![];
    for (recipe, files, out) in ahead {
        trained.push(TrainedTask::new(&recipe, work.train(&recipe, &files, &out)?));
    }
    let result = TrainedTasks {
        device: device.to_string(),
        seed: global.seed,
        dataset: DatasetInfo::from(&data),
        classifier: ClassifierInfo::from(&model),
        tasks: trained,
        already_there,
    };
    output::json(global, &output::document("train tasks", &result))
}

/// The recipe of a task on pictures of a height, with what the options say of it.
fn recipe(
    args: &TaskTrainingArgs,
    task: Task,
    model: &Model,
    height: usize,
    seed: u64,
) -> Result<Recipe, Error> {
    let width = args.width.as_ref().and_then(|widths| widths.get(task));
    let mut recipe = match (task, args.simclr) {
        (Task::Contrastive, Some(net)) => Recipe::simclr(inputs::widened(net, width)?, model, seed),
        _ => Recipe::new(task, model, height, width.map(NonZeroUsize::get), seed),
    };
    if let Some(epochs) = args.epochs.as_ref().and_then(|epochs| epochs.get(task)) {
        recipe.epochs = epochs.get();
    }
    if let Some(batch) = args.batch.as_ref().and_then(|batches| batches.get(task)) {
        recipe.batch = batch.get();
    }
    if let Some(rate) = args.learning_rate.as_ref().and_then(|rates| rates.get(task)) {
        recipe.learning_rate = f64::from(rate.value());
    }
    Ok(recipe)
}

struct Work<'a> {
    device: &'a Device,
    data: &'a Dataset,
    model: &'a Model,
    progress: Progress,
    interrupt: Interrupt,
}

impl Work<'_> {
    fn train(&self, recipe: &Recipe, files: &Resumable, out: &Path) -> Result<Run, Error> {
        let started = Instant::now();
        let batch = recipe.batch as u64;
        let per_epoch = self.data.len() as u64 / batch;
        let what = format!("training the {} net on {} pictures", recipe.net.task(), self.data.len());
        let mut stage = self.progress.stage(&what, u64::from(recipe.epochs) * per_epoch * batch, "images");
        let mut told = false;
        let mut run = Run { resumed: files.keep.resume, file: out.display().to_string(), ..Run::default() };
        let trained =
            tasks::train(self.device, self.data, self.model, recipe, &files.keep, |report: Report| {
                stage.set(report.step * batch);
                if !std::mem::replace(&mut told, true) {
                    stage.note_some(device::divided_batches(recipe.batch, report.parts));
                }
                if let Some(ended @ Epoch { epoch, loss, .. }) = Epoch::ended(&report, recipe.epochs, false) {
                    let after = duration(started.elapsed());
                    stage.note(&format!("epoch {epoch} of {}: loss {loss:.4}, after {after}", recipe.epochs));
                    run.epochs.push(ended);
                }
                if self.interrupt.is_requested() { Next::Stop } else { Next::GoOn }
            })
            .map_err(|error| files.stopped(error, "cannot train a task net"))?;
        let Some(weights) = trained else {
            return Err(files.interrupted());
        };
        stage.finish();
        let kept = recipe.net.checkpoint(weights).write(out);
        kept.map_err(|error| files.stopped(error, "cannot keep a task net"))?;
        files.finish();
        self.progress.note(&format!("wrote {} after {}", out.display(), duration(started.elapsed())));
        Ok(Run { seconds: started.elapsed().as_secs_f64(), ..run })
    }
}
