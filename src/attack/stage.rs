//! Attacks as stages of rounds, and what is compiled for them. A round is what runs without looking: a restart, a
//! target, a number of queries. Between rounds the images that are broken leave.

use std::ops::Range;

use unperturb_engine::Session;

use super::apgd::{self, AutoPgd};
use super::ball::Bound;
use super::fab::{self, Boundary};
use super::loss::Loss;
use super::projected_gradient::Ascent;
use super::seeds::Seeds;
use super::square::{self, RandomSearch};
use super::victim::Averaged;
use super::{ATTACKED, Aim, Attack, Norm, Objective, POINT, Victim};
use crate::Failure;
use crate::passes::Passes;
use crate::spec::{Magnitude, Options};

/// One attack of those that run in turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Neither `none` nor `autoattack`.
    pub attack: Attack,
    /// Whether a net of few classes is attacked with the loss that it allows.
    pub lenient: bool,
}

/// One round of a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// Its number among the restarts or targets, for the random numbers.
    pub number: u32,
    /// What it aims at.
    pub target: Target,
    /// Which queries it makes, of an attack that makes queries.
    pub queries: Range<usize>,
}

/// What a round aims at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// Any wrong class.
    Any,
    /// The most likely wrong class, or a later one, counted from 0: a way to be wrong, and any other counts, too.
    Ranked(usize),
    /// The class that the attack is to reach: no other counts.
    Chosen(Aim),
}

/// Queries until images that are broken leave for the first time; that doubles up to a limit.
const FIRST_QUERIES: usize = 100;
const MOST_QUERIES: usize = 400;

impl Stage {
    /// The stages of an attack, in their order; none for clean images.
    pub fn of(attack: &Attack) -> Vec<Stage> {
        match attack {
            Attack::None => vec![],
            Attack::AutoAttack(auto) => {
                auto.attacks().into_iter().map(|attack| Stage { attack, lenient: true }).collect()
            }
            attack => vec![Stage { attack: attack.clone(), lenient: false }],
        }
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        self.attack.name()
    }

    /// Whether it starts from images that are right only, and looks at clean logits. Attacks by fixed steps attack every
    /// image, as they always did.
    pub fn skips_wrong(&self) -> bool {
        self.attack.projected_gradient().is_none()
    }

    /// Whether it sees no gradient.
    pub fn is_black_box(&self) -> bool {
        matches!(self.attack, Attack::Square(_))
    }

    /// Its rounds against a model of so many classes.
    pub fn rounds(&self, classes: usize) -> Vec<Round> {
        let restarts = |count: usize, target: Target| {
            (0..count as u32).map(|number| Round { number, target, queries: 0..0 }).collect()
        };
        let ranked = |targets: usize| {
            let there = targets.min(classes.saturating_sub(1));
            let round = |rank| Round { number: rank as u32, target: Target::Ranked(rank), queries: 0..0 };
            (0..there).map(round).collect()
        };
        match &self.attack {
            Attack::None | Attack::AutoAttack(_) => vec![],
            Attack::Fgsm(_) | Attack::Bim(_) => restarts(1, Target::Any),
            Attack::Pgd(pgd) => {
                let target = if pgd.target == Aim::Any { Target::Any } else { Target::Chosen(pgd.target) };
                restarts(pgd.restarts, target)
            }
            Attack::Cw(cw) => restarts(cw.restarts, Target::Any),
            Attack::ApgdCe(apgd) | Attack::ApgdDlr(apgd) => restarts(apgd.restarts, Target::Any),
            Attack::ApgdT(apgd) => ranked(apgd.targets),
            Attack::Fab(fab) => restarts(fab.rounds, Target::Any),
            Attack::FabT(fab) => ranked(fab.rounds),
            Attack::Square(square) => {
                let (mut rounds, mut next, mut length) = (Vec::new(), 0, FIRST_QUERIES);
                while next < square.queries {
                    let queries = next..(next + length).min(square.queries);
                    next = queries.end;
                    length = (2 * length).min(MOST_QUERIES);
                    rounds.push(Round { number: 0, target: Target::Any, queries });
                }
                rounds
            }
        }
    }

    /// What it raises. Square lowers a margin of its own.
    fn objective(&self) -> Objective {
        match &self.attack {
            Attack::Pgd(pgd) => pgd.objective(),
            Attack::Cw(cw) => cw.objective(),
            Attack::ApgdDlr(_) => Objective { loss: Loss::Dlr, targeted: false },
            Attack::ApgdT(_) => Objective { loss: Loss::Dlr, targeted: true },
            Attack::Fab(_) | Attack::FabT(_) => Objective { loss: Loss::Difference, targeted: true },
            _ => Objective { loss: Loss::CrossEntropy, targeted: false },
        }
    }

