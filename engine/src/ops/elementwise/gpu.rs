//! GPU kernel: the program written out as WGSL, four elements at a time where that can be, else one for each invocation.

use std::fmt::Write;

use super::broadcast::Walk;
use super::program::{Binary, Code, Instruction, Unary};
use super::{Elementwise, quads};
use crate::ops::Signature;
use crate::runtime::gpu::{Binding, Launch, Lowered, Stored};
use crate::shape::DType;

const WORKGROUP: usize = 64;

pub fn lower(op: &Elementwise, signature: &Signature) -> Lowered {
    quads::portable(op, signature).unwrap_or_else(|| by_element(op, signature))
}

fn by_element(op: &Elementwise, signature: &Signature) -> Lowered {
    let Elementwise { code, parts, .. } = op;
    let walk = Walk::of_parts(signature, parts);
    let elements = signature.output.shape.elements();
    let stored = Stored::of(signature.output.dtype);
    let inputs = signature.inputs.len();
    let mut params = vec![elements as u32];
    params.extend(walk.sizes.iter().map(|&size| size as u32));
    let mut source = String::new();
    let mut bindings = Vec::new();
    for index in 0..inputs {
        let ty = match signature.inputs[index].dtype {
            DType::Bit => "u32",
            dtype => Stored::of(dtype).scalar(),
        };
        let declaration =
            format!("@group(0) @binding({}) var<storage, read> x{index}: array<{ty}>;", index + 1);
        writeln!(source, "{declaration}").expect("writing to a string");
        bindings.push(Binding::read_input(index));
    }
    let (binding, ty) = (inputs + 1, stored.scalar());
    let output = format!("@group(0) @binding({binding}) var<storage, read_write> y: array<{ty}>;");
    writeln!(source, "{output}").expect("writing to a string");
    bindings.push(Binding::write_output());

    // Offsets of stretched operands, from the merged axes; plain ones use the element's own index.
    let strided: Vec<usize> = (0..inputs).filter(|&i| !walk.is_contiguous(i) && !walk.is_scalar(i)).collect();
    let mut offsets = String::new();
    if !strided.is_empty() {
        let axes = walk.sizes.len();
        for &index in &strided {
            let first = beginning(walk.first(index), &mut params);
            writeln!(offsets, "  var o{index} = {first};").expect("writing to a string");
        }
        writeln!(offsets, "  var rest = i;").expect("writing to a string");
        for axis in (0..axes).rev() {
            let size = param(1 + axis);
            writeln!(offsets, "  let a{axis} = rest % {size}; rest /= {size};").expect("writing to a string");
            for &index in &strided {
                let stride = added(&mut params, walk.strides[index][axis] as u32);
                writeln!(offsets, "  o{index} += a{axis} * {stride};").expect("writing to a string");
            }
        }
    }
    let places: Vec<String> = (0..inputs)
        .map(|index| match index {
            _ if walk.is_contiguous(index) && walk.first(index) == 0 => "i".to_string(),
            _ if walk.is_contiguous(index) => format!("i + {}", beginning(walk.first(index), &mut params)),
            _ if walk.is_scalar(index) => beginning(walk.first(index), &mut params),
            _ => format!("o{index}"),
        })
        .collect();

    let input = |input| match walk.is_bits(input as usize) {
        true => format!("f32((x{input}[i / 32u] >> (i % 32u)) & 1u)"),
        false => format!("f32(x{input}[{}])", places[input as usize]),
    };
    let body = statements(code, "f32", input, |constant| added_number(&mut params, constant));
    let template = include_str!("../../../../shaders/elementwise/elementwise.wgsl");
    let source = template
        .replace("//BINDINGS", &source)
        .replace("//OFFSETS", &offsets)
        .replace("//BODY", &body)
        .replace("RESULT", &format!("{}(r{})", stored.from_scalar(), code.0.len() - 1));
    Lowered::single(Launch {
        label: "elementwise",
        source: source.into(),
        bindings,
        params,
        workgroups: elements.div_ceil(WORKGROUP),
    })
}

/// The expression of where what is read of an operand begins.
pub(super) fn beginning(first: usize, params: &mut Vec<u32>) -> String {
    match first {
        0 => "0u".to_string(),
        first => added(params, first as u32),
    }
}

/// The program as statements that leave its result in the last register, `r` and its number, where a register
/// is a `ty`: `f32` or a vector of it. `input` and `constant` are the expressions of an operand and of a number.
pub(crate) fn statements(
    code: &Code,
    ty: &str,
    input: impl Fn(u8) -> String,
    mut constant: impl FnMut(f32) -> String,
) -> String {
    let mut text = String::new();
    for (register, instruction) in code.0.iter().enumerate() {
        let expression = match *instruction {
            Instruction::Input(number) => input(number),
            Instruction::Constant(number) => format!("{ty}({})", constant(number)),
            Instruction::Unary(function, a) => unary(function, a, ty),
            Instruction::Binary(function, a, b) => binary(function, a, b, ty),
            Instruction::Select(c, a, b) => format!("select(r{b}, r{a}, r{c} != {ty}())"),
        };
        writeln!(text, "  let r{register} = {expression};").expect("writing to a string");
    }
    text
}

/// The word of that index among the parameters, which shaders see as vectors of four.
fn param(index: usize) -> String {
    format!("params[{}][{}]", index / 4, index % 4)
}

/// The expression of `word` as one more parameter.
pub(crate) fn added(params: &mut Vec<u32>, word: u32) -> String {
    params.push(word);
    param(params.len() - 1)
}

/// The same of a number: programs that differ in their numbers alone share a shader,
/// and compilers of shaders may assume that there are no infinities.
pub(super) fn added_number(params: &mut Vec<u32>, number: f32) -> String {
    format!("bitcast<f32>({})", added(params, number.to_bits()))
}

/// A float literal that reads back to the same bits. Infinities have no literal in WGSL.
pub(crate) fn literal(constant: f32) -> String {
    if constant.is_finite() {
        format!("f32({constant:?})")
    } else {
        format!("bitcast<f32>({}u)", constant.to_bits())
    }
}

fn unary(function: Unary, a: u8, ty: &str) -> String {
    match function {
        Unary::Neg => format!("-r{a}"),
        Unary::Abs => format!("abs(r{a})"),
        Unary::Sign => format!("sign(r{a})"),
        Unary::Exp => format!("exp(r{a})"),
        Unary::Log => format!("log(r{a})"),
        Unary::Sqrt => format!("sqrt(r{a})"),
        // The built-in overflows to NaN for large arguments on some drivers.
        Unary::Tanh => format!("tanh(clamp(r{a}, {ty}(-15.0), {ty}(15.0)))"),
        Unary::Floor => format!("floor(r{a})"),
        Unary::Relu => format!("max(r{a}, {ty}())"),
        Unary::Copy => format!("r{a}"),
    }
}

fn binary(function: Binary, a: u8, b: u8, ty: &str) -> String {
    let truth = |comparison: &str| format!("select({ty}(), {ty}(1.0), r{a} {comparison} r{b})");
    match function {
        Binary::Add => format!("r{a} + r{b}"),
        Binary::Sub => format!("r{a} - r{b}"),
        Binary::Mul => format!("r{a} * r{b}"),
        Binary::Div => format!("r{a} / r{b}"),
        Binary::Max => format!("max(r{a}, r{b})"),
        Binary::Min => format!("min(r{a}, r{b})"),
        Binary::Greater => truth(">"),
        Binary::GreaterEqual => truth(">="),
        Binary::Equal => truth("=="),
    }
}
