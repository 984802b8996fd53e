//! The control of equal cost: the classifier's mean answer to many noisy copies of a picture, and no repair.

use unperturb_engine::ops::random::Random;
use unperturb_engine::{EngineError, Graph, Session};

use crate::attack::{IMAGES, LOGITS};
use crate::model::Model;
use crate::passes::{Counted, Passes};
use crate::reversal::step;

/// The state that noise is drawn from.
pub const RANDOM: &str = "ensemble/random";

/// A compiled ensemble of forward passes.
pub struct Ensemble {
    clear: Counted,
    add: Counted,
    forwards: usize,
}

impl Ensemble {
    /// `forwards` copies with uniform noise within `noise`, of the images `shape` in their state.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn compile(
        session: &mut Session,
        model: &Model,
        forwards: usize,
        noise: f32,
        shape: [usize; 4],
    ) -> Result<Self, EngineError> {
        let answers = [shape[0], model.classifier.classes];
        let g = Graph::new();
        g.assign(g.state(LOGITS, answers), g.full(answers, 0.0));
        let clear = Counted::new(session.compile(&g)?, Passes::default());
        let g = Graph::new();
        let (images, sum) = (g.state(IMAGES, shape), g.state(LOGITS, answers));
        let random = Random::new(&g, RANDOM);
        let noisy = images + step::start(&random, images, noise);
        random.advance();
        g.assign(sum, sum + model.trace(&g, noisy).logits.softmax() * (1.0 / forwards as f32));
        let add = Counted::new(session.compile(&g)?, Passes::forward(1));
        Ok(Ensemble { clear, add, forwards })
    }

    /// Leaves the mean probabilities `[n, classes]` in [`LOGITS`]; adds what that cost to `passes`.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn run(&self, session: &mut Session, passes: &mut Passes) -> Result<(), EngineError> {
        self.clear.run(session, 1, passes)?;
        self.add.run(session, self.forwards, passes)
    }
}
