//! CPU kernels: one pass over main memory. A chunk of rows is summed while it is in cache, and the
//! chunks' results are merged in order in f64, so that any number of threads gives the same bits.

use rayon::prelude::*;

use super::Extent;
use crate::runtime::cpu::Buffers;

/// Elements that stay in the second-level cache between the passes over a chunk.
const CHUNK: usize = 16 * 1024;
/// Channels whose sums the inner loops keep in vector registers.
const TILE: usize = 16;
/// Least channels that one task merges.
const MERGE: usize = 64;

/// Rows of a chunk: few enough for short sums, many enough that merging costs little.
fn chunk_rows(extent: Extent) -> usize {
    (CHUNK / extent.channels.max(1)).clamp(32, 512)
}

/// Two rows of partial results for each chunk.
pub(super) fn scratch(extent: Extent) -> usize {
    extent.rows.div_ceil(chunk_rows(extent)) * 2 * extent.channels
}

/// Mean and biased variance of each channel, merged as Chan, Golub & LeVeque (1979) do.
pub(super) fn statistics(extent: Extent, mut buffers: Buffers) {
    let Extent { rows, channels } = extent;
    let (inputs, output, partial) = buffers.f32_with_scratch();
    if channels == 0 {
        return;
    }
    let size = chunk_rows(extent);
    let chunks = partial.par_chunks_exact_mut(2 * channels).zip(inputs[0].par_chunks(size * channels));
    chunks.for_each(|(result, x)| {
        let mut start = 0;
        while start < channels {
            start += match channels - start {
                TILE.. => chunk_statistics::<TILE>(x, channels, start, result),
                _ => chunk_statistics::<1>(x, channels, start, result),
            };
        }
    });
    let partial = &*partial;
    let (means, variances) = output.split_at_mut(channels);
    let merged = means.par_iter_mut().zip(variances).with_min_len(MERGE).enumerate();
    merged.for_each(|(channel, (mean, variance))| {
        let counts = (0..).map(|chunk| size.min(rows - chunk * size) as f64);
        let means = || counts.clone().zip(parts(partial, channels, channel));
        let squares = parts(partial, channels, channels + channel);
        let centre = means().map(|(count, mean)| count * mean).sum::<f64>() / rows as f64;
        let between = means().map(|(count, mean)| count * (mean - centre).powi(2)).sum::<f64>();
        *mean = centre as f32;
        *variance = ((squares.sum::<f64>() + between) / rows as f64) as f32;
    });
}

/// Sums of `dy * x_hat` and of `dy` of each channel.
pub(super) fn gradient_sums(epsilon: f32, extent: Extent, mut buffers: Buffers) {
    let channels = extent.channels;
    let (inputs, output, partial) = buffers.f32_with_scratch();
    if channels == 0 {
        return;
    }
    let (x, dy) = (inputs[0], inputs[1]);
    let (means, variances) = inputs[2].split_at(channels);
    let size = chunk_rows(extent) * channels;
    let chunks = partial.par_chunks_exact_mut(2 * channels).zip(x.par_chunks(size).zip(dy.par_chunks(size)));
    chunks.for_each(|(result, (x, dy))| {
        let mut start = 0;
        while start < channels {
            start += match channels - start {
                TILE.. => chunk_gradient_sums::<TILE>(x, dy, means, start, result),
                _ => chunk_gradient_sums::<1>(x, dy, means, start, result),
            };
        }
    });
    let partial = &*partial;
    let (along, plain) = output.split_at_mut(channels);
    let merged = along.par_iter_mut().zip(plain).with_min_len(MERGE).enumerate();
    merged.for_each(|(channel, (along, plain))| {
        let deviation = (f64::from(variances[channel]) + f64::from(epsilon)).sqrt();
        *along = (parts(partial, channels, channel).sum::<f64>() / deviation) as f32;
        *plain = parts(partial, channels, channels + channel).sum::<f64>() as f32;
    });
}

/// Every chunk's partial result at `position` of its two rows.
fn parts(partial: &[f32], channels: usize, position: usize) -> impl Iterator<Item = f64> {
    partial.iter().skip(position).step_by(2 * channels).map(|&value| f64::from(value))
}

/// The columns `start..start + W` of a block of rows.
fn columns<const W: usize>(block: &[f32], channels: usize, start: usize) -> impl Iterator<Item = &[f32; W]> {
    block.chunks_exact(channels).map(move |row| row[start..].first_chunk().expect("W channels are left"))
}

/// Mean and sum of squared distances from it, of W channels of a chunk. Returns W.
fn chunk_statistics<const W: usize>(x: &[f32], channels: usize, start: usize, result: &mut [f32]) -> usize {
    // Distances from the first row are small where the mean is far from zero: their sum rounds less.
    let origin: &[f32; W] = x[start..].first_chunk().expect("W channels are left");
    let mut mean = [0.0; W];
    for x in columns::<W>(x, channels, start) {
        (0..W).for_each(|i| mean[i] += x[i] - origin[i]);
    }
    let share = channels as f32 / x.len() as f32;
    (0..W).for_each(|i| mean[i] = origin[i] + mean[i] * share);
    let mut squares = [0.0; W];
    for x in columns::<W>(x, channels, start) {
        (0..W).for_each(|i| squares[i] += (x[i] - mean[i]) * (x[i] - mean[i]));
    }
    result[start..start + W].copy_from_slice(&mean);
    result[channels + start..][..W].copy_from_slice(&squares);
    W
}

/// Sums of `dy * (x - mean)` and of `dy`, of W channels of a chunk. Returns W.
fn chunk_gradient_sums<const W: usize>(
    x: &[f32],
    dy: &[f32],
    means: &[f32],
    start: usize,
    result: &mut [f32],
) -> usize {
    let channels = means.len();
    let mean: &[f32; W] = means[start..].first_chunk().expect("W channels are left");
    let (mut along, mut plain) = ([0.0; W], [0.0; W]);
    for (x, dy) in columns::<W>(x, channels, start).zip(columns::<W>(dy, channels, start)) {
        for i in 0..W {
            along[i] += dy[i] * (x[i] - mean[i]);
            plain[i] += dy[i];
        }
    }
    result[start..start + W].copy_from_slice(&along);
    result[channels + start..][..W].copy_from_slice(&plain);
    W
}
