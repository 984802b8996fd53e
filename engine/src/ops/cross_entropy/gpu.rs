//! GPU kernels.

use crate::ops::rows::Rows;
use crate::runtime::gpu::{Binding, Lowered};

pub(super) fn loss(smoothing: f32, rows: Rows) -> Lowered {
    let shader = include_str!("../../../../shaders/cross_entropy/loss.wgsl");
    let bindings = vec![Binding::read_input(0), Binding::read_input(1), Binding::write_output()];
    Lowered::single(rows.launch("cross_entropy", shader, bindings, &[smoothing.to_bits()]))
}

pub(super) fn gradient(smoothing: f32, rows: Rows) -> Lowered {
    let shader = include_str!("../../../../shaders/cross_entropy/gradient.wgsl");
    let inputs = (0..3).map(Binding::read_input);
    let bindings = inputs.chain([Binding::write_output()]).collect();
    Lowered::single(rows.launch("cross_entropy_gradient", shader, bindings, &[smoothing.to_bits()]))
}
