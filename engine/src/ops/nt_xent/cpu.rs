//! CPU kernels: a row at a time, parallel over rows.

use rayon::prelude::*;

use super::NtXent;
use crate::ops::rows::Rows;
use crate::runtime::cpu::Buffers;

pub(super) fn loss(op: NtXent, rows: Rows, mut buffers: Buffers) {
    let (inputs, output) = buffers.f32();
    let images = rows.length / op.views;
    let of_row = output.par_iter_mut().zip(inputs[0].par_chunks_exact(rows.length)).enumerate();
    of_row.with_min_len(rows.per_task()).for_each(|(row, (loss, s))| {
        let largest = largest(s, row);
        let sum: f32 = [&s[..row], &s[row + 1..]].into_iter().flatten().map(|s| (s - largest).exp()).sum();
        let drawn: f32 = op.targets(row, images).map(|target| s[target] - largest).sum();
        *loss = sum.ln() - drawn / op.count() as f32;
    });
}

pub(super) fn gradient(op: NtXent, rows: Rows, mut buffers: Buffers) {
    let (inputs, output) = buffers.f32();
    let images = rows.length / op.views;
    let of_row = output.par_chunks_exact_mut(rows.length).zip(inputs[0].par_chunks_exact(rows.length));
    of_row.zip(inputs[1]).enumerate().with_min_len(rows.per_task()).for_each(
        |(row, ((ds, s), &gradient))| {
            let largest = largest(s, row);
            ds.iter_mut().zip(s).for_each(|(ds, s)| *ds = (s - largest).exp());
            ds[row] = 0.0;
            let scale = gradient / ds.iter().sum::<f32>();
            ds.iter_mut().for_each(|ds| *ds *= scale);
            op.targets(row, images).for_each(|target| ds[target] -= gradient / op.count() as f32);
        },
    );
}

/// The largest similarity of `row` to another.
fn largest(s: &[f32], row: usize) -> f32 {
    [&s[..row], &s[row + 1..]].into_iter().flatten().copied().fold(f32::NEG_INFINITY, f32::max)
}
