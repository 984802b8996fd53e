//! GPU kernels: one invocation per block of four numbers.

use super::{Distribution, Draw, Increment};
use crate::runtime::gpu::{Binding, Launch, Lowered};

const WORKGROUP: usize = 64;

pub(super) fn draw(draw: &Draw, rows: usize, elements: usize) -> Lowered {
    let row = elements / rows.max(1);
    let distribution = match draw.distribution {
        Distribution::Uniform => "uniform_from",
        Distribution::Normal => "normal_from",
    };
    let template = include_str!("../../../../shaders/random/draw.wgsl");
    Lowered::single(Launch {
        label: "draw",
        source: template.replace("DISTRIBUTION", distribution).into(),
        bindings: vec![Binding::read_input(0), Binding::write_output()],
        params: vec![row as u32, rows as u32, draw.stream],
        workgroups: (rows * row.div_ceil(4)).div_ceil(WORKGROUP),
    })
}

pub(super) fn increment(increment: &Increment, width: usize, words: usize) -> Lowered {
    let rows = words / width.max(1);
    Lowered::single(Launch {
        label: "increment",
        source: include_str!("../../../../shaders/random/increment.wgsl").into(),
        bindings: vec![Binding::read_input(0), Binding::write_output()],
        params: vec![width as u32, rows as u32, increment.first as u32],
        workgroups: rows.div_ceil(WORKGROUP),
    })
}
