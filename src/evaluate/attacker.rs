//! Runs attacks on a victim, batch by batch, each round on the images that are still right.

use unperturb_engine::{Device, Session};

use super::batches::{Prepared, fitting, padded};
use super::look::{Clean, look};
use super::predictions::predictions;
use super::record::{Keep, Keeper, Record};
use super::targets::Targets;
use crate::Failure;
use crate::attack::apgd::{FLAT, without_gradient};
use crate::attack::stage::{Compiled, Round, Stage, Target};
use crate::attack::{
    ATTACKED, Attack, Evaluate, IMAGES, LABELS, LOGITS, POINT, RANDOM, TARGETS, Version, Victim, seeds,
};
use crate::passes::Passes;

/// What an attack made of pictures.
#[derive(Clone, Debug, Default)]
pub struct Attacked {
    /// The attacked pictures, `[n, h, w, 3]` in [0, 1]: a point that breaks the picture if one was found, else that at
    /// which the victim is nearest to wrong; pictures that were wrong from the start are clean where the attack leaves
    /// them alone.
    pub images: Vec<f32>,
    /// The classes that a targeted attack aimed at.
    pub targets: Option<Vec<u32>>,
    /// What was left after each stage.
    pub stages: Vec<StageOutcome>,
    /// What a reader of the numbers should know.
    pub remarks: Vec<String>,
    /// Passes through the nets, summed over the pictures.
    pub passes: Passes,
}

/// What was left after one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageOutcome {
    /// The attack of the stage.
    pub name: &'static str,
    /// Pictures that are not broken.
    pub unbroken: usize,
}

/// Attacks pictures on a device.
pub struct Attacker<'a> {
    device: &'a Device,
    victim: &'a dyn Victim,
    attack: &'a Attack,
    batch: usize,
    seed: u64,
    keep: Option<Keep>,
}

/// Programs for one batch size.
struct Ready {
    session: Session,
    stage: Compiled,
    query: Box<dyn Evaluate>,
}

/// Pictures, and what they show.
#[derive(Clone, Copy)]
struct Pictures<'a> {
    images: &'a [f32],
    labels: &'a [u32],
    size: [usize; 2],
}

/// A stage among the others.
#[derive(Clone, Copy)]
struct StageRun<'a> {
    /// Its number.
    number: usize,
    stage: &'a Stage,
    rounds: &'a [Round],
    /// Rounds of the stages before it.
    before: usize,
}

/// A black-box attack that breaks more than this share after the others says that their gradients are no use.
const SUSPICIOUS: f64 = 0.002;

impl<'a> Attacker<'a> {
    /// Attacks in batches of at most `batch`. The result does not depend on how large they are.
    pub fn new(
        device: &'a Device,
        victim: &'a dyn Victim,
        attack: &'a Attack,
        batch: usize,
        seed: u64,
    ) -> Self {
        Attacker { device, victim, attack, batch, seed, keep: None }
    }

    /// Keeps what was reached in a file, and goes on from it if it is there.
    pub fn keeping(self, keep: Option<Keep>) -> Self {
        Attacker { keep, ..self }
    }

