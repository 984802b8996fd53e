//! GPU kernels: one invocation per element of the result.

use super::geometry::Geometry;
use crate::ops::Signature;
use crate::runtime::gpu::{Binding, Launch, Lowered, typed};

const WORKGROUP: usize = 64;
/// Declarations that all shaders of this family share.
const SIZES: &str = include_str!("../../../../shaders/pool/sizes.wgsl");

pub fn index(g: &Geometry, signature: &Signature) -> Lowered {
    let source = &typed(include_str!("../../../../shaders/pool/index.wgsl"), signature);
    launch(g, "max pool index", source, 1, g.output_shape())
}

pub fn take(g: &Geometry, signature: &Signature) -> Lowered {
    let source = &typed(include_str!("../../../../shaders/pool/take.wgsl"), signature);
    launch(g, "max pool", source, 2, g.output_shape())
}

pub fn put(g: &Geometry) -> Lowered {
    let source = include_str!("../../../../shaders/pool/put.wgsl");
    launch(g, "max pool gradient", source, 2, g.input_shape())
}

pub fn average(g: &Geometry, signature: &Signature) -> Lowered {
    let source = &typed(include_str!("../../../../shaders/pool/average.wgsl"), signature);
    launch(g, "average pool", source, 1, g.output_shape())
}

pub fn average_gradient(g: &Geometry) -> Lowered {
    let source = include_str!("../../../../shaders/pool/average_gradient.wgsl");
    launch(g, "average pool gradient", source, 1, g.input_shape())
}

fn launch(g: &Geometry, label: &'static str, source: &str, inputs: usize, result: [usize; 4]) -> Lowered {
    let results: usize = result.iter().product();
    let (rows, columns) = (&g.rows, &g.columns);
    let params = [
        [results, g.channels, 0, 0],
        [rows.input, columns.input, rows.output, columns.output],
        [rows.kernel, columns.kernel, rows.stride, columns.stride],
        [rows.padding, columns.padding, 0, 0],
    ];
    let mut bindings: Vec<Binding> = (0..inputs).map(Binding::read_input).collect();
    bindings.push(Binding::write_output());
    Lowered::single(Launch {
        label,
        source: format!("{SIZES}\n{source}").into(),
        bindings,
        params: params.concat().into_iter().map(|word| word as u32).collect(),
        workgroups: results.div_ceil(WORKGROUP),
    })
}
