//! Blocks that are multiplied in registers.

use super::Vectors;

/// Length of a step along the sum, as the shader has it.
pub const STEP: usize = 16;

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
        let template = include_str!("../../../../shaders/lib/blocks.wgsl")
            .replace("KEEP_LEFT", keep(left))
            .replace("KEEP_RIGHT", &keep(right).replace("left", "right").replace("ROWS", "COLUMNS"))
            .replace("ROW_QUADS", &self.quads[0].to_string());
        format!("//DECLARATIONS_OF_OPERATION\n{template}")
    }
}

/// How an invocation puts what it fetched of the left factor into the tile.
fn keep(vectors: Vectors) -> &'static str {
    match vectors {
        Vectors::Along => KEEP_ALONG,
        Vectors::Across => KEEP_ACROSS,
    }
}

const KEEP_ALONG: &str = "\
//for c in 0..4
left_tiles[to_left + (4u * vector + $cu) * (ROWS / 4u) + ((row$i / 4u) ^ (2u * vector))][row$i % 4u] = next_left$i[$c];
//end";
const KEEP_ACROSS: &str = "\
left_tiles[to_left + left_k$i * (ROWS / 4u) + (left_quad ^ (left_k$i / 4u * 2u))] = next_left$i;";