    /// Attacks `images` `[n, h, w, 3]` with true `labels` `[n]`. Each round of an attack runs on the pictures that the
    /// rounds before have not broken; a picture counts as broken if any round breaks it. `done` hears after every batch
    /// how many more pictures are done with; where it asks to stop, what was reached is kept.
    ///
    /// # Errors
    /// What the engine reports; logits that are no finite numbers; too few classes; a kept file of another attack.
    pub fn attack(
        &mut self,
        images: &[f32],
        labels: &[u32],
        size: [usize; 2],
        mut done: impl FnMut(usize) -> Result<(), Failure>,
    ) -> Result<Attacked, Failure> {
        let pictures = Pictures { images, labels, size };
        let stages = Stage::of(self.attack);
        if stages.is_empty() || labels.is_empty() {
            done(labels.len())?;
            return Ok(Attacked { images: images.to_vec(), ..Attacked::default() });
        }
        for stage in &stages {
            stage.objective_for(self.victim)?;
        }
        let classes = self.victim.classes();
        let all: Vec<Vec<Round>> = stages.iter().map(|stage| stage.rounds(classes)).collect();
        let total: usize = all.iter().map(Vec::len).sum();
        let looks = stages[0].skips_wrong() || all[0][0].target != Target::Any;
        let clean = if looks { Some(self.look(pictures)?) } else { None };
        let wrong: Vec<bool> = match &clean {
            Some(clean) if stages[0].skips_wrong() => {
                clean.predicted.iter().zip(labels).map(|(found, label)| found != label).collect()
            }
            _ => vec![false; labels.len()],
        };
        let targets =
            Targets::new(labels, clean.as_ref().map(|clean| clean.logits.as_slice()), classes, self.seed);
        let carries = stages.iter().any(Stage::is_black_box);
        let mut record = Record::new(images, images.len() / labels.len(), &wrong, carries);
        if let Some(keep) = &self.keep {
            record = record.resumed(keep)?;
        }
        if let Some(clean) = clean {
            record.noted.passes += clean.passes;
            clean.remark.into_iter().for_each(|remark| note(&mut record, remark));
        }
        let keep = self.keep.clone();
        let mut keeper = Keeper::new(keep.as_ref());
        let mut outcomes: Vec<StageOutcome> = Vec::new();
        let (mut before, mut told) = (0, 0);
        for (number, (stage, rounds)) in stages.iter().zip(&all).enumerate() {
            stage.objective_for(self.victim)?.1.into_iter().for_each(|remark| note(&mut record, remark));
            let run = StageRun { number, stage, rounds, before };
            let flat = self.run_stage(run, pictures, &targets, &mut record, |record| {
                let settled = record.settled(total);
                let heard = done(settled - told);
                told = settled;
                keeper.keep(record, heard.is_err())?;
                heard
            })?;
            if flat > 0 {
                note(&mut record, without_gradient(stage.name(), flat));
            }
            before += rounds.len();
            let unbroken = record.right_after(before);
            suspect(stage, outcomes.last(), unbroken, labels.len(), &mut record);
            outcomes.push(StageOutcome { name: stage.name(), unbroken });
            keeper.keep(&mut record, true)?;
        }
        done(labels.len() - told)?;
        let noted = record.noted.clone();
        let chosen = |aim| (0..labels.len()).map(|i| targets.of(i, Target::Chosen(aim))).collect();
        Ok(Attacked {
            images: record.into_points(),
            targets: match all[0][0].target {
                Target::Chosen(aim) => Some(chosen(aim)),
                Target::Any | Target::Ranked(_) => None,
            },
            stages: outcomes,
            remarks: noted.remarks,
            passes: noted.passes,
        })
    }

    /// The most pictures that are attacked together: what was asked for, or less where that takes more memory than the
    /// device may give.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// What the victim says of the clean pictures.
    fn look(&mut self, pictures: Pictures) -> Result<Clean, Failure> {
        let expects_fixed = matches!(self.attack, Attack::AutoAttack(auto) if auto.version != Version::Rand);
        let Pictures { images, size, .. } = pictures;
        let (clean, batch) = look(self.device, self.victim, images, size, self.batch, expects_fixed)?;
        self.batch = batch;
        Ok(clean)
    }

    /// Finds the batch size that fits into memory.
    fn fit(
        &mut self,
        stage: &Stage,
        count: usize,
        size: [usize; 2],
        ready: &mut Prepared<Ready>,
    ) -> Result<(), Failure> {
        let (batch, _) = fitting(self.device, count.min(self.batch), self.batch, |largest| {
            let rows = padded(largest, self.batch);
            ready.get(rows, || self.ready(stage, [rows, size[0], size[1], 3])).map(drop)
        })?;
        self.batch = batch;
        Ok(())
    }

    fn ready(&self, stage: &Stage, shape: [usize; 4]) -> Result<Ready, Failure> {
        let mut session = Session::new(self.device);
        let stage = stage.compile(&mut session, self.victim, shape)?;
        let query = self.victim.query(&mut session, shape)?;
        self.victim.load(&mut session)?;
        Ok(Ready { session, stage, query })
    }

    /// Runs the rounds of a stage, each on the pictures that are still pending, and tells at how many points there was no
    /// gradient to start with. `after` hears of every batch.
    fn run_stage(
        &mut self,
        run: StageRun,
        pictures: Pictures,
        targets: &Targets,
        record: &mut Record,
        mut after: impl FnMut(&mut Record) -> Result<(), Failure>,
    ) -> Result<usize, Failure> {
        let mut ready = Prepared::on(self.device);
        let largest = record.pending(run.before + run.rounds.len() - 1).len();
        if largest > 0 {
            self.fit(run.stage, largest, pictures.size, &mut ready)?;
        }
        let mut flat = 0;
        for (number, round) in run.rounds.iter().enumerate() {
            let counted = (run.before + number, round);
            for part in record.pending(counted.0).chunks(self.batch) {
                let stage = (run.number, run.stage);
                flat += self.run_part(stage, counted, part, pictures, targets, &mut ready, record)?;
                after(record)?;
            }
        }
        Ok(flat)
    }

