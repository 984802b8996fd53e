//! GPU kernel: register tiles.

use super::{Matmul, Sizes};
use crate::runtime::gpu::{Binding, Launch, Lowered};

const WORKGROUP: usize = 64;
const TILE: usize = 4;

pub(super) fn lower(matmul: &Matmul, sizes: Sizes) -> Lowered {
    let Sizes { m, k, n } = sizes;
    let (left_column, left_row) = if matmul.transpose_left { (m, 1) } else { (1, k) };
    let (right_column, right_row) = if matmul.transpose_right { (k, 1) } else { (1, n) };
    let params = [m, k, n, left_row, left_column, right_row, right_column];
    Lowered::single(Launch {
        label: "matmul",
        source: include_str!("../../../../shaders/matmul/matmul.wgsl").into(),
        bindings: vec![Binding::read_input(0), Binding::read_input(1), Binding::write_output()],
        params: params.map(|size| size as u32).to_vec(),
        workgroups: (m.div_ceil(TILE) * n.div_ceil(TILE)).div_ceil(WORKGROUP),
    })
}
