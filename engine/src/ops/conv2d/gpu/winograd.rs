//! The variant for hardware GPUs that goes by Winograd's tiles: kernels of 3x3 and stride 1, with 16 products for 36.
//!
//! One launch transforms the kernels, another does all the rest, so that no transformed image ever lies in memory. The
//! gradient of the weights is one launch, or two where its sum is split.

use super::super::fused::Epilogue;
use super::correlation::{Correlation, signed};
use super::{Geometry, pixels, words};
use crate::ops::{blocks, reduce};
use crate::runtime::gpu::{Abilities, Binding, Launch, Lowered, Stored, Variant, WINOGRAD, unroll};

/// Tiles, or input channels, and as many channels of the result, that a workgroup makes, as the shaders have it.
const SIDE: usize = 32;
/// Tiles in a step of the gradient of the weights, as the shader has it.
const TILES_OF_A_STEP: usize = 8;
/// Invocations of a workgroup, as the shaders have it.
const THREADS: usize = 256;
/// Bytes of workgroup memory.
const BYTES: usize = 2 * 16 * 8 * SIDE * size_of::<f32>();
/// What both shaders of tiles begin with.
const TILES: &str = include_str!("../../../../../shaders/conv2d/winograd_tiles.wgsl");
/// With fewer channels transforming takes longer than it saves.
const FEWEST_CHANNELS: usize = 64;

/// The pass and what follows it by tiles, where that can be done.
pub fn correlation(
    correlation: &Correlation,
    epilogue: Option<&Epilogue>,
    abilities: &Abilities,
) -> Option<Variant> {
    let strided = correlation.axes.iter().any(|axis| axis.step != 1 || axis.source_step != 1);
    let channels = [correlation.source[2], correlation.destination[2]];
    let applies = correlation.kernel == [3, 3] && !strided;
    variant(applies, channels, abilities, || lower(correlation, epilogue))
}

/// The gradient of the weights by tiles, where that can be done.
pub fn weight_gradient(g: &Geometry, stored: [Stored; 2], abilities: &Abilities) -> Option<Variant> {
    let applies = [g.kernel_h, g.kernel_w, g.stride_h, g.stride_w] == [3, 3, 1, 1];
    variant(applies, [g.in_channels, g.out_channels], abilities, || lower_weight_gradient(g, stored))
}

/// What `lower` makes, if it applies and such an adapter runs it.
fn variant(
    applies: bool,
    channels: [usize; 2],
    abilities: &Abilities,
    lower: impl Fn() -> Lowered,
) -> Option<Variant> {
    let fits =
        abilities.workgroup_bytes as usize >= BYTES && abilities.workgroup_invocations as usize >= THREADS;
    let runs = fits && (!abilities.software || abilities.emulating);
    let contends = channels.iter().all(|&count| count >= FEWEST_CHANNELS);
    (applies && runs).then(|| Variant { name: WINOGRAD, lowered: lower(), contends })
}

fn lower(correlation: &Correlation, epilogue: Option<&Epilogue>) -> Lowered {
    let Correlation { n, source, destination, stored, .. } = *correlation;
    let (sources, destinations) = (source[2], destination[2]);
    let quads = sources.div_ceil(8) * 2;
    let row = destinations.next_multiple_of(SIDE);
    let ([source_step, destination_step], turned) = (correlation.weight_steps, correlation.swapped().into());
    let kernels = Launch {
        label: "conv2d kernels by tiles",
        source: unroll(include_str!("../../../../../shaders/conv2d/winograd_kernels.wgsl")).into(),
        bindings: vec![Binding::read_input(1), Binding::write_scratch(0)],
        params: words(&[[quads, row, sources, destinations], [source_step, destination_step, turned, 0]]),
        workgroups: (quads * row).div_ceil(64),
    };
    let template = [TILES, include_str!("../../../../../shaders/conv2d/winograd.wgsl")]
        .concat()
        .replace("//SOURCE", &pixels::source("x", 1, sources, stored[0]))
        .replace("//DESTINATION", &pixels::destination("d", 3, destinations, stored[1], epilogue, 4));
    let tiled = [destination[0].div_ceil(2), destination[1].div_ceil(2)];
    // The source pixels that the first tile begins with; taps run backwards in the input gradient.
    let first = correlation
        .axes
        .each_ref()
        .map(|axis| signed(axis.source_offset + if correlation.swapped() { -2 } else { 0 }));
    let mut bindings = vec![Binding::read_input(0), Binding::read_scratch(0), Binding::write_output()];
    bindings.extend(pixels::operands(epilogue));
    let params = [
        [n, tiled[0], tiled[1], sources],
        [source[0], source[1], destination[0], destination[1]],
        [first[0], first[1], destinations, quads],
    ];
    let tiles = Launch {
        label: correlation.label,
        source: unroll(&template).into(),
        bindings,
        params: words(&params),
        workgroups: (n * tiled[0] * tiled[1]).div_ceil(SIDE) * row / SIDE,
    };
    Lowered { scratch: vec![16 * quads * row * 4], launches: vec![kernels, tiles] }
}

fn lower_weight_gradient(g: &Geometry, stored: [Stored; 2]) -> Lowered {
    let (inputs, outputs) = (g.in_channels, g.out_channels);
    let tiled = [g.out_height().div_ceil(2), g.out_width().div_ceil(2)];
    let blocks = inputs.div_ceil(SIDE) * outputs.div_ceil(SIDE);
    let (parts, part_steps) = blocks::split(blocks, (g.n * tiled[0] * tiled[1]).div_ceil(TILES_OF_A_STEP));
    let template = [TILES, include_str!("../../../../../shaders/conv2d/winograd_weight_gradient.wgsl")]
        .concat()
        .replace("//INPUT", &pixels::source("x", 1, inputs, stored[0]))
        .replace("//GRADIENT", &pixels::source("dy", 2, outputs, stored[1]))
        .replace("//DESTINATION", &pixels::destination("d", 3, outputs, Stored::Single, None, 4));
    let params = [
        [g.n, tiled[0], tiled[1], inputs],
        [g.height, g.width, g.out_height(), g.out_width()],
        [g.pad_h, g.pad_w, outputs, parts],
        [part_steps, 0, 0, 0],
    ];
    let sum = |to| Launch {
        label: "conv2d weight gradient",
        source: unroll(&template).into(),
        bindings: vec![Binding::read_input(0), Binding::read_input(1), to],
        params: words(&params),
        workgroups: blocks * parts,
    };
    reduce::gpu::end_in_parts(Lowered::default(), parts, g.weight_len(), sum)
}
