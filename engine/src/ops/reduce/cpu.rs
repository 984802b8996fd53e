//! CPU kernels. Long reductions are cut into parts of a fixed length, whose results are combined in
//! order: exact enough, parallel, and the same bits for any number of threads.

use rayon::prelude::*;

use super::{Extent, Kind, Reduce};
use crate::runtime::cpu::Buffers;

/// Elements along the reduced axis that one part combines.
const PART: usize = 512;
const LANES: usize = 16;

pub(super) fn scratch(reduce: &Reduce, extent: Extent) -> usize {
    match reduce.kind {
        Kind::Argmax => 0,
        _ => extent.outer * extent.count.div_ceil(PART) * extent.inner,
    }
}

pub(super) fn run(reduce: &Reduce, extent: Extent, mut buffers: Buffers) {
    match reduce.kind {
        Kind::Argmax => argmax(extent, &mut buffers),
        Kind::Sum => combine(extent, &mut buffers, 0.0, |a, b| a + b),
        Kind::Max => combine(extent, &mut buffers, f32::NEG_INFINITY, |a, b| if b > a { b } else { a }),
    }
}

fn combine(extent: Extent, buffers: &mut Buffers, neutral: f32, f: impl Fn(f32, f32) -> f32 + Sync + Copy) {
    let Extent { count, inner, .. } = extent;
    let (inputs, output, partial) = buffers.f32_with_scratch();
    let parts = count.div_ceil(PART);
    if output.is_empty() {
        return;
    }
    if parts == 0 {
        return output.fill(neutral);
    }
    partial.par_chunks_mut(inner).with_min_len(64usize.div_ceil(inner)).enumerate().for_each(
        |(index, result)| {
            let (outer, part) = (index / parts, index % parts);
            let rows = PART.min(count - part * PART);
            let start = (outer * count + part * PART) * inner;
            let block = &inputs[0][start..start + rows * inner];
            if inner == 1 {
                result[0] = fold(block, neutral, f);
            } else {
                result.fill(neutral);
                for row in block.chunks_exact(inner) {
                    result.iter_mut().zip(row).for_each(|(a, &b)| *a = f(*a, b));
                }
            }
        },
    );
    output.par_chunks_mut(inner).with_min_len(64usize.div_ceil(inner)).enumerate().for_each(
        |(outer, result)| {
            let block = &partial[outer * parts * inner..(outer + 1) * parts * inner];
            if inner == 1 {
                result[0] = fold(block, neutral, f);
            } else {
                result.fill(neutral);
                for row in block.chunks_exact(inner) {
                    result.iter_mut().zip(row).for_each(|(a, &b)| *a = f(*a, b));
                }
            }
        },
    );
}

/// Combines contiguous elements in lanes, so that it runs as vector code.
fn fold(block: &[f32], neutral: f32, f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [neutral; LANES];
    let chunks = block.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(a, &b)| *a = f(*a, b));
    }
    lanes.iter_mut().zip(rest).for_each(|(a, &b)| *a = f(*a, b));
    lanes.into_iter().fold(neutral, f)
}

fn argmax(extent: Extent, buffers: &mut Buffers) {
    let Extent { count, inner, .. } = extent;
    let input: &[f32] = bytemuck::cast_slice(buffers.inputs[0]);
    buffers.output.par_iter_mut().with_min_len(64).enumerate().for_each(|(index, result)| {
        let start = index / inner * count * inner + index % inner;
        let mut best = 0;
        for position in 1..count {
            if input[start + position * inner] > input[start + best * inner] {
                best = position;
            }
        }
        *result = best as u32;
    });
}
