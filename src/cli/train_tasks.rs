//! `train tasks`: the nets of the self-supervised tasks, one after the other.

use std::path::Path;
use std::time::Instant;

use unperturb_data::{Dataset, OpenOptions, Split};
use unperturb_engine::Device;

use super::args::{NetArgs, TaskTrainingArgs};
use super::interrupt::Interrupt;
use super::progress::{Progress, duration};
use super::train::SNAPSHOT_EVERY;
use super::{Error, Global, device, inputs};
use crate::model::Model;
use crate::task::nets::TaskNet;
use crate::train::snapshot;
use crate::train::tasks::{self, Recipe};
use crate::train::trainer::{Keep, Next, Report};

/// Runs the command.
pub fn run(global: &Global, args: &TaskTrainingArgs) -> Result<(), Error> {
    let device = device::open(global)?;
    let net = NetArgs { classifier: args.classifier.clone(), normalize: args.normalize };
    let model = inputs::model(&net)?;
    let data = unperturb_data::open_with(&args.data, Split::Train, OpenOptions::default())
        .map_err(Error::failed("cannot read the pictures"))?;
    std::fs::create_dir_all(&args.out)
        .map_err(Error::failed(format!("cannot make the folder {}", args.out.display())))?;
    let work = Work {
        device: &device,
        data: &data,
        model: &model,
        progress: Progress::new(global.quiet),
        interrupt: Interrupt::install()?,
        every: args.checkpoint_every.map_or(SNAPSHOT_EVERY, |n| n.get() as u64),
    };
    for &task in &args.tasks {
        let width = args.width.as_ref().and_then(|widths| widths.get(task)).map(|n| n.get());
        let mut recipe = Recipe::new(task, &model, data.height(), width, global.seed);
        if let Some(epochs) = args.epochs.as_ref().and_then(|epochs| epochs.get(task)) {
            recipe.epochs = epochs.get() as u32;
        }
        if let Some(batch) = args.batch.as_ref().and_then(|batches| batches.get(task)) {
            recipe.batch = batch.get();
        }
        if let Some(rate) = args.learning_rate.as_ref().and_then(|rates| rates.get(task)) {
            recipe.learning_rate = f64::from(rate.value());
        }
        work.train(&recipe, &TaskNet::path(&args.out, task), args.resume)?;
    }
    Ok(())
}

struct Work<'a> {
    device: &'a Device,
    data: &'a Dataset,
    model: &'a Model,
    progress: Progress,
    interrupt: Interrupt,
    every: u64,
}

impl Work<'_> {
    fn train(&self, recipe: &Recipe, out: &Path, resume: bool) -> Result<(), Error> {
        let path = snapshot::beside(out);
        // A task whose net is there and which left no snapshot is done.
        if resume && out.exists() && !path.exists() {
            self.progress.note(&format!("{} is there already", out.display()));
            return Ok(());
        }
        let keep = Keep { resume: resume && path.exists(), path, every: self.every };
        let started = Instant::now();
        let batch = recipe.batch as u64;
        let per_epoch = self.data.len() as u64 / batch;
        let what = format!("training the {} net on {} pictures", recipe.net.task(), self.data.len());
        let mut stage = self.progress.stage(&what, u64::from(recipe.epochs) * per_epoch * batch, "images");
        let trained = tasks::train(self.device, self.data, self.model, recipe, &keep, |report: Report| {
            stage.set(report.step * batch);
            if let Some((loss, _)) = report.epoch {
                let epoch = report.step * u64::from(recipe.epochs) / report.steps;
                let after = duration(started.elapsed());
                stage.note(&format!("epoch {epoch} of {}: loss {loss:.4}, after {after}", recipe.epochs));
            }
            if self.interrupt.is_requested() { Next::Stop } else { Next::GoOn }
        })
        .map_err(Error::failed("cannot train a task net"))?;
        let Some(weights) = trained else {
            return Err(Error::Interrupted(Some("go on with the same command and `--resume`".into())));
        };
        stage.finish();
        recipe.net.checkpoint(weights).write(out).map_err(Error::failed("cannot keep a task net"))?;
        // The result is safe; what led to it has no more use.
        let _ = std::fs::remove_file(&keep.path);
        self.progress.note(&format!("wrote {} after {}", out.display(), duration(started.elapsed())));
        Ok(())
    }
}
