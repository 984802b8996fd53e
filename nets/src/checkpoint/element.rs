//! Element types of tensors in files.

use half::{bf16, f16};

/// A type of elements, named as in safetensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl Element {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Element::F64 | Element::I64 => 8,
            Element::F32 | Element::I32 => 4,
            Element::F16 | Element::BF16 | Element::I16 => 2,
            Element::I8 | Element::U8 | Element::Bool => 1,
        }
    }

    /// Its name in safetensors files.
    pub fn name(self) -> &'static str {
        match self {
            Element::F64 => "F64",
            Element::F32 => "F32",
            Element::F16 => "F16",
            Element::BF16 => "BF16",
            Element::I64 => "I64",
            Element::I32 => "I32",
            Element::I16 => "I16",
            Element::I8 => "I8",
            Element::U8 => "U8",
            Element::Bool => "BOOL",
        }
    }

    /// A little-endian element as `f32`, or nothing where it is not floating-point or not of its size.
    pub fn float(self, bytes: &[u8]) -> Option<f32> {
        Some(match self {
            Element::F64 => f64::from_le_bytes(bytes.try_into().ok()?) as f32,
            Element::F32 => f32::from_le_bytes(bytes.try_into().ok()?),
            Element::F16 => f16::from_le_bytes(bytes.try_into().ok()?).to_f32(),
            Element::BF16 => bf16::from_le_bytes(bytes.try_into().ok()?).to_f32(),
            _ => return None,
        })
    }

    /// Little-endian elements as `f32`, or nothing where they are not floating-point.
    pub fn floats(self, bytes: &[u8]) -> Option<Vec<f32>> {
        if !matches!(self, Element::F64 | Element::F32 | Element::F16 | Element::BF16) {
            return None;
        }
        // As many as there are: collecting what may be left out would reserve too little or too much.
        let mut floats = Vec::with_capacity(bytes.len() / self.size());
        floats.extend(bytes.chunks_exact(self.size()).filter_map(|element| self.float(element)));
        Some(floats)
    }
}
