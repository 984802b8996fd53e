//! How shaders read and write the channels of pixels, four at a time.

use std::fmt::Write;

use super::super::fused::{Epilogue, Operand};
use crate::ops::elementwise::gpu::statements;
use crate::runtime::gpu::{Binding, Slot, Window};

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
    let declare = |index: usize, operand| {
        let (name, binding) = (format!("e{index}"), first_operand + index);
        match operand {
            Operand::Scalar => {
                format!("@group(0) @binding({binding}) var<storage, read> {name}: array<f32>;\n")
            }
            Operand::Channels | Operand::Pixels => source(&name, binding, channels),
        }
    };
    let finish = epilogue.map(|epilogue| finish(epilogue, "[0]", declare));
    written(name, binding, channels, finish)
}

/// The same, where the operands of the epilogue are seen through windows of uniform memory: pixels through one of
/// `window_words` whose first element, or vector where channels are whole vectors, is the shader's `first`.
pub fn destination_of_windows(
    [name, first]: [&str; 2],
    binding: usize,
    channels: usize,
    (epilogue, window_words): (&Epilogue, usize),
    first_operand: usize,
) -> String {
    let file = match channels % 4 {
        0 => include_str!("../../../../../shaders/conv2d/window4.wgsl"),
        _ => include_str!("../../../../../shaders/conv2d/window1.wgsl"),
    };
    let declare = |index: usize, operand| {
        let (words, first) = match operand {
            Operand::Scalar => (Window::words_into(1), "0u"),
            Operand::Channels => (Window::words_into(channels), "0u"),
            Operand::Pixels => (window_words, first),
        };
        let vectors = (words / 4).to_string();
        let text = file.replace("VECTORS", &vectors).replace("FIRST", first);
        fill(&text, &format!("e{index}"), first_operand + index, "read")
    };
    written(name, binding, channels, Some(finish(epilogue, "[0].x", declare)))
}

fn written(name: &str, binding: usize, channels: usize, finish: Option<String>) -> String {
    let (load, store) = file(channels);
    let stored = if finish.is_some() { "finish(values, pixel, c, channels)" } else { "values" };
    let pixels = fill(&format!("{load}{}", store.replace("STORED", stored)), name, binding, "read_write");
    finish.unwrap_or_default() + &pixels
}

/// The bindings of the operands of an epilogue.
pub fn operands(epilogue: Option<&Epilogue>) -> impl Iterator<Item = Binding> {
    // The first two operands are the convolution's own.
    (2..2 + epilogue.map_or(0, |epilogue| epilogue.operands.len())).map(Binding::read_input)
}

/// The bindings of the operands of an epilogue as uniform windows, pixels through that `window`.
pub fn windows(epilogue: &Epilogue, channels: usize, window: Window) -> Vec<Binding> {
    let seen = |operand| match operand {
        Operand::Scalar => Window::around(0, 1),
        Operand::Channels => Window::around(0, channels),
        Operand::Pixels => window,
    };
    let numbered = epilogue.operands.iter().enumerate();
    numbered.map(|(index, &operand)| Binding::uniform(Slot::Input(2 + index), seen(operand))).collect()
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

/// `finish(values, pixel, c, channels)`: what the epilogue makes of four channels from c on. Operands are declared by
/// `declare`, and a single number is the element `number` of its array.
fn finish(epilogue: &Epilogue, number: &str, declare: impl Fn(usize, Operand) -> String) -> String {
    let mut text = String::new();
    for (index, &operand) in epilogue.operands.iter().enumerate() {
        text += &declare(index, operand);
    }
    let signature = "fn finish(values: vec4<f32>, pixel: u32, c: u32, channels: u32) -> vec4<f32> {";
    writeln!(text, "{signature}").expect("writing to a string");
    text += &statements(epilogue.code, "vec4<f32>", |input| match input.checked_sub(1) {
        None => "values".to_string(),
        Some(index) => match epilogue.operands[index as usize] {
            Operand::Scalar => format!("vec4(e{index}{number})"),
            Operand::Channels => format!("load_e{index}(0u, c, channels)"),
            Operand::Pixels => format!("load_e{index}(pixel * stride_e{index}(channels), c, channels)"),
        },
    });
    writeln!(text, "  return r{};\n}}", epilogue.code.0.len() - 1).expect("writing to a string");
    text
}
