//! GPU kernels.

use crate::runtime::gpu::{Binding, Launch, Lowered};

const WORKGROUP: usize = 64;

/// One invocation per element.
pub(super) fn mix(matrix: &[Vec<f32>], elements: usize) -> Lowered {
    let mut params = vec![elements as u32, matrix.len() as u32, matrix[0].len() as u32, 0];
    params.extend(matrix.iter().flatten().map(|weight| weight.to_bits()));
    Lowered::single(Launch {
        label: "mix channels",
        source: include_str!("../../../../shaders/colour/mix.wgsl").into(),
        bindings: vec![Binding::read_input(0), Binding::write_output()],
        params,
        workgroups: elements.div_ceil(WORKGROUP),
    })
}

/// One invocation per pixel.
pub(super) fn turn_hue(transposed: bool, pixels: usize, pixels_of_image: usize) -> Lowered {
    let template = include_str!("../../../../shaders/colour/hue.wgsl");
    Lowered::single(Launch {
        label: "hue",
        source: template.replace("PRODUCT", if transposed { "transposed" } else { "forward" }).into(),
        bindings: vec![
            Binding::read_input(0),
            Binding::read_input(1),
            Binding::read_input(2),
            Binding::write_output(),
        ],
        params: vec![pixels as u32, pixels_of_image as u32],
        workgroups: pixels.div_ceil(WORKGROUP),
    })
}
