//! The gradient of the weights in the variant for software drivers whose subgroups are 8 lanes (see `lanes.rs`):
//! a lane for each channel of the output, those of the input by broadcast.

use std::fmt::Write;

use super::Geometry;
use super::lanes::words;
use super::parts::{Part, Seen, parts};
use crate::runtime::gpu::{Binding, Launch, Lowered, MAX_WINDOW, Slot, Window, unroll};

const LANES: usize = 8;
/// Output columns of a pass of the innermost loop. With more, the driver's compiler moves more to and from memory.
const COLUMNS: usize = 2;
/// Most taps of a kernel row that a workgroup takes together.
const TAPS: usize = 4;
/// Most sums of a lane: more would be moved to and from memory all the time.
const SUMS: usize = 64;

/// Fewest output pixels of a part, where there are several: for fewer, adding the sums to what is there takes longer
/// than the products.
const PIXELS: usize = 32;

/// Windows that a gradient is worth so many launches for.
const MOST_WINDOWS: usize = 8192;

/// Images of a tensor.
struct Pixels {
    input: usize,
    n: usize,
    rows: usize,
    columns: usize,
    channels: usize,
}

impl Pixels {
    fn row_words(&self) -> usize {
        self.columns * self.channels
    }

    fn words(&self) -> usize {
        self.n * self.rows * self.row_words()
    }

    fn seen(&self, step: usize, reach: usize) -> Seen {
        Seen { rows: self.rows, row_words: self.row_words(), step, reach }
    }

    /// The window that begins at or before a row.
    fn window(&self, image: usize, row: usize) -> Window {
        Window::around((image * self.rows + row) * self.row_words(), self.words())
    }

    fn binding(&self, window: Window) -> Binding {
        Binding::uniform(Slot::Input(self.input), window)
    }
}

/// What a workgroup sums: so many taps of a kernel row, for 8 channels of the input and 8 times `outputs` of the
/// output.
#[derive(Clone, Copy)]
struct Tile {
    taps: usize,
    outputs: usize,
    stride: usize,
}

impl Tile {
    fn of(g: &Geometry) -> Tile {
        let taps = g.kernel_w.div_ceil(g.kernel_w.div_ceil(TAPS));
        let outputs = (SUMS / (LANES * taps)).min(2).min(g.out_channels.div_ceil(LANES));
        Tile { taps, outputs, stride: g.stride_w }
    }

    /// Input columns that a pass meets.
    fn columns(self) -> usize {
        (COLUMNS - 1) * self.stride + self.taps
    }

    /// The products of a pass. Those of one sum stand together, so that it is fetched and put back once.
    fn products(self) -> String {
        let mut text = String::new();
        for tap in 0..self.taps {
            for channel in 0..LANES {
                for column in 0..COLUMNS {
                    let x = column * self.stride + tap;
                    let b = format!("subgroupBroadcast(x{x}, {channel}u)");
                    writeln!(text, "      let b{tap}_{channel}_{column} = {b};")
                        .expect("writing to a string");
                }
                for output in 0..self.outputs {
                    let sum = format!("a{tap}_{channel}_{output}");
                    for column in 0..COLUMNS {
                        let product = format!("fma(b{tap}_{channel}_{column}, d{column}_{output}, {sum})");
                        writeln!(text, "      {sum} = {product};").expect("writing to a string");
                    }
                }
            }
        }
        text
    }

    fn source(self, x: &Pixels, dy: &Pixels) -> String {
        let vectors = |pixels: &Pixels| (Window::words_into(pixels.words()) / 4).to_string();
        let template = include_str!("../../../../../shaders/conv2d/lanes_weight_gradient.wgsl")
            .replace("//PRODUCTS", &self.products())
            .replace("X_COLUMNS", &self.columns().to_string())
            .replace("COLUMNS", &COLUMNS.to_string())
            .replace("TAPS", &self.taps.to_string())
            .replace("OUTPUTS", &self.outputs.to_string())
            .replace("DY_VECTORS", &vectors(dy))
            .replace("X_VECTORS", &vectors(x));
        unroll(&template)
    }
}

/// The gradient, where parts of both operands fit into windows, and not too many of them.
pub fn weight_gradient(g: &Geometry) -> Option<Lowered> {
    let x = Pixels { input: 0, n: g.n, rows: g.height, columns: g.width, channels: g.in_channels };
    let (rows, columns) = (g.out_height(), g.out_width());
    let dy = Pixels { input: 1, n: g.n, rows, columns, channels: g.out_channels };
    if x.words() + dy.words() > MOST_WINDOWS * MAX_WINDOW {
        return None;
    }
    let parts = parts(g.n, rows, &[x.seen(g.stride_h, g.kernel_h), dy.seen(1, 1)])?;
    if parts.len() > 1 && parts.iter().any(|part| part.images.len() * part.rows.len() * columns < PIXELS) {
        return None;
    }
    let tile = Tile::of(g);
    let source = tile.source(&x, &dy);
    let groups = g.kernel_w.div_ceil(tile.taps);
    let input_blocks = g.in_channels.div_ceil(LANES);
    let output_blocks = g.out_channels.div_ceil(LANES * tile.outputs);
    let launch = |(index, part): (usize, &Part)| {
        let first_row = (part.rows.start * g.stride_h).saturating_sub(g.pad_h).min(g.height - 1);
        let x_window = x.window(part.images.start, first_row);
        let dy_window = dy.window(part.images.start, part.rows.start);
        let params = [
            [part.images.start, part.images.end, part.rows.start, part.rows.end],
            [columns, x_window.first, dy_window.first, usize::from(index > 0)],
            [g.height, g.width, g.in_channels, g.out_channels],
            [g.kernel_h, g.kernel_w, groups, input_blocks],
            [g.stride_h, g.stride_w, g.pad_h, g.pad_w],
            [output_blocks, rows, 0, 0],
        ];
        Launch {
            label: "conv2d weight gradient",
            source: source.clone().into(),
            bindings: vec![x.binding(x_window), dy.binding(dy_window), Binding::write_output()],
            params: words(&params),
            workgroups: g.kernel_h * groups * input_blocks * output_blocks,
        }
    };
    Some(Lowered { scratch: vec![], launches: parts.iter().enumerate().map(launch).collect() })
}
