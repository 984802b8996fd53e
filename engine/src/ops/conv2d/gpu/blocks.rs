//! The variants for hardware GPUs: implicit matrix products in blocks that a workgroup keeps in its memory.

use super::super::fused::Epilogue;
use super::axis::Axis;
use super::{Geometry, Pass, pixels};
use crate::ops::blocks::{Cut, Places, Product, Vectors, section};
use crate::runtime::gpu::{Binding, Launch};

/// A pass as the shader sees it.
pub struct Correlation<'a> {
    pass: Pass,
    n: usize,
    kernel: [usize; 2],
    axes: [Axis; 2],
    /// Rows, columns, channels.
    source: [usize; 3],
    destination: [usize; 3],
    epilogue: Option<&'a Epilogue<'a>>,
}

impl<'a> Correlation<'a> {
    /// The pass with what follows it.
    pub fn new(pass: Pass, g: &Geometry, epilogue: Option<&'a Epilogue>) -> Self {
        let input = [g.height, g.width, g.in_channels];
        let output = [g.out_height(), g.out_width(), g.out_channels];
        let (of, source, destination): (fn(usize, usize, usize) -> Axis, _, _) = match pass {
            Pass::Forward => (Axis::forward, input, output),
            Pass::InputGradient => (Axis::input_gradient, output, input),
        };
        let axes = [of(destination[0], g.stride_h, g.pad_h), of(destination[1], g.stride_w, g.pad_w)];
        Correlation { pass, n: g.n, kernel: [g.kernel_h, g.kernel_w], axes, source, destination, epilogue }
    }

    /// Destination pixels of a phase.
    fn positions(&self) -> usize {
        self.n * self.axes[0].grid * self.axes[1].grid
    }

    fn phases(&self) -> usize {
        self.axes[0].step * self.axes[1].step
    }

    /// What the product of a phase multiplies.
    pub fn product(&self) -> Product {
        let [height, width, sources] = self.source;
        let taps = self.kernel[0].div_ceil(self.axes[0].step) * self.kernel[1].div_ceil(self.axes[1].step);
        Product {
            rows: self.positions(),
            columns: self.destination[2],
            length: taps * sources.next_multiple_of(4),
            vectors: [Vectors::Along, self.weights().0],
            elements: [
                self.n * height * width * sources,
                self.kernel[0] * self.kernel[1] * sources * self.destination[2],
            ],
            products: self.phases(),
            split: None,
        }
    }

    /// How the weights' vectors lie, how many numbers their rows have, and the name of their sections in the
    /// shader. Weights end with the output channels: the sum's in the input gradient.
    fn weights(&self) -> (Vectors, usize, &'static str) {
        match self.pass {
            Pass::Forward => (Vectors::Across, self.destination[2], "forward weights"),
            Pass::InputGradient => (Vectors::Along, self.source[2], "gradient weights"),
        }
    }

    /// The launch that makes it in blocks of that kind.
    pub fn launch(&self, cut: &Cut, to: Binding) -> Launch {
        let [rows, columns] = &self.axes;
        let [_, _, sources] = self.source;
        let [_, _, destinations] = self.destination;
        let (_, row_of_weights, name) = self.weights();
        let file = include_str!("../../../../../shaders/conv2d/blocks.wgsl");
        let weights = |part: &str| section(file, &format!("{part} {name}"));
        let mut bindings = vec![Binding::read_input(0), Binding::read_input(1), to];
        bindings.extend(pixels::operands(self.epilogue));
        let places = Places {
            declarations: &section(file, "")
                .replace("//SOURCE", &pixels::source("x", 1, sources))
                .replace("//WEIGHTS", &pixels::source("w", 2, row_of_weights))
                .replace("//DESTINATION", &pixels::destination("d", 3, destinations, self.epilogue, 4)),
            place: &section(file, "place").replace("//PLACE_WEIGHTS", weights("place")),
            fetch: &section(file, "fetch").replace("//FETCH_WEIGHTS", weights("fetch")),
            store: section(file, "store"),
        };
        let (label, direction) = match self.pass {
            Pass::Forward => ("conv2d", 1),
            Pass::InputGradient => ("conv2d input gradient", -1),
        };
        let sizes = |sizes: [usize; 4]| sizes.map(|size| size as isize);
        let params = [
            [self.n as isize, rows.grid as isize, columns.grid as isize, direction],
            sizes([rows.step, columns.step, self.kernel[0], self.kernel[1]]),
            sizes([self.source[0], self.source[1], sources, destinations]),
            sizes([self.destination[0], self.destination[1], rows.source_step, columns.source_step]),
            [rows.source_offset, columns.source_offset, rows.destination_offset, columns.destination_offset],
        ];
        Launch {
            label,
            source: cut.shader(places, bindings.len() + 1).into(),
            bindings,
            params: params.concat().into_iter().map(|word| word as i32 as u32).collect(),
            workgroups: cut.workgroups(),
        }
    }
}

/// What the gradient of the weights multiplies: its rows are the taps with their input channels, in whole
/// vectors, its columns the output channels, and it sums over output pixels.
pub fn weight_product(g: &Geometry) -> Product {
    Product {
        rows: g.kernel_h * g.kernel_w * g.in_channels.next_multiple_of(4),
        columns: g.out_channels,
        length: g.n * g.out_height() * g.out_width(),
        vectors: [Vectors::Across, Vectors::Across],
        elements: [g.input_len(), g.output_len()],
        products: 1,
        split: Some(g.weight_len()),
    }
}

/// The launch that makes the gradient of the weights, or its parts, in blocks of that kind.
pub fn weight_gradient(g: &Geometry, cut: &Cut, to: Binding) -> Launch {
    let (inputs, outputs) = (g.in_channels, g.out_channels);
    let file = include_str!("../../../../../shaders/conv2d/blocks_weight_gradient.wgsl");
    let places = Places {
        declarations: &section(file, "")
            .replace("//INPUT", &pixels::source("x", 1, inputs))
            .replace("//GRADIENT", &pixels::source("dy", 2, outputs))
            .replace("//DESTINATION", &pixels::destination("d", 3, outputs, None, 4)),
        place: section(file, "place"),
        fetch: section(file, "fetch"),
        store: section(file, "store"),
    };
    let params = [
        [g.n * g.out_height() * g.out_width(), cut.part_steps, cut.parts, g.out_height()],
        [g.out_width(), g.height, g.width, inputs],
        [outputs, g.kernel_h, g.kernel_w, g.stride_h],
        [g.stride_w, g.pad_h, g.pad_w, 0],
    ];
    let bindings = vec![Binding::read_input(0), Binding::read_input(1), to];
    Launch {
        label: "conv2d weight gradient",
        source: cut.shader(places, bindings.len() + 1).into(),
        bindings,
        params: params.concat().into_iter().map(|word| word as u32).collect(),
        workgroups: cut.workgroups(),
    }
}
