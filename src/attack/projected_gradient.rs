//! FGSM, BIM, PGD and CW: ascent of a loss by projected steps, as programs that keep the points on the device.

use unperturb_engine::{EngineError, Graph, Session};

use super::ball::Bound;
use super::seeds::Seeds;
use super::{Evaluate, GRADIENT, IMAGES, POINT, ProjectedGradient};
use crate::passes::{Counted, Passes};

/// A compiled attack: a start, then evaluations and moves in turn.
pub struct Ascent {
    start: Counted,
    evaluate: Box<dyn Evaluate>,
    advance: Counted,
    steps: usize,
}

impl Ascent {
    /// Compiles the attack on images of `shape`, with gradients from `evaluate`.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn compile(
        session: &mut Session,
        attack: &ProjectedGradient,
        shape: [usize; 4],
        seeds: Seeds,
        evaluate: Box<dyn Evaluate>,
    ) -> Result<Self, EngineError> {
        let bound = Bound { norm: attack.norm, epsilon: attack.epsilon };
        let g = Graph::new();
        let images = g.state(IMAGES, shape);
        let first = if attack.random_start {
            let random = seeds.random(&g, shape[0]);
            random.advance();
            bound.within(images, &random)
        } else {
            bound.confine(images, images)
        };
        g.assign(g.state(POINT, shape), first);
        let start = Counted::new(session.compile(&g)?, Passes::default());

        let g = Graph::new();
        let (images, points) = (g.state(IMAGES, shape), g.state(POINT, shape));
        let step = bound.direction(g.state(GRADIENT, shape)) * attack.step_size;
        g.assign(points, bound.confine(images, points + step));
        let advance = Counted::new(session.compile(&g)?, Passes::default());
        Ok(Ascent { start, evaluate, advance, steps: attack.steps })
    }

    /// Leaves the last points in [`POINT`]; adds what they cost to `passes`. Nothing is read back.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn run(&self, session: &mut Session, passes: &mut Passes) -> Result<(), EngineError> {
        self.start.run(session, 1, passes)?;
        for _ in 0..self.steps {
            self.evaluate.run(session, passes)?;
            self.advance.run(session, 1, passes)?;
        }
        Ok(())
    }

    /// How many kernels one step launches.
    pub fn launches(&self) -> usize {
        self.evaluate.launches() + self.advance.program().launches()
    }
}
