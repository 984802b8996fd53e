//! What an attack sees of a model: answers to points, and with them a loss and its gradient.

use std::rc::Rc;

use unperturb_engine::{EngineError, Graph, Program, Session, Value};

use super::{GRADIENT, LOGITS, LOSS, Objective, POINT};
use crate::Failure;
use crate::model::Model;
use crate::passes::{Counted, Passes};

/// Something that answers to the points in [`POINT`] by bringing states up to date. It reads nothing back.
pub trait Evaluate {
    /// Evaluates once and adds what that cost to `passes`.
    ///
    /// # Errors
    /// What the engine reports.
    fn run(&self, session: &mut Session, passes: &mut Passes) -> Result<(), EngineError>;

    /// How many kernels one evaluation launches.
    fn launches(&self) -> usize;
}

impl Evaluate for Counted {
    fn run(&self, session: &mut Session, passes: &mut Passes) -> Result<(), EngineError> {
        Counted::run(self, session, 1, passes)
    }

    fn launches(&self) -> usize {
        self.program().launches()
    }
}

/// A model that can be attacked.
pub trait Victim {
    /// How many classes it tells apart.
    fn classes(&self) -> usize;

    /// How errors name it.
    fn name(&self) -> &str;

    /// The black box: what brings [`LOGITS`] up to date for points of `shape`.
    ///
    /// # Errors
    /// What the engine reports.
    fn query(&self, session: &mut Session, shape: [usize; 4]) -> Result<Box<dyn Evaluate>, Failure>;

    /// The white box: what brings [`LOGITS`], [`LOSS`] and [`GRADIENT`] up to date for points of `shape`.
    ///
    /// # Errors
    /// What the engine reports.
    fn differentiate(
        &self,
        session: &mut Session,
        shape: [usize; 4],
        objective: Objective,
    ) -> Result<Box<dyn Evaluate>, Failure>;

    /// Writes what the programs need, once they are all compiled.
    ///
    /// # Errors
    /// What the engine reports.
    fn load(&self, session: &mut Session) -> Result<(), Failure>;
}

impl Victim for Model {
    fn classes(&self) -> usize {
        self.classifier.classes
    }

    fn name(&self) -> &str {
        &self.origin
    }

    fn query(&self, session: &mut Session, shape: [usize; 4]) -> Result<Box<dyn Evaluate>, Failure> {
        let answer = query(session, shape, Passes::forward(1), |g, points| self.trace(g, points).logits)?;
        Ok(Box::new(answer))
    }

    fn differentiate(
        &self,
        session: &mut Session,
        shape: [usize; 4],
        objective: Objective,
    ) -> Result<Box<dyn Evaluate>, Failure> {
        let answer = differentiate(session, shape, Passes::both(1), |g, points| {
            let logits = self.trace(g, points).logits;
            (logits, objective.trace(g, logits))
        })?;
        Ok(Box::new(answer))
    }

    fn load(&self, session: &mut Session) -> Result<(), Failure> {
        Ok(Model::load(self, session)?)
    }
}

/// The black box of a model whose logits `[n, k]` for points `[n, h, w, 3]` one program records. `passes` are those of
/// one evaluation.
///
/// # Errors
/// What the engine reports.
pub fn query(
    session: &mut Session,
    shape: [usize; 4],
    passes: Passes,
    logits: impl for<'g> Fn(&'g Graph, Value<'g>) -> Value<'g>,
) -> Result<Counted, EngineError> {
    let g = Graph::new();
    g.output(LOGITS, logits(&g, g.state(POINT, shape)));
    Ok(Counted::new(session.compile(&g)?, passes))
}

/// The white box of a model that one program records: `answer` gives the logits `[n, k]` and the loss to raise `[n]`
/// for points `[n, h, w, 3]`, and the gradient is that of the program. What is not to be differentiated is detached
/// there, or read from a state that other programs have written.
///
/// # Errors
/// What the engine reports.
pub fn differentiate(
    session: &mut Session,
    shape: [usize; 4],
    passes: Passes,
    answer: impl for<'g> Fn(&'g Graph, Value<'g>) -> (Value<'g>, Value<'g>),
) -> Result<Counted, EngineError> {
    let g = Graph::new();
    let points = g.state(POINT, shape);
    let (logits, loss) = answer(&g, points);
    Ok(Counted::new(differentiated(session, points, logits, loss)?, passes))
}

/// The program of a white box whose `logits` and `loss` for `points` are recorded already.
///
/// # Errors
/// What the engine reports.
pub fn differentiated<'g>(
    session: &mut Session,
    points: Value<'g>,
    logits: Value<'g>,
    loss: Value<'g>,
) -> Result<Program, EngineError> {
    let g = points.graph();
    let gradient = g.gradient(loss.sum_all(), &[points])?[0];
    g.output(LOGITS, logits);
    g.output(LOSS, loss);
    g.output(GRADIENT, gradient);
    session.compile(g)
}

/// The mean gradient of several evaluations: of one that answers at random, evaluated again and again (expectation over
/// transformation, Athalye et al. 2018), or of different ones. Logits and loss are those of the last one.
pub struct Averaged {
    parts: Vec<Rc<dyn Evaluate>>,
    clear: Counted,
    add: Counted,
    finish: Counted,
}

/// The state in which gradients are summed.
const SUM: &str = "gradient/sum";

impl Averaged {
    /// `times` evaluations of points of `shape`; one is that evaluation itself.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn of(
        of: Box<dyn Evaluate>,
        times: usize,
        session: &mut Session,
        shape: [usize; 4],
    ) -> Result<Box<dyn Evaluate>, EngineError> {
        if times == 1 {
            return Ok(of);
        }
        Ok(Box::new(Averaged::over(vec![Rc::from(of); times], session, shape)?))
    }

    /// These evaluations of points of `shape`, in their order.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn over(
        parts: Vec<Rc<dyn Evaluate>>,
        session: &mut Session,
        shape: [usize; 4],
    ) -> Result<Self, EngineError> {
        let share = 1.0 / parts.len() as f32;
        let mut program =
            |target: &str, value: for<'g> fn(&'g Graph, Value<'g>, Value<'g>, f32) -> Value<'g>| {
                let g = Graph::new();
                let (sum, gradient) = (g.state(SUM, shape), g.state(GRADIENT, shape));
                g.assign(g.state(target, shape), value(&g, sum, gradient, share));
                Ok::<_, EngineError>(Counted::new(session.compile(&g)?, Passes::default()))
            };
        let clear = program(SUM, |g, sum, _, _| g.full(sum.shape(), 0.0))?;
        let add = program(SUM, |_, sum, gradient, _| sum + gradient)?;
        let finish = program(GRADIENT, |_, sum, _, share| sum * share)?;
        Ok(Averaged { parts, clear, add, finish })
    }
}

impl Evaluate for Averaged {
    fn run(&self, session: &mut Session, passes: &mut Passes) -> Result<(), EngineError> {
        Counted::run(&self.clear, session, 1, passes)?;
        for part in &self.parts {
            part.run(session, passes)?;
            Counted::run(&self.add, session, 1, passes)?;
        }
        Counted::run(&self.finish, session, 1, passes)
    }

    fn launches(&self) -> usize {
        let parts: usize = self.parts.iter().map(|part| part.launches() + self.add.launches()).sum();
        self.clear.launches() + parts + self.finish.launches()
    }
}
