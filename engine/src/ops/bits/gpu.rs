//! GPU kernel, and how others read bits as numbers.

use super::WORD;
use crate::ops::Signature;
use crate::runtime::gpu::{Abilities, Binding, Launch, Lowered, Stored, Vectors};

/// Vectors of four elements whose bits are a word.
const VECTORS: usize = WORD / 4;

/// Declares the bits `name` at `binding`, with `truths_name(first)`: four of them from that element on, a multiple of 4,
/// as numbers.
pub(crate) fn declare(name: &str, binding: usize) -> String {
    include_str!("../../../../shaders/lib/bits.wgsl")
        .replace("NAME", name)
        .replace("BINDING", &binding.to_string())
}

pub fn portable(threshold: f32, signature: &Signature) -> Lowered {
    let x = Vectors::plain(Binding::read_input(0), Stored::of(signature.inputs[0].dtype));
    lower(threshold, signature, &x, 64, &format!("{VECTORS}u"))
}

pub fn lanes(threshold: f32, signature: &Signature, abilities: &Abilities) -> Lowered {
    let x = Vectors::input(0, abilities);
    // A loop of known length would be written out, and each load in it for every lane.
    lower(threshold, signature, &x, 8, "params[0][2]")
}

/// `x` is the operand, `vectors` how the shader knows the vectors of a word.
fn lower(threshold: f32, signature: &Signature, x: &Vectors, workgroup: usize, vectors: &str) -> Lowered {
    let words = signature.inputs[0].shape.elements() / WORD;
    let source = include_str!("../../../../shaders/bits/exceeds.wgsl")
        .replace("//OPERAND", &x.declare("x", 1))
        .replace("WORKGROUP", &workgroup.to_string())
        .replace("VECTORS", vectors);
    Lowered::single(Launch {
        label: "exceeds",
        source: source.into(),
        bindings: vec![x.binding(), Binding::write_output()],
        params: vec![words as u32, threshold.to_bits(), VECTORS as u32],
        workgroups: words.div_ceil(workgroup),
    })
}
