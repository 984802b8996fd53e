//! The variant for any adapter: implicit matrix products over register tiles, without shared memory or barriers.

use super::super::fused::Epilogue;
use super::axis::Axis;
use super::{Geometry, Pass, pixels};
use crate::ops::reduce;
use crate::runtime::gpu::{Binding, Launch, Lowered, unroll};

const WORKGROUP: usize = 64;
/// Pixels of a tile of the forward pass and the input gradient.
const PIXELS: usize = 8;
/// Channels of a tile, of either kind.
const CHANNELS: usize = 8;
/// Invocations that the weight gradient aims for: enough for a large GPU.
const INVOCATIONS: usize = 32 * 1024;
/// Most slabs that the weight gradient's sum is split into.
const PARTS: usize = 64;

/// A correlation of a source with weights whose rows are whole vectors.
struct Correlation<'a> {
    label: &'static str,
    axes: [Axis; 2],
    /// Rows, columns, channels.
    source: [usize; 3],
    destination: [usize; 3],
    direction: isize,
    /// Where the shader finds the weights: an operand as it is, or packed.
    weights: Binding,
    epilogue: Option<&'a Epilogue<'a>>,
}

impl Correlation<'_> {
    fn launch(&self, g: &Geometry) -> Launch {
        let [rows, columns] = &self.axes;
        let blocks = self.destination[2].div_ceil(CHANNELS);
        let row_of_w = self.destination[2].div_ceil(4);
        let signed = |offset: isize| offset as i32 as u32 as usize;
        let params = [
            [g.n, rows.grid, columns.grid, blocks],
            [rows.step, columns.step, g.kernel_h, g.kernel_w],
            [self.source[0], self.source[1], self.source[2], self.destination[2]],
            [self.destination[0], self.destination[1], rows.source_step, columns.source_step],
            [
                signed(rows.source_offset),
                signed(columns.source_offset),
                signed(rows.destination_offset),
                signed(columns.destination_offset),
            ],
            [signed(self.direction), row_of_w, 0, 0],
        ];
        let template = include_str!("../../../../../shaders/conv2d/correlation.wgsl")
            .replace("//SOURCE", &pixels::source("x", 1, self.source[2]))
            .replace("//DESTINATION", &pixels::destination("d", 3, self.destination[2], self.epilogue, 4));
        let groups = (g.n * rows.grid * columns.grid).div_ceil(PIXELS);
        let mut bindings = vec![Binding::read_input(0), self.weights, Binding::write_output()];
        bindings.extend(pixels::operands(self.epilogue));
        launch(self.label, &template, bindings, params.concat(), rows.step * columns.step * groups * blocks)
    }
}

pub fn correlation(pass: Pass, g: &Geometry, epilogue: Option<&Epilogue>) -> Lowered {
    match pass {
        Pass::Forward => forward(g, epilogue),
        Pass::InputGradient => input_gradient(g, epilogue),
    }
}

fn forward(g: &Geometry, epilogue: Option<&Epilogue>) -> Lowered {
    let packed = !g.out_channels.is_multiple_of(4);
    let correlation = Correlation {
        label: "conv2d",
        axes: [
            Axis::forward(g.out_height(), g.stride_h, g.pad_h),
            Axis::forward(g.out_width(), g.stride_w, g.pad_w),
        ],
        source: [g.height, g.width, g.in_channels],
        destination: [g.out_height(), g.out_width(), g.out_channels],
        direction: 1,
        weights: if packed { Binding::read_scratch(0) } else { Binding::read_input(1) },
        epilogue,
    };
    let launch = correlation.launch(g);
    if packed { with_packed_weights(g, false, launch) } else { Lowered::single(launch) }
}

fn input_gradient(g: &Geometry, epilogue: Option<&Epilogue>) -> Lowered {
    let correlation = Correlation {
        label: "conv2d input gradient",
        axes: [
            Axis::input_gradient(g.height, g.stride_h, g.pad_h),
            Axis::input_gradient(g.width, g.stride_w, g.pad_w),
        ],
        source: [g.out_height(), g.out_width(), g.out_channels],
        destination: [g.height, g.width, g.in_channels],
        direction: -1,
        weights: Binding::read_scratch(0),
        epilogue,
    };
    with_packed_weights(g, true, correlation.launch(g))
}

/// `launch` after one that packs the weights into scratch, for the input gradient with their channels
/// swapped.
fn with_packed_weights(g: &Geometry, swapped: bool, then: Launch) -> Lowered {
    let (inputs, outputs) = (g.in_channels, g.out_channels);
    let (sources, destinations) = if swapped { (outputs, inputs) } else { (inputs, outputs) };
    let (source_step, destination_step) = if swapped { (1, outputs) } else { (outputs, 1) };
    let row = destinations.next_multiple_of(4);
    let elements = g.kernel_h * g.kernel_w * sources * row;
    let params = [elements, sources, destinations, row, source_step, destination_step];
    let pack = Launch {
        label: "conv2d weights",
        source: include_str!("../../../../../shaders/conv2d/pack.wgsl").into(),
        bindings: vec![Binding::read_input(1), Binding::write_scratch(0)],
        params: params.map(|word| word as u32).to_vec(),
        workgroups: elements.div_ceil(64),
    };
    Lowered { scratch: vec![elements], launches: vec![pack, then] }
}

pub fn weight_gradient(g: &Geometry) -> Lowered {
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
        .replace("//INPUT", &pixels::source("x", 1, inputs))
        .replace("//GRADIENT", &pixels::source("dy", 2, outputs));
    let sum = |result| {
        let bindings = vec![Binding::read_input(0), Binding::read_input(1), result];
        launch("conv2d weight gradient", &template, bindings, params.concat(), tiles * parts)
    };
    if parts == 1 {
        return Lowered::single(sum(Binding::write_output()));
    }
    let slab = g.weight_len();
    let add = reduce::gpu::sum_slabs(parts, slab, Binding::read_scratch(0), Binding::write_output());
    Lowered { scratch: vec![parts * slab], launches: vec![sum(Binding::write_scratch(0)), add] }
}

fn launch(
    label: &'static str,
    template: &str,
    bindings: Vec<Binding>,
    params: Vec<usize>,
    invocations: usize,
) -> Launch {
    Launch {
        label,
        source: unroll(&template.replace("WORKGROUP", &WORKGROUP.to_string())).into(),
        bindings,
        params: params.into_iter().map(|word| word as u32).collect(),
        workgroups: invocations.div_ceil(WORKGROUP),
    }
}
