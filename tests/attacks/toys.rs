//! Victims and pictures small enough to know.

use std::cell::RefCell;

use unperturb::Failure;
use unperturb::attack::{Evaluate, Objective, Victim, victim};
use unperturb::passes::Passes;
use unperturb_engine::ops::random::Random;
use unperturb_engine::{Device, EngineError, Graph, Session, Value};

/// Height and width.
pub const SIZE: [usize; 2] = [10, 9];
/// Values of a picture.
pub const LENGTH: usize = 10 * 9 * 3;
/// Pictures.
pub const COUNT: usize = 14;

/// Pictures, and what they show.
pub struct Pictures {
    pub images: Vec<f32>,
    pub labels: Vec<u32>,
}

/// How a toy answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Manner {
    /// `W x + b`.
    Linear,
    /// `3 tanh(W x + b)`, then twice that of a second layer: curved.
    Curved,
    /// As curved, without any gradient.
    Masked,
    /// As curved, with noise on the answers.
    Random,
}

/// A net of one or two layers.
pub struct Toy {
    pub classes: usize,
    pub manner: Manner,
    pub weights: Vec<f32>,
    pub second: Vec<f32>,
}

/// A number in [-1, 1) for each place.
fn hashed(seed: u32, place: usize) -> f32 {
    let mut x = (place as u32).wrapping_mul(0x9e37_79b9) ^ seed.wrapping_mul(0x85eb_ca6b);
    for _ in 0..3 {
        x = (x ^ (x >> 15)).wrapping_mul(0x2c1b_3c6d);
    }
    (x >> 8) as f32 / 8_388_608.0 - 1.0
}

impl Toy {
    pub fn new(classes: usize, manner: Manner) -> Self {
        let weights = (0..LENGTH * classes).map(|i| 0.3 * hashed(1, i)).collect();
        let second =
            (0..classes * classes).map(|i| hashed(2, i) + if i % (classes + 1) == 0 { 1.5 } else { 0.0 });
        Toy { classes, manner, weights, second: second.collect() }
    }

    /// Records the logits.
    fn trace<'g>(&self, g: &'g Graph, points: Value<'g>) -> Value<'g> {
        let n = points.shape()[0];
        let points = if self.manner == Manner::Masked { points.detach() } else { points };
        let first =
            (points.reshape([n, LENGTH]) - 0.5).matmul(g.state("toy/weights", [LENGTH, self.classes]));
        if self.manner == Manner::Linear {
            return first;
        }
        let logits = first.tanh().matmul(g.state("toy/second", [self.classes, self.classes])) * 3.0;
        if self.manner != Manner::Random {
            return logits;
        }
        let random = Random::new(g, "toy/random");
        random.advance();
        logits + random.normal(logits.shape()) * 0.3
    }

    /// Its logits for pictures.
    pub fn logits(&self, images: &[f32]) -> Vec<f32> {
        let shape = [images.len() / LENGTH, SIZE[0], SIZE[1], 3];
        let mut session = Session::new(&Device::cpu());
        let query = self.query(&mut session, shape).unwrap();
        self.load(&mut session).unwrap();
        session.write(unperturb::attack::POINT, images).unwrap();
        query.run(&mut session, &mut Passes::default()).unwrap();
        session.read(unperturb::attack::LOGITS).unwrap()
    }

    /// Its classes for pictures.
    pub fn predicted(&self, images: &[f32]) -> Vec<u32> {
        let best =
            |row: &[f32]| (0..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best }) as u32;
        self.logits(images).chunks_exact(self.classes).map(best).collect()
    }

    /// Random pictures, many values of which are 0 or 1, and what it says of them; of every fifth something else.
    pub fn pictures(&self) -> Pictures {
        let images: Vec<f32> =
            (0..COUNT * LENGTH).map(|i| (0.7 * hashed(3, i) + 0.5).clamp(0.0, 1.0)).collect();
        let wrong = |i: usize| u32::from(i % 5 == 4);
        let labels = self
            .predicted(&images)
            .into_iter()
            .enumerate()
            .map(|(i, p)| (p + wrong(i)) % self.classes as u32);
        Pictures { labels: labels.collect(), images }
    }
}

impl Victim for Toy {
    fn classes(&self) -> usize {
        self.classes
    }

    fn name(&self) -> &str {
        "the toy"
    }

    fn query(&self, session: &mut Session, shape: [usize; 4]) -> Result<Box<dyn Evaluate>, Failure> {
        let answer = victim::query(session, shape, Passes::forward(1), |g, points| self.trace(g, points))?;
        Ok(Box::new(answer))
    }

    fn differentiate(
        &self,
        session: &mut Session,
        shape: [usize; 4],
        objective: Objective,
    ) -> Result<Box<dyn Evaluate>, Failure> {
        let answer = victim::differentiate(session, shape, Passes::both(1), |g, points| {
            let logits = self.trace(g, points);
            (logits, objective.trace(g, logits))
        })?;
        Ok(Box::new(answer))
    }

    fn load(&self, session: &mut Session) -> Result<(), Failure> {
        session.write("toy/weights", &self.weights)?;
        if session.has("toy/second") {
            session.write("toy/second", &self.second)?;
        }
        if session.has("toy/random") {
            session.write_u32("toy/random", &Random::seeded(1))?;
        }
        Ok(())
    }
}

/// An evaluation that writes down what it saw in some states, each time.
pub struct Recorded<'a> {
    pub of: Box<dyn Evaluate>,
    pub states: &'a [&'a str],
    pub seen: &'a RefCell<Vec<Vec<Vec<f32>>>>,
}

impl Evaluate for Recorded<'_> {
    fn run(&self, session: &mut Session, passes: &mut Passes) -> Result<(), EngineError> {
        self.of.run(session, passes)?;
        let seen = self.states.iter().map(|state| session.read(state)).collect::<Result<_, _>>()?;
        self.seen.borrow_mut().push(seen);
        Ok(())
    }

    fn launches(&self) -> usize {
        self.of.launches()
    }
}
