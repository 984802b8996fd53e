//! A whole repair: what a defended evaluation is made of.

use unperturb_engine::Session;
use unperturb_nets::{Architecture, NetError, Weights};

use super::steps::{classifier, shape};
use super::{Case, Work, numbers};
use crate::attack::IMAGES;
use crate::model::{Model, classifier_specifications};
use crate::passes::Passes;
use crate::reversal::descent::Descent;
use crate::reversal::{Objective, Reversal};
use crate::task::nets::TaskNets;
use crate::train::tasks::Recipe;

/// Views of each image in the contrastive loss.
const VIEWS: usize = 4;

/// The published multi-task reversal of a classifier, but for its views, with task nets of the sizes that `train tasks`
/// makes: one run is all of its steps.
pub(super) fn case(architecture: Architecture, batch: usize) -> Case {
    let reversal = Reversal { batch, views: VIEWS, ..Reversal::published(Objective::MultiTask) };
    let name = format!("multi-task reversal of {} steps", reversal.steps);
    Case::new(name, Work::Images(batch as f64), move |session: &mut Session| {
        let classifier = classifier(architecture);
        let weights = Weights::initial(&classifier_specifications(&classifier), 0);
        let model = Model::new(classifier, weights, "first weights")?;
        let nets = first_nets(&reversal, &model)?;
        let descent = Descent::compile(session, &reversal, &model, &nets, IMAGES, shape(batch))?;
        model.load(session)?;
        session.write(IMAGES, &numbers(shape(batch).iter().product()))?;
        Ok(Box::new(move |session, count| {
            (0..count).try_for_each(|_| descent.run(session, &mut Passes::default()))
        }))
    })
}

/// Untrained task nets: how fast they are does not depend on what they learned.
fn first_nets(reversal: &Reversal, model: &Model) -> Result<TaskNets, NetError> {
    let mut nets = TaskNets::default();
    for task in reversal.tasks() {
        let net = Recipe::new(task, model, shape(1)[1], None, 0).net;
        let weights = Weights::initial(&net.specifications(), 0);
        nets.add(net.checkpoint(weights), "first weights", task, model)?;
    }
    Ok(nets)
}
