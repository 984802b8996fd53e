//! The traced program: nodes in the order they were called, states, and what is assigned to them.

use std::cell::{Cell, RefCell};
use std::panic::Location;

use crate::error::EngineError;
use crate::ops::Op;
use crate::shape::{DType, Shape, Type};

/// Index of a node in its trace. Inputs always have smaller indices than the nodes that read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) usize);

/// Index of a state in its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StateId(pub(crate) usize);

/// One operation of the program.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// What it reads.
    pub inputs: Vec<NodeId>,
    /// What it makes.
    pub ty: Type,
    /// Whether differentiation made it.
    pub is_gradient: bool,
}

/// A named tensor that lives from one run to the next.
#[derive(Clone, Debug)]
pub struct State {
    /// Its name, unique in a session.
    pub name: String,
    /// Its shape and element type.
    pub ty: Type,
    /// Whether it is written rarely, see [`Graph::parameter`].
    pub parameter: bool,
}

/// A whole program as plain data: what the passes of [`optimize`](crate::optimize) rewrite.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// Operations, inputs before readers.
    pub nodes: Vec<Node>,
    /// Named tensors.
    pub states: Vec<State>,
    /// At the end of a run each state takes the value of its node. At most one entry a state.
    pub assigns: Vec<(StateId, NodeId)>,
}

/// Records operations on [`Value`]s.
///
/// Shapes are checked at each call. The first error is kept and reported, with the place of the
/// call, by [`gradient`](Graph::gradient) and by [`Session::compile`](crate::Session::compile), so
/// that arithmetic reads as arithmetic.
#[derive(Debug, Default)]
pub struct Graph {
    trace: RefCell<Trace>,
    error: RefCell<Option<EngineError>>,
    differentiating: Cell<bool>,
}

/// A tensor in a [`Graph`]: the result of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Value<'g> {
    pub(crate) graph: &'g Graph,
    pub(crate) id: NodeId,
}

impl Graph {
    /// An empty program.
    pub fn new() -> Self {
        Self::default()
    }

