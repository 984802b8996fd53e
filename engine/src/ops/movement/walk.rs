//! How a move is walked: neighbouring axes merged where both sides step through them as one.

use super::{Axis, Movement};
use crate::ops::Signature;
use crate::shape::DType;

/// Most axes that the kernels walk.
pub const MAX_AXES: usize = 8;

/// One axis of the walk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stride {
    /// Where it reads.
    pub axis: Axis,
    /// Positions of the operand's axis.
    pub limit: usize,
    /// Words between neighbours of the operand's axis.
    pub stride: usize,
}

impl Stride {
    /// Words from the operand's start for result position `i`, if it reads anything there.
    pub fn offset(&self, i: usize) -> Option<usize> {
        Some(self.axis.position(i, self.limit)? * self.stride)
    }

    /// Whether every result position reads the operand's position of the same number.
    fn is_whole(&self) -> bool {
        let Axis { size, start, step, dilation, .. } = self.axis;
        (start, step, dilation) == (0, 1, 1) && size == self.limit
    }
}

/// The axes of the result, outermost first, and what fills the gaps.
#[derive(Clone, Debug, PartialEq)]
pub struct Walk {
    /// At least one.
    pub strides: Vec<Stride>,
    /// The word where nothing is read.
    pub fill: u32,
}

impl Walk {
    pub fn new(movement: &Movement, signature: &Signature) -> Walk {
        let input = &signature.inputs[0];
        let words = input.shape.strides();
        let mut strides: Vec<Stride> = Vec::new();
        for &axis in &movement.axes {
            let next = Stride { axis, limit: input.shape[axis.source], stride: words[axis.source] };
            match strides.last_mut() {
                // An untouched axis joins the one outside it, if they are neighbours in the operand too.
                Some(outer)
                    if next.is_whole()
                        && outer.stride == next.limit * next.stride
                        && (outer.axis.step, outer.axis.dilation) == (1, 1) =>
                {
                    outer.axis.size *= axis.size;
                    outer.axis.start *= axis.size as i64;
                    outer.limit *= next.limit;
                    outer.stride = next.stride;
                }
                _ => strides.push(next),
            }
        }
        if strides.is_empty() {
            strides.push(Stride { axis: Axis::whole(0, 1), limit: 1, stride: 1 });
        }
        let fill = if input.dtype != DType::U32 { movement.fill.to_bits() } else { 0 };
        Walk { strides, fill }
    }
}
