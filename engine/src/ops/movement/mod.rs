//! Elements moved, not computed: transposed, sliced, padded, flipped, turned, joined, picked by row.
//! All take `f32` and `u32` alike.

mod compose;
mod concatenate;
mod cpu;
mod gather;
mod gpu;
mod lanes;
mod trace;
mod walk;

pub use concatenate::Concatenate;
pub use gather::{Gather, Scatter};

use super::{Operation, Signature};
use crate::autodiff::Differentiated;
use crate::graph::Value;
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::{Abilities, Lowered, Variant};
use crate::shape::{Shape, Type};
use walk::{MAX_AXES, Walk};

/// Where one axis of the result reads: position i shows position (start + i · step) / dilation of
/// the operand's axis `source`, or the fill where that is no whole number or outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// The operand's axis.
    pub source: usize,
    /// Result positions.
    pub size: usize,
    /// Where the first one reads, times the dilation.
    pub start: i64,
    /// From one to the next, times the dilation. Not zero.
    pub step: i64,
    /// At least one.
    pub dilation: i64,
}

impl Axis {
    /// The whole of axis `source`.
    fn whole(source: usize, size: usize) -> Axis {
        Axis { source, size, start: 0, step: 1, dilation: 1 }
    }

    /// The position that result position `i` reads of an axis of `limit`, if it reads any.
    fn position(&self, i: usize, limit: usize) -> Option<usize> {
        let scaled = self.start + i as i64 * self.step;
        let position = if self.dilation == 1 { scaled } else { scaled / self.dilation };
        let read = position * self.dilation == scaled && (0..limit as i64).contains(&position);
        read.then_some(position as usize)
    }
}

/// Transposes, slices, pads, flips or dilates, in any combination: every axis of the result reads
/// an axis of the operand at regular steps. These moves are closed under differentiation: where
/// j = (s + i t) / d, there i = (j d - s) / t.
#[derive(Clone, Debug, PartialEq)]
pub struct Movement {
    name: &'static str,
    axes: Vec<Axis>,
    /// What shows where nothing is read; zero for `u32`.
    fill: f32,
}

impl Movement {
    /// The move that carries each element back to where it came from, zero elsewhere.
    fn inverse(&self, input: &Shape) -> Movement {
        let mut axes: Vec<Axis> = (0..input.rank()).map(|axis| Axis::whole(axis, input[axis])).collect();
        for (position, axis) in self.axes.iter().enumerate() {
            let sign = axis.step.signum();
            axes[axis.source] = Axis {
                source: position,
                size: input[axis.source],
                start: -axis.start * sign,
                step: axis.dilation * sign,
                dilation: axis.step.abs(),
            };
        }
        Movement { name: self.name, axes, fill: 0.0 }
    }
}

impl Movement {
    /// Where in an operand of that shape the result begins, if it is neighbours there in their order.
    pub(crate) fn part_of(&self, operand: &Shape) -> Option<usize> {
        let plain = |(position, axis): (usize, &Axis)| {
            let end = axis.start + axis.size as i64;
            let inside = axis.start >= 0 && end <= operand[axis.source] as i64;
            let in_order = axis.source == position && (axis.step, axis.dilation) == (1, 1);
            (inside && in_order).then_some(axis.start as usize)
        };
        let starts = self.axes.iter().enumerate().map(plain).collect::<Option<Vec<_>>>()?;
        // Behind the first axis that has several positions, all are whole.
        let several = self.axes.iter().position(|axis| axis.size != 1).unwrap_or(self.axes.len());
        let whole = |axis: &Axis| axis.size == operand[axis.source];
        let together = self.axes.iter().skip(several + 1).all(whole);
        together.then(|| starts.iter().zip(operand.strides()).map(|(start, stride)| start * stride).sum())
    }
}

impl Operation for Movement {
    fn name(&self) -> &'static str {
        self.name
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::expect_inputs(inputs, 1)?;
        if self.axes.len() > MAX_AXES {
            return Err(format!("it moves at most {MAX_AXES} axes"));
        }
        let mut sources: Vec<usize> = self.axes.iter().map(|axis| axis.source).collect();
        sources.sort_unstable();
        if !sources.iter().copied().eq(0..inputs[0].shape.rank()) {
            return Err("it must name every axis once".into());
        }
        let sizes: Vec<usize> = self.axes.iter().map(|axis| axis.size).collect();
        Ok(Type { shape: sizes.into(), dtype: inputs[0].dtype })
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let inverse = self.inverse(&of.inputs[0].shape());
        vec![Some(of.gradient.graph().apply(inverse, &[of.gradient]))]
    }

    fn reads_halves(&self, _: usize, _: &Signature) -> bool {
        true
    }

    fn writes_halves(&self) -> bool {
        true
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        cpu::run(&Walk::new(self, signature), buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        gpu::lower(&Walk::new(self, signature), signature)
    }

    fn gpu_variants(&self, signature: &Signature, abilities: &Abilities) -> Vec<Variant> {
        let walk = Walk::new(self, signature);
        let lanes = abilities.lanes(|| lanes::lower(&walk, abilities));
        Variant::all(lanes, vec![], gpu::lower(&walk, signature), abilities)
    }
}
