//! Defences: repair, then classify.

use std::ops::Range;

use unperturb_engine::ops::random::Random;
use unperturb_engine::{Device, Graph, Session};

use super::batches::{Prepared, fitting};
use super::predictions::predictions;
use crate::Failure;
use crate::attack::IMAGES;
use crate::model::Model;
use crate::passes::{Counted, Passes};
use crate::reversal::Defence;
use crate::reversal::descent::{Descent, RANDOM, REVERSE};
use crate::task::nets::TaskNets;

const REPAIRED: &str = "repaired";
const LOGITS: &str = "logits";

/// What a defence made of pictures.
#[derive(Clone, Debug, Default)]
pub struct Defended {
    /// The pictures as they were classified, `[n, h, w, 3]` in [0, 1].
    pub repaired: Vec<f32>,
    /// The predicted class of each, and its softmax probability.
    pub predictions: Vec<(u32, f32)>,
    /// Passes through the nets, summed over the pictures.
    pub passes: Passes,
}

/// Repairs and classifies pictures on a device. Keeps compiled programs for every batch size it met.
pub struct Defender<'a> {
    device: &'a Device,
    model: &'a Model,
    nets: &'a TaskNets,
    defence: &'a Defence,
    batch: usize,
    seed: u64,
    compiled: Prepared<Compiled>,
}

struct Compiled {
    session: Session,
    descent: Option<Descent>,
    classify: Counted,
}

impl<'a> Defender<'a> {
    /// Classifies in batches of at most `batch`; a reversal brings its own batch size.
    pub fn new(
        device: &'a Device,
        model: &'a Model,
        nets: &'a TaskNets,
        defence: &'a Defence,
        batch: usize,
        seed: u64,
    ) -> Self {
        let batch = match defence {
            Defence::Reversal(reversal) => reversal.batch,
            Defence::None | Defence::Noise { .. } => batch,
        };
        Defender { device, model, nets, defence, batch, seed, compiled: Prepared::on(device) }
    }

    /// Draws other random numbers from now on.
    pub fn reseed(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// Repairs and classifies `images` `[n, h, w, 3]`. `done` hears of every batch how many pictures it
    /// had.
    ///
    /// # Errors
    /// What the engine reports; logits that are no finite numbers.
    pub fn defend(
        &mut self,
        images: &[f32],
        size: [usize; 2],
        mut done: impl FnMut(usize) -> Result<(), Failure>,
    ) -> Result<Defended, Failure> {
        let picture = size[0] * size[1] * 3;
        let mut all = Defended::default();
        for (number, range) in self.batches(images.len() / picture, size)?.into_iter().enumerate() {
            let part = &images[range.start * picture..range.end * picture];
            self.defend_batch(part, [range.len(), size[0], size[1], 3], number as u32, &mut all)?;
            done(range.len())?;
        }
        Ok(all)
    }

    /// The most pictures that are repaired together: what was asked for, or less where that takes more memory than the
    /// device may give.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// The batches that `count` pictures are repaired in.
    fn batches(&mut self, count: usize, size: [usize; 2]) -> Result<Vec<Range<usize>>, Failure> {
        let (batch, ranges) = fitting(self.device, count, self.batch, |largest| {
            self.compiled([largest, size[0], size[1], 3]).map(drop)
        })?;
        self.batch = batch;
        Ok(ranges)
    }

    fn compiled(&mut self, shape: [usize; 4]) -> Result<&mut Compiled, Failure> {
        let Defender { device, model, nets, defence, .. } = *self;
        self.compiled.get(shape[0], || Compiled::new(device, model, nets, defence, shape))
    }

    fn defend_batch(
        &mut self,
        images: &[f32],
        shape: [usize; 4],
        number: u32,
        all: &mut Defended,
    ) -> Result<(), Failure> {
        let (seed, count) = (self.seed, shape[0]);
        let Compiled { session, descent, classify } = self.compiled(shape)?;
        let mut passes = Passes::default();
        session.write(IMAGES, images)?;
        if let Some(descent) = descent {
            let [low, high, ..] = Random::seeded(seed);
            session.write_u32(RANDOM, &[low, high, 0, number])?;
            descent.run(session, &mut passes)?;
        }
        classify.run(session, 1, &mut passes)?;
        all.repaired.extend(session.read(REPAIRED)?);
        all.predictions.extend(predictions(&session.read(LOGITS)?, count)?);
        all.passes += passes * count as u64;
        Ok(())
    }
}

impl Compiled {
    fn new(
        device: &Device,
        model: &Model,
        nets: &TaskNets,
        defence: &Defence,
        shape: [usize; 4],
    ) -> Result<Self, Failure> {
        let mut session = Session::new(device);
        let descent = match defence {
            Defence::None => None,
            Defence::Noise { epsilon } => Some(Descent::noise(&mut session, epsilon.value(), IMAGES, shape)?),
            Defence::Reversal(reversal) => {
                Some(Descent::compile(&mut session, reversal, model, nets, IMAGES, shape)?)
            }
        };
        let g = Graph::new();
        let images = g.state(IMAGES, shape);
        let repaired = if descent.is_some() { images + g.state(REVERSE, shape) } else { images };
        g.output(REPAIRED, repaired);
        g.output(LOGITS, model.trace(&g, repaired).logits);
        let classify = Counted::new(session.compile(&g)?, Passes::forward(1));
        model.load(&mut session)?;
        Ok(Compiled { session, descent, classify })
    }
}
