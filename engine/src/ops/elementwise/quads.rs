//! GPU kernel for large results: four elements at a time.

use std::fmt::Write;

use super::Elementwise;
use super::broadcast::Walk;
use super::gpu::{added, added_number, beginning, statements};
use super::program::Code;
use crate::ops::{Signature, bits};
use crate::runtime::gpu::{Abilities, Binding, Launch, Lowered, Slot, Stored, Vectors};
use crate::shape::Type;

/// Smaller results are not worth a shader for their size.
const FEWEST: usize = 4096;

/// How the work is shared.
struct Manner<'a> {
    /// Invocations of a workgroup.
    workgroup: usize,
    /// Vectors of four elements that an invocation makes.
    vectors: usize,
    /// What software drivers have, of which they see buffers in their own way.
    lanes: Option<&'a Abilities>,
}

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
        let aligned = walk.first(index).is_multiple_of(4);
        if walk.is_contiguous(index) {
            return aligned.then_some(Place::Along);
        }
        if walk.is_scalar(index) {
            return Some(Place::Number);
        }
        let (last, outer) = walk.strides[index].split_last()?;
        let whole = walk.sizes.last()?.is_multiple_of(4);
        match last {
            0 if whole => Some(Place::Splat),
            1 if whole && aligned && outer.iter().all(|stride| stride.is_multiple_of(4)) => {
                Some(Place::Vector)
            }
            _ => None,
        }
    }

    fn is_repeated(self) -> bool {
        matches!(self, Place::Vector | Place::Splat)
    }

    /// Elements of what the operand is counted in.
    fn unit(self) -> usize {
        match self {
            Place::Along | Place::Bits | Place::Vector => 4,
            Place::Number | Place::Splat => 1,
        }
    }
}

/// The program on software drivers whose subgroups are 8 lanes, unless there is little to do or its operands do not come in
/// vectors of four.
pub fn lanes(op: &Elementwise, signature: &Signature, abilities: &Abilities) -> Option<Lowered> {
    lower(op, signature, &Manner { workgroup: 8, vectors: 4, lanes: Some(abilities) })
}

/// The same on any adapter.
pub fn portable(op: &Elementwise, signature: &Signature) -> Option<Lowered> {
    lower(op, signature, &Manner { workgroup: 64, vectors: 1, lanes: None })
}

fn lower(op: &Elementwise, signature: &Signature, manner: &Manner) -> Option<Lowered> {
    let elements = signature.output.shape.elements();
    if elements < FEWEST || !elements.is_multiple_of(4) {
        return None;
    }
    let walk = Walk::of_parts(signature, &op.parts);
    let operands = signature.inputs.iter();
    let places: Vec<Place> = (0..operands.len()).map(|i| Place::of(&walk, i)).collect::<Option<_>>()?;
    let seen = |(index, (ty, place)): (usize, (&Type, &Place))| match (manner.lanes, place) {
        (None, Place::Number | Place::Splat) => {
            Vectors::plain_numbers(Binding::read_input(index), Stored::of(ty.dtype))
        }
        (None, _) => Vectors::plain(Binding::read_input(index), Stored::of(ty.dtype)),
        (Some(abilities), Place::Along | Place::Bits) => Vectors::input(index, abilities),
        (Some(abilities), _) => Vectors::uniform_if_small(Slot::Input(index), ty.words(), abilities),
    };
    let mut buffers: Vec<Vectors> = operands.zip(&places).enumerate().map(seen).collect();
    buffers.push(match manner.lanes {
        None => Vectors::plain(Binding::write_output(), Stored::of(signature.output.dtype)),
        Some(abilities) => Vectors::output(abilities),
    });
    let vectors = elements / 4;
    let mut params = vec![vectors as u32, manner.vectors as u32];
    let first = |(index, place): (usize, &Place)| beginning(walk.first(index) / place.unit(), &mut params);
    let firsts: Vec<String> = places.iter().enumerate().map(first).collect();
    let offsets = offsets(&walk, &places, &firsts, &mut params);
    let source = source(&op.code, &places, &firsts, &buffers, &offsets, &mut params)
        .replace("WORKGROUP", &manner.workgroup.to_string());
    Some(Lowered::single(Launch {
        label: "elementwise",
        source: source.into(),
        bindings: buffers.iter().map(Vectors::binding).collect(),
        params,
        workgroups: vectors.div_ceil(manner.workgroup * manner.vectors),
    }))
}

/// The statements that set `o` and its number to where each repeated operand is read. What they need of `params` is
/// added to these.
fn offsets(walk: &Walk, places: &[Place], firsts: &[String], params: &mut Vec<u32>) -> String {
    let repeated: Vec<usize> = (0..places.len()).filter(|&index| places[index].is_repeated()).collect();
    let mut text = String::new();
    let mut add = |word: usize| added(params, word as u32);
    for &index in &repeated {
        writeln!(text, "    var o{index} = {};", firsts[index]).expect("writing to a string");
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
    places: &[Place],
    firsts: &[String],
    buffers: &[Vectors],
    offsets: &str,
    params: &mut Vec<u32>,
) -> String {
    let name = |index: usize| if index < places.len() { format!("x{index}") } else { "y".to_owned() };
    let declared = buffers.iter().enumerate().map(|(index, buffer)| match places.get(index) {
        Some(Place::Bits) => bits::declare(&name(index), index + 1),
        _ => buffer.declare(&name(index), index + 1),
    });
    let input = |input: u8| {
        let index = input as usize;
        match places[index] {
            Place::Along => format!("load_x{index}(i + {})", firsts[index]),
            Place::Bits => format!("truths_x{index}(4u * i)"),
            Place::Number => format!("vec4(number_x{index}({}))", firsts[index]),
            Place::Vector => format!("load_x{index}(o{index})"),
            Place::Splat => format!("vec4(number_x{index}(o{index}))"),
        }
    };
    let body = statements(code, "vec4<f32>", input, |number| added_number(params, number));
    include_str!("../../../../shaders/elementwise/quads.wgsl")
        .replace("//BINDINGS", &declared.collect::<String>())
        .replace("//OFFSETS", offsets)
        .replace("//BODY", &body)
        .replace("RESULT", &format!("r{}", code.0.len() - 1))
}
