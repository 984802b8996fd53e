//! How pictures fare behind a defence: with fresh seeds, in other company, and behind the controls.

use std::time::Instant;

use unperturb_engine::Session;
use unperturb_engine::ops::random::philox4x32_10;

use super::ensemble::{self, Ensemble};
use super::{Piece, Pieces, Subject};
use crate::Failure;
use crate::attack::{IMAGES, LOGITS};
use crate::evaluate::Defender;
use crate::evaluate::batches::{Prepared, even};
use crate::evaluate::predictions::predictions;
use crate::passes::Passes;
use crate::reversal::{Defence, Reversal};
use crate::task::Task;

/// Pictures that go through the controls together.
const BATCH: usize = 100;

/// Whether each picture was right, once for every seed of the defence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// A row for each seed.
    pub correct: Vec<Vec<bool>>,
    /// Passes that one picture cost under one seed.
    pub passes: Passes,
    /// Wall time of all seeds.
    pub seconds: f64,
}

impl Scores {
    /// How many pictures were right under each seed.
    pub fn counts(&self) -> Vec<u64> {
        self.correct.iter().map(|seed| seed.iter().filter(|right| **right).count() as u64).collect()
    }

    /// How many pictures were right under all seeds together.
    pub fn right(&self) -> u64 {
        self.counts().iter().sum()
    }

    /// Pictures that most seeds get right: one draw breaks nothing and saves nothing.
    pub fn voted(&self) -> Vec<bool> {
        let images = self.correct.first().map_or(0, Vec::len);
        let votes = |image: usize| self.correct.iter().filter(|seed| seed[image]).count();
        (0..images).map(|image| 2 * votes(image) > self.correct.len()).collect()
    }

    /// Right only where all of `rows` are: by seed, the attacker's best for each picture.
    pub fn worst<'a>(rows: impl IntoIterator<Item = &'a Scores>) -> Scores {
        let mut rows = rows.into_iter();
        let mut worst = rows.next().cloned().unwrap_or_default();
        for row in rows {
            for (seed, of_row) in worst.correct.iter_mut().zip(&row.correct) {
                seed.iter_mut().zip(of_row).for_each(|(right, of_row)| *right &= *of_row);
            }
        }
        worst
    }
}

/// Scores pictures of a subject.
pub struct Scorer<'a> {
    /// Whose labels count.
    pub subject: Subject<'a>,
    /// Fresh seeds of the defence.
    pub seeds: usize,
    /// Where finished scores are kept.
    pub pieces: &'a Pieces,
}

/// In whose company a picture is repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// All pictures are attacked.
    Attacked,
    /// Every other one is, in two runs so that each is scored once.
    Mixed,
}

