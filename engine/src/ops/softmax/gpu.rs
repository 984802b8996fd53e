//! GPU kernel.

use super::Softmax;
use crate::ops::Operation;
use crate::ops::rows::Rows;
use crate::runtime::gpu::{Binding, Lowered};

pub(super) fn lower(softmax: &Softmax, rows: Rows) -> Lowered {
    let shader = include_str!("../../../../shaders/softmax/softmax.wgsl");
    let bindings = vec![Binding::read_input(0), Binding::write_output()];
    Lowered::single(rows.launch(softmax.name(), shader, bindings, &[softmax.logarithm as u32]))
}
