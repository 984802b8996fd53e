//! The variants for hardware GPUs: implicit matrix products in blocks that a workgroup keeps in its memory.

use super::super::fused::Epilogue;
use super::correlation::{Correlation, signed};
use super::{Geometry, pixels, words};
use crate::ops::blocks::{Cut, Places, Product, Vectors, section};
use crate::runtime::gpu::{Binding, Launch, Stored};

/// What the product of a phase multiplies.
pub fn product(correlation: &Correlation) -> Product {
    let Correlation { n, kernel, axes, source, destination, .. } = correlation;
    let [height, width, sources] = *source;
    let taps = kernel[0].div_ceil(axes[0].step) * kernel[1].div_ceil(axes[1].step);
    Product {
        rows: correlation.positions(),
        columns: destination[2],
        length: taps * sources.next_multiple_of(4),
        vectors: [Vectors::Along, weights(correlation).0],
        factors: [[n * height * width, sources], weights(correlation).1],
        stored: [correlation.stored[0], Stored::Single],
        products: correlation.phases(),
        split: None,
    }
}

/// How the weights' vectors lie, how many rows they have and how long those are, and the name of their sections in the
/// shader. Weights end with the output channels: the sum's in the input gradient.
fn weights(correlation: &Correlation) -> (Vectors, [usize; 2], &'static str) {
    let taps = correlation.kernel[0] * correlation.kernel[1];
    let (sources, destinations) = (correlation.source[2], correlation.destination[2]);
    if correlation.swapped() {
        (Vectors::Along, [taps * destinations, sources], "gradient weights")
    } else {
        (Vectors::Across, [taps * sources, destinations], "forward weights")
    }
}

/// The launch that makes a pass and what follows it in blocks of that kind.
pub fn correlation(correlation: &Correlation, epilogue: Option<&Epilogue>, cut: &Cut, to: Binding) -> Launch {
    let Correlation { label, n, kernel, source, destination, direction, stored, .. } = *correlation;
    let [rows, columns] = &correlation.axes;
    let (_, _, name) = weights(correlation);
    let file = include_str!("../../../../../shaders/conv2d/blocks.wgsl");
    let weights = |part: &str| section(file, &format!("{part} {name}"));
    let [left, right] = cut.operands();
    let mut bindings = vec![left, right, to];
    bindings.extend(pixels::operands(epilogue));
    let [x, w] = cut.factors(["x", "w"]);
    let places = Places {
        declarations: &section(file, "")
            .replace("//SOURCE", &x)
            .replace("//WEIGHTS", &w)
            .replace("//DESTINATION", &pixels::destination("d", 3, destination[2], stored[1], epilogue, 4)),
        place: &section(file, "place").replace("//PLACE_WEIGHTS", weights("place")),
        fetch: &section(file, "fetch").replace("//FETCH_WEIGHTS", weights("fetch")),
        store: section(file, "store"),
    };
    let params = [
        [n, rows.grid, columns.grid, signed(direction)],
        [rows.step, columns.step, kernel[0], kernel[1]],
        [source[0], source[1], source[2], destination[2]],
        [destination[0], destination[1], rows.source_step, columns.source_step],
        [rows.source_offset, columns.source_offset, rows.destination_offset, columns.destination_offset]
            .map(signed),
    ];
    Launch {
        label,
        source: cut.shader(places, bindings.len() + 1).into(),
        bindings,
        params: words(&params),
        workgroups: cut.workgroups(),
    }
}

/// What the gradient of the weights multiplies: its rows are the taps with their input channels, in whole
/// vectors, its columns the output channels, and it sums over output pixels.
pub fn weight_product(g: &Geometry, stored: [Stored; 2]) -> Product {
    Product {
        rows: g.kernel_h * g.kernel_w * g.in_channels.next_multiple_of(4),
        columns: g.out_channels,
        length: g.n * g.out_height() * g.out_width(),
        vectors: [Vectors::Across, Vectors::Across],
        factors: [
            [g.n * g.height * g.width, g.in_channels],
            [g.n * g.out_height() * g.out_width(), g.out_channels],
        ],
        stored,
        products: 1,
        split: Some(g.weight_len()),
    }
}

/// The launch that makes the gradient of the weights, or its parts, in blocks of that kind.
pub fn weight_gradient(g: &Geometry, cut: &Cut, to: Binding) -> Launch {
    let (inputs, outputs) = (g.in_channels, g.out_channels);
    let file = include_str!("../../../../../shaders/conv2d/blocks_weight_gradient.wgsl");
    let [x, dy] = cut.factors(["x", "dy"]);
    let places = Places {
        declarations: &section(file, "")
            .replace("//INPUT", &x)
            .replace("//GRADIENT", &dy)
            .replace("//DESTINATION", &pixels::destination("d", 3, outputs, Stored::Single, None, 4)),
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
    let [left, right] = cut.operands();
    let bindings = vec![left, right, to];
    Launch {
        label: "conv2d weight gradient",
        source: cut.shader(places, bindings.len() + 1).into(),
        bindings,
        params: words(&params),
        workgroups: cut.workgroups(),
    }
}
