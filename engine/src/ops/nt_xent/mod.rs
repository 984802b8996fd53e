//! NT-Xent, the contrastive loss of SimCLR (Chen et al. 2020), over any number of views.
//!
//! Rows are view-major: row `view * n + image` of n images. Every other row with the same image is a
//! positive of a row; every row but the row itself counts in the denominator.

mod cpu;
mod gpu;

use super::rows::Rows;
use super::{Operation, Signature};
use crate::autodiff::Differentiated;
use crate::graph::{Graph, Value};
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::Lowered;
use crate::shape::{DType, Type};

/// Which other views of its image a row is drawn to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Positives {
    /// Only the first, in row order: what the published code of Mao et al. (2021) computes, which puts
    /// the positives in the first columns of the logits and labels every row 0.
    Authors,
    /// All, each in turn, averaged.
    SimClr,
}

/// Loss of each row from similarities over temperature: `[m, m] -> [m]` with `m = views * n`,
/// `loss[i] = log(sum over k != i of exp(s[i, k])) - mean over positives p of s[i, p]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NtXent {
    /// Views of each image, at least 2.
    pub views: usize,
    /// Which positives count.
    pub positives: Positives,
}

/// Its gradient: `(similarities [m, m], gradient [m]) -> [m, m]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NtXentGradient(pub NtXent);

impl<'g> Value<'g> {
    /// NT-Xent of embeddings `[views * n, d]` (this), rows view-major: normalises each to length 1,
    /// divides their inner products by `temperature`, and gives the loss of each row, `[views * n]`.
    #[track_caller]
    pub fn nt_xent(self, views: usize, temperature: f32, positives: Positives) -> Value<'g> {
        let unit = self.l2_normalize();
        let similarity = unit.matmul_of(unit, false, true) * (1.0 / temperature);
        similarity.nt_xent_of_similarity(views, positives)
    }

    /// NT-Xent of similarities `[views * n, views * n]` already divided by the temperature: the loss
    /// of each row, `[views * n]`.
    #[track_caller]
    pub fn nt_xent_of_similarity(self, views: usize, positives: Positives) -> Value<'g> {
        self.graph.apply(NtXent { views, positives }, &[self])
    }

    /// The mean of view-major rows `[views * n]` over the views of each image: `[n]`.
    #[track_caller]
    pub fn mean_over_views(self, views: usize) -> Value<'g> {
        let images = self.shape().elements() / views.max(1);
        self.reshape([views, images]).mean(&[0]).reshape([images])
    }
}

impl NtXent {
    /// Refuses anything but a square matrix of whole images.
    fn check(&self, similarity: &Type) -> Result<usize, String> {
        let (DType::F32, &[rows, columns]) = (similarity.dtype, &similarity.shape[..]) else {
            return Err("similarities must be f32 [rows, rows]".into());
        };
        if rows != columns {
            return Err("it needs the similarity of every row to every row".into());
        }
        if self.views < 2 || rows == 0 || rows % self.views != 0 {
            return Err(format!("{rows} rows are not {} views, two at least, of some images", self.views));
        }
        Ok(rows)
    }

    /// How many positives of a row count.
    fn count(&self) -> usize {
        match self.positives {
            Positives::Authors => 1,
            Positives::SimClr => self.views - 1,
        }
    }

    /// The rows that `row` is drawn to, of `images` images.
    fn targets(self, row: usize, images: usize) -> impl Iterator<Item = usize> {
        let others = (row % images..self.views * images).step_by(images).filter(move |&other| other != row);
        others.take(self.count())
    }
}

impl Operation for NtXent {
    fn name(&self) -> &'static str {
        "nt_xent"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::expect_inputs(inputs, 1)?;
        Ok(Type::f32([self.check(&inputs[0])?]))
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let inputs = [of.inputs[0], of.gradient];
        vec![Some(of.gradient.graph().apply(NtXentGradient(*self), &inputs))]
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        cpu::loss(*self, Rows::new(&signature.inputs[0].shape), buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::loss(*self, Rows::new(&signature.inputs[0].shape))
    }
}

impl Operation for NtXentGradient {
    fn name(&self) -> &'static str {
        "nt_xent_gradient"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::expect_inputs(inputs, 2)?;
        if Type::f32([self.0.check(&inputs[0])?]) != inputs[1] {
            return Err("the gradient must have an element for each row".into());
        }
        Ok(inputs[0].clone())
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let (similarity, graph) = (of.inputs[0], of.gradient.graph());
        let rows = of.inputs[1].shape();
        let m = rows[0];
        let dsimilarity = of.wanted[0].then(|| {
            // The targets' part of a row does not depend on the similarities; the rest is a softmax of all but the row
            // itself, which stands on the diagonal.
            let p = identity(graph, m).select(graph.full([], LOWEST), similarity).softmax();
            let along = (p * of.gradient).sum(&[1]);
            p * (of.gradient - along) * of.inputs[1].reshape([m, 1])
        });
        let dgradient = of.wanted[1].then(|| {
            let per_row = graph.apply(*self, &[similarity, graph.full(&rows, 1.0)]);
            (per_row * of.gradient).sum(&[1]).reshape(&rows)
        });
        vec![dsimilarity, dgradient]
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        cpu::gradient(self.0, Rows::new(&signature.output.shape), buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::gradient(self.0, Rows::new(&signature.output.shape))
    }
}

/// Below every similarity there is, by far more than its exponential can tell from zero.
const LOWEST: f32 = -1e30;

/// The identity matrix `[m, m]`: in rows of `m + 1` the ones stand under each other.
fn identity(graph: &Graph, m: usize) -> Value<'_> {
    let longer = graph.full([m, 1], 1.0).pad(&[(0, 0), (0, m)]);
    longer.reshape([m * (m + 1)]).slice(0, 0..m * m).reshape([m, m])
}
