//! Defended models as attackers see them.

use std::ops::Range;
use std::rc::Rc;

use unperturb_engine::ops::random::Random;
use unperturb_engine::{EngineError, Graph, Session};

use crate::Failure;
use crate::attack::victim::{self, Averaged};
use crate::attack::{Evaluate, Objective, POINT, Victim};
use crate::model::Model;
use crate::passes::{Counted, Passes};
use crate::reversal::descent::{self, Descent, REVERSE};
use crate::reversal::step::{self, Losses, Sign};
use crate::reversal::{Combine, Reversal};
use crate::task::nets::TaskNets;

/// How an attacker gets a gradient through the repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Through {
    /// As if the repair added a constant: the gradient at the repaired point (BPDA).
    Identity,
    /// The mean of such gradients at so many points on the way to the repaired one, which is the last of them.
    Trajectory(usize),
    /// That of so many steps of the repair, which the attacker takes instead of all of them.
    Unrolled(usize),
}

/// Which random numbers of the repair an attacker sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draws {
    /// These, at every look: what is attacked is a function then.
    Fixed([u32; 4]),
    /// New ones at every look.
    Fresh,
}

/// A classifier behind a reversal.
pub struct Defended<'a> {
    /// The classifier.
    pub model: &'a Model,
    /// The nets of the tasks.
    pub nets: &'a TaskNets,
    /// The repair.
    pub reversal: &'a Reversal,
    /// How its gradient is found.
    pub through: Through,
    /// Which draws of it are seen.
    pub draws: Draws,
}

/// A part of a repair, and then a look at where it has come to.
struct Look {
    draws: Draws,
    descent: Rc<Descent>,
    steps: Range<usize>,
    then: Rc<Counted>,
}

impl Evaluate for Look {
    fn run(&self, session: &mut Session, passes: &mut Passes) -> Result<(), EngineError> {
        if let (Draws::Fixed(words), 0) = (self.draws, self.steps.start) {
            session.write_u32(descent::RANDOM, &words)?;
        }
        self.descent.run_part(session, self.steps.clone(), passes)?;
        Counted::run(&self.then, session, 1, passes)
    }

    fn launches(&self) -> usize {
        self.descent.launches() * self.steps.len() / self.descent.steps() + self.then.program().launches()
    }
}

/// One program that draws as it is told.
struct Drawn {
    draws: Draws,
    of: Counted,
}

impl Evaluate for Drawn {
    fn run(&self, session: &mut Session, passes: &mut Passes) -> Result<(), EngineError> {
        if let Draws::Fixed(words) = self.draws {
            session.write_u32(descent::RANDOM, &words)?;
        }
        Counted::run(&self.of, session, 1, passes)
    }

    fn launches(&self) -> usize {
        self.of.program().launches()
    }
}

impl Defended<'_> {
    fn descent(&self, session: &mut Session, shape: [usize; 4]) -> Result<Rc<Descent>, Failure> {
        Ok(Rc::new(Descent::compile(session, self.reversal, self.model, self.nets, POINT, shape)?))
    }

    /// The gradient at the repaired points, by the points: the repair is read from its state and so is a constant.
    fn past_the_repair(
        &self,
        session: &mut Session,
        shape: [usize; 4],
        objective: Objective,
    ) -> Result<Rc<Counted>, Failure> {
        let look = victim::differentiate(session, shape, Passes::both(1), |g, points| {
            let logits = self.model.trace(g, points + g.state(REVERSE, shape)).logits;
            (logits, objective.trace(g, logits))
        })?;
        Ok(Rc::new(look))
    }

    /// The gradient through the first `count` steps, in one program.
    fn through_steps(
        &self,
        session: &mut Session,
        shape: [usize; 4],
        objective: Objective,
        count: usize,
    ) -> Result<Drawn, Failure> {
        let Defended { model, nets, reversal, draws, .. } = *self;
        let turns = descent::turns(reversal);
        if descent::combine(reversal) == Combine::Authors {
            return Err(Failure::Mismatch(
                "the steps of combine=authors are not unrolled: their perturbations do not follow from the picture alone"
                    .to_string(),
            ));
        }
        let g = Graph::new();
        let random = Random::new(&g, descent::RANDOM);
        let points = g.state(POINT, shape);
        let losses = Losses { graph: &g, reversal, model, nets, random };
        let mut reverse = step::start(&random, points, reversal.noise.value());
        let mut passes = Passes::both(1);
        for k in 0..count {
            let (moved, cost) = match turns[k % turns.len()] {
                None => losses.sum(points, reverse, Sign::Soft)?,
                Some(turn) => losses.alternate(points, reverse, turn)?,
            };
            reverse = moved;
            // The derivative of a step goes back through its forward passes and through its backward ones.
            passes += cost + cost.backward() + Passes { backwards: cost.backwards, ..Passes::default() };
            passes.task_backwards += cost.task_backwards;
        }
        random.advance();
        let logits = model.trace(&g, points + reverse).logits;
        let program = victim::differentiated(session, points, logits, objective.trace(&g, logits))?;
        nets.load(session, &reversal.tasks(), shape[0])?;
        Ok(Drawn { draws, of: Counted::new(program, passes) })
    }
}

