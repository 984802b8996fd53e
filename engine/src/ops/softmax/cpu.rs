//! CPU kernel: a row at a time, parallel over rows.

use rayon::prelude::*;

use crate::ops::rows::Rows;
use crate::runtime::cpu::Buffers;

pub(super) fn run(logarithm: bool, rows: Rows, mut buffers: Buffers) {
    let (inputs, output) = buffers.f32();
    if output.is_empty() {
        return;
    }
    let of_row = inputs[0].par_chunks_exact(rows.length).zip(output.par_chunks_exact_mut(rows.length));
    of_row.with_min_len(rows.per_task()).for_each(|(x, y)| {
        let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if logarithm {
            let sum: f32 = x.iter().map(|x| (x - largest).exp()).sum();
            let shift = sum.ln();
            y.iter_mut().zip(x).for_each(|(y, x)| *y = x - largest - shift);
        } else {
            y.iter_mut().zip(x).for_each(|(y, x)| *y = (x - largest).exp());
            let scale = 1.0 / y.iter().sum::<f32>();
            y.iter_mut().for_each(|y| *y *= scale);
        }
    });
}
