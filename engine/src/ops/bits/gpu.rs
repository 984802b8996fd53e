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
    let element = Stored::of(signature.inputs[0].dtype).scalar();
    let x = format!(
        "@group(0) @binding(1) var<storage, read> x: array<vec4<{element}>>;
fn load_x(i: u32) -> vec4<f32> {{
  return vec4<f32>(x[i]);
}}"
    );
    lower(threshold, signature, &x, Binding::read_input(0), 64, &format!("{VECTORS}u"))
}

pub fn lanes(threshold: f32, signature: &Signature, abilities: &Abilities) -> Lowered {
    let x = Vectors::input(0, abilities);
    // A loop of known length would be written out, and each load in it for every lane.
    lower(threshold, signature, &x.declare("x", 1), x.binding(), 8, "params[0][2]")
}

/// `x` declares the operand and how four neighbours of it are loaded, `vectors` is how the shader knows the vectors of
/// a word.
fn lower(
    threshold: f32,
    signature: &Signature,
    x: &str,
    binding: Binding,
    workgroup: usize,
    vectors: &str,
) -> Lowered {
    let words = signature.inputs[0].shape.elements() / WORD;
    let source = include_str!("../../../../shaders/bits/exceeds.wgsl")
        .replace("//OPERAND", x)
        .replace("WORKGROUP", &workgroup.to_string())
        .replace("VECTORS", vectors);
    Lowered::single(Launch {
        label: "exceeds",
        source: source.into(),
        bindings: vec![binding, Binding::write_output()],
        params: vec![words as u32, threshold.to_bits(), VECTORS as u32],
        workgroups: words.div_ceil(workgroup),
    })
}
