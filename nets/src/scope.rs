//! Where a net is traced: the graph, the place in the tree of names, and the list of parameters.

use std::cell::RefCell;
use std::rc::Rc;

use unperturb_engine::{Graph, Shape, Value};

use crate::parameter::{Kind, Parameter};

/// How layers behave that differ between training and use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Batch norm takes the batch's statistics and updates the running ones.
    Train,
    /// Batch norm takes the batch's statistics and leaves the running ones alone.
    BatchStatistics,
    /// Batch norm takes the running statistics.
    Evaluate,
}

/// A place in a net that is being traced.
#[derive(Clone)]
pub struct Scope<'g> {
    graph: &'g Graph,
    net: Rc<str>,
    path: String,
    mode: Mode,
    parameters: Rc<RefCell<Vec<Parameter<'g>>>>,
}

impl<'g> Scope<'g> {
    /// The root of a net called `net`, which keeps its states apart from those of other nets.
    pub fn new(graph: &'g Graph, net: &str, mode: Mode) -> Self {
        Scope { graph, net: net.into(), path: String::new(), mode, parameters: Rc::default() }
    }

    /// The same place under a further name: `scope.child("layer1").child(0)`.
    pub fn child(&self, name: impl std::fmt::Display) -> Self {
        let path = if self.path.is_empty() { name.to_string() } else { format!("{}.{name}", self.path) };
        Scope { path, ..self.clone() }
    }

    /// The parameter called `name` at this place. A net traced twice with one scope shares it.
    pub fn parameter(&self, name: &str, kind: Kind, shape: impl Into<Shape>) -> Value<'g> {
        let name = self.child(name).path;
        let state = format!("{}/{name}", self.net);
        let value = self.graph.parameter(state.as_str(), shape);
        let mut parameters = self.parameters.borrow_mut();
        if !parameters.iter().any(|known| known.name == name) {
            parameters.push(Parameter { name, kind, value, state });
        }
        value
    }

    /// The graph that is traced.
    pub fn graph(&self) -> &'g Graph {
        self.graph
    }

    /// How layers behave.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// All parameters so far, in the order of their first use.
    pub fn parameters(&self) -> Vec<Parameter<'g>> {
        self.parameters.borrow().clone()
    }
}
