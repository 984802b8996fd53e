//! Nets for other programs: the tensors of a net, whoever wrote them, as a safetensors file with PyTorch's names.

use std::path::Path;

use serde::Serialize;
use unperturb_nets::checkpoint::Checkpoint;
use unperturb_nets::parameter::Specification;
use unperturb_nets::{Architecture, Known, NetError, Weights, recognise};

use crate::model::{Description, description, foreign};
use crate::task::nets::TaskNet;

/// What was exported.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Export {
    /// The net, with its sizes.
    pub net: String,
    /// Its tensors.
    pub tensors: usize,
    /// Their elements.
    pub numbers: usize,
}

/// Reads a net from `from`, in any form that is known here, and writes its tensors, and no others, to `to`. Which net
/// it is `architecture` says, else the file, else names and shapes. What the file says of itself is kept. PyTorch's
/// `load_state_dict` takes the result as it is; the counters of batches that it also has start at zero.
///
/// # Errors
/// The file cannot be read, fits no net that is known here, or not the one that it should; `to` cannot be written, and
/// is untouched then.
pub fn export(architecture: Option<Architecture>, from: &Path, to: &Path) -> Result<Export, NetError> {
    let origin = from.display().to_string();
    let mut checkpoint = Checkpoint::read(from)?;
    let (net, specifications) = net(architecture, &checkpoint, &origin)?;
    checkpoint.check(&specifications, &origin)?;
    let names = specifications.iter().map(|spec| &spec.name);
    let tensors = names.filter_map(|name| checkpoint.weights.tensors.remove_entry(name)).collect();
    let weights = Weights { tensors };
    let export = Export { net, tensors: weights.tensors.len(), numbers: weights.elements() };
    let mut metadata = checkpoint.metadata;
    // What PyTorch's loaders look for.
    metadata.insert("format".into(), "pt".into());
    Checkpoint::new(weights, metadata).write(to)?;
    Ok(export)
}

/// The net that a checkpoint holds, in words, and its parameters.
fn net(
    architecture: Option<Architecture>,
    checkpoint: &Checkpoint,
    origin: &str,
) -> Result<(String, Vec<Specification>), NetError> {
    let known = if let Some(architecture) = architecture {
        Known::Classifier(foreign(architecture, &checkpoint.weights))
    } else if let Ok(Description { classifier, .. }) = description(checkpoint, origin) {
        Known::Classifier(classifier)
    } else if let Ok(net) = TaskNet::described(checkpoint, origin) {
        net.known()
    } else {
        recognise(&checkpoint.weights).ok_or_else(|| {
            let problem = "it fits no net that is known here; name the net in front, as in resnet20:FILE, to see \
                           what is missing";
            NetError::Malformed { file: origin.to_string(), problem: problem.into() }
        })?
    };
    Ok((known.to_string(), known.specifications()))
}
