//! GPU kernel for software drivers whose subgroups are 8 lanes: four elements at a time.

use std::fmt::Write;

use super::Elementwise;
use super::broadcast::Walk;
use super::gpu::{added, added_number, statements};
use super::program::Code;
use crate::ops::{Signature, bits};
use crate::runtime::gpu::{Abilities, Launch, Lowered, Slot, Vectors};

const LANES: usize = 8;
/// Vectors of four elements that an invocation makes.
const VECTORS: usize = 4;
/// Smaller results are not worth a shader for their size.
const FEWEST: usize = 4096;

/// How an operand is read for four neighbours of the result.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// At their own places.
    Along,
    /// At their own places, as bits.
    Bits,
    /// One number for all of the result.
    Number,
    /// Four neighbours of a row that is repeated.
    Vector,
    /// One number for all of the last axis.
    Splat,
}

impl Place {
    /// None where four neighbours do not share a vector or a number of the operand.
    fn of(walk: &Walk, index: usize) -> Option<Place> {
        if walk.is_bits(index) {
            return Some(Place::Bits);
        }
        if !walk.first(index).is_multiple_of(4) {
            return None;
        }
        if walk.is_contiguous(index) {
            return Some(Place::Along);
        }
        if walk.is_scalar(index) {
            return Some(Place::Number);
        }
        let (last, outer) = walk.strides[index].split_last()?;
        let whole = walk.sizes.last()?.is_multiple_of(4);
        match last {
            0 if whole => Some(Place::Splat),
            1 if whole && outer.iter().all(|stride| stride.is_multiple_of(4)) => Some(Place::Vector),
            _ => None,
        }
    }

    fn is_repeated(self) -> bool {
        matches!(self, Place::Vector | Place::Splat)
    }
}

/// The program, unless there is little to do or its operands do not come in vectors of four.
pub fn lower(op: &Elementwise, signature: &Signature, abilities: &Abilities) -> Option<Lowered> {
    let elements = signature.output.words();
    if elements < FEWEST || !elements.is_multiple_of(4) {
        return None;
    }
    let walk = Walk::of_parts(signature, &op.parts);
    let operands = signature.inputs.iter().map(|ty| ty.words());
    let places: Vec<Place> = (0..operands.len()).map(|i| Place::of(&walk, i)).collect::<Option<_>>()?;
    let seen = |(index, (words, place)): (usize, (usize, &Place))| match place {
        Place::Along | Place::Bits => Vectors::input(index, abilities),
        _ => Vectors::uniform_if_small(Slot::Input(index), words, abilities),
    };
    let mut buffers: Vec<Vectors> = operands.zip(&places).enumerate().map(seen).collect();
    buffers.push(Vectors::output(abilities));
    let vectors = elements / 4;
    let mut params = vec![vectors as u32, VECTORS as u32];
    let offsets = offsets(&walk, &places, &mut params);
    let source = source(&op.code, &walk, &places, &buffers, &offsets, &mut params);
    Some(Lowered::single(Launch {
        label: "elementwise",
        source: source.into(),
        bindings: buffers.iter().map(Vectors::binding).collect(),
        params,
        workgroups: vectors.div_ceil(LANES * VECTORS),
    }))
}

/// The statements that set `o` and its number to where each repeated operand is read. What they need of `params` is
/// added to these.
fn offsets(walk: &Walk, places: &[Place], params: &mut Vec<u32>) -> String {
    let repeated: Vec<usize> = (0..places.len()).filter(|&index| places[index].is_repeated()).collect();
    let mut text = String::new();
    let mut add = |word: usize| added(params, word as u32);
    for &index in &repeated {
        let first = match (walk.first(index), places[index]) {
            (0, _) => "0u".to_string(),
            (first, Place::Vector) => add(first / 4),
            (first, _) => add(first),
        };
        writeln!(text, "    var o{index} = {first};").expect("writing to a string");
    }
    let moves = |axis: usize| repeated.iter().any(|&index| walk.strides[index][axis] != 0);
    // The axes outside of these repeat everything.
    let outermost = (0..walk.sizes.len()).find(|&axis| moves(axis)).unwrap_or(walk.sizes.len());
    if outermost < walk.sizes.len() {
        writeln!(text, "    var rest = i;").expect("writing to a string");
    }
    for axis in (outermost..walk.sizes.len()).rev() {
        let last = axis + 1 == walk.sizes.len();
        let size = if last { walk.sizes[axis] / 4 } else { walk.sizes[axis] };
        // Division is slow, and most sizes are powers of two.
        let (within, over) = if size.is_power_of_two() {
            (format!("rest & {}", add(size - 1)), format!("rest >> {}", add(size.ilog2() as usize)))
        } else {
            let size = add(size);
            (format!("rest % {size}"), format!("rest / {size}"))
        };
        writeln!(text, "    let a{axis} = {within};\n    rest = {over};").expect("writing to a string");
        for &index in repeated.iter().filter(|&&index| walk.strides[index][axis] != 0) {
            let stride = match places[index] {
                Place::Vector if last => 1,
                Place::Vector => walk.strides[index][axis] / 4,
                _ => walk.strides[index][axis],
            };
            writeln!(text, "    o{index} += a{axis} * {};", add(stride)).expect("writing to a string");
        }
    }
    text
}

/// Operands, then the result, as the buffers in that order. Numbers of the program are added to `params`.
fn source(
    code: &Code,
    walk: &Walk,
    places: &[Place],
    buffers: &[Vectors],
    offsets: &str,
    params: &mut Vec<u32>,
) -> String {
    let name = |index: usize| if index < places.len() { format!("x{index}") } else { "y".to_owned() };
    let declared = buffers.iter().enumerate().map(|(index, buffer)| match places.get(index) {
        Some(Place::Bits) => bits::declare(&name(index), index + 1),
        _ => buffer.declare(&name(index), index + 1),
    });
    // Of operands that are not repeated, the vector where they begin.
    let firsts: Vec<String> = (0..places.len())
        .map(|index| match walk.first(index) {
            first if first > 0 && !places[index].is_repeated() => added(params, first as u32 / 4),
            _ => "0u".to_string(),
        })
        .collect();
    let input = |input: u8| {
        let index = input as usize;
        match places[index] {
            Place::Along if walk.first(index) == 0 => format!("load_x{index}(i)"),
            Place::Along => format!("load_x{index}(i + {})", firsts[index]),
            Place::Bits => format!("truths_x{index}(4u * i)"),
            Place::Number => format!("vec4(load_x{index}({}).x)", firsts[index]),
            Place::Vector => format!("load_x{index}(o{index})"),
            Place::Splat => format!("vec4(load_x{index}(o{index} / 4u)[o{index} % 4u])"),
        }
    };
    let body = statements(code, "vec4<f32>", input, |number| added_number(params, number));
    include_str!("../../../../shaders/elementwise/lanes.wgsl")
        .replace("//BINDINGS", &declared.collect::<String>())
        .replace("//OFFSETS", offsets)
        .replace("//BODY", &body)
        .replace("RESULT", &format!("r{}", code.0.len() - 1))
}
