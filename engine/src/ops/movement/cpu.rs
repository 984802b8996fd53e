//! CPU kernels.

use rayon::prelude::*;

use super::walk::{MAX_AXES, Stride, Walk};
use crate::runtime::cpu::Buffers;

/// Words per parallel task, about.
const TASK: usize = 1 << 14;

pub(super) fn run(walk: &Walk, buffers: Buffers) {
    let input = buffers.inputs[0];
    let (last, outer) = walk.strides.split_last().expect("a walk has an axis");
    let row = last.axis.size;
    if buffers.output.is_empty() {
        return;
    }
    let rows = (TASK / row).max(1);
    buffers.output.par_chunks_mut(rows * row).enumerate().for_each(|(task, chunk)| {
        let mut odometer = Odometer::new(outer, task * rows);
        for result in chunk.chunks_exact_mut(row) {
            match odometer.offset {
                Some(offset) => read_row(last, &input[offset..], walk.fill, result),
                None => result.fill(walk.fill),
            }
            odometer.advance();
        }
    });
}

/// Fills a row of the result; `input` starts where the row's axis has position zero.
fn read_row(last: &Stride, input: &[u32], fill: u32, result: &mut [u32]) {
    let axis = last.axis;
    if (axis.step, axis.dilation, last.stride) == (1, 1, 1) {
        // Fill, a run of neighbours, fill.
        let before = (-axis.start).clamp(0, result.len() as i64) as usize;
        let end = (last.limit as i64 - axis.start).clamp(before as i64, result.len() as i64) as usize;
        result[..before].fill(fill);
        if end > before {
            let from = (axis.start + before as i64) as usize;
            result[before..end].copy_from_slice(&input[from..from + end - before]);
        }
        result[end..].fill(fill);
    } else {
        for (i, result) in result.iter_mut().enumerate() {
            *result = last.offset(i).map_or(fill, |offset| input[offset]);
        }
    }
}

/// Steps through the rows of the result and knows where each reads.
struct Odometer<'a> {
    strides: &'a [Stride],
    index: [usize; MAX_AXES],
    /// Each axis's share of the offset.
    parts: [Option<usize>; MAX_AXES],
    offset: Option<usize>,
}

impl<'a> Odometer<'a> {
    fn new(strides: &'a [Stride], row: usize) -> Self {
        let mut odometer =
            Odometer { strides, index: [0; MAX_AXES], parts: [Some(0); MAX_AXES], offset: None };
        let mut rest = row;
        for (axis, stride) in strides.iter().enumerate().rev() {
            odometer.index[axis] = rest % stride.axis.size;
            odometer.parts[axis] = stride.offset(odometer.index[axis]);
            rest /= stride.axis.size;
        }
        odometer.sum();
        odometer
    }

    fn advance(&mut self) {
        for (axis, stride) in self.strides.iter().enumerate().rev() {
            self.index[axis] = (self.index[axis] + 1) % stride.axis.size;
            self.parts[axis] = stride.offset(self.index[axis]);
            if self.index[axis] != 0 {
                break;
            }
        }
        self.sum();
    }

    fn sum(&mut self) {
        self.offset = self.parts[..self.strides.len()].iter().copied().sum();
    }
}

/// Copies runs: the result's runs of `width` words take `part` words at `at` from each operand in turn.
pub(super) fn concatenate(parts: &[usize], buffers: Buffers) {
    let width: usize = parts.iter().sum();
    if buffers.output.is_empty() {
        return;
    }
    let inputs = &buffers.inputs;
    buffers.output.par_chunks_mut(width).with_min_len((TASK / width).max(1)).enumerate().for_each(
        |(row, result)| {
            let mut at = 0;
            for (input, &part) in inputs.iter().zip(parts) {
                result[at..at + part].copy_from_slice(&input[row * part..(row + 1) * part]);
                at += part;
            }
        },
    );
}

/// y[i] = x[index[i]], rows of `width` words; a row of zeros where there is no such row.
pub(super) fn gather(width: usize, buffers: Buffers) {
    let (x, index) = (buffers.inputs[0], buffers.inputs[1]);
    if buffers.output.is_empty() {
        return;
    }
    buffers.output.par_chunks_mut(width).with_min_len((TASK / width).max(1)).zip(index).for_each(
        |(result, &row)| match x.chunks_exact(width).nth(row as usize) {
            Some(row) => result.copy_from_slice(row),
            None => result.fill(0),
        },
    );
}

/// y[j] = sum of x[i] over the i with index[i] = j, in their order.
pub(super) fn scatter(width: usize, mut buffers: Buffers) {
    let index = buffers.inputs[1];
    let (inputs, output) = buffers.f32();
    if output.is_empty() {
        return;
    }
    output.par_chunks_mut(width).enumerate().for_each(|(j, result)| {
        result.fill(0.0);
        for (row, _) in inputs[0].chunks_exact(width).zip(index).filter(|(_, target)| **target as usize == j)
        {
            result.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        }
    });
}
