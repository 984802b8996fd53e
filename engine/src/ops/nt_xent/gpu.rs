//! GPU kernels.

use super::NtXent;
use crate::ops::rows::Rows;
use crate::runtime::gpu::{Binding, Lowered};

pub(super) fn loss(op: NtXent, rows: Rows) -> Lowered {
    let shader = include_str!("../../../../shaders/nt_xent/loss.wgsl");
    let bindings = vec![Binding::read_input(0), Binding::write_output()];
    Lowered::single(rows.launch("nt_xent", shader, bindings, &sizes(op, rows)))
}

pub(super) fn gradient(op: NtXent, rows: Rows) -> Lowered {
    let shader = include_str!("../../../../shaders/nt_xent/gradient.wgsl");
    let bindings = vec![Binding::read_input(0), Binding::read_input(1), Binding::write_output()];
    Lowered::single(rows.launch("nt_xent_gradient", shader, bindings, &sizes(op, rows)))
}

/// Images, and how many positives of a row count.
fn sizes(op: NtXent, rows: Rows) -> [u32; 2] {
    [(rows.length / op.views) as u32, op.count() as u32]
}
