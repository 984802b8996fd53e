//! GPU kernels: one invocation per element.

use super::sampling::whole_scale;
use super::{Filter, Sizes};
use crate::runtime::gpu::{Binding, Launch, Lowered};

const WORKGROUP: usize = 64;

pub(super) fn forward(filter: Filter, sizes: Sizes, boxes: bool) -> Lowered {
    let elements = sizes.images * sizes.result[0] * sizes.result[1] * sizes.channels;
    let main = include_str!("../../../../shaders/resample/resample.wgsl");
    launch("resample", main, filter, sizes, boxes, elements)
}

pub(super) fn backward(filter: Filter, sizes: Sizes, boxes: bool) -> Lowered {
    let elements = sizes.images * sizes.image[0] * sizes.image[1] * sizes.channels;
    let main = include_str!("../../../../shaders/resample/resample_gradient.wgsl");
    launch("resample gradient", main, filter, sizes, boxes, elements)
}

fn launch(
    label: &'static str,
    main: &str,
    filter: Filter,
    sizes: Sizes,
    boxes: bool,
    elements: usize,
) -> Lowered {
    let (declaration, crop) = if boxes {
        let declaration = "@group(0) @binding(3) var<storage, read> boxes: array<vec4<f32>>;";
        (declaration, "boxes[n][axis], boxes[n][2u + axis] / count, boxes[n][2u + axis]")
    } else {
        ("", "0.0, bitcast<f32>(params[2][axis]), f32(limit)")
    };
    let nearest = if filter == Filter::Nearest { "true" } else { "false" };
    let sampling = include_str!("../../../../shaders/resample/sampling.wgsl");
    let source = format!("{sampling}{main}")
        .replace("//BOXES", declaration)
        .replace("CROP", crop)
        .replace("NEAREST", nearest);
    let mut bindings = vec![Binding::read_input(0), Binding::write_output()];
    if boxes {
        bindings.push(Binding::read_input(1));
    }
    let [h, w] = sizes.image;
    let [height, width] = sizes.result;
    let mut params: Vec<u32> =
        [elements, sizes.channels, 0, 0, h, w, height, width].map(|size| size as u32).to_vec();
    params.extend([0, 1].map(|axis| whole_scale(sizes.image[axis], sizes.result[axis]).to_bits()));
    let workgroups = elements.div_ceil(WORKGROUP);
    Lowered::single(Launch { label, source: source.into(), bindings, params, workgroups })
}
