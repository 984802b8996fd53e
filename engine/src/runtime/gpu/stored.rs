//! How shaders read and write numbers in single or in half precision.

use std::borrow::Cow;

use crate::ops::Signature;
use crate::shape::DType;

/// How the elements of a buffer are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// As they are computed with.
    Single,
    /// As 16-bit floats.
    Half,
}

impl Stored {
    /// How elements of that type are.
    pub fn of(dtype: DType) -> Self {
        if dtype == DType::F16 { Stored::Half } else { Stored::Single }
    }

    /// The type of an element in memory.
    pub fn scalar(self) -> &'static str {
        match self {
            Stored::Single => "f32",
            Stored::Half => "f16",
        }
    }

    /// The function that makes an element of an `f32`.
    pub fn from_scalar(self) -> &'static str {
        match self {
            Stored::Single => "f32",
            Stored::Half => "half_of",
        }
    }

    /// The function that makes four elements of a `vec4<f32>`.
    pub fn from_vector(self) -> &'static str {
        match self {
            Stored::Single => "vec4<f32>",
            Stored::Half => "halves_of",
        }
    }
}

/// The shader for a first operand and a result of these types: `ELEMENT` and `RESULT` are those of memory, and `RESULT_OF`
/// makes an element of the result.
pub fn typed(shader: &str, signature: &Signature) -> String {
    let [element, result] = [&signature.inputs[0], &signature.output].map(|ty| Stored::of(ty.dtype));
    shader
        .replace("RESULT_OF", result.from_scalar())
        .replace("RESULT", result.scalar())
        .replace("ELEMENT", element.scalar())
}

const ENABLE: &str = "enable f16;\n";

/// `shader` as one that may use 16-bit floats, and what the runtime puts before such.
pub fn enabling_halves(shader: Cow<'static, str>) -> Cow<'static, str> {
    if split_enables(&shader).0.contains(ENABLE) { shader } else { format!("{ENABLE}{shader}").into() }
}

/// What stands before the rest of a shader with these first lines, beside the prelude of all.
pub(super) fn prelude(enables: &str) -> &'static str {
    if enables.contains(ENABLE) { include_str!("../../../../shaders/lib/half.wgsl") } else { "" }
}

/// The first lines of a shader, which enable extensions and which WGSL wants before all else, and what follows them.
pub(super) fn split_enables(shader: &str) -> (&str, &str) {
    let enabling = shader.lines().take_while(|line| line.starts_with("enable ")).map(|line| line.len() + 1);
    shader.split_at(enabling.sum())
}
