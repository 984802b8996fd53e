//! Runs the rows: every picture is attacked, in the batches in which it is repaired, and none leaves early, as one
//! draw of a defence that answers at random breaks nothing.

use std::time::Instant;

use unperturb_engine::Session;
use unperturb_engine::ops::random::philox4x32_10;

use super::defended::{Aware, Defended, Draws, Through};
use super::{Budget, Piece, Pieces, Row, Subject};
use crate::Failure;
use crate::attack::apgd::{self, AutoPgd, BEST, BEST_LOSS, FLAT, without_gradient};
use crate::attack::ball::Bound;
use crate::attack::square::{self, RandomSearch};
use crate::attack::victim::Averaged;
use crate::attack::{ATTACKED, IMAGES, LABELS, Norm, RANDOM, Victim, seeds};
use crate::evaluate::batches::{Prepared, even};
use crate::passes::Passes;
use crate::reversal::descent;
use crate::spec::Magnitude;

/// The published share of improving steps, and of the first squares.
const RHO: f32 = 0.75;
const P: f32 = 0.8;
/// Stages of other attacks draw with lower numbers.
const FIRST_STAGE: u32 = 64;

/// What a row found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The attacked pictures, `[n, h, w, 3]` in [0, 1].
    pub points: Vec<f32>,
    /// Passes that each picture cost.
    pub passes: Passes,
    /// How long it took.
    pub seconds: f64,
    /// What a reader should know.
    pub remarks: Vec<String>,
}

/// Runs rows on a subject.
pub struct Attacks<'a> {
    /// What is attacked.
    pub subject: Subject<'a>,
    /// What may be spent.
    pub budget: &'a Budget,
    /// Where finished batches are kept.
    pub pieces: &'a Pieces,
}

enum Search {
    Gradient(Box<AutoPgd>),
    Random(Box<RandomSearch>),
}

struct Ready {
    session: Session,
    search: Search,
}

