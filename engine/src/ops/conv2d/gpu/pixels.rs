//! How shaders read and write the channels of pixels, four at a time.

use std::fmt::Write;

use super::super::fused::{Epilogue, Operand};
use crate::ops::bits;
use crate::ops::elementwise::gpu::{literal, statements};
use crate::runtime::gpu::{Abilities, Binding, Slot, Stored, Vectors};

/// Declares the pixels `name` at `binding`, with the functions that read four channels of them at a time: as
/// vectors where the number of channels allows it.
pub fn source(name: &str, binding: usize, channels: usize, stored: Stored) -> String {
    let (load, _) = file(channels);
    fill(load, name, binding, "read", stored)
}

/// Declares the pixels `name` at `binding`, with the functions that read and write four channels of them at a
/// time. What is written passes through the epilogue, if there is one, whose operands are bound from
/// `first_operand` on.
pub fn destination(
    name: &str,
    binding: usize,
    channels: usize,
    stored: Stored,
    epilogue: Option<&Epilogue>,
    first_operand: usize,
) -> String {
    let declare = |index: usize, operand| {
        let (name, binding) = (format!("e{index}"), first_operand + index);
        match operand {
            Operand::Scalar => scalar(&name, binding),
            Operand::Bits => bits::declare(&name, binding),
            Operand::Channels => source(&name, binding, channels, Stored::Single),
            Operand::Pixels(stored) => source(&name, binding, channels, stored),
        }
    };
    let finish = epilogue.map(|epilogue| finish(epilogue, declare));
    written(file(channels), name, binding, stored, finish)
}

/// The same for kernels of software drivers, and what they bind from `binding` on: the pixels, then the operands.
pub fn destination_of_lanes(
    name: &str,
    binding: usize,
    channels: usize,
    epilogue: Option<&Epilogue>,
    abilities: &Abilities,
) -> (String, Vec<Binding>) {
    let operands = epilogue.map_or(&[][..], |epilogue| &epilogue.operands);
    let mut bindings = vec![Binding::write_output()];
    if !channels.is_multiple_of(4) {
        bindings.extend(self::operands(epilogue));
        return (destination(name, binding, channels, Stored::Single, epilogue, binding + 1), bindings);
    }
    let file = split(include_str!("../../../../../shaders/conv2d/vectors4.wgsl"));
    let seen = |(index, &operand): (usize, &Operand)| match operand {
        Operand::Scalar | Operand::Bits => None,
        Operand::Channels => {
            Some(Vectors::uniform_if_small(Slot::Input(FIRST_OPERAND + index), channels, abilities))
        }
        Operand::Pixels(_) => Some(Vectors::input(FIRST_OPERAND + index, abilities)),
    };
    let seen: Vec<Option<Vectors>> = operands.iter().enumerate().map(seen).collect();
    let numbered = seen.iter().enumerate();
    bindings.extend(numbered.map(|(index, vectors)| {
        vectors.as_ref().map_or_else(|| Binding::read_input(FIRST_OPERAND + index), Vectors::binding)
    }));
    let declare = |index: usize, operand| {
        let (name, binding) = (format!("e{index}"), binding + 1 + index);
        match &seen[index] {
            Some(vectors) => {
                vectors.declare(&format!("{name}_vectors"), binding)
                    + &fill(file.0, &name, binding, "", Stored::Single)
            }
            None if operand == Operand::Bits => bits::declare(&name, binding),
            None => scalar(&name, binding),
        }
    };
    let finish = epilogue.map(|epilogue| finish(epilogue, declare));
    let vectors = Vectors::output(abilities).declare(&format!("{name}_vectors"), binding);
    (vectors + &written(file, name, binding, Stored::Single, finish), bindings)
}

fn scalar(name: &str, binding: usize) -> String {
    format!("@group(0) @binding({binding}) var<storage, read> {name}: array<f32>;\n")
}

/// The functions of `file` that read and write, where what is written passes through `finish`.
fn written(
    (load, store): (&str, &str),
    name: &str,
    binding: usize,
    stored: Stored,
    finish: Option<String>,
) -> String {
    let values = if finish.is_some() { "finish(values, pixel, c, channels)" } else { "values" };
    let text = format!("{load}{}", store.replace("STORED", values));
    let pixels = fill(&text, name, binding, "read_write", stored);
    finish.unwrap_or_default() + &pixels
}

/// The first two operands are the convolution's own.
const FIRST_OPERAND: usize = 2;

/// The bindings of the operands of an epilogue.
pub fn operands(epilogue: Option<&Epilogue>) -> impl Iterator<Item = Binding> {
    let count = epilogue.map_or(0, |epilogue| epilogue.operands.len());
    (FIRST_OPERAND..FIRST_OPERAND + count).map(Binding::read_input)
}

/// The functions that read, and those that write.
fn file(channels: usize) -> (&'static str, &'static str) {
    split(match channels % 4 {
        0 => include_str!("../../../../../shaders/conv2d/channels4.wgsl"),
        _ => include_str!("../../../../../shaders/conv2d/channels1.wgsl"),
    })
}

fn split(file: &'static str) -> (&'static str, &'static str) {
    file.split_once("//STORE\n").expect("all files have this line")
}

fn fill(template: &str, name: &str, binding: usize, access: &str, stored: Stored) -> String {
    template
        .replace("NAME", name)
        .replace("BINDING", &binding.to_string())
        .replace("ACCESS", access)
        .replace("ELEMENTS_OF", stored.from_vector())
        .replace("ELEMENT", stored.scalar())
}

/// `finish(values, pixel, c, channels)`: what the epilogue makes of four channels from c on. Operands are declared by
/// `declare`.
fn finish(epilogue: &Epilogue, declare: impl Fn(usize, Operand) -> String) -> String {
    let mut text = String::new();
    for (index, &operand) in epilogue.operands.iter().enumerate() {
        text += &declare(index, operand);
    }
    let signature = "fn finish(values: vec4<f32>, pixel: u32, c: u32, channels: u32) -> vec4<f32> {";
    writeln!(text, "{signature}").expect("writing to a string");
    let input = |input: u8| match input.checked_sub(1) {
        None => "values".to_string(),
        Some(index) => match epilogue.operands[index as usize] {
            Operand::Scalar => format!("vec4(e{index}[0])"),
            Operand::Channels => format!("load_e{index}(0u, c, channels)"),
            Operand::Bits => format!("truths_e{index}(pixel * channels + min(c, channels - 4u))"),
            Operand::Pixels(_) => format!("load_e{index}(pixel * stride_e{index}(channels), c, channels)"),
        },
    };
    text += &statements(epilogue.code, "vec4<f32>", input, literal);
    writeln!(text, "  return r{};\n}}", epilogue.code.0.len() - 1).expect("writing to a string");
    text
}
