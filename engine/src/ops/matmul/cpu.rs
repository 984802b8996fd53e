//! CPU kernel: a maintained GEMM crate, on bands of rows so that every thread count gives the same bits.

use rayon::prelude::*;

use super::{Matmul, Sizes};
use crate::runtime::cpu::Buffers;

/// Rows of the result that one task makes.
const BAND: usize = 64;

pub(super) fn run(matmul: &Matmul, sizes: Sizes, mut buffers: Buffers) {
    let Sizes { m, k, n } = sizes;
    let (inputs, output) = buffers.f32();
    if output.is_empty() {
        return;
    }
    let (left, right) = (inputs[0], inputs[1]);
    // Steps between neighbours along the columns and the rows of each side.
    let (left_column, left_row) = if matmul.transpose_left { (m, 1) } else { (1, k) };
    let (right_column, right_row) = if matmul.transpose_right { (k, 1) } else { (1, n) };
    output.par_chunks_mut(BAND * n).enumerate().for_each(|(band, result)| {
        let rows = result.len() / n;
        let start = if k == 0 { 0 } else { band * BAND * left_row };
        // SAFETY: the band's rows of the left side, all of the right side and the band of the result
        // lie within their slices, whose lengths `infer` derived from the same sizes.
        unsafe {
            gemm::gemm(
                rows,
                n,
                k,
                result.as_mut_ptr(),
                1,
                n as isize,
                false,
                left[start..].as_ptr(),
                left_column as isize,
                left_row as isize,
                right.as_ptr(),
                right_column as isize,
                right_row as isize,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
    });
}
