//! The variant for any adapter: implicit matrix products over register tiles, without shared memory or barriers.

use super::super::fused::Epilogue;
use super::correlation::{Correlation, signed};
use super::{Geometry, pixels, words};
use crate::ops::reduce;
use crate::runtime::gpu::{Binding, Launch, Lowered, Stored, unroll};

const WORKGROUP: usize = 64;
/// Pixels of a tile of the forward pass and the input gradient.
const PIXELS: usize = 8;
/// Channels of a tile, of either kind.
const CHANNELS: usize = 8;
/// Invocations that the weight gradient aims for: enough for a large GPU.
const INVOCATIONS: usize = 32 * 1024;
/// Most slabs that the weight gradient's sum is split into.
const PARTS: usize = 64;

/// The pass, which weights without whole rows of vectors and those of the input gradient reach packed.
pub fn correlation(correlation: &Correlation, epilogue: Option<&Epilogue>) -> Lowered {
    if correlation.swapped() || !correlation.destination[2].is_multiple_of(4) {
        let row = correlation.destination[2].next_multiple_of(4);
        let (pack, elements) = packed_weights(correlation, row);
        let launch = correlate(correlation, Binding::read_scratch(0), epilogue);
        Lowered { scratch: vec![elements], launches: vec![pack, launch] }
    } else {
        Lowered::single(correlate(correlation, Binding::read_input(1), epilogue))
    }
}

fn correlate(correlation: &Correlation, weights: Binding, epilogue: Option<&Epilogue>) -> Launch {
    let Correlation { n, kernel, source, destination, direction, stored, .. } = *correlation;
    let [rows, columns] = &correlation.axes;
    let blocks = destination[2].div_ceil(CHANNELS);
    let row_of_w = destination[2].div_ceil(4);
    let params = [
        [n, rows.grid, columns.grid, blocks],
        [rows.step, columns.step, kernel[0], kernel[1]],
        [source[0], source[1], source[2], destination[2]],
        [destination[0], destination[1], rows.source_step, columns.source_step],
        [
            signed(rows.source_offset),
            signed(columns.source_offset),
            signed(rows.destination_offset),
            signed(columns.destination_offset),
        ],
        [signed(direction), row_of_w, 0, 0],
    ];
    let template = include_str!("../../../../../shaders/conv2d/correlation.wgsl")
        .replace("//SOURCE", &pixels::source("x", 1, source[2], stored[0]))
        .replace("//DESTINATION", &pixels::destination("d", 3, destination[2], stored[1], epilogue, 4));
    let groups = (n * rows.grid * columns.grid).div_ceil(PIXELS);
    let mut bindings = vec![Binding::read_input(0), weights, Binding::write_output()];
    bindings.extend(pixels::operands(epilogue));
    let invocations = rows.step * columns.step * groups * blocks;
    launch(correlation.label, &template, bindings, &params, invocations)
}

/// The launch that packs the weights into scratch in rows of `row` words, and how many words that makes.
fn packed_weights(correlation: &Correlation, row: usize) -> (Launch, usize) {
    let [source_step, destination_step] = correlation.weight_steps;
    let (sources, destinations) = (correlation.source[2], correlation.destination[2]);
    let elements = correlation.kernel[0] * correlation.kernel[1] * sources * row;
    let params = [elements, sources, destinations, row, source_step, destination_step];
    let pack = Launch {
        label: "conv2d weights",
        source: include_str!("../../../../../shaders/conv2d/pack.wgsl").into(),
        bindings: vec![Binding::read_input(1), Binding::write_scratch(0)],
        params: params.map(|word| word as u32).to_vec(),
        workgroups: elements.div_ceil(64),
    };
    (pack, elements)
}

pub fn weight_gradient(g: &Geometry, stored: [Stored; 2]) -> Lowered {
    let (inputs, outputs) = (g.in_channels, g.out_channels);
    let (input_blocks, output_blocks) = (inputs.div_ceil(CHANNELS), outputs.div_ceil(CHANNELS));
    let tiles = g.kernel_h * g.kernel_w * input_blocks * output_blocks;
    let rows = g.n * g.out_height();
    let part_rows = rows.div_ceil(INVOCATIONS.div_ceil(tiles).min(PARTS));
    let parts = rows.div_ceil(part_rows);
    let params = [
        [rows, part_rows, parts, g.out_height()],
        [g.out_width(), g.height, g.width, inputs],
        [outputs, g.kernel_h, g.kernel_w, input_blocks],
        [output_blocks, g.stride_h, g.stride_w, g.pad_h],
        [g.pad_w, 0, 0, 0],
    ];
    let template = include_str!("../../../../../shaders/conv2d/weight_gradient.wgsl")
        .replace("//INPUT", &pixels::source("x", 1, inputs, stored[0]))
        .replace("//GRADIENT", &pixels::source("dy", 2, outputs, stored[1]));
    let sum = |result| {
        let bindings = vec![Binding::read_input(0), Binding::read_input(1), result];
        launch("conv2d weight gradient", &template, bindings, &params, tiles * parts)
    };
    reduce::gpu::end_in_parts(Lowered::default(), parts, g.weight_len(), sum)
}

fn launch(
    label: &'static str,
    template: &str,
    bindings: Vec<Binding>,
    params: &[[usize; 4]],
    invocations: usize,
) -> Launch {
    Launch {
        label,
        source: unroll(&template.replace("WORKGROUP", &WORKGROUP.to_string())).into(),
        bindings,
        params: words(params),
        workgroups: invocations.div_ceil(WORKGROUP),
    }
}
