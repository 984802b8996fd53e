//! GPU kernel.

use crate::runtime::gpu::{Binding, Launch, Lowered};

pub(super) fn threshold(radius: f32, images: usize, elements: usize) -> Lowered {
    let shared = include_str!("../../../../shaders/lib/rows.wgsl");
    let shader = include_str!("../../../../shaders/norms/l1_threshold.wgsl");
    Lowered::single(Launch {
        label: "l1_threshold",
        source: format!("const LANES = 64u;\n{shared}{shader}").into(),
        bindings: vec![Binding::read_input(0), Binding::write_output()],
        params: vec![images as u32, elements as u32, radius.to_bits()],
        workgroups: images,
    })
}
