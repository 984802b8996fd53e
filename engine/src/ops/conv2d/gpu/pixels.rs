//! How shaders read and write the channels of pixels, four at a time.

use std::fmt::Write;

use super::super::fused::{Epilogue, Operand};
use crate::ops::elementwise::gpu::statements;
use crate::runtime::gpu::Binding;

/// Declares the pixels `name` at `binding`, with the functions that read four channels of them at a time: as
/// vectors where the number of channels allows it.
pub fn source(name: &str, binding: usize, channels: usize) -> String {
    let (load, _) = file(channels);
    fill(load, name, binding, "read")
}

/// Declares the pixels `name` at `binding`, with the functions that read and write four channels of them at a
/// time. What is written passes through the epilogue, if there is one, whose operands are bound from
/// `first_operand` on.
pub fn destination(
    name: &str,
    binding: usize,
    channels: usize,
    epilogue: Option<&Epilogue>,
    first_operand: usize,
) -> String {
    let (load, store) = file(channels);
    let stored = if epilogue.is_some() { "finish(values, pixel, c, channels)" } else { "values" };
    let pixels = fill(&format!("{load}{}", store.replace("STORED", stored)), name, binding, "read_write");
    epilogue.map_or(String::new(), |epilogue| finish(epilogue, channels, first_operand)) + &pixels
}

/// The bindings of the operands of an epilogue.
pub fn operands(epilogue: Option<&Epilogue>) -> impl Iterator<Item = Binding> {
    // The first two operands are the convolution's own.
    (2..2 + epilogue.map_or(0, |epilogue| epilogue.operands.len())).map(Binding::read_input)
}

/// The functions that read, and those that write.
fn file(channels: usize) -> (&'static str, &'static str) {
    let file = match channels % 4 {
        0 => include_str!("../../../../../shaders/conv2d/channels4.wgsl"),
        _ => include_str!("../../../../../shaders/conv2d/channels1.wgsl"),
    };
    file.split_once("//STORE\n").expect("both files have this line")
}

fn fill(template: &str, name: &str, binding: usize, access: &str) -> String {
    template.replace("NAME", name).replace("BINDING", &binding.to_string()).replace("ACCESS", access)
}

/// `finish(values, pixel, c, channels)`: what the epilogue makes of four channels from c on.
fn finish(epilogue: &Epilogue, channels: usize, first_operand: usize) -> String {
    let mut text = String::new();
    for (index, operand) in epilogue.operands.iter().enumerate() {
        let binding = first_operand + index;
        text += &match operand {
            Operand::Scalar => {
                format!("@group(0) @binding({binding}) var<storage, read> e{index}: array<f32>;\n")
            }
            Operand::Channels | Operand::Pixels => source(&format!("e{index}"), binding, channels),
        };
    }
    let signature = "fn finish(values: vec4<f32>, pixel: u32, c: u32, channels: u32) -> vec4<f32> {";
    writeln!(text, "{signature}").expect("writing to a string");
    text += &statements(epilogue.code, "vec4<f32>", |input| match input.checked_sub(1) {
        None => "values".to_string(),
        Some(index) => match epilogue.operands[index as usize] {
            Operand::Scalar => format!("vec4(e{index}[0])"),
            Operand::Channels => format!("load_e{index}(0u, c, channels)"),
            Operand::Pixels => format!("load_e{index}(pixel * stride_e{index}(channels), c, channels)"),
        },
    });
    writeln!(text, "  return r{};\n}}", epilogue.code.0.len() - 1).expect("writing to a string");
    text
}
