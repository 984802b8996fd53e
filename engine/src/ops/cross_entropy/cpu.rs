//! CPU kernels: a row at a time, parallel over rows.

use rayon::prelude::*;

use crate::ops::rows::Rows;
use crate::runtime::cpu::Buffers;

pub(super) fn loss(smoothing: f32, rows: Rows, mut buffers: Buffers) {
    let labels = buffers.inputs[1];
    let (inputs, output) = buffers.f32();
    let logits = inputs[0].par_chunks_exact(rows.length);
    let of_row = output.par_iter_mut().zip(logits.zip(labels)).with_min_len(rows.per_task());
    of_row.for_each(|(loss, (x, &label))| {
        let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = x.iter().map(|x| (x - largest).exp()).sum();
        let own = x[(label as usize).min(x.len() - 1)] - largest;
        let mean = x.iter().map(|x| x - largest).sum::<f32>() / x.len() as f32;
        *loss = sum.ln() - (1.0 - smoothing) * own - smoothing * mean;
    });
}

pub(super) fn gradient(smoothing: f32, rows: Rows, mut buffers: Buffers) {
    let labels = buffers.inputs[1];
    let (inputs, output) = buffers.f32();
    let (logits, gradient) = (inputs[0].par_chunks_exact(rows.length), inputs[2]);
    let of_row = output.par_chunks_exact_mut(rows.length).zip(logits.zip(labels.par_iter().zip(gradient)));
    of_row.with_min_len(rows.per_task()).for_each(|(dx, (x, (&label, &gradient)))| {
        let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        dx.iter_mut().zip(x).for_each(|(dx, x)| *dx = (x - largest).exp());
        let scale = 1.0 / dx.iter().sum::<f32>();
        let uniform = smoothing / x.len() as f32;
        let label = (label as usize).min(x.len() - 1);
        for (class, dx) in dx.iter_mut().enumerate() {
            let target = uniform + if class == label { 1.0 - smoothing } else { 0.0 };
            *dx = gradient * (*dx * scale - target);
        }
    });
}
