//! The variant for hardware GPUs that goes by Winograd's tiles: kernels of 3x3 and stride 1, with 16 products for 36.
//!
//! One launch transforms the kernels, another does all the rest, so that no transformed image ever lies in memory.

use super::super::fused::Epilogue;
use super::correlation::{Correlation, signed};
use super::pixels;
use crate::runtime::gpu::{Abilities, Binding, Launch, Lowered, Variant, unroll};

/// Tiles, and as many destination channels, that a workgroup makes, as the shader has it.
const SIDE: usize = 32;
/// Invocations of a workgroup, as the shader has it.
const THREADS: usize = 256;
/// Bytes of workgroup memory.
const BYTES: usize = 2 * 16 * 8 * SIDE * size_of::<f32>();
/// With fewer channels transforming takes longer than it saves.
const FEWEST_CHANNELS: usize = 64;

/// The pass and what follows it by tiles, where that can be done.
pub fn variant(
    correlation: &Correlation,
    epilogue: Option<&Epilogue>,
    abilities: &Abilities,
) -> Option<Variant> {
    let strided = correlation.axes.iter().any(|axis| axis.step != 1 || axis.source_step != 1);
    let fits =
        abilities.workgroup_bytes as usize >= BYTES && abilities.workgroup_invocations as usize >= THREADS;
    let runs = fits && (!abilities.software || abilities.emulating);
    if correlation.kernel != [3, 3] || strided || !runs {
        return None;
    }
    let contends = correlation.source[2].min(correlation.destination[2]) >= FEWEST_CHANNELS;
    Some(Variant { contends, ..Variant::winograd(lower(correlation, epilogue)) })
}

fn lower(correlation: &Correlation, epilogue: Option<&Epilogue>) -> Lowered {
    let Correlation { n, source, destination, stored, .. } = *correlation;
    let (sources, destinations) = (source[2], destination[2]);
    let quads = sources.div_ceil(8) * 2;
    let row = destinations.next_multiple_of(SIDE);
    let kernels = Launch {
        label: "conv2d kernels by tiles",
        source: unroll(include_str!("../../../../../shaders/conv2d/winograd_kernels.wgsl")).into(),
        bindings: vec![Binding::read_input(1), Binding::write_scratch(0)],
        params: [
            [quads, row, sources, destinations],
            [correlation.weight_steps[0], correlation.weight_steps[1], correlation.swapped().into(), 0],
        ]
        .concat()
        .into_iter()
        .map(|word| word as u32)
        .collect(),
        workgroups: (quads * row).div_ceil(64),
    };
    let template = include_str!("../../../../../shaders/conv2d/winograd.wgsl")
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
        params: params.concat().into_iter().map(|word| word as u32).collect(),
        workgroups: (n * tiled[0] * tiled[1]).div_ceil(SIDE) * row / SIDE,
    };
    Lowered { scratch: vec![16 * quads * row * 4], launches: vec![kernels, tiles] }
}
