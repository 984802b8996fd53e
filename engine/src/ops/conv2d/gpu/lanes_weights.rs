//! The gradient of the weights in the variant for software drivers whose subgroups are 8 lanes (see `lanes.rs`):
//! each lane sums for its channels of the output, those of the input come by broadcast.

use std::fmt::Write;

use super::{Geometry, words};
use crate::ops::reduce;
use crate::runtime::gpu::{Abilities, Binding, Launch, Lowered, unroll};

const LANES: usize = 8;
/// Output columns of a pass of the innermost loop. With more, the driver's compiler moves more to and from memory.
const COLUMNS: usize = 4;
/// Most taps of a kernel row that a workgroup takes together.
const TAPS: usize = 4;
/// Most sums of a lane: more would be moved to and from memory all the time.
const SUMS: usize = 96;
/// Workgroups that keep all threads of a driver busy to the end.
const WORKGROUPS: usize = 64;

/// What a workgroup sums: so many taps of a kernel row, for 8 times `inputs` channels of the input and 8 times
/// `outputs` of the output.
#[derive(Clone, Copy)]
struct Tile {
    taps: usize,
    inputs: usize,
    outputs: usize,
    stride: usize,
}

impl Tile {
    fn of(g: &Geometry) -> Tile {
        // Two neighbouring channels cost a lane no more to load than one.
        let per_lane = |channels: usize| if channels.is_multiple_of(2) && channels > LANES { 2 } else { 1 };
        let (inputs, outputs) = (per_lane(g.in_channels), per_lane(g.out_channels));
        let most = (SUMS / (LANES * inputs * outputs)).min(TAPS);
        let taps = g.kernel_w.div_ceil(g.kernel_w.div_ceil(most));
        Tile { taps, inputs, outputs, stride: g.stride_w }
    }

    /// Input columns that a pass meets.
    fn columns(self) -> usize {
        (COLUMNS - 1) * self.stride + self.taps
    }

    /// The products of a pass. Those of one sum stand together, so that it is fetched and put back once.
    fn products(self) -> String {
        let mut text = String::new();
        let mut line =
            |args: std::fmt::Arguments| writeln!(text, "      {args}").expect("writing to a string");
        for tap in 0..self.taps {
            for channel in 0..LANES * self.inputs {
                let (lane, part) = (channel / self.inputs, channel % self.inputs);
                for column in 0..COLUMNS {
                    let x = column * self.stride + tap;
                    line(format_args!(
                        "let b{tap}_{channel}_{column} = subgroupBroadcast(x{x}[{part}], {lane}u);"
                    ));
                }
                for output in 0..self.outputs {
                    for column in 0..COLUMNS {
                        line(format_args!(
                            "a{tap}_{channel}_{output} = \
                             fma(b{tap}_{channel}_{column}, d{column}[{output}], a{tap}_{channel}_{output});"
                        ));
                    }
                }
            }
        }
        text
    }

    fn source(self, abilities: &Abilities) -> String {
        let x = declare("x", 1, self.inputs, abilities);
        let dy = declare("dy", 2, self.outputs, abilities);
        let template = include_str!("../../../../../shaders/conv2d/lanes_weight_gradient.wgsl")
            .replace("//BINDINGS", &(x + &dy))
            .replace("//PRODUCTS", &self.products())
            .replace("X_COLUMNS", &self.columns().to_string())
            .replace("COLUMNS", &COLUMNS.to_string())
            .replace("TAPS", &self.taps.to_string())
            .replace("CHANNELS", &(LANES * self.inputs).to_string())
            .replace("C_PER_LANE", &self.inputs.to_string())
            .replace("K_PER_LANE", &self.outputs.to_string());
        unroll(&template)
    }
}

/// Declares `load_name(i)`, which loads one word or two, these where possible as one number of 64 bits.
fn declare(name: &str, binding: usize, words: usize, abilities: &Abilities) -> String {
    let (ty, loaded) = match words {
        1 => ("f32", format!("vec2({name}[i], 0.0)")),
        _ if abilities.int64 => {
            ("u64", format!("bitcast<vec2<f32>>(vec2(u32({name}[i]), u32({name}[i] >> 32u)))"))
        }
        _ => ("vec2<f32>", format!("{name}[i]")),
    };
    format!(
        "@group(0) @binding({binding}) var<storage, read> {name}: array<{ty}>;\n\
         fn load_{name}(i: u32) -> vec2<f32> {{ return {loaded}; }}\n"
    )
}

/// The gradient of the weights.
pub fn weight_gradient(g: &Geometry, abilities: &Abilities) -> Lowered {
    let tile = Tile::of(g);
    let groups = g.kernel_w.div_ceil(tile.taps);
    let input_blocks = g.in_channels.div_ceil(LANES * tile.inputs);
    let output_blocks = g.out_channels.div_ceil(LANES * tile.outputs);
    let tiles = g.kernel_h * groups * input_blocks * output_blocks;
    let rows = g.n * g.out_height();
    let part_rows = rows.div_ceil(WORKGROUPS.div_ceil(tiles));
    let parts = rows.div_ceil(part_rows);
    let params = [
        [rows, part_rows, parts, g.out_height()],
        [g.out_width(), groups, input_blocks, output_blocks],
        [g.height, g.width, g.in_channels, g.out_channels],
        [g.kernel_h, g.kernel_w, g.stride_h, g.stride_w],
        [g.pad_h, g.pad_w, LANES * tile.inputs, 0],
    ];
    let sum = |result| Launch {
        label: "conv2d weight gradient",
        source: tile.source(abilities).into(),
        bindings: vec![Binding::read_input(0), Binding::read_input(1), result],
        params: words(&params),
        workgroups: tiles * parts,
    };
    reduce::gpu::end_in_parts(Lowered::default(), parts, g.weight_len(), sum)
}