impl Victim for Defended<'_> {
    fn classes(&self) -> usize {
        self.model.classes()
    }

    fn name(&self) -> &str {
        self.model.name()
    }

    fn query(&self, session: &mut Session, shape: [usize; 4]) -> Result<Box<dyn Evaluate>, Failure> {
        let descent = self.descent(session, shape)?;
        let then = victim::query(session, shape, Passes::forward(1), |g, points| {
            self.model.trace(g, points + g.state(REVERSE, shape)).logits
        })?;
        Ok(Box::new(Look { draws: self.draws, steps: 0..descent.steps(), descent, then: Rc::new(then) }))
    }

    fn differentiate(
        &self,
        session: &mut Session,
        shape: [usize; 4],
        objective: Objective,
    ) -> Result<Box<dyn Evaluate>, Failure> {
        let pieces = match self.through {
            Through::Unrolled(count) => {
                return Ok(Box::new(self.through_steps(session, shape, objective, count)?));
            }
            Through::Identity => 1,
            Through::Trajectory(points) => points,
        };
        let descent = self.descent(session, shape)?;
        let then = self.past_the_repair(session, shape, objective)?;
        let count = descent.steps();
        let look = |piece: usize| Look {
            draws: self.draws,
            descent: descent.clone(),
            steps: piece * count / pieces..(piece + 1) * count / pieces,
            then: then.clone(),
        };
        if pieces == 1 {
            return Ok(Box::new(look(0)));
        }
        let looks = (0..pieces).map(|piece| Rc::new(look(piece)) as Rc<dyn Evaluate>).collect();
        Ok(Box::new(Averaged::over(looks, session, shape)?))
    }

    fn load(&self, session: &mut Session) -> Result<(), Failure> {
        Ok(self.model.load(session)?)
    }
}

/// The undefended classifier for an attacker who also keeps the self-supervised losses low, so that the repair finds
/// nothing to do: the loss to raise is less `lambda` times their sum.
pub struct Aware<'a> {
    /// The classifier.
    pub model: &'a Model,
    /// The nets of the tasks.
    pub nets: &'a TaskNets,
    /// The repair, for its losses.
    pub reversal: &'a Reversal,
    /// λ
    pub lambda: f32,
}

impl Victim for Aware<'_> {
    fn classes(&self) -> usize {
        self.model.classes()
    }

    fn name(&self) -> &str {
        self.model.name()
    }

    fn query(&self, session: &mut Session, shape: [usize; 4]) -> Result<Box<dyn Evaluate>, Failure> {
        self.model.query(session, shape)
    }

    fn differentiate(
        &self,
        session: &mut Session,
        shape: [usize; 4],
        objective: Objective,
    ) -> Result<Box<dyn Evaluate>, Failure> {
        let Aware { model, nets, reversal, lambda } = *self;
        if lambda == 0.0 {
            return model.differentiate(session, shape, objective);
        }
        let g = Graph::new();
        let random = Random::new(&g, descent::RANDOM);
        let points = g.state(POINT, shape);
        let losses = Losses { graph: &g, reversal, model, nets, random };
        let logits = model.trace(&g, points).logits;
        let loss = objective.trace(&g, logits) - step::total(&losses.of(points)) * lambda;
        random.advance();
        let passes = Passes::both(1) + losses.passes() + losses.passes().backward();
        let program = victim::differentiated(session, points, logits, loss)?;
        nets.load(session, &reversal.tasks(), shape[0])?;
        Ok(Box::new(Counted::new(program, passes)))
    }

    fn load(&self, session: &mut Session) -> Result<(), Failure> {
        Ok(self.model.load(session)?)
    }
}
