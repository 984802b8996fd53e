//! Sums and maxima over axes, and the index of the maximum.
//!
//! Kernels reduce one run of neighbouring axes: `[outer, count, inner] -> [outer, 1, inner]`. Other
//! sets of axes are traced as several such reductions.

mod cpu;
pub(crate) mod gpu;

use std::ops::Range;

use super::{Operation, Signature};
use crate::autodiff::Differentiated;
use crate::graph::Value;
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::{Lowered, Stored};
use crate::shape::{DType, Shape, Type};

/// How elements are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Their sum.
    Sum,
    /// The largest.
    Max,
    /// The position of the first largest along the axis, as `u32`.
    Argmax,
}

/// Combines elements along neighbouring axes, each of which keeps a size of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Reduce {
    /// How.
    pub kind: Kind,
    /// Which axes.
    pub axes: Range<usize>,
}

/// The reduction as three axes.
#[derive(Clone, Copy, Debug)]
struct Extent {
    outer: usize,
    count: usize,
    inner: usize,
}

impl Reduce {
    fn extent(&self, input: &Shape) -> Extent {
        Extent {
            outer: input[..self.axes.start].iter().product(),
            count: input[self.axes.clone()].iter().product(),
            inner: input[self.axes.end..].iter().product(),
        }
    }
}

impl<'g> Value<'g> {
    /// Sum over `axes`, each of which keeps a size of one.
    #[track_caller]
    pub fn sum(self, axes: &[usize]) -> Value<'g> {
        self.reduce(Kind::Sum, axes)
    }

    /// Mean over `axes`, each of which keeps a size of one.
    #[track_caller]
    pub fn mean(self, axes: &[usize]) -> Value<'g> {
        let shape = self.shape();
        let count: usize = axes.iter().filter_map(|&axis| shape.get(axis)).product();
        self.sum(axes) * (1.0 / count as f32)
    }

    /// Maximum over `axes`, each of which keeps a size of one. Equal maxima share the gradient.
    #[track_caller]
    pub fn max(self, axes: &[usize]) -> Value<'g> {
        self.reduce(Kind::Max, axes)
    }

    /// Minimum over `axes`, each of which keeps a size of one. Equal minima share the gradient.
    #[track_caller]
    pub fn min(self, axes: &[usize]) -> Value<'g> {
        -(-self).max(axes)
    }

    /// Position of the first largest element along `axis`, which keeps a size of one; `u32`.
    #[track_caller]
    pub fn argmax(self, axis: usize) -> Value<'g> {
        self.reduce(Kind::Argmax, &[axis])
    }

    /// Sum of all elements: a scalar.
    #[track_caller]
    pub fn sum_all(self) -> Value<'g> {
        let axes: Vec<usize> = (0..self.shape().rank()).collect();
        self.sum(&axes).reshape([])
    }

    /// Mean of all elements: a scalar.
    #[track_caller]
    pub fn mean_all(self) -> Value<'g> {
        self.sum_all() * (1.0 / self.shape().elements() as f32)
    }

    /// One reduction for each run of neighbouring axes.
    #[track_caller]
    fn reduce(self, kind: Kind, axes: &[usize]) -> Value<'g> {
        let mut axes = axes.to_vec();
        axes.sort_unstable();
        let mut result = self;
        for run in axes.chunk_by(|a, b| a + 1 == *b) {
            let (start, end) = (run[0], run[run.len() - 1] + 1);
            result = self.graph.apply(Reduce { kind, axes: start..end }, &[result]);
        }
        result
    }
}

impl Operation for Reduce {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Sum => "sum",
            Kind::Max => "max",
            Kind::Argmax => "argmax",
        }
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::expect_inputs(inputs, 1)?;
        let shape = &inputs[0].shape;
        if self.axes.end > shape.rank() {
            return Err(format!("there is no axis {}", self.axes.end - 1));
        }
        if inputs[0].dtype != DType::F32 {
            return Err("it computes with f32 only".into());
        }
        if self.kind != Kind::Sum && self.extent(shape).count == 0 {
            return Err("there is no largest of no elements".into());
        }
        let mut sizes = shape.to_vec();
        sizes[self.axes.clone()].fill(1);
        let dtype = if self.kind == Kind::Argmax { DType::U32 } else { DType::F32 };
        Ok(Type { shape: sizes.into(), dtype })
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let x = of.inputs[0];
        match self.kind {
            Kind::Sum => vec![Some(of.gradient.broadcast_to(x.shape()))],
            Kind::Max => {
                let largest = x.equals(of.output);
                let axes: Vec<usize> = self.axes.clone().collect();
                vec![Some(largest * (of.gradient / largest.sum(&axes)))]
            }
            Kind::Argmax => vec![None],
        }
    }

    fn reads_halves(&self, _: usize, _: &Signature) -> bool {
        self.kind != Kind::Argmax
    }

    fn cpu_scratch(&self, signature: &Signature) -> usize {
        cpu::scratch(self, self.extent(&signature.inputs[0].shape))
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        cpu::run(self, self.extent(&signature.inputs[0].shape), buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        let stored = Stored::of(signature.inputs[0].dtype);
        gpu::lower(self, self.extent(&signature.inputs[0].shape), stored)
    }
}