    /// What it raises against a model of so many classes, and a remark where that is not what was asked for.
    ///
    /// # Errors
    /// The model has too few classes.
    pub fn objective_for(&self, victim: &dyn Victim) -> Result<(Objective, Option<String>), Failure> {
        let (objective, classes) = (self.objective(), victim.classes());
        if classes >= objective.classes() {
            return Ok((objective, None));
        }
        let few = objective.for_few_classes();
        let (name, needed) = (self.name(), objective.classes());
        if classes < few.classes() {
            return Err(Failure::Mismatch(format!(
                "{} knows {classes} class, and there is no wrong one to attack it with",
                victim.name()
            )));
        }
        if !self.lenient {
            return Err(Failure::Mismatch(format!(
                "the loss of {name} needs {needed} classes or more and {} knows {classes}; take the cross-entropy or \
                 the margin",
                victim.name()
            )));
        }
        let remark =
            format!("{name} takes the difference of two logits: its ratio needs {needed} classes or more");
        Ok((few, Some(remark)))
    }

    /// Compiles it for images of `shape`.
    ///
    /// # Errors
    /// The victim has too few classes; what the engine reports.
    pub fn compile(
        &self,
        session: &mut Session,
        victim: &dyn Victim,
        shape: [usize; 4],
    ) -> Result<Compiled, Failure> {
        let (objective, _) = self.objective_for(victim)?;
        let classes = victim.classes();
        if let Some(steps) = self.attack.projected_gradient() {
            let evaluate = victim.differentiate(session, shape, objective)?;
            let ascent = Ascent::compile(session, &steps, shape, Seeds::Image, evaluate)?;
            return Ok(Compiled::Ascent(Box::new(ascent)));
        }
        match &self.attack {
            Attack::ApgdCe(apgd) | Attack::ApgdDlr(apgd) => {
                let bound = bound(apgd.norm, apgd.epsilon);
                let options = apgd::Options { bound, steps: apgd.steps, rho: apgd.rho.value() };
                auto_pgd(session, victim, shape, objective, options, apgd.eot)
            }
            Attack::ApgdT(apgd) => {
                let bound = bound(apgd.norm, apgd.epsilon);
                let options = apgd::Options { bound, steps: apgd.steps, rho: apgd.rho.value() };
                auto_pgd(session, victim, shape, objective, options, apgd.eot)
            }
            Attack::Fab(fab) | Attack::FabT(fab) => {
                let options = fab::Options {
                    bound: bound(fab.norm, fab.epsilon),
                    steps: fab.steps,
                    alpha: fab.alpha.value(),
                    eta: fab.eta.value(),
                    beta: fab.beta.value(),
                };
                let targeted = matches!(self.attack, Attack::FabT(_));
                let differentiate = victim.differentiate(session, shape, objective)?;
                let query = victim.query(session, shape)?;
                let boundary =
                    Boundary::compile(session, options, shape, classes, targeted, differentiate, query)?;
                Ok(Compiled::Boundary(Box::new(boundary)))
            }
            Attack::Square(square) => {
                let bound = bound(square.norm, square.epsilon);
                let options = square::Options { bound, queries: square.queries, p: square.p.value() };
                let query = victim.query(session, shape)?;
                let search = RandomSearch::compile(session, options, shape, classes, query)?;
                Ok(Compiled::Search(Box::new(search)))
            }
            other => unreachable!("{other} is no stage of its own"),
        }
    }
}

fn bound(norm: Norm, epsilon: Magnitude) -> Bound {
    Bound { norm, epsilon: epsilon.value() }
}

fn auto_pgd(
    session: &mut Session,
    victim: &dyn Victim,
    shape: [usize; 4],
    objective: Objective,
    options: apgd::Options,
    eot: usize,
) -> Result<Compiled, Failure> {
    let once = victim.differentiate(session, shape, objective)?;
    let evaluate = Averaged::of(once, eot, session, shape)?;
    let apgd = AutoPgd::compile(session, options, shape, victim.classes(), evaluate)?;
    Ok(Compiled::AutoPgd(Box::new(apgd)))
}

/// A stage, compiled.
pub enum Compiled {
    /// Steps of a fixed length.
    Ascent(Box<Ascent>),
    /// Auto-PGD.
    AutoPgd(Box<AutoPgd>),
    /// FAB.
    Boundary(Box<Boundary>),
    /// Square Attack.
    Search(Box<RandomSearch>),
}

impl Compiled {
    /// Runs one round on the images, labels and targets in their states, and tells in which state it leaves what it made
    /// of them. Nothing is read back.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn run(
        &self,
        session: &mut Session,
        round: &Round,
        labels: &[u32],
        passes: &mut Passes,
    ) -> Result<&'static str, Failure> {
        match self {
            Compiled::Ascent(ascent) => {
                ascent.run(session, passes)?;
                return Ok(POINT);
            }
            Compiled::AutoPgd(apgd) => apgd.run(session, passes)?,
            Compiled::Boundary(boundary) => {
                // The targeted form starts at the clean image every time: there are other targets instead.
                let random_start = round.target == Target::Any && round.number > 0;
                boundary.run(session, random_start, labels, passes)?;
            }
            Compiled::Search(search) => search.run(session, round.queries.clone(), passes)?,
        }
        Ok(ATTACKED)
    }
}
