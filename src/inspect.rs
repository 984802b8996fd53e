//! What a checkpoint holds, whoever wrote it, and the net that it fits.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Serialize;
use unperturb_nets::checkpoint::Checkpoint;
use unperturb_nets::parameter::Specification;
use unperturb_nets::{Classifier, Known, NetError, Normalization, Weights, recognise};

use crate::model::{Description, classifier_specifications, description, learned};
use crate::task::nets::TaskNet;
use crate::train::snapshot::Position;

/// What [`inspect`] found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    /// The file.
    pub file: String,
    /// Its size.
    pub bytes: usize,
    /// What it is for.
    pub contents: Contents,
    /// Elements of all tensors.
    pub numbers: usize,
    /// Whether every floating-point element is neither NaN nor infinite.
    pub finite: bool,
    /// The free text that the file carries.
    pub metadata: BTreeMap<String, String>,
    /// The tensors by name.
    pub tensors: Vec<TensorReport>,
}

/// A tensor of the file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TensorReport {
    /// Its name.
    pub name: String,
    /// Its axis sizes, in PyTorch's layout.
    pub shape: Vec<usize>,
    /// Its element type, as safetensors names it.
    #[serde(rename = "type")]
    pub dtype: String,
    /// How many elements.
    pub numbers: usize,
    /// How many of them are NaN or infinite; integers have no such thing.
    pub not_finite: Option<usize>,
}

/// What a checkpoint is for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Contents {
    /// A classifier.
    Classifier {
        /// Its architecture.
        net: String,
        /// Another that it may be as well, if the file does not say which.
        twin: Option<String>,
        /// Classes.
        classes: usize,
        /// How many numbers were learned, if the shapes fit.
        parameters: Option<u64>,
        /// What the net does to its input first, if the file says that.
        normalization: Option<String>,
        /// How it was trained, if the file says that.
        recipe: Option<String>,
        /// Why it cannot be used as it is.
        problem: Option<String>,
        /// Tensors that the net does not have; they do no harm.
        unused: Vec<String>,
    },
    /// The net of a self-supervised task.
    Task {
        /// The task.
        task: String,
        /// Which net, with its sizes.
        net: String,
        /// How many numbers were learned, if the shapes fit.
        parameters: Option<u64>,
        /// Why it cannot be used as it is.
        problem: Option<String>,
    },
    /// Another net, by names and shapes.
    Net {
        /// Which, with its sizes.
        net: String,
        /// How many numbers were learned.
        parameters: u64,
        /// Tensors that the net does not have; they do no harm.
        unused: Vec<String>,
    },
    /// The state of an unfinished training.
    Training {
        /// Updates done.
        updates: u64,
        /// Every option that the result depends on.
        settings: String,
    },
    /// Nothing that we know.
    Unknown,
}

/// Looks into a checkpoint.
///
/// # Errors
/// The file cannot be read or is no well-formed checkpoint.
pub fn inspect(path: &Path) -> Result<Inspection, NetError> {
    let bytes = fs::read(path).map_err(|source| NetError::Read { path: path.into(), source })?;
    let file = path.display().to_string();
    let checkpoint = Checkpoint::parse(&bytes, &file)?;
    let tensors: Vec<TensorReport> = checkpoint
        .entries
        .iter()
        .map(|entry| {
            let floats = checkpoint.weights.tensors.get(&entry.name);
            TensorReport {
                name: entry.name.clone(),
                shape: entry.shape.clone(),
                dtype: entry.dtype.clone(),
                numbers: entry.shape.iter().product(),
                not_finite: floats.map(|tensor| tensor.data.iter().filter(|x| !x.is_finite()).count()),
            }
        })
        .collect();
    Ok(Inspection {
        bytes: bytes.len(),
        contents: Contents::of(&checkpoint, &file),
        numbers: tensors.iter().map(|tensor| tensor.numbers).sum(),
        finite: tensors.iter().all(|tensor| tensor.not_finite.unwrap_or(0) == 0),
        metadata: checkpoint.metadata,
        tensors,
        file,
    })
}

impl Contents {
    /// By its description where it has one of ours, else by names and shapes.
    fn of(checkpoint: &Checkpoint, file: &str) -> Self {
        let weights = &checkpoint.weights;
        if let Ok(Description { classifier, recipe, .. }) = description(checkpoint, file) {
            Self::classifier(&classifier, Some((classifier.normalization, recipe)), weights)
        } else if let Ok(net) = TaskNet::described(checkpoint, file) {
            let specifications = net.specifications();
            Contents::Task {
                task: net.task().to_string(),
                net: net.known().to_string(),
                parameters: parameters(weights, &specifications),
                problem: problem(weights, &specifications),
            }
        } else if let Ok(Position { settings, step }) = description(checkpoint, file) {
            Contents::Training { updates: step, settings: settings.to_string() }
        } else {
            match recognise(weights) {
                Some(Known::Classifier(classifier)) => Self::classifier(&classifier, None, weights),
                Some(known) => {
                    let specifications = known.specifications();
                    Contents::Net {
                        net: known.to_string(),
                        parameters: learned(&specifications),
                        unused: unused(weights, &specifications),
                    }
                }
                None => Contents::Unknown,
            }
        }
    }

