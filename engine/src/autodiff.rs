//! Reverse-mode differentiation, as a rewrite of the graph: the gradient is more nodes of the same ops.

use std::panic::Location;

use crate::error::EngineError;
use crate::graph::{Graph, NodeId, Value};
use crate::ops::Op;
use crate::shape::{DType, Shape};

/// What a gradient rule sees of the node it differentiates.
pub struct Differentiated<'a, 'g> {
    /// What the node reads.
    pub inputs: &'a [Value<'g>],
    /// What it made.
    pub output: Value<'g>,
    /// The gradient of the loss with respect to `output`.
    pub gradient: Value<'g>,
    /// Which inputs a gradient is asked for; a rule may answer `None` for the others.
    pub wanted: &'a [bool],
}

impl Differentiated<'_, '_> {
    /// Records that a gradient is wanted which `operation` does not have: better than a wrong zero.
    #[track_caller]
    pub fn fail(&self, operation: &'static str, message: &str) {
        self.output.graph.fail(EngineError::Operands {
            op: operation,
            inputs: self.inputs.iter().map(Value::ty).collect(),
            message: message.into(),
            location: Location::caller(),
        });
    }
}

impl Graph {
    /// The gradients of `loss` (one element) with respect to each of `targets`, in their order.
    ///
    /// Only nodes between the targets and the loss get gradient nodes: asking for the image's
    /// gradient makes no weight gradient. A target that the loss does not depend on gets zeros.
    ///
    /// # Errors
    /// The first error met while tracing, or a loss of more than one element.
    #[track_caller]
    pub fn gradient<'g>(
        &'g self,
        loss: Value<'g>,
        targets: &[Value<'g>],
    ) -> Result<Vec<Value<'g>>, EngineError> {
        self.check()?;
        if loss.shape().elements() != 1 {
            return Err(EngineError::LossNotScalar(loss.shape()));
        }
        self.differentiating(|| self.propagate(loss, targets))
    }

    #[track_caller]
    fn propagate<'g>(
        &'g self,
        loss: Value<'g>,
        targets: &[Value<'g>],
    ) -> Result<Vec<Value<'g>>, EngineError> {
        let between = self.depends_on(targets, loss.id);
        let mut gradients: Vec<Option<Value<'g>>> = vec![None; loss.id.0 + 1];
        gradients[loss.id.0] = Some(self.full(loss.shape(), 1.0));
        for index in (0..=loss.id.0).rev() {
            if !between[index] {
                continue;
            }
            let Some(gradient) = gradients[index] else { continue };
            let node = self.node(NodeId(index));
            let inputs: Vec<Value> = node.inputs.iter().map(|&id| Value { graph: self, id }).collect();
            let wanted: Vec<bool> = node.inputs.iter().map(|id| between[id.0]).collect();
            if !wanted.contains(&true) {
                continue;
            }
            let output = Value { graph: self, id: NodeId(index) };
            let of = Differentiated { inputs: &inputs, output, gradient, wanted: &wanted };
            let contributions = node.op.operation().gradient(&of);
            for ((id, contribution), wanted) in node.inputs.iter().zip(contributions).zip(&wanted) {
                if let (Some(more), true) = (contribution, wanted) {
                    let sum = gradients[id.0].map_or(more, |so_far| so_far + more);
                    gradients[id.0] = Some(sum);
                }
            }
        }
        self.check()?;
        let zero = |target: &Value<'g>| self.full(target.shape(), 0.0);
        Ok(targets
            .iter()
            .map(|target| gradients.get(target.id.0).copied().flatten().unwrap_or_else(|| zero(target)))
            .collect())
    }

    /// For each node up to `last`, whether it is one of `targets` or depends on one through
    /// differentiable operations.
    fn depends_on(&self, targets: &[Value], last: NodeId) -> Vec<bool> {
        let mut depends = vec![false; last.0 + 1];
        for index in 0..=last.0 {
            let node = self.node(NodeId(index));
            depends[index] = targets.iter().any(|t| t.id.0 == index)
                || (node.ty.dtype == DType::F32
                    && !matches!(node.op, Op::Detach(_))
                    && node.inputs.iter().any(|id| depends[id.0]));
        }
        depends
    }
}

impl<'g> Value<'g> {
    /// Sums over the axes that broadcasting stretched, so that the result has `shape` again: the
    /// transpose of broadcasting.
    #[track_caller]
    pub fn sum_to(self, shape: &Shape) -> Value<'g> {
        let own = self.shape();
        if own == *shape {
            return self;
        }
        let rank = own.rank();
        let stretched: Vec<usize> =
            (0..rank).filter(|&axis| shape.aligned(rank, axis) == 1 && own[axis] != 1).collect();
        self.sum(&stretched).reshape(shape)
    }
}
