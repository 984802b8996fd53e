//! Softmax cross-entropy with integer labels and label smoothing.

mod cpu;
mod gpu;

use super::rows::Rows;
use super::{Operation, Signature};
use crate::autodiff::Differentiated;
use crate::graph::Value;
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::Lowered;
use crate::shape::{DType, Shape, Type};

/// Cross-entropy of the softmax of logits with smoothed labels: `([n, k], u32 [n]) -> [n]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossEntropy {
    /// Weight of the uniform distribution in the target, in [0, 1].
    pub smoothing: f32,
}

/// Its gradient: `(logits [n, k], u32 [n], gradient [n]) -> [n, k]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossEntropyGradient {
    /// As of the [`CrossEntropy`] it belongs to.
    pub smoothing: f32,
}

impl<'g> Value<'g> {
    /// Cross-entropy of each image: logits `[n, k]` (this) and labels `u32 [n]` give `[n]`.
    ///
    /// With `smoothing` s the target is `1 - s` on the label plus `s / k` on every class (Szegedy et
    /// al. 2016, as in PyTorch's `label_smoothing`). Labels must be below k: whoever loads them
    /// checks that; the kernels only take care never to read out of bounds.
    #[track_caller]
    pub fn cross_entropy(self, labels: Value<'g>, smoothing: f32) -> Value<'g> {
        self.graph.apply(CrossEntropy { smoothing }, &[self, labels])
    }
}

fn check(smoothing: f32, inputs: &[Type]) -> Result<Shape, String> {
    let [logits, labels, ..] = inputs else { return Err("it takes logits and labels".into()) };
    let (2, DType::F32, [n, k]) = (logits.shape.rank(), logits.dtype, &logits.shape[..]) else {
        return Err("logits must be f32 [n, k]".into());
    };
    if *labels != Type::u32([*n]) {
        return Err(format!("labels must be u32[{n}]"));
    }
    if *k == 0 || !(0.0..=1.0).contains(&smoothing) {
        return Err("it needs a class and a smoothing within [0, 1]".into());
    }
    Ok([*n].into())
}

impl Operation for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::expect_inputs(inputs, 2)?;
        check(self.smoothing, inputs).map(Type::f32)
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let rule = CrossEntropyGradient { smoothing: self.smoothing };
        let dlogits = of.gradient.graph().apply(rule, &[of.inputs[0], of.inputs[1], of.gradient]);
        vec![Some(dlogits), None]
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        cpu::loss(self.smoothing, Rows::new(&signature.inputs[0].shape), buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::loss(self.smoothing, Rows::new(&signature.inputs[0].shape))
    }
}

impl Operation for CrossEntropyGradient {
    fn name(&self) -> &'static str {
        "cross_entropy_gradient"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::expect_inputs(inputs, 3)?;
        if Type::f32(check(self.smoothing, inputs)?) != inputs[2] {
            return Err("the gradient must have an element for each image".into());
        }
        Ok(inputs[0].clone())
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let &[logits, labels, gradient] = of.inputs else { unreachable!("checked by infer") };
        let n = gradient.shape()[0];
        let dlogits = of.wanted[0].then(|| {
            let p = logits.softmax();
            let along = (p * of.gradient).sum(&[1]);
            p * (of.gradient - along) * gradient.reshape([n, 1])
        });
        let dgradient = of.wanted[2].then(|| {
            let graph = logits.graph();
            let per_image = graph.apply(*self, &[logits, labels, graph.full([n], 1.0)]);
            (per_image * of.gradient).sum(&[1]).reshape([n])
        });
        vec![dlogits, None, dgradient]
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        cpu::gradient(self.smoothing, Rows::new(&signature.output.shape), buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::gradient(self.smoothing, Rows::new(&signature.output.shape))
    }
}
