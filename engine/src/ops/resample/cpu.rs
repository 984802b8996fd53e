//! CPU kernels, parallel over rows.

use rayon::prelude::*;

use super::sampling::Sampling;
use super::{Filter, Sizes};
use crate::runtime::cpu::Buffers;

/// Elements per parallel task, at least.
const TASK: usize = 4096;

pub(super) fn forward(filter: Filter, sizes: Sizes, mut buffers: Buffers) {
    let Sizes { channels, image: [h, w], result: [height, width], .. } = sizes;
    let (inputs, output) = buffers.f32();
    if output.is_empty() {
        return;
    }
    let (x, boxes) = (inputs[0], inputs.get(1));
    let row = width * channels;
    output.par_chunks_mut(row).with_min_len(TASK.div_ceil(row)).enumerate().for_each(|(index, result)| {
        let (n, i) = (index / height, index % height);
        let crop = boxes.map(|boxes| &boxes[4 * n..4 * n + 4]);
        let [rows, columns] = Sampling::both(filter, &sizes, crop);
        let line = |y: usize| &x[(n * h + y) * w * channels..][..w * channels];
        let position = rows.position(i);
        let (y, down) = split(position);
        let (upper, lower) = (line(y), line((y + 1).min(h - 1)));
        for (j, result) in result.chunks_exact_mut(channels).enumerate() {
            let (x, right) = split(columns.position(j));
            let (left, next) = (x * channels, (x + 1).min(w - 1) * channels);
            for (c, result) in result.iter_mut().enumerate() {
                let along = |line: &[f32]| (1.0 - right) * line[left + c] + right * line[next + c];
                *result = match filter {
                    Filter::Nearest => upper[left + c],
                    Filter::Bilinear => (1.0 - down) * along(upper) + down * along(lower),
                };
            }
        }
    });
}

/// The pixel at or before a position, and how far past it that is.
fn split(position: f32) -> (usize, f32) {
    (position as usize, position.fract())
}

pub(super) fn backward(filter: Filter, sizes: Sizes, mut buffers: Buffers) {
    let Sizes { channels, image: [h, w], result: [height, width], .. } = sizes;
    let (inputs, output) = buffers.f32();
    if output.is_empty() {
        return;
    }
    let (dy, boxes) = (inputs[0], inputs.get(1));
    let row = w * channels;
    output.par_chunks_mut(row).with_min_len(TASK.div_ceil(row)).enumerate().for_each(|(index, result)| {
        let (n, y) = (index / h, index % h);
        let crop = boxes.map(|boxes| &boxes[4 * n..4 * n + 4]);
        let [rows, columns] = Sampling::both(filter, &sizes, crop);
        for (x, result) in result.chunks_exact_mut(channels).enumerate() {
            result.fill(0.0);
            for i in rows.readers(y) {
                let down = Sampling::weight(rows.position(i), y);
                if down == 0.0 {
                    continue;
                }
                for j in columns.readers(x) {
                    let weight = down * Sampling::weight(columns.position(j), x);
                    let from = &dy[((n * height + i) * width + j) * channels..][..channels];
                    result.iter_mut().zip(from).for_each(|(sum, dy)| *sum += weight * dy);
                }
            }
        }
    });
}