    /// `said` is what the file says beside the net: its normalisation and its recipe.
    fn classifier(classifier: &Classifier, said: Option<(Normalization, String)>, weights: &Weights) -> Self {
        let specifications = classifier_specifications(classifier);
        let twin = if said.is_none() { classifier.architecture.twin() } else { None };
        let (normalization, recipe) = said.unzip();
        Contents::Classifier {
            net: classifier.architecture.to_string(),
            twin: twin.map(|twin| twin.to_string()),
            classes: classifier.classes,
            parameters: parameters(weights, &specifications),
            normalization: normalization.map(|normalization| normalization.to_string()),
            recipe,
            problem: problem(weights, &specifications),
            unused: unused(weights, &specifications),
        }
    }
}

/// Tensors that the net does not have.
fn unused(weights: &Weights, specifications: &[Specification]) -> Vec<String> {
    let has: BTreeSet<&str> = specifications.iter().map(|spec| spec.name.as_str()).collect();
    weights.tensors.keys().filter(|name| !has.contains(name.as_str())).cloned().collect()
}

/// Learned numbers of a net that the weights fit. Of others it may say anything, so nothing is multiplied.
fn parameters(weights: &Weights, specifications: &[Specification]) -> Option<u64> {
    weights.check_shapes(specifications, "its weights").is_ok().then(|| learned(specifications))
}

fn problem(weights: &Weights, specifications: &[Specification]) -> Option<String> {
    weights.check(specifications, "its weights").err().map(|problem| problem.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Model, describe};
    use crate::train::snapshot::Settings;

    fn net(name: &str) -> Classifier {
        Classifier { architecture: name.parse().unwrap(), classes: 7, normalization: Normalization::CIFAR10 }
    }

    fn weights(classifier: &Classifier) -> Weights {
        Weights::initial(&classifier_specifications(classifier), 0)
    }

    fn contents(checkpoint: &Checkpoint) -> Contents {
        Contents::of(checkpoint, "file")
    }

    fn foreign(weights: Weights) -> Contents {
        contents(&Checkpoint::new(weights, BTreeMap::new()))
    }

    #[test]
    fn a_foreign_checkpoint_is_recognised_by_names_and_shapes() {
        // The tensors of a shallow net are all in a deep one, so depth must be counted.
        let without_twin =
            ["resnet20", "resnet56", "resnet8x4", "wrn-10-2", "wrn-16-1"].map(|name| (name, None));
        let twins = [("preact-resnet18x4", Some("preact-resnet18x4-plain".to_owned()))];
        for (name, twin) in without_twin.into_iter().chain(twins) {
            let mut weights = weights(&net(name));
            let one = unperturb_nets::Tensor { shape: vec![1], data: vec![f32::NAN] };
            weights.tensors.insert("extra".into(), one);
            let parameters = Model::new(net(name), weights.clone(), name).unwrap().parameters();
            assert_eq!(
                foreign(weights),
                Contents::Classifier {
                    net: name.into(),
                    twin,
                    classes: 7,
                    parameters: Some(parameters),
                    normalization: None,
                    recipe: None,
                    problem: None,
                    unused: vec!["extra".into()],
                }
            );
        }
    }

    #[test]
    fn what_fits_no_net_is_unknown() {
        assert_eq!(foreign(Weights::default()), Contents::Unknown);
        let mut lacking = weights(&net("resnet8x4"));
        lacking.tensors.remove("layer3.0.bn2.weight");
        assert_eq!(foreign(lacking), Contents::Unknown);
        let mut reshaped = weights(&net("wrn-10-1"));
        reshaped.tensors.get_mut("fc.bias").unwrap().shape = vec![1, 7];
        assert_eq!(foreign(reshaped), Contents::Unknown);
    }

    #[test]
    fn a_file_that_does_not_hold_what_it_says_has_a_problem() {
        let described = |classifier: Classifier, weights: Weights| {
            let recipe = "by hand".to_owned();
            match contents(&describe(weights, &Description { classifier, recipe, size: None })) {
                Contents::Classifier { net, parameters, problem, recipe, .. } => {
                    assert_eq!(
                        (net, recipe.as_deref()),
                        (classifier.architecture.to_string(), Some("by hand"))
                    );
                    (parameters.is_some(), problem)
                }
                other => panic!("{other:?}"),
            }
        };
        let small = net("resnet8x4");
        assert_eq!(described(small, weights(&small)), (true, None));
        let mut spoiled = weights(&small);
        spoiled.tensors.get_mut("bn1.bias").unwrap().data[2] = f32::INFINITY;
        let (fits, problem) = described(small, spoiled);
        assert!(fits && problem.unwrap().contains("'bn1.bias' holds a value that is not a finite number"));
        let (fits, problem) = described(net("resnet14x4"), weights(&small));
        assert!(!fits && problem.unwrap().contains("'layer1.1.conv1.weight'"));
        // Sizes that no machine holds are only compared, never multiplied.
        let (fits, problem) = described(Classifier { classes: usize::MAX, ..small }, weights(&small));
        assert!(!fits && problem.unwrap().contains("'linear.weight'"));
    }

    #[test]
    fn an_unfinished_training_tells_how_far_it_is() {
        let settings = Settings::default().with("batch", 4);
        let position = Position { settings, step: 12 };
        let training = Contents::Training { updates: 12, settings: "batch 4".into() };
        assert_eq!(contents(&describe(Weights::default(), &position)), training);
    }
}
