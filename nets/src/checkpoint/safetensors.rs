//! Safetensors files.

use std::collections::HashMap;

use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};

use super::element::Element;
use super::{Checkpoint, Entry};
use crate::weights::Tensor;

/// What the bytes of a file hold, or what is wrong with it.
pub(super) fn parse(bytes: &[u8]) -> Result<Checkpoint, String> {
    let malformed = |e: SafeTensorError| format!("it is not a whole safetensors file ({e})");
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(malformed)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(malformed)?;
    let metadata = header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
    let mut checkpoint = Checkpoint { metadata, ..Default::default() };
    for (name, view) in tensors.iter() {
        let (shape, dtype) = (view.shape().to_vec(), format!("{:?}", view.dtype()));
        if let Some(data) = element(view.dtype()).and_then(|element| element.floats(view.data())) {
            checkpoint.weights.tensors.insert(name.to_string(), Tensor { shape: shape.clone(), data });
        }
        checkpoint.entries.push(Entry { name: name.to_string(), shape, dtype });
    }
    Ok(checkpoint)
}

/// The element types that can be weights.
fn element(dtype: Dtype) -> Option<Element> {
    match dtype {
        Dtype::F64 => Some(Element::F64),
        Dtype::F32 => Some(Element::F32),
        Dtype::F16 => Some(Element::F16),
        Dtype::BF16 => Some(Element::BF16),
        _ => None,
    }
}

/// The bytes of the file: the same for the same checkpoint.
pub(super) fn to_bytes(checkpoint: &Checkpoint) -> Result<Vec<u8>, String> {
    let malformed = |e: SafeTensorError| format!("it cannot be written as safetensors ({e})");
    let tensors = checkpoint.weights.tensors.iter();
    let views = tensors
        .map(|(name, tensor)| {
            let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytemuck::cast_slice(&tensor.data));
            view.map(|view| (name.clone(), view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(malformed)?;
    let metadata = checkpoint.metadata.clone().into_iter().collect::<HashMap<_, _>>();
    safetensors::serialize(views, Some(metadata)).map(sorted_header).map_err(malformed)
}

/// The library writes the metadata in the order of a hash map; equal checkpoints shall be equal files.
fn sorted_header(mut bytes: Vec<u8>) -> Vec<u8> {
    let Some(length) = bytes.first_chunk().map(|&b| u64::from_le_bytes(b) as usize) else { return bytes };
    let Some(header) = bytes.get(8..8 + length) else { return bytes };
    let Ok(mut header) = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(header) else {
        return bytes;
    };
    header.sort_keys();
    let mut text = serde_json::to_vec(&header).expect("it was JSON before");
    text.resize(length.max(text.len()), b' ');
    if text.len() == length {
        bytes[8..8 + length].copy_from_slice(&text);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use super::*;

    #[test]
    fn half_and_double_precision_are_read() {
        let numbers = [1.5f32, -0.25, 1024.0];
        let half: Vec<u8> = numbers.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect();
        let brain: Vec<u8> = numbers.iter().flat_map(|&x| bf16::from_f32(x).to_le_bytes()).collect();
        let double: Vec<u8> = numbers.iter().flat_map(|&x| f64::from(x).to_le_bytes()).collect();
        let integer: Vec<u8> = 7i64.to_le_bytes().to_vec();
        let views = [
            ("half", TensorView::new(Dtype::F16, vec![3], &half).expect("half")),
            ("brain", TensorView::new(Dtype::BF16, vec![3], &brain).expect("brain")),
            ("double", TensorView::new(Dtype::F64, vec![3], &double).expect("double")),
            ("count", TensorView::new(Dtype::I64, vec![], &integer).expect("integer")),
        ];
        let bytes = safetensors::serialize(views, None).expect("serialized");
        let checkpoint = parse(&bytes).expect("parsed");
        for name in ["half", "brain", "double"] {
            assert_eq!(checkpoint.weights.tensors[name].data, numbers, "{name}");
        }
        assert!(!checkpoint.weights.tensors.contains_key("count"));
        assert_eq!(checkpoint.entries.len(), 4);
    }
}
