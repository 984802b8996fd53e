//! A trained classifier: its net, its weights, and where they came from.

use std::path::Path;

use serde::{Deserialize, Serialize};
use unperturb_engine::{Graph, Session, Value};
use unperturb_nets::checkpoint::Checkpoint;
use unperturb_nets::parameter::Specification;
use unperturb_nets::{
    Architecture, Classifier, Features, Mode, NetError, Normalization, Scope, Weights, recognise,
};

/// Under this name the classifier's states live in a session.
pub const NAME: &str = "classifier";
/// Largest height and width of pictures that a checkpoint may speak of: its metadata is not to be trusted.
const LARGEST: usize = 8192;
/// The key of a checkpoint's metadata under which we keep ours.
pub const METADATA: &str = "unperturb";

/// A classifier with its weights.
#[derive(Clone, Debug)]
pub struct Model {
    /// The net.
    pub classifier: Classifier,
    /// Its weights, in PyTorch's layouts.
    pub weights: Weights,
    /// Where they came from.
    pub origin: String,
    /// Height and width of the pictures it was trained on, if that is known. Others of at least
    /// [`Architecture::expect_size`] can be classified, too.
    pub size: Option<[usize; 2]>,
}

/// What we write into a classifier's checkpoint beside its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The net and its input normalisation.
    pub classifier: Classifier,
    /// How it was trained, as the options of the command.
    pub recipe: String,
    /// Height and width of the pictures it was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<[usize; 2]>,
}

impl Model {
    /// Reads a checkpoint that `train classifier` wrote.
    ///
    /// # Errors
    /// The file cannot be read, does not say which net it holds, or its tensors do not fit.
    pub fn read(path: &Path) -> Result<Self, NetError> {
        let checkpoint = Checkpoint::read(path)?;
        Self::from_checkpoint(checkpoint, &path.display().to_string())
    }

    /// As [`read`](Model::read), from the bytes of a file; `origin` names them in errors.
    ///
    /// # Errors
    /// As [`read`](Model::read).
    pub fn from_checkpoint(checkpoint: Checkpoint, origin: &str) -> Result<Self, NetError> {
        let description: Description = description(&checkpoint, origin)?;
        let model = Self::new(description.classifier, checkpoint.weights, origin)?;
        match description.size {
            Some(size @ [height, width]) => {
                if height.max(width) > LARGEST {
                    let problem =
                        format!("it says that it was trained on pictures of {width}x{height} pixels");
                    return Err(NetError::Malformed { file: origin.to_string(), problem });
                }
                model.classifier.architecture.expect_size(height, width)?;
                Ok(Model { size: Some(size), ..model })
            }
            None => Ok(model),
        }
    }

    /// Reads a checkpoint that does not say which net it holds.
    ///
    /// # Errors
    /// The file cannot be read, or its tensors do not fit the net.
    pub fn read_foreign(
        architecture: Architecture,
        normalization: Normalization,
        path: &Path,
    ) -> Result<Self, NetError> {
        let origin = path.display().to_string();
        let checkpoint = Checkpoint::read(path)?;
        let classifier = Classifier { normalization, ..foreign(architecture, &checkpoint.weights) };
        let fitting = checkpoint.check(&classifier_specifications(&classifier), &origin);
        fitting.map_err(|problem| match recognise(&checkpoint.weights) {
            Some(known) => NetError::FitsAnother { problem: Box::new(problem), net: known.to_string() },
            None => problem,
        })?;
        Self::new(classifier, checkpoint.weights, &origin)
    }

    /// Puts a classifier and its weights together.
    ///
    /// # Errors
    /// Tensors that do not fit the net; no class.
    pub fn new(classifier: Classifier, weights: Weights, origin: &str) -> Result<Self, NetError> {
        if classifier.classes == 0 {
            let problem = "it holds a classifier that knows no class".to_string();
            return Err(NetError::Malformed { file: origin.to_string(), problem });
        }
        weights.check(&classifier_specifications(&classifier), origin)?;
        Ok(Model { classifier, weights, origin: origin.to_string(), size: None })
    }

    /// Writes the checkpoint. `recipe` says how it was trained.
    ///
    /// # Errors
    /// The file cannot be written; a previous one is untouched then.
    pub fn write(&self, path: &Path, recipe: &str) -> Result<(), NetError> {
        let described =
            Description { classifier: self.classifier, recipe: recipe.to_string(), size: self.size };
        describe(self.weights.clone(), &described).write(path)
    }

    /// Records the classifier as it is used: pictures `[n, h, w, 3]` in [0, 1] to features and logits.
    pub fn trace<'g>(&self, graph: &'g Graph, images: Value<'g>) -> Features<'g> {
        self.classifier.trace(&Scope::new(graph, NAME, Mode::Evaluate), images)
    }

    /// Writes the weights into a session that has compiled a program with the classifier in it.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn load(&self, session: &mut Session) -> Result<(), NetError> {
        self.weights.load(session, NAME, &classifier_specifications(&self.classifier))
    }

    /// How many numbers the net has learned.
    pub fn parameters(&self) -> u64 {
        learned(&classifier_specifications(&self.classifier))
    }
}

/// The classifier of that architecture whose weights these are, with as many classes as they have.
pub fn foreign(architecture: Architecture, weights: &Weights) -> Classifier {
    // The last layer's bias has as many elements as there are classes, whatever the net.
    let last = ["linear.bias", "fc.bias"].iter().find_map(|&name| weights.tensors.get(name));
    let classes = last.map_or(10, |bias| bias.data.len());
    Classifier { architecture, classes, normalization: Normalization::NONE }
}

/// How many numbers of these parameters are learned.
pub fn learned(specifications: &[Specification]) -> u64 {
    let learned = specifications.iter().filter(|spec| spec.kind.is_learned());
    learned.map(|spec| spec.shape.elements() as u64).sum()
}

/// The parameters of a classifier.
pub fn classifier_specifications(classifier: &Classifier) -> Vec<Specification> {
    classifier.specifications()
}

/// A checkpoint with `description` among its metadata.
pub fn describe<T: Serialize>(weights: Weights, description: &T) -> Checkpoint {
    let text = serde_json::to_string(description).expect("descriptions are plain data");
    let metadata = [("format".to_string(), "pt".to_string()), (METADATA.to_string(), text)];
    Checkpoint::new(weights, metadata.into())
}

/// What [`describe`] wrote.
///
/// # Errors
/// There is no description, or one of another kind of net.
pub fn description<T: for<'de> Deserialize<'de>>(
    checkpoint: &Checkpoint,
    origin: &str,
) -> Result<T, NetError> {
    let malformed = |problem: String| NetError::Malformed { file: origin.to_string(), problem };
    let text = checkpoint.metadata.get(METADATA).ok_or_else(|| {
        malformed("it does not say which net it holds; name the net in front, as in resnet20:FILE".into())
    })?;
    serde_json::from_str(text).map_err(|e| malformed(format!("its description is not one of ours ({e})")))
}
