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
use super::{Error, Global, device, inputs};
use crate::model::Model;
use crate::task::nets::TaskNet;
use crate::train::snapshot;
use crate::train::tasks::{self, Recipe};
use crate::train::trainer::{Next, Report};

/// Runs the command.
pub fn run(global: &Global, args: &TaskTrainingArgs) -> Result<(), Error> {
    let device = device::open(global)?;
    let net = NetArgs { classifier: args.classifier.clone(), normalize: args.normalize };
    let model = inputs::model(&net)?;
    let options = OpenOptions { limit: args.images.map(NonZeroUsize::get), ..Default::default() };
    let data = unperturb_data::open_with(&args.data, Split::Train, options)
        .map_err(Error::failed("cannot read the pictures"))?;
    std::fs::create_dir_all(&args.out)
        .map_err(Error::failed(format!("cannot make the folder {}", args.out.display())))?;
    let work = Work {
        device: &device,
        data: &data,
        model: &model,
        progress: Progress::new(global.quiet),
        interrupt: Interrupt::install()?,
    };
    // The files of all tasks first: none shall turn out to be no good after the others are trained.
    let mut files = vec![];
    for &task in &args.tasks {
        let out = TaskNet::path(&args.out, task);
        let from = Some(snapshot::beside(&out)).filter(|path| args.resume && path.exists());
        // A task whose net is there and which left no snapshot is done.
        if args.resume && from.is_none() && out.exists() {
            work.progress.note(&format!("{} is there already", out.display()));
            continue;
        }
        files.push((task, Resumable::new(&out, from, args.checkpoint_every, |_| "--resume".into())?, out));
    }
    for (task, files, out) in files {
        let width = args.width.as_ref().and_then(|widths| widths.get(task)).map(|n| n.get());
        let mut recipe = Recipe::new(task, &model, data.height(), width, global.seed);
        if let Some(epochs) = args.epochs.as_ref().and_then(|epochs| epochs.get(task)) {
            recipe.epochs = epochs.get();
        }
        if let Some(batch) = args.batch.as_ref().and_then(|batches| batches.get(task)) {
            recipe.batch = batch.get();
        }
        if let Some(rate) = args.learning_rate.as_ref().and_then(|rates| rates.get(task)) {
            recipe.learning_rate = f64::from(rate.value());
        }
        work.train(&recipe, &files, &out)?;
    }
    Ok(())
}

struct Work<'a> {
    device: &'a Device,
    data: &'a Dataset,
    model: &'a Model,
    progress: Progress,
    interrupt: Interrupt,
}

impl Work<'_> {
    fn train(&self, recipe: &Recipe, files: &Resumable, out: &Path) -> Result<(), Error> {
        let started = Instant::now();
        let batch = recipe.batch as u64;
        let per_epoch = self.data.len() as u64 / batch;
        let what = format!("training the {} net on {} pictures", recipe.net.task(), self.data.len());
        let mut stage = self.progress.stage(&what, u64::from(recipe.epochs) * per_epoch * batch, "images");
        let trained =
            tasks::train(self.device, self.data, self.model, recipe, &files.keep, |report: Report| {
                stage.set(report.step * batch);
                if let Some((loss, _)) = report.epoch {
                    let epoch = report.step * u64::from(recipe.epochs) / report.steps;
                    let after = duration(started.elapsed());
                    stage.note(&format!("epoch {epoch} of {}: loss {loss:.4}, after {after}", recipe.epochs));
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
        Ok(())
    }
}
