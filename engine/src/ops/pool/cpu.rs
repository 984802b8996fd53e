//! CPU kernels: a row of images at a time, channels innermost, so that they run as vector code. The
//! gradients gather from the windows that cover a pixel, in order, and so never race.

use rayon::prelude::*;

use super::geometry::Geometry;
use crate::runtime::cpu::Buffers;

/// Fewest elements that are worth a task.
const TASK: usize = 4096;
/// Channels whose running maxima are kept at a time.
const CHANNELS: usize = 64;

/// Calls `f` in parallel with each row of pixels of `images`, and its image and row number.
fn for_each_row<T: Send>(
    images: &mut [T],
    [n, rows, columns, channels]: [usize; 4],
    f: impl Fn(usize, usize, &mut [T]) + Sync,
) {
    let row_len = columns * channels;
    if n * rows * row_len == 0 {
        return;
    }
    let rows_per_task = TASK.div_ceil(row_len);
    images
        .par_chunks_mut(row_len)
        .with_min_len(rows_per_task)
        .enumerate()
        .for_each(|(row, pixels)| f(row / rows, row % rows, pixels));
}

pub fn index(g: &Geometry, buffers: Buffers) {
    let x: &[f32] = bytemuck::cast_slice(buffers.inputs[0]);
    for_each_row(buffers.output, g.output_shape(), |image, p, indices| {
        let (row_taps, top) = g.rows.taps(p);
        for (q, indices) in indices.chunks_exact_mut(g.channels).enumerate() {
            let (column_taps, left) = g.columns.taps(q);
            for (block, indices) in indices.chunks_mut(CHANNELS).enumerate() {
                let mut largest = [f32::NEG_INFINITY; CHANNELS];
                indices.fill((row_taps.start * g.columns.kernel + column_taps.start) as u32);
                for (i, r) in row_taps.clone().enumerate() {
                    for (j, s) in column_taps.clone().enumerate() {
                        let tap = (r * g.columns.kernel + s) as u32;
                        let pixel = (image * g.rows.input + top + i) * g.columns.input + left + j;
                        let values = &x[pixel * g.channels + block * CHANNELS..][..indices.len()];
                        for ((index, largest), &value) in indices.iter_mut().zip(&mut largest).zip(values) {
                            let wins = value > *largest || value.is_nan();
                            *index = if wins { tap } else { *index };
                            *largest = if wins { value } else { *largest };
                        }
                    }
                }
            }
        }
    });
}

pub fn take(g: &Geometry, mut buffers: Buffers) {
    let index = buffers.inputs[1];
    let (inputs, output) = buffers.f32();
    let row_len = g.columns.output * g.channels;
    // No tap leads outside the image, whatever the index says.
    let pixel =
        |position: usize, padding: usize, input: usize| position.saturating_sub(padding).min(input - 1);
    for_each_row(output, g.output_shape(), |image, p, values| {
        let indices = &index[(image * g.rows.output + p) * row_len..][..row_len];
        for (place, (value, &tap)) in values.iter_mut().zip(indices).enumerate() {
            let (q, channel) = (place / g.channels, place % g.channels);
            let tap = (tap as usize).min(g.window_len() - 1);
            let (r, s) = (tap / g.columns.kernel, tap % g.columns.kernel);
            let i = pixel(p * g.rows.stride + r, g.rows.padding, g.rows.input);
            let j = pixel(q * g.columns.stride + s, g.columns.padding, g.columns.input);
            let pixel = (image * g.rows.input + i) * g.columns.input + j;
            *value = inputs[0][pixel * g.channels + channel];
        }
    });
}

pub fn put(g: &Geometry, mut buffers: Buffers) {
    let index = buffers.inputs[1];
    let (inputs, output) = buffers.f32();
    gather(g, output, |start, tap, pixel| {
        let (indices, values) = (&index[start..][..pixel.len()], &inputs[0][start..][..pixel.len()]);
        for ((sum, &index), &value) in pixel.iter_mut().zip(indices).zip(values) {
            *sum += if index == tap { value } else { 0.0 };
        }
    });
}

pub fn average(g: &Geometry, mut buffers: Buffers) {
    let (inputs, output) = buffers.f32();
    let share = 1.0 / g.window_len() as f32;
    for_each_row(output, g.output_shape(), |image, p, means| {
        let (row_taps, top) = g.rows.taps(p);
        for (q, means) in means.chunks_exact_mut(g.channels).enumerate() {
            let (column_taps, left) = g.columns.taps(q);
            means.fill(0.0);
            for i in 0..row_taps.len() {
                for j in 0..column_taps.len() {
                    let pixel = (image * g.rows.input + top + i) * g.columns.input + left + j;
                    let values = &inputs[0][pixel * g.channels..][..g.channels];
                    means.iter_mut().zip(values).for_each(|(sum, &value)| *sum += value);
                }
            }
            means.iter_mut().for_each(|sum| *sum *= share);
        }
    });
}

pub fn average_gradient(g: &Geometry, mut buffers: Buffers) {
    let (inputs, output) = buffers.f32();
    let share = 1.0 / g.window_len() as f32;
    gather(g, output, |start, _, pixel| {
        let values = &inputs[0][start..][..pixel.len()];
        pixel.iter_mut().zip(values).for_each(|(sum, &value)| *sum += value * share);
    });
}

/// For each pixel of `output`, an image of the pooling's input size: zeros, then `add` with the first
/// element of each window that covers it and the tap of that window which it is.
fn gather(g: &Geometry, output: &mut [f32], add: impl Fn(usize, u32, &mut [f32]) + Sync) {
    for_each_row(output, g.input_shape(), |image, i, pixels| {
        pixels.fill(0.0);
        for p in g.rows.windows(i) {
            let r = g.rows.tap(i, p);
            for (j, pixel) in pixels.chunks_exact_mut(g.channels).enumerate() {
                for q in g.columns.windows(j) {
                    let tap = r * g.columns.kernel + g.columns.tap(j, q);
                    let window = (image * g.rows.output + p) * g.columns.output + q;
                    add(window * g.channels, tap as u32, pixel);
                }
            }
        }
    });
}