    /// The persistent `f32` tensor called `name`. Asking again for the same name gives the same tensor.
    #[track_caller]
    pub fn state(&self, name: impl Into<String>, shape: impl Into<Shape>) -> Value<'_> {
        self.state_of(name.into(), Type::f32(shape))
    }

    /// The persistent `f32` tensor called `name`, which is written so rarely that what is made of it is worth keeping: what
    /// depends on parameters alone is computed again only after one of them was written.
    #[track_caller]
    pub fn parameter(&self, name: impl Into<String>, shape: impl Into<Shape>) -> Value<'_> {
        let value = self.state(name, shape);
        if let Op::State(state) = self.node(value.id).op {
            self.trace.borrow_mut().states[state.0].parameter = true;
        }
        value
    }

    /// The persistent `u32` tensor called `name`: labels, counters.
    #[track_caller]
    pub fn state_u32(&self, name: impl Into<String>, shape: impl Into<Shape>) -> Value<'_> {
        self.state_of(name.into(), Type::u32(shape))
    }

    /// The persistent tensor called `name`, of any type.
    #[track_caller]
    pub(crate) fn state_of(&self, name: String, ty: Type) -> Value<'_> {
        let known = self.trace.borrow().states.iter().position(|s| s.name == name);
        let index = known.unwrap_or_else(|| {
            let mut trace = self.trace.borrow_mut();
            trace.states.push(State { name: name.clone(), ty: ty.clone(), parameter: false });
            trace.states.len() - 1
        });
        let first = self.trace.borrow().states[index].ty.clone();
        if first != ty {
            self.fail(EngineError::StateConflict { name, first, second: ty.clone() });
        }
        let node = self.trace.borrow().nodes.iter().position(|n| n.op == Op::State(StateId(index)));
        let id = node.map(NodeId).unwrap_or_else(|| self.push(Op::State(StateId(index)), vec![], ty));
        Value { graph: self, id }
    }

    /// At the end of every run, `state` takes `value`. Reads within the run see the old value.
    /// A second assignment to the same state replaces the first.
    ///
    /// # Panics
    /// If `state` is not a state of this graph: a mistake in the program, not in its data.
    #[track_caller]
    pub fn assign(&self, state: Value, value: Value) {
        let Op::State(target) = self.trace.borrow().nodes[state.id.0].op.clone() else {
            panic!("assign needs a state as its target");
        };
        let (expected, given) = (state.ty(), value.ty());
        if expected != given {
            self.fail(EngineError::Operands {
                op: "assign",
                inputs: vec![expected, given],
                message: "a state keeps its shape and type".into(),
                location: Location::caller(),
            });
        }
        let mut trace = self.trace.borrow_mut();
        trace.assigns.retain(|(state, _)| *state != target);
        trace.assigns.push((target, value.id));
    }

    /// Makes `value` readable after a run under `name`: a state assigned at the end of each run.
    #[track_caller]
    pub fn output(&self, name: impl Into<String>, value: Value) {
        let state = self.state_of(name.into(), value.ty());
        self.assign(state, value);
    }

    /// A tensor of the given shape whose every element is `value`.
    #[track_caller]
    pub fn full(&self, shape: impl Into<Shape>, value: f32) -> Value<'_> {
        self.apply(crate::ops::elementwise::Elementwise::fill(value, shape.into()), &[])
    }

    /// Records `op` on `inputs`; shapes are checked here.
    #[track_caller]
    pub fn apply<'g>(&'g self, op: impl Into<Op>, inputs: &[Value<'g>]) -> Value<'g> {
        let op = op.into();
        let location = Location::caller();
        let types: Vec<Type> = inputs.iter().map(Value::ty).collect();
        let ty = op.operation().infer(&types).unwrap_or_else(|message| {
            let op = op.operation().name();
            self.fail(EngineError::Operands { op, inputs: types.clone(), message, location });
            // A stand-in, so that tracing goes on; the graph can no longer be compiled.
            types.first().cloned().unwrap_or(Type::f32(Shape::scalar()))
        });
        Value { graph: self, id: self.push(op, inputs.iter().map(|v| v.id).collect(), ty) }
    }

    fn push(&self, op: Op, inputs: Vec<NodeId>, ty: Type) -> NodeId {
        let mut trace = self.trace.borrow_mut();
        trace.nodes.push(Node { op, inputs, ty, is_gradient: self.differentiating.get() });
        NodeId(trace.nodes.len() - 1)
    }

    /// What `trace` records belongs to a gradient.
    pub(crate) fn differentiating<T>(&self, trace: impl FnOnce() -> T) -> T {
        let before = self.differentiating.replace(true);
        let result = trace();
        self.differentiating.set(before);
        result
    }

    pub(crate) fn fail(&self, error: EngineError) {
        self.error.borrow_mut().get_or_insert(error);
    }

    /// The first error met while tracing.
    pub fn check(&self) -> Result<(), EngineError> {
        self.error.borrow().clone().map_or(Ok(()), Err)
    }

    /// A copy of the program as plain data, or the first error met while tracing.
    pub fn trace(&self) -> Result<Trace, EngineError> {
        self.check().map(|()| self.trace.borrow().clone())
    }

    /// How many nodes so far `matches` holds for.
    pub(crate) fn count(&self, matches: impl Fn(&Op) -> bool) -> usize {
        self.trace.borrow().nodes.iter().filter(|node| matches(&node.op)).count()
    }

    pub(crate) fn node(&self, id: NodeId) -> Node {
        self.trace.borrow().nodes[id.0].clone()
    }
}

impl<'g> Value<'g> {
    /// The graph it belongs to.
    pub fn graph(&self) -> &'g Graph {
        self.graph
    }

    /// Its axis sizes.
    pub fn shape(&self) -> Shape {
        self.ty().shape
    }

    /// Its element type.
    pub fn dtype(&self) -> DType {
        self.ty().dtype
    }

    /// Shape and element type.
    pub fn ty(&self) -> Type {
        self.graph.trace.borrow().nodes[self.id.0].ty.clone()
    }
}