    /// Runs one round on some pictures and takes note of what came out. Tells how many had no gradient at their start.
    fn run_part(
        &self,
        (stage_number, stage): (usize, &Stage),
        (counted, round): (usize, &Round),
        part: &[usize],
        pictures: Pictures,
        targets: &Targets,
        ready: &mut Prepared<Ready>,
        record: &mut Record,
    ) -> Result<usize, Failure> {
        let Pictures { images, labels, size } = pictures;
        let rows = padded(part.len(), self.batch);
        let length = size[0] * size[1] * 3;
        let Ready { session, stage: compiled, query } =
            ready.get(rows, || self.ready(stage, [rows, size[0], size[1], 3]))?;
        // What is missing to a full batch is filled with the first picture.
        let place = |row: usize| part.get(row).copied().unwrap_or(part[0]);
        let gather =
            |of: &dyn Fn(usize) -> Vec<f32>| (0..rows).flat_map(|row| of(place(row))).collect::<Vec<f32>>();
        let of_rows = |of: &dyn Fn(usize) -> u32| (0..rows).map(|row| of(place(row))).collect::<Vec<u32>>();
        session.write(IMAGES, &gather(&|i| images[i * length..(i + 1) * length].to_vec()))?;
        let row_labels = of_rows(&|i| labels[i]);
        if session.has(LABELS) {
            session.write_u32(LABELS, &row_labels)?;
        }
        if session.has(TARGETS) && round.target != Target::Any {
            session.write_u32(TARGETS, &of_rows(&|i| targets.of(i, round.target)))?;
        }
        if session.has(RANDOM) {
            // A restart draws the numbers of its own; queries are counted on.
            let step = if round.queries.start == 0 { 0 } else { round.queries.start as u32 + 1 };
            let seeds = (0..rows).flat_map(|row| {
                seeds::of_image(self.seed, stage_number as u32, round.number, step, place(row) as u32)
            });
            session.write_u32(RANDOM, &seeds.collect::<Vec<u32>>())?;
        }
        if round.queries.start > 0 {
            session.write(ATTACKED, &gather(&|i| record.carried(i).to_vec()))?;
        }
        let mut passes = Passes::default();
        let made = compiled.run(session, round, &row_labels, &mut passes)?;
        let points = session.read(made)?;
        session.write(POINT, &points)?;
        query.run(session, &mut passes)?;
        let logits = session.read(LOGITS)?;
        let predicted = predictions(&logits, rows)?;
        let classes = logits.len() / rows;
        for (row, &image) in part.iter().enumerate() {
            let logits = &logits[row * classes..(row + 1) * classes];
            let (found, _) = predicted[row];
            let (score, broken) = match round.target {
                Target::Chosen(_) => {
                    let target = targets.of(image, round.target);
                    (-lead(logits, target), found == target)
                }
                Target::Any | Target::Ranked(_) => (lead(logits, labels[image]), found != labels[image]),
            };
            record.take(image, counted, &points[row * length..(row + 1) * length], score, broken);
        }
        record.noted.passes += passes * part.len() as u64;
        if !session.has(FLAT) {
            return Ok(0);
        }
        Ok(session.read(FLAT)?.iter().take(part.len()).filter(|flat| **flat != 0.0).count())
    }
}

/// Remarks if a black-box attack breaks what gradients did not.
fn suspect(stage: &Stage, before: Option<&StageOutcome>, after: usize, count: usize, record: &mut Record) {
    let Some(before) = before.filter(|_| stage.is_black_box()) else { return };
    let broken = before.unbroken - after;
    if broken as f64 > SUSPICIOUS * count as f64 {
        let name = stage.name();
        note(
            record,
            format!(
                "{name} breaks {broken} images that gradients did not: they may be masked, so try an adaptive attack"
            ),
        );
    }
}

/// Notes a remark once.
fn note(record: &mut Record, remark: String) {
    if !record.noted.remarks.contains(&remark) {
        record.noted.remarks.push(remark);
    }
}

/// By how much the best other class leads that one.
fn lead(logits: &[f32], class: u32) -> f32 {
    let others = logits.iter().enumerate().filter(|(i, _)| *i != class as usize).map(|(_, z)| *z);
    others.fold(f32::MIN, f32::max) - logits[class as usize]
}
