//! The variant for software drivers whose subgroups are 8 lanes: a convolution of one tap, whose pixels are the rows of
//! the left side.

use super::{Matmul, Sizes};
use crate::ops::conv2d::gpu::{Correlation, lanes};
use crate::runtime::gpu::{Abilities, Lowered};

/// Fewer products are not worth packing the right side.
const FEWEST: usize = 1 << 16;

/// The product, unless it is small or its left side is stored transposed.
pub(super) fn lower(matmul: &Matmul, sizes: Sizes, abilities: &Abilities) -> Option<Lowered> {
    let Sizes { m, k, n } = sizes;
    if matmul.transpose_left || m * k * n < FEWEST {
        return None;
    }
    let right_steps = if matmul.transpose_right { [1, k] } else { [n, 1] };
    Some(lanes::correlate(&Correlation::product("matmul", [m, k, n], right_steps), None, abilities))
}
