//! GPU kernels: one invocation per element.

use super::walk::Walk;
use crate::ops::Signature;
use crate::runtime::gpu::{Binding, Launch, Lowered, typed};

const WORKGROUP: usize = 64;

pub(super) fn lower(walk: &Walk, signature: &Signature) -> Lowered {
    let words: usize = walk.strides.iter().map(|stride| stride.axis.size).product();
    let mut params = vec![words as u32, walk.strides.len() as u32, walk.fill, 0];
    for stride in &walk.strides {
        let axis = stride.axis;
        // Signed words by their bits.
        let [start, step, dilation] = [axis.start, axis.step, axis.dilation].map(|word| word as i32 as u32);
        let [size, limit, words] = [axis.size, stride.limit, stride.stride].map(|word| word as u32);
        params.extend([size, start, step, dilation, limit, words, 0, 0]);
    }
    let shader = include_str!("../../../../shaders/movement/move.wgsl");
    let source = match signature.has_halves() {
        true => typed(shader, signature).replace("VALUE", "bitcast<f32>").replace("READ", "f32"),
        // Words are moved as they are.
        false => ["RESULT_OF", "RESULT", "ELEMENT", "VALUE", "READ"]
            .iter()
            .fold(shader.to_owned(), |text, word| text.replace(word, "u32")),
    };
    Lowered::single(Launch {
        label: "move",
        source: source.into(),
        bindings: vec![Binding::read_input(0), Binding::write_output()],
        params,
        workgroups: words.div_ceil(WORKGROUP),
    })
}

/// One launch per operand, each of which writes its own part of the result.
pub(super) fn concatenate(parts: &[usize], rows: usize) -> Lowered {
    let width: usize = parts.iter().sum();
    let mut at = 0;
    let mut launches = Vec::new();
    for (input, &part) in parts.iter().enumerate().filter(|(_, part)| **part > 0) {
        launches.push(Launch {
            label: "concatenate",
            source: include_str!("../../../../shaders/movement/concatenate.wgsl").into(),
            bindings: vec![Binding::read_input(input), Binding::write_output()],
            params: [rows * part, part, width, at].map(|size| size as u32).to_vec(),
            workgroups: (rows * part).div_ceil(WORKGROUP),
        });
        at += part;
    }
    Lowered { scratch: vec![], launches }
}

pub(super) fn gather(words: usize, width: usize, rows: usize) -> Lowered {
    rows_by_number(include_str!("../../../../shaders/movement/gather.wgsl"), "gather", words, width, rows)
}

pub(super) fn scatter(words: usize, width: usize, rows: usize) -> Lowered {
    rows_by_number(include_str!("../../../../shaders/movement/scatter.wgsl"), "scatter", words, width, rows)
}

fn rows_by_number(
    source: &'static str,
    label: &'static str,
    words: usize,
    width: usize,
    rows: usize,
) -> Lowered {
    Lowered::single(Launch {
        label,
        source: source.into(),
        bindings: vec![Binding::read_input(0), Binding::read_input(1), Binding::write_output()],
        params: [words, width, rows].map(|size| size as u32).to_vec(),
        workgroups: words.div_ceil(WORKGROUP),
    })
}
