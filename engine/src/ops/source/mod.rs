//! Nodes that run nothing: reading a state, seeing memory under another shape, stopping gradients.

use super::{Operation, Signature};
use crate::autodiff::Differentiated;
use crate::graph::{StateId, Value};
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::Lowered;
use crate::shape::{Shape, Type};

/// The same elements, in the same order, under another shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Reshape {
    shape: Shape,
}

impl Reshape {
    pub(crate) fn to(shape: Shape) -> Self {
        Reshape { shape }
    }
}

/// The same value; gradients do not pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Detach;

impl<'g> Value<'g> {
    /// The same elements in the same order under another shape of as many elements. Costs nothing.
    #[track_caller]
    pub fn reshape(self, shape: impl Into<Shape>) -> Value<'g> {
        let shape = shape.into();
        if shape == self.shape() { self } else { self.graph.apply(Reshape { shape }, &[self]) }
    }

    /// The same value as a constant: no gradient flows through it.
    #[track_caller]
    pub fn detach(self) -> Value<'g> {
        self.graph.apply(Detach, &[self])
    }
}

impl Operation for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::expect_inputs(inputs, 1)?;
        if inputs[0].shape.elements() != self.shape.elements() {
            return Err(format!("the new shape {} has another number of elements", self.shape));
        }
        Ok(Type { shape: self.shape.clone(), dtype: inputs[0].dtype })
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        vec![Some(of.gradient.reshape(of.inputs[0].shape()))]
    }

    fn is_alias(&self) -> bool {
        true
    }

    fn cpu(&self, _: &Signature, _: Buffers) {
        unreachable!("an alias has no kernel: the planner never schedules it")
    }

    fn gpu(&self, _: &Signature) -> Lowered {
        unreachable!("an alias has no kernel: the planner never schedules it")
    }
}

impl Operation for Detach {
    fn name(&self) -> &'static str {
        "detach"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::expect_inputs(inputs, 1)?;
        Ok(inputs[0].clone())
    }

    fn gradient<'g>(&self, _: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        vec![None]
    }

    fn is_alias(&self) -> bool {
        true
    }

    fn cpu(&self, _: &Signature, _: Buffers) {
        unreachable!("an alias has no kernel: the planner never schedules it")
    }

    fn gpu(&self, _: &Signature) -> Lowered {
        unreachable!("an alias has no kernel: the planner never schedules it")
    }
}

impl Operation for StateId {
    fn name(&self) -> &'static str {
        "state"
    }

    fn infer(&self, _: &[Type]) -> Result<Type, String> {
        Err("the type of a state is declared with it".into())
    }

    fn gradient<'g>(&self, _: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        vec![]
    }

    fn cpu(&self, _: &Signature, _: Buffers) {
        unreachable!("a state is memory: the planner never schedules it")
    }

    fn gpu(&self, _: &Signature) -> Lowered {
        unreachable!("a state is memory: the planner never schedules it")
    }
}
