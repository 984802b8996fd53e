//! SimCLR (Chen et al. 2020): an encoder of its own and a projection whose output the contrastive loss compares.

use serde::{Deserialize, Serialize};
use unperturb_engine::Value;

use crate::classifier::{Architecture, as_text};
use crate::layers::linear;
use crate::scope::Scope;

/// A net whose last layer is replaced by linear, relu, linear, under its own name; all of it is a `backbone`. These are
/// the names of `sthalles/SimCLR`, after which the loss of Mao et al. (2021) was written: `backbone.fc.0` and
/// `backbone.fc.2` behind torchvision's nets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimClr {
    /// The net before its last layer.
    #[serde(with = "as_text")]
    pub encoder: Architecture,
    /// Units between the layers of the projection; as many as the encoder has features in the paper.
    pub hidden: usize,
    /// Size of the embedding; 128 in the paper.
    pub embedding: usize,
}

impl SimClr {
    /// As published, with an encoder of that net.
    pub fn new(encoder: Architecture) -> Self {
        SimClr { encoder, hidden: encoder.features(), embedding: 128 }
    }

    /// Pictures `[n, h, w, 3]` to embeddings `[n, embedding]`, not normalised.
    pub fn trace<'g>(&self, scope: &Scope<'g>, images: Value<'g>) -> Value<'g> {
        let backbone = scope.child("backbone");
        let projection = backbone.child(self.encoder.last());
        let features = self.encoder.trace(&backbone, images);
        let x = linear(&projection.child(0), features, self.hidden).relu();
        linear(&projection.child(2), x, self.embedding)
    }
}
