//! Whole steps of a classifier: what evaluations, attacks and trainings are made of.

use unperturb_engine::optim::{Optimizer, Schedule, Sgd};
use unperturb_engine::{EngineError, Graph, Program, Session};
use unperturb_nets::{Architecture, Classifier, Mode, Normalization, Scope, Weights};

use super::{Case, Work, numbers};
use crate::Failure;
use crate::attack::projected_gradient::Ascent;
use crate::attack::seeds::Seeds;
use crate::attack::{IMAGES, LABELS, Norm, ProjectedGradient, victim};
use crate::model::{NAME, classifier_specifications};
use crate::passes::Passes;
use crate::train::classifier::{Recipe, trace_update};

/// A classifier of ten classes, without normalisation as its peers have it.
pub(super) fn classifier(architecture: Architecture) -> Classifier {
    Classifier { architecture, classes: 10, normalization: Normalization::NONE }
}

/// All of them, on `batch` images.
pub(super) fn cases(architecture: Architecture, batch: usize) -> Vec<Case> {
    let (of, images) = (classifier(architecture), Work::Images(batch as f64));
    vec![
        Case::new(format!("{architecture} evaluation"), images, move |session| {
            let evaluation = evaluation(session, &of, batch)?;
            fill(session, &of, batch)?;
            Ok(Box::new(move |session, count| session.run(&evaluation, count)))
        }),
        Case::new(format!("{architecture} pgd step"), images, move |session| {
            let ascent = attack(session, &of, batch)?;
            fill(session, &of, batch)?;
            Ok(Box::new(move |session, count| {
                (0..count).try_for_each(|_| ascent.run(session, &mut Passes::default()))
            }))
        }),
        Case::new(format!("{architecture} training step"), images, move |session| {
            let update = update(session, of, batch)?;
            fill(session, &of, batch)?;
            // The learning rate stays at 0, so that the weights stay what they are however often this runs.
            Ok(Box::new(move |session, count| session.run(&update, count)))
        }),
    ]
}

/// Height, width and colours of the images are those of CIFAR.
pub(super) fn shape(batch: usize) -> [usize; 4] {
    [batch, 32, 32, 3]
}

fn evaluation(session: &mut Session, of: &Classifier, batch: usize) -> Result<Program, EngineError> {
    let g = Graph::new();
    let images = g.state(IMAGES, shape(batch));
    let logits = of.trace(&Scope::new(&g, NAME, Mode::Evaluate), images).logits;
    g.output("predictions", logits.argmax(1));
    session.compile(&g)
}

fn attack(session: &mut Session, of: &Classifier, batch: usize) -> Result<Ascent, EngineError> {
    let attack = ProjectedGradient {
        norm: Norm::Linf,
        epsilon: 8.0 / 255.0,
        step_size: 2.0 / 255.0,
        steps: 1,
        restarts: 1,
        random_start: false,
    };
    let evaluate = victim::differentiate(session, shape(batch), Passes::both(1), |g, points| {
        let logits = of.trace(&Scope::new(g, NAME, Mode::Evaluate), points).logits;
        (logits, logits.cross_entropy(g.state_u32(LABELS, [batch]), 0.0))
    })?;
    Ascent::compile(session, &attack, shape(batch), Seeds::Image, Box::new(evaluate))
}

fn update(session: &mut Session, of: Classifier, batch: usize) -> Result<Program, Failure> {
    let g = Graph::new();
    trace_update(&g, &recipe(of, batch), shape(batch))?;
    Ok(session.compile(&g)?)
}

/// Standard training. What the update does not depend on is arbitrary.
fn recipe(classifier: Classifier, batch: usize) -> Recipe {
    Recipe {
        classifier,
        attack: None,
        epochs: 1,
        batch,
        learning_rate: 0.0,
        schedule: Schedule::Constant,
        optimizer: Optimizer::Sgd(Sgd { momentum: 0.9, nesterov: true, weight_decay: 5e-4 }),
        label_smoothing: 0.0,
        average: None,
        seed: 0,
    }
}

/// Writes images, labels and first weights.
fn fill(session: &mut Session, of: &Classifier, batch: usize) -> Result<(), Failure> {
    session.write(IMAGES, &numbers(shape(batch).iter().product()))?;
    if session.has(LABELS) {
        let labels: Vec<u32> = (0..batch as u32).map(|image| image % 10).collect();
        session.write_u32(LABELS, &labels)?;
    }
    let specifications = classifier_specifications(of);
    Ok(Weights::initial(&specifications, 0).load(session, NAME, &specifications)?)
}

#[cfg(test)]
mod tests {
    use unperturb_engine::Device;
    use unperturb_engine::runtime::gpu::GpuDevice;
    use unperturb_nets::Form;

    use super::*;

    const RESNET20: Architecture = Architecture::ResNet { form: Form::Padded, depth: 20, width: 16 };

    /// Kernels that a step launches, for each kind of step.
    fn launches(device: &Device, batch: usize) -> [usize; 3] {
        let mut session = Session::new(device);
        let of = classifier(RESNET20);
        [
            evaluation(&mut session, &of, batch).expect("compiles").launches(),
            attack(&mut session, &of, batch).expect("compiles").launches(),
            update(&mut session, of, batch).expect("compiles").launches(),
        ]
    }

    #[test]
    fn a_larger_batch_takes_no_more_launches() {
        let gpu = GpuDevice::open(None).expect("GPU tests need an adapter");
        let kernels = |name| Device::Gpu(gpu.preferring(name));
        for device in [Device::cpu(), kernels("portable")] {
            let ([evaluation, attack, update], larger) = (launches(&device, 32), launches(&device, 512));
            assert_eq!([evaluation, attack], larger[..2], "{device}");
            // The loss, the right answers and the last bias are sums over the images alone, which GPUs take in two
            // launches once there are many.
            assert!((update..=update + 3).contains(&larger[2]), "{device}: {update} and {}", larger[2]);
        }
        // Software drivers take products of few rows in one launch, and others in two.
        assert_eq!(launches(&kernels("lanes"), 512), launches(&kernels("lanes"), 1024));
    }
}
