//! Whole steps of resnet20: what evaluations, attacks and trainings are made of.

use unperturb_engine::optim::{Optimizer, Schedule, Sgd};
use unperturb_engine::{Graph, Session};
use unperturb_nets::{Architecture, Classifier, Form, Mode, Normalization, Scope, Weights};

use super::{Case, Work, numbers};
use crate::Failure;
use crate::attack::projected_gradient::{Ascent, IMAGES, LABELS};
use crate::attack::{Norm, ProjectedGradient};
use crate::model::{NAME, classifier_specifications};
use crate::passes::Passes;
use crate::train::classifier::{Recipe, trace_update};

/// Images in a step.
const BATCH: usize = 32;
const SHAPE: [usize; 4] = [BATCH, 32, 32, 3];

const CLASSIFIER: Classifier = Classifier {
    architecture: Architecture::ResNet { form: Form::Padded, depth: 20, width: 16 },
    classes: 10,
    normalization: Normalization::CIFAR10,
};

pub(super) fn cases() -> Vec<Case> {
    let images = Work::Images(BATCH as f64);
    vec![
        Case::new("resnet20 evaluation", images, |session| {
            let g = Graph::new();
            let logits =
                CLASSIFIER.trace(&Scope::new(&g, NAME, Mode::Evaluate), g.state(IMAGES, SHAPE)).logits;
            g.output("predictions", logits.argmax(1));
            let program = session.compile(&g)?;
            fill(session)?;
            Ok(Box::new(move |session, count| session.run(&program, count)))
        }),
        Case::new("resnet20 pgd step", images, |session| {
            let attack = ProjectedGradient {
                norm: Norm::Linf,
                epsilon: 8.0 / 255.0,
                step_size: 2.0 / 255.0,
                steps: 1,
                restarts: 1,
                random_start: false,
            };
            let ascent = Ascent::compile(session, &attack, SHAPE, Passes::both(1), |g, images| {
                let logits = CLASSIFIER.trace(&Scope::new(g, NAME, Mode::Evaluate), images).logits;
                logits.cross_entropy(g.state_u32(LABELS, [BATCH]), 0.0)
            })?;
            fill(session)?;
            Ok(Box::new(move |session, count| {
                (0..count).try_for_each(|_| ascent.run(session, &mut Passes::default()))
            }))
        }),
        Case::new("resnet20 training step", images, |session| {
            let g = Graph::new();
            trace_update(&g, &recipe(), SHAPE)?;
            let update = session.compile(&g)?;
            fill(session)?;
            // The learning rate stays at 0, so that the weights stay what they are however often this runs.
            Ok(Box::new(move |session, count| session.run(&update, count)))
        }),
    ]
}

/// Standard training. What the update does not depend on is arbitrary.
fn recipe() -> Recipe {
    Recipe {
        classifier: CLASSIFIER,
        attack: None,
        epochs: 1,
        batch: BATCH,
        learning_rate: 0.0,
        schedule: Schedule::Constant,
        optimizer: Optimizer::Sgd(Sgd { momentum: 0.9, nesterov: true, weight_decay: 5e-4 }),
        label_smoothing: 0.0,
        average: None,
        seed: 0,
    }
}

/// Writes images, labels and first weights.
fn fill(session: &mut Session) -> Result<(), Failure> {
    session.write(IMAGES, &numbers(SHAPE.iter().product()))?;
    if session.has(LABELS) {
        let labels: Vec<u32> = (0..BATCH as u32).map(|image| image % 10).collect();
        session.write_u32(LABELS, &labels)?;
    }
    let specifications = classifier_specifications(&CLASSIFIER);
    Ok(Weights::initial(&specifications, 0).load(session, NAME, &specifications)?)
}