impl Scorer<'_> {
    /// The seed of a scoring, of which no attack knows.
    fn seed(&self, number: usize) -> u64 {
        let seed = self.subject.seed;
        let counter = [number as u32, 0, 0, 2];
        let [low, high, ..] = philox4x32_10(counter, [seed as u32, (seed >> 32) as u32]);
        u64::from(low) | u64::from(high) << 32
    }

    /// `points` behind `defence`. `name` tells this score from others, and `done` hears of every seed.
    ///
    /// # Errors
    /// What the engine reports; what `done` returns.
    pub fn score(
        &self,
        name: &str,
        points: &[f32],
        defence: &Defence,
        company: Company,
        mut done: impl FnMut(usize) -> Result<(), Failure>,
    ) -> Result<Scores, Failure> {
        let Subject { device, model, nets, labels, size, images, .. } = self.subject;
        let length = self.subject.length();
        let mut defender = Defender::new(device, model, nets, defence, BATCH, 0);
        self.by_seed(name, &mut done, |seed| {
            defender.reseed(seed);
            let mut right = vec![false; labels.len()];
            let mut passes = Passes::default();
            let runs = if company == Company::Mixed { 2 } else { 1 };
            for run in 0..runs {
                let is_attacked = |image: usize| image % runs == run;
                let shown: Vec<f32> = (0..labels.len())
                    .flat_map(|image| {
                        let from = if is_attacked(image) { points } else { images };
                        from[image * length..(image + 1) * length].iter().copied()
                    })
                    .collect();
                let defended = defender.defend(&shown, size, |_| Ok(()))?;
                for image in (0..labels.len()).filter(|image| is_attacked(*image)) {
                    right[image] = defended.predictions[image].0 == labels[image];
                }
                passes = per_image(defended.passes, labels.len());
            }
            Ok((right, passes))
        })
    }

    /// Whether the undefended net gets each of `points` right.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn undefended(&self, points: &[f32]) -> Result<Vec<bool>, Failure> {
        let Subject { device, model, nets, labels, size, .. } = self.subject;
        let mut defender = Defender::new(device, model, nets, &Defence::None, BATCH, 0);
        let found = defender.defend(points, size, |_| Ok(()))?.predictions;
        Ok(found.iter().zip(labels).map(|(found, label)| found.0 == *label).collect())
    }

    /// `points` before the mean of `forwards` noisy answers.
    ///
    /// # Errors
    /// What the engine reports; what `done` returns.
    pub fn ensemble(
        &self,
        name: &str,
        points: &[f32],
        forwards: usize,
        noise: f32,
        mut done: impl FnMut(usize) -> Result<(), Failure>,
    ) -> Result<Scores, Failure> {
        let Subject { device, model, labels, size: [h, w], .. } = self.subject;
        let length = self.subject.length();
        let mut compiled = Prepared::on(device);
        self.by_seed(name, &mut done, |seed| {
            let mut right = Vec::new();
            let mut passes = Passes::default();
            for (number, range) in even(labels.len(), BATCH).into_iter().enumerate() {
                let n = range.len();
                let (session, ensemble) = compiled.get(n, || {
                    let mut session = Session::new(device);
                    let ensemble = Ensemble::compile(&mut session, model, forwards, noise, [n, h, w, 3])?;
                    model.load(&mut session)?;
                    Ok((session, ensemble))
                })?;
                session.write(IMAGES, &points[range.start * length..range.end * length])?;
                session.write_u32(ensemble::RANDOM, &[seed as u32, (seed >> 32) as u32, 0, number as u32])?;
                passes = Passes::default();
                ensemble.run(session, &mut passes)?;
                let predicted = predictions(&session.read(LOGITS)?, n)?;
                right.extend(predicted.iter().zip(&labels[range]).map(|(found, label)| found.0 == *label));
            }
            Ok((right, passes))
        })
    }

    fn by_seed(
        &self,
        name: &str,
        done: &mut dyn FnMut(usize) -> Result<(), Failure>,
        mut score: impl FnMut(u64) -> Result<(Vec<bool>, Passes), Failure>,
    ) -> Result<Scores, Failure> {
        let mut scores = Scores::default();
        for number in 0..self.seeds {
            let piece = self.pieces.get(&format!("score {name} seed {number}"), || {
                let started = Instant::now();
                let (right, passes) = score(self.seed(number))?;
                let values = right.into_iter().map(|right| f32::from(u8::from(right))).collect();
                Ok(Piece { values, passes, seconds: started.elapsed().as_secs_f64() })
            })?;
            scores.correct.push(piece.values.iter().map(|right| *right != 0.0).collect());
            scores.passes = piece.passes;
            scores.seconds += piece.seconds;
            done(1)?;
        }
        Ok(scores)
    }
}

/// The smallest company that the reversal allows: none, or one other picture where the contrastive loss compares them.
pub fn alone(reversal: &Reversal) -> Reversal {
    let batch = if reversal.tasks().contains(&Task::Contrastive) { 2 } else { 1 };
    Reversal { batch, ..reversal.clone() }
}

fn per_image(passes: Passes, images: usize) -> Passes {
    let share = |count: u64| count / images.max(1) as u64;
    Passes {
        forwards: share(passes.forwards),
        backwards: share(passes.backwards),
        task_forwards: share(passes.task_forwards),
        task_backwards: share(passes.task_backwards),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(rows: &[&[u8]]) -> Scores {
        let correct = rows.iter().map(|row| row.iter().map(|right| *right == 1).collect()).collect();
        Scores { correct, ..Scores::default() }
    }

    #[test]
    fn most_seeds_decide_and_a_draw_is_lost() {
        let three = scores(&[&[1, 1, 0, 0], &[1, 0, 1, 0], &[1, 1, 0, 0]]);
        assert_eq!(three.voted(), [true, true, false, false]);
        assert_eq!(three.counts(), [2, 2, 2]);
        assert_eq!(scores(&[&[1, 0], &[0, 0]]).voted(), [false, false]);
    }

    #[test]
    fn the_worst_case_is_taken_picture_by_picture_and_seed_by_seed() {
        let worst = Scores::worst([&scores(&[&[1, 1, 0], &[1, 1, 1]]), &scores(&[&[1, 0, 1], &[0, 1, 1]])]);
        assert_eq!(worst, scores(&[&[1, 0, 0], &[0, 1, 1]]));
    }
}
