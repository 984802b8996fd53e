//! GPU kernel of moves for software drivers whose subgroups are 8 lanes: vectors of four words.

use std::fmt::Write;

use super::walk::{Stride, Walk};
use crate::ops::elementwise::gpu::added;
use crate::runtime::gpu::{Abilities, Launch, Lowered, Vectors};

const LANES: usize = 8;
/// Vectors that an invocation moves.
const VECTORS: usize = 4;
/// Fewer vectors are not worth a shader for their axes.
const FEWEST: usize = 1024;

/// The walk in vectors of four words, if rows of the operand stay together in it.
fn in_vectors(walk: &Walk) -> Option<Vec<Stride>> {
    let (last, outer) = walk.strides.split_last()?;
    let fours = |sizes: [usize; 2]| sizes.iter().all(|size| size.is_multiple_of(4));
    let along = (last.axis.step, last.axis.dilation, last.stride) == (1, 1, 1);
    if !along || !fours([last.axis.size, last.limit]) || last.axis.start % 4 != 0 {
        return None;
    }
    let mut strides: Vec<Stride> = outer.to_vec();
    for stride in &mut strides {
        if !stride.stride.is_multiple_of(4) {
            return None;
        }
        stride.stride /= 4;
    }
    let mut vectors = *last;
    vectors.axis.size /= 4;
    vectors.axis.start /= 4;
    vectors.limit /= 4;
    strides.push(vectors);
    Some(strides)
}

/// The move, unless it is small or tears vectors apart.
pub(super) fn lower(walk: &Walk, abilities: &Abilities) -> Option<Lowered> {
    let strides = in_vectors(walk)?;
    let vectors: usize = strides.iter().map(|stride| stride.axis.size).product();
    if vectors < FEWEST {
        return None;
    }
    let mut params = vec![vectors as u32, VECTORS as u32, walk.fill];
    let places = places(&strides, &mut params);
    let (x, y) = (Vectors::input(0, abilities), Vectors::output(abilities));
    let source = include_str!("../../../../shaders/movement/lanes_move.wgsl")
        .replace("//BINDINGS", &(x.declare("x", 1) + &y.declare("y", 2)))
        .replace("//PLACES", &places);
    Some(Lowered::single(Launch {
        label: "move",
        source: source.into(),
        bindings: vec![x.binding(), y.binding()],
        params,
        workgroups: vectors.div_ceil(LANES * VECTORS),
    }))
}

/// The statements that find the vector `at` of the operand for the vector `i` of the result, and whether there is one
/// `inside`. What they need of `params` is added to these.
fn places(strides: &[Stride], params: &mut Vec<u32>) -> String {
    let mut text = "    var rest = i;\n    var at = 0u;\n    var inside = true;\n".to_string();
    let mut add = |word: u32| added(params, word);
    for (number, stride) in strides.iter().enumerate().rev() {
        let axis = stride.axis;
        // Division is slow, and most sizes are powers of two.
        let size = axis.size as u32;
        let (within, over) = if number == 0 {
            ("rest".to_string(), "0u".to_string())
        } else if size.is_power_of_two() {
            (format!("rest & {}", add(size - 1)), format!("rest >> {}", add(size.ilog2())))
        } else {
            let size = add(size);
            (format!("rest % {size}"), format!("rest / {size}"))
        };
        // Signed words by their bits.
        let [start, step] = [axis.start, axis.step].map(|word| add(word as i32 as u32));
        let (limit, apart) = (add(stride.limit as u32), add(stride.stride as u32));
        writeln!(text, "    let s{number} = i32({start}) + i32({within}) * i32({step});").expect("a string");
        writeln!(text, "    rest = {over};").expect("a string");
        let position = if axis.dilation == 1 {
            format!("s{number}")
        } else {
            let dilation = add(axis.dilation as u32);
            writeln!(text, "    let d{number} = max(s{number}, 0) / i32({dilation});").expect("a string");
            writeln!(text, "    inside = inside && d{number} * i32({dilation}) == s{number};")
                .expect("a string");
            format!("d{number}")
        };
        writeln!(text, "    inside = inside && u32({position}) < {limit};").expect("a string");
        writeln!(text, "    at += u32({position}) * {apart};").expect("a string");
    }
    text
}
