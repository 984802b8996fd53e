//! The loop that all trainings share: batches in, updates on the device, snapshots, progress.

use std::path::PathBuf;

use unperturb_data::Batches;
use unperturb_engine::ops::random::Random;
use unperturb_engine::optim::{Parameter, Schedule};
use unperturb_engine::{EngineError, Graph, Session, Value};
use unperturb_nets::Scope;

use super::parts::Update;
use super::snapshot::{self, Position, Settings};
use crate::Failure;
use crate::attack::{IMAGES, LABELS};

/// The state of the learning rate, one number, which the host writes before each update.
pub const LEARNING_RATE: &str = "learning rate";
/// The state of the sums of the loss and of right answers since they were last shown, `[2]`.
const SUMS: &str = "sums";

/// What is reported while training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// Updates done.
    pub step: u64,
    /// Updates in all.
    pub steps: u64,
    /// Parts that each batch is taken in.
    pub parts: usize,
    /// Means since the last one, at the end of an epoch: the loss and the share of right answers.
    pub epoch: Option<(f32, f32)>,
}

/// What the caller decides after each update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another update.
    GoOn,
    /// Stop here, with a snapshot.
    Stop,
}

/// How long and how fast.
#[derive(Clone, Debug)]
pub struct Course {
    /// Passes over the data.
    pub epochs: u32,
    /// The learning rate that the schedule varies.
    pub learning_rate: f64,
    /// The learning rate over the updates.
    pub schedule: Schedule,
    /// Seed of the order, the augmentation and everything random.
    pub seed: u64,
    /// Every option, picture and frozen net that the result depends on; a snapshot is only taken up with the
    /// same ones.
    pub settings: Settings,
}

impl Course {
    fn rate(&self, step: u64, steps: u64) -> f32 {
        self.schedule.rate(self.learning_rate, step as usize, steps as usize) as f32
    }
}

/// Where snapshots go and how often.
#[derive(Clone, Debug)]
pub struct Keep {
    /// The file.
    pub path: PathBuf,
    /// Updates from one to the next.
    pub every: u64,
    /// Go on from the file.
    pub resume: bool,
}

/// What runs before each update.
pub type Before = Box<dyn Fn(&mut Session) -> Result<(), Failure>>;

/// A compiled training.
pub struct Trainer<'d> {
    /// The session that holds the weights.
    pub session: Session,
    /// One update of the weights.
    pub update: Update,
    /// What runs before each part of an update, for instance an attack. Snapshots hold what updates change, so it must
    /// not depend on anything that it left behind in an earlier run.
    pub before: Before,
    /// States of random numbers, seeded anew for each update from the seed and its number; so snapshots do
    /// without them.
    pub random: Vec<String>,
    /// The pictures.
    pub batches: Batches<'d>,
    /// Numbers in a picture.
    pub picture_len: usize,
}

/// Adds the batch's mean loss and share of right answers to the sums that reports are made of.
pub fn observe<'g>(g: &'g Graph, loss: Value<'g>, right: Value<'g>) {
    let sums = g.state(SUMS, [2]);
    let both = Value::concatenate(&[loss.reshape([1]), right.reshape([1])], 0);
    g.assign(sums, sums + both.detach());
}

/// The learned parameters of the net traced in `scope`, with their gradients of `loss`.
///
/// # Errors
/// What the engine reports.
pub fn learned<'g>(
    g: &'g Graph,
    scope: &Scope<'g>,
    loss: Value<'g>,
) -> Result<Vec<Parameter<'g>>, EngineError> {
    let learned: Vec<_> = scope.parameters().into_iter().filter(|p| p.kind.is_learned()).collect();
    let values: Vec<_> = learned.iter().map(|p| p.value).collect();
    let gradients = g.gradient(loss, &values)?.into_iter().zip(learned);
    Ok(gradients
        .map(|(gradient, p)| Parameter { name: p.state, value: p.value, gradient, decay: true })
        .collect())
}

impl Trainer<'_> {
    /// Trains to the end, or until `report` says stop. Tells whether it came to the end.
    ///
    /// # Errors
    /// Fewer pictures than a batch has; a snapshot cannot be read or written; what the engine reports; a loss
    /// that is no number.
    pub fn run(
        &mut self,
        course: &Course,
        keep: &Keep,
        mut report: impl FnMut(Report) -> Next,
    ) -> Result<bool, Failure> {
        let per_epoch = self.batches.per_epoch() as u64;
        if per_epoch == 0 {
            return Err(Failure::TooFewPictures { batch: self.batches.batch_size() });
        }
        let steps = u64::from(course.epochs) * per_epoch;
        let states = self.kept_states();
        let mut step = 0;
        if keep.resume {
            step = snapshot::read(&mut self.session, &states, &course.settings, &keep.path)?;
        }
        let mut images = vec![0.0; self.batches.batch_size() * self.picture_len];
        let mut labels = vec![0; self.batches.batch_size()];
        while step < steps {
            let (epoch, batch) = ((step / per_epoch) as u32, (step % per_epoch) as usize);
            self.batches.fill(epoch, batch, &mut images, &mut labels)?;
            self.session.write(LEARNING_RATE, &[course.rate(step, steps)])?;
            for name in &self.random {
                let [low, high, ..] = Random::seeded(course.seed);
                // The second counter word is the update, so that runs within one update may advance the first.
                self.session.write_u32(name, &[low, high, 0, step as u32])?;
            }
            self.update(&images, &labels)?;
            step += 1;

            let ended = step % per_epoch == 0;
            let epoch =
                if ended { Some(self.take_means(per_epoch * self.update.parts as u64)?) } else { None };
            let next = report(Report { step, steps, parts: self.update.parts, epoch });
            if next == Next::Stop || step % keep.every == 0 && step < steps {
                let position = Position { settings: course.settings.clone(), step };
                snapshot::write(&mut self.session, &states, &position, &keep.path)?;
            }
            if next == Next::Stop {
                return Ok(step == steps);
            }
        }
        Ok(true)
    }

    /// One update on a batch.
    fn update(&mut self, images: &[f32], labels: &[u32]) -> Result<(), Failure> {
        let part = labels.len() / self.update.parts;
        for (images, labels) in images.chunks(part * self.picture_len).zip(labels.chunks(part)) {
            self.session.write(IMAGES, images)?;
            if self.session.has(LABELS) {
                self.session.write_u32(LABELS, labels)?;
            }
            (self.before)(&mut self.session)?;
            if let Some(accumulate) = &self.update.accumulate {
                self.session.run(accumulate, 1)?;
            }
        }
        Ok(self.session.run(&self.update.apply, 1)?)
    }

    /// Everything that an update changes and that is not written anew before the next.
    fn kept_states(&self) -> Vec<String> {
        let names = self.update.kept_states().into_iter();
        names.filter(|name| !self.random.contains(name)).collect()
    }

    fn take_means(&mut self, parts: u64) -> Result<(f32, f32), Failure> {
        let sums = self.session.read(SUMS)?;
        self.session.write(SUMS, &[0.0, 0.0])?;
        if !sums[0].is_finite() {
            return Err(Failure::Diverged);
        }
        Ok((sums[0] / parts as f32, sums[1] / parts as f32))
    }
}
