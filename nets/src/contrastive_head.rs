//! The small head on a classifier's pooled features whose output the contrastive loss compares.

use serde::{Deserialize, Serialize};
use unperturb_engine::Value;

use crate::layers::{batch_norm, linear};
use crate::scope::Scope;

/// Linear, batch norm, relu, linear; names of the authors' published code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContrastiveHead {
    /// Size of the classifier's features.
    pub features: usize,
    /// Units between the layers; 256 in the authors' code.
    pub hidden: usize,
    /// Size of the embedding; 16 in the authors' code.
    pub embedding: usize,
}

impl ContrastiveHead {
    /// Features `[n, features]` to embeddings `[n, embedding]`, not normalised.
    pub fn trace<'g>(&self, scope: &Scope<'g>, features: Value<'g>) -> Value<'g> {
        let x = linear(&scope.child("linear"), features, self.hidden);
        let x = batch_norm(&scope.child("bn3"), x).relu();
        linear(&scope.child("linear2"), x, self.embedding)
    }
}