impl Attacks<'_> {
    /// Attacks within `epsilon`. `done` hears after every batch how many pictures it had.
    ///
    /// # Errors
    /// What the engine reports; a repair whose steps cannot be differentiated ([`Row::Unrolled`]); what `done` returns.
    pub fn run(
        &self,
        row: Row,
        epsilon: &Magnitude,
        mut done: impl FnMut(usize) -> Result<(), Failure>,
    ) -> Result<Found, Failure> {
        let mut prepared = Prepared::on(self.subject.device);
        let mut found = Found::default();
        let count = self.subject.labels.len();
        let mut flat = 0;
        for (number, range) in even(count, self.subject.reversal.batch).into_iter().enumerate() {
            let name = format!("{} batch {number}", row.options(epsilon, self.budget));
            let piece = self.pieces.get(&name, || {
                let [h, w] = self.subject.size;
                let ready =
                    prepared.get(range.len(), || self.ready(row, epsilon.value(), [range.len(), h, w, 3]))?;
                self.run_batch(row, ready, number as u32, range.clone())
            })?;
            // The last number tells how many pictures had no gradient at their start.
            let (none, points) = piece.values.split_last().expect("a piece has that number");
            flat += *none as usize;
            found.points.extend(points);
            found.passes = piece.passes;
            found.seconds += piece.seconds;
            done(range.len())?;
        }
        if flat > 0 {
            found.remarks.push(without_gradient(row, flat));
        }
        if self.objective(row) != row.objective() {
            found
                .remarks
                .push(format!("{row} takes the difference of two logits: there are too few classes"));
        }
        Ok(found)
    }

    fn objective(&self, row: Row) -> crate::attack::Objective {
        let objective = row.objective();
        let few = self.subject.model.classes() < objective.classes();
        if few { objective.for_few_classes() } else { objective }
    }

    /// Random words of the defence in an attacker's hands: not those that it is scored with.
    fn draw(&self, row: Row, restart: u32, batch: u32) -> [u32; 4] {
        let seed = self.subject.seed;
        let counter = [row as u32, restart, 0, 1];
        let [low, high, ..] = philox4x32_10(counter, [seed as u32, (seed >> 32) as u32]);
        [low, high, 0, batch]
    }

    fn victim(&self, row: Row) -> Box<dyn Victim + '_> {
        let Subject { model, nets, reversal, .. } = self.subject;
        let defended =
            |through: Through, draws: Draws| Box::new(Defended { model, nets, reversal, through, draws });
        let fixed = Draws::Fixed(self.draw(row, 0, 0));
        match row {
            Row::BpdaCe | Row::BpdaDlr | Row::Square => defended(Through::Identity, fixed),
            Row::BpdaEotCe | Row::BpdaEotDlr => defended(Through::Identity, Draws::Fresh),
            Row::Unrolled => defended(Through::Unrolled(self.budget.unroll.min(reversal.steps)), fixed),
            Row::Trajectory => defended(Through::Trajectory(self.budget.points.min(reversal.steps)), fixed),
            // The undefended net is that of an attacker who does not look at the losses.
            _ => Box::new(Aware { model, nets, reversal, lambda: row.lambda().unwrap_or(0.0) }),
        }
    }

    fn ready(&self, row: Row, epsilon: f32, shape: [usize; 4]) -> Result<Ready, Failure> {
        let mut session = Session::new(self.subject.device);
        let victim = self.victim(row);
        let (classes, bound) = (victim.classes(), Bound { norm: Norm::Linf, epsilon });
        let search = if row == Row::Square {
            let options = square::Options { bound, queries: self.budget.queries, p: P };
            let query = victim.query(&mut session, shape)?;
            Search::Random(Box::new(RandomSearch::compile(&mut session, options, shape, classes, query)?))
        } else {
            let options = apgd::Options { bound, steps: self.budget.steps, rho: RHO };
            let once = victim.differentiate(&mut session, shape, self.objective(row))?;
            let evaluate = Averaged::of(once, row.draws(self.budget), &mut session, shape)?;
            Search::Gradient(Box::new(AutoPgd::compile(&mut session, options, shape, classes, evaluate)?))
        };
        victim.load(&mut session)?;
        Ok(Ready { session, search })
    }

    fn run_batch(
        &self,
        row: Row,
        ready: &mut Ready,
        number: u32,
        range: std::ops::Range<usize>,
    ) -> Result<Piece, Failure> {
        let Subject { images, labels, seed, .. } = self.subject;
        let length = self.subject.length();
        let Ready { session, search } = ready;
        let started = Instant::now();
        session.write(IMAGES, &images[range.start * length..range.end * length])?;
        session.write_u32(LABELS, &labels[range.clone()])?;
        let mut best: Vec<f32> = Vec::new();
        let mut best_loss = vec![f32::MIN; range.len()];
        let mut flat = 0;
        let mut passes = Passes::default();
        for restart in 0..row.restarts(self.budget) as u32 {
            if session.has(descent::RANDOM) {
                session.write_u32(descent::RANDOM, &self.draw(row, restart, number))?;
            }
            let of_image =
                |image: usize| seeds::of_image(seed, FIRST_STAGE + row as u32, restart, 0, image as u32);
            session.write_u32(RANDOM, &range.clone().flat_map(of_image).collect::<Vec<u32>>())?;
            match search {
                Search::Random(search) => {
                    search.run(session, 0..self.budget.queries, &mut passes)?;
                    best = session.read(ATTACKED)?;
                }
                Search::Gradient(apgd) => {
                    apgd.run(session, &mut passes)?;
                    let (points, losses) = (session.read(BEST)?, session.read(BEST_LOSS)?);
                    if losses.iter().any(|loss| loss.is_nan()) {
                        return Err(Failure::NotFinite);
                    }
                    if restart == 0 {
                        flat = session.read(FLAT)?.iter().filter(|flat| **flat != 0.0).count();
                        best = points.clone();
                    }
                    for (image, loss) in losses.into_iter().enumerate() {
                        if loss > best_loss[image] {
                            best_loss[image] = loss;
                            let place = image * length..(image + 1) * length;
                            best[place.clone()].copy_from_slice(&points[place]);
                        }
                    }
                }
            }
        }
        best.push(flat as f32);
        Ok(Piece { values: best, passes, seconds: started.elapsed().as_secs_f64() })
    }
}
