//! Blocks that are multiplied in registers.

use super::{STEP, Vectors};

/// Side of the smallest block.
pub const SMALLEST: usize = 32;

/// How a workgroup shares the work on a block.
#[derive(Clone, Copy, Debug)]
pub struct Registers {
    /// Squares of 4 x 4 that an invocation makes, down and across.
    pub quads: [usize; 2],
}

impl Registers {
    /// Invocations of a workgroup that makes a block of that side.
    pub fn threads(&self, side: usize) -> usize {
        side * side / (16 * self.quads[0] * self.quads[1])
    }

    /// Bytes of workgroup memory: two tiles of either factor.
    pub fn bytes(&self, side: usize) -> usize {
        2 * 2 * side * STEP * size_of::<f32>()
    }

    /// The shader before the operation's places are filled in.
    pub fn template(&self, [left, right]: [Vectors; 2]) -> String {
        let (read_left, value, keep_left) = match left {
            Vectors::Along => (LEFT_ALONG, "a$h$e[$k]", "along(row$i, vector)"),
            Vectors::Across => (LEFT_ACROSS, "a$k_$h[$e]", "left_k$i * (ROWS / 4u) + left_quad"),
        };
        let (read_right, keep_right) = match right {
            Vectors::Along => (RIGHT_ALONG, "along(row$i, vector)"),
            Vectors::Across => (RIGHT_ACROSS, "right_k$i * (COLUMNS / 4u) + right_quad"),
        };
        let template = include_str!("../../../../shaders/lib/blocks.wgsl")
            .replace("//READ_LEFT", read_left)
            .replace("//READ_RIGHT", read_right)
            .replace("KEEP_LEFT", keep_left)
            .replace("KEEP_RIGHT", keep_right)
            .replace("LEFT_VALUE", value)
            .replace("ROW_QUADS", &self.quads[0].to_string());
        format!("//DECLARATIONS_OF_OPERATION\n{template}")
    }
}

// How an invocation takes four steps of k of its rows and columns from the tiles.
const LEFT_ALONG: &str = "\
//for h in 0..ROW_QUADS
//for e in 0..4
let a$h$e = left_tiles[from_left + along(4u * (first_down + $hu * down) + $eu, v)];
//end
//end";
const LEFT_ACROSS: &str = "\
//for k in 0..4
//for h in 0..ROW_QUADS
let a$k_$h = left_tiles[from_left + (4u * v + $ku) * (ROWS / 4u) + first_down + $hu * down];
//end
//end";
const RIGHT_ALONG: &str = "\
//for j in 0..COLUMN_QUADS
//for f in 0..4
let c$j_$f = right_tiles[from_right + along(4u * (first_across + $ju * across) + $fu, v)];
//end
//for k in 0..4
let b$k_$j = vec4(c$j_0[$k], c$j_1[$k], c$j_2[$k], c$j_3[$k]);
//end
//end";
const RIGHT_ACROSS: &str = "\
//for k in 0..4
//for j in 0..COLUMN_QUADS
let b$k_$j = right_tiles[from_right + (4u * v + $ku) * (COLUMNS / 4u) + first_across + $ju * across];
//end
//end";
