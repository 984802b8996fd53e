//! Attacks on the undefended classifier.

use std::ops::Range;

use unperturb_engine::ops::random::Random;
use unperturb_engine::{Device, Graph, Session};

use super::batches::{Prepared, fitting};
use super::predictions::predictions;
use crate::Failure;
use crate::attack::projected_gradient::{Ascent, IMAGES, LABELS, PERTURBATION, RANDOM};
use crate::attack::{Attack, ProjectedGradient};
use crate::model::Model;
use crate::passes::{Counted, Passes};

const ATTACKED: &str = "attacked";
const LOGITS: &str = "logits";

/// What an attack made of pictures.
#[derive(Clone, Debug, Default)]
pub struct Attacked {
    /// The attacked pictures, `[n, h, w, 3]` in [0, 1].
    pub images: Vec<f32>,
    /// Passes through the nets, summed over the pictures.
    pub passes: Passes,
}

/// Attacks pictures on a device. Keeps compiled programs for every batch size it met.
pub struct Attacker<'a> {
    device: &'a Device,
    model: &'a Model,
    attack: Option<ProjectedGradient>,
    batch: usize,
    seed: u64,
    compiled: Prepared<Compiled>,
}

struct Compiled {
    session: Session,
    ascent: Ascent,
    classify: Counted,
}

impl<'a> Attacker<'a> {
    /// Attacks in batches of at most `batch`.
    pub fn new(device: &'a Device, model: &'a Model, attack: &Attack, batch: usize, seed: u64) -> Self {
        let (attack, compiled) = (attack.projected_gradient(), Prepared::on(device));
        Attacker { device, model, attack, batch, seed, compiled }
    }

    /// Attacks `images` `[n, h, w, 3]` with true `labels` `[n]`. Of several restarts the first that breaks
    /// an image counts. `done` hears of every batch how many pictures it had.
    ///
    /// # Errors
    /// What the engine reports; logits that are no finite numbers.
    pub fn attack(
        &mut self,
        images: &[f32],
        labels: &[u32],
        size: [usize; 2],
        mut done: impl FnMut(usize) -> Result<(), Failure>,
    ) -> Result<Attacked, Failure> {
        let Some(attack) = self.attack else {
            done(labels.len())?;
            return Ok(Attacked { images: images.to_vec(), passes: Passes::default() });
        };
        let picture = size[0] * size[1] * 3;
        let mut all = Attacked::default();
        for (number, range) in self.batches(&attack, labels.len(), size)?.into_iter().enumerate() {
            let part = &images[range.start * picture..range.end * picture];
            let shape = [range.len(), size[0], size[1], 3];
            self.attack_batch(&attack, part, &labels[range], shape, number as u64, &mut all)?;
            done(shape[0])?;
        }
        Ok(all)
    }

    /// The most pictures that are attacked together: what was asked for, or less where that takes more memory than the
    /// device may give.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// The batches that `count` pictures are attacked in.
    fn batches(
        &mut self,
        attack: &ProjectedGradient,
        count: usize,
        size: [usize; 2],
    ) -> Result<Vec<Range<usize>>, Failure> {
        let (batch, ranges) = fitting(self.device, count, self.batch, |largest| {
            self.compiled(attack, [largest, size[0], size[1], 3]).map(drop)
        })?;
        self.batch = batch;
        Ok(ranges)
    }

    fn compiled(&mut self, attack: &ProjectedGradient, shape: [usize; 4]) -> Result<&mut Compiled, Failure> {
        self.compiled.get(shape[0], || Compiled::new(self.device, self.model, attack, shape))
    }

    fn attack_batch(
        &mut self,
        attack: &ProjectedGradient,
        images: &[f32],
        labels: &[u32],
        shape: [usize; 4],
        number: u64,
        all: &mut Attacked,
    ) -> Result<(), Failure> {
        let (seed, count) = (self.seed, shape[0]);
        let Compiled { session, ascent, classify } = self.compiled(attack, shape)?;
        session.write(IMAGES, images)?;
        session.write_u32(LABELS, labels)?;
        let picture = images.len() / count;
        let mut best = images.to_vec();
        let mut broken = vec![false; count];
        let mut passes = Passes::default();
        for restart in 0..attack.restarts as u32 {
            if session.has(RANDOM) {
                let [low, high, ..] = Random::seeded(seed);
                session.write_u32(RANDOM, &[low, high, restart, number as u32])?;
            }
            ascent.run(session, &mut passes)?;
            classify.run(session, 1, &mut passes)?;
            let attacked = session.read(ATTACKED)?;
            let predicted = predictions(&session.read(LOGITS)?, count)?;
            for i in (0..count).filter(|&i| !broken[i]).collect::<Vec<_>>() {
                let place = i * picture..(i + 1) * picture;
                best[place.clone()].copy_from_slice(&attacked[place]);
                broken[i] = predicted[i].0 != labels[i];
            }
        }
        all.images.extend(best);
        all.passes += passes * count as u64;
        Ok(())
    }
}

impl Compiled {
    fn new(
        device: &Device,
        model: &Model,
        attack: &ProjectedGradient,
        shape: [usize; 4],
    ) -> Result<Self, Failure> {
        let mut session = Session::new(device);
        let ascent = Ascent::compile(&mut session, attack, shape, Passes::both(1), |g, images| {
            model.trace(g, images).logits.cross_entropy(g.state_u32(LABELS, [shape[0]]), 0.0)
        })?;
        let g = Graph::new();
        let attacked = g.state(IMAGES, shape) + g.state(PERTURBATION, shape);
        g.output(ATTACKED, attacked);
        g.output(LOGITS, model.trace(&g, attacked).logits);
        let classify = Counted::new(session.compile(&g)?, Passes::forward(1));
        model.load(&mut session)?;
        Ok(Compiled { session, ascent, classify })
    }
}
