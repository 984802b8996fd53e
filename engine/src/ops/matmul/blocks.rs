//! GPU kernels for hardware: blocks that a workgroup keeps in its memory.

use super::{Matmul, Sizes};
use crate::ops::blocks::{Cut, Places, Product, Vectors, section};
use crate::ops::conv2d::gpu::pixels;
use crate::runtime::gpu::{Binding, Launch, Stored};

/// What the kernels multiply.
pub(super) fn product(matmul: &Matmul, sizes: Sizes) -> Product {
    let Sizes { m, k, n } = sizes;
    Product {
        rows: m,
        columns: n,
        length: k,
        vectors: [
            if matmul.transpose_left { Vectors::Across } else { Vectors::Along },
            if matmul.transpose_right { Vectors::Along } else { Vectors::Across },
        ],
        factors: [
            if matmul.transpose_left { [k, m] } else { [m, k] },
            if matmul.transpose_right { [n, k] } else { [k, n] },
        ],
        stored: [Stored::Single; 2],
        products: 1,
        split: Some(m * n),
    }
}

/// The launch that makes the product, or its parts, in blocks of that kind.
pub(super) fn launch(product: &Product, cut: &Cut, to: Binding) -> Launch {
    let Product { rows: m, columns: n, length: k, vectors: [left, right], .. } = *product;
    let file = include_str!("../../../../shaders/matmul/blocks.wgsl");
    let fetch = |vectors, side: &str, first: &str, length: &str| {
        let text = match vectors {
            Vectors::Along => section(file, "fetch along"),
            Vectors::Across => section(file, "fetch across"),
        };
        text.replace("SIDE", side).replace("FIRST", first).replace("LENGTH", length)
    };
    let declarations =
        cut.factors(["left", "right"]).concat() + &pixels::destination("y", 3, n, Stored::Single, None, 4);
    let places = Places {
        declarations: &section(file, "").replace("//DECLARATIONS", &declarations),
        place: section(file, "place"),
        fetch: &(fetch(left, "left", "first_row", "size.x")
            + &fetch(right, "right", "first_column", "size.z")),
        store: section(file, "store"),
    };
    let [first, second] = cut.operands();
    let bindings = vec![first, second, to];
    let params = [m, k, n, cut.part_steps, cut.parts];
    Launch {
        label: "matmul",
        source: cut.shader(places, bindings.len() + 1).into(),
        bindings,
        params: params.map(|size| size as u32).to_vec(),
        workgroups: cut.workgroups(),
    }
}
