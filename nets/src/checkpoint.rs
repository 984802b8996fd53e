//! Checkpoints: safetensors files with PyTorch's names and layouts and our own metadata.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::error::NetError;
use crate::weights::{Tensor, Weights};

/// What a checkpoint file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// Floating-point tensors, widened or narrowed to `f32`.
    pub weights: Weights,
    /// Free text: the net, its normalisation, how it was made.
    pub metadata: BTreeMap<String, String>,
    /// Every tensor of the file, those of other element types too.
    pub entries: Vec<Entry>,
}

/// A tensor as the file declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its axis sizes.
    pub shape: Vec<usize>,
    /// Its element type, as safetensors names it.
    pub dtype: String,
}

impl Checkpoint {
    /// A checkpoint to be written.
    pub fn new(weights: Weights, metadata: BTreeMap<String, String>) -> Self {
        Checkpoint { weights, metadata, entries: vec![] }
    }

    /// Reads a safetensors file.
    ///
    /// # Errors
    /// The file cannot be read or is no well-formed safetensors file.
    pub fn read(path: &Path) -> Result<Self, NetError> {
        let bytes = std::fs::read(path).map_err(|source| NetError::Read { path: path.into(), source })?;
        Self::parse(&bytes, &path.display().to_string())
    }

    /// Reads the bytes of a safetensors file; `file` names them in errors.
    ///
    /// # Errors
    /// They are not a well-formed safetensors file.
    pub fn parse(bytes: &[u8], file: &str) -> Result<Self, NetError> {
        let malformed = |e: safetensors::SafeTensorError| NetError::Malformed {
            file: file.to_string(),
            problem: format!("it is not a whole safetensors file ({e})"),
        };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(malformed)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(malformed)?;
        let metadata = header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
        let mut checkpoint = Checkpoint { metadata, ..Default::default() };
        for (name, view) in tensors.iter() {
            let (shape, dtype) = (view.shape().to_vec(), format!("{:?}", view.dtype()));
            if let Some(data) = floats(&view) {
                checkpoint.weights.tensors.insert(name.to_string(), Tensor { shape: shape.clone(), data });
            }
            checkpoint.entries.push(Entry { name: name.to_string(), shape, dtype });
        }
        checkpoint.entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(checkpoint)
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// The tensors cannot be written as safetensors.
    pub fn to_bytes(&self) -> Result<Vec<u8>, NetError> {
        let malformed = |e: safetensors::SafeTensorError| NetError::Malformed {
            file: "checkpoint".into(),
            problem: format!("it cannot be written as safetensors ({e})"),
        };
        let views = self
            .weights
            .tensors
            .iter()
            .map(|(name, tensor)| {
                let view =
                    TensorView::new(Dtype::F32, tensor.shape.clone(), bytemuck::cast_slice(&tensor.data));
                view.map(|view| (name.clone(), view))
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(malformed)?;
        let bytes =
            safetensors::serialize(views, Some(self.metadata.clone().into_iter().collect::<HashMap<_, _>>()));
        bytes.map(sorted_header).map_err(malformed)
    }

    /// Writes the file; what was there stays whole until the new one is.
    ///
    /// # Errors
    /// The folder cannot be written or the disk is full; `path` is untouched then.
    pub fn write(&self, path: &Path) -> Result<(), NetError> {
        Ok(unperturb_files::write(path, &self.to_bytes()?)?)
    }
}

/// Elements as `f32`, or nothing where they are not floating-point.
fn floats(view: &TensorView) -> Option<Vec<f32>> {
    let bytes = view.data();
    Some(match view.dtype() {
        Dtype::F32 => bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
        Dtype::F64 => bytes.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b) as f32).collect(),
        Dtype::F16 => bytes.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b).to_f32()).collect(),
        Dtype::BF16 => bytes.as_chunks().0.iter().map(|&b| bf16::from_le_bytes(b).to_f32()).collect(),
        _ => return None,
    })
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
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Checkpoint {
        let mut weights = Weights::default();
        for (name, shape) in [("conv.weight", vec![2, 3, 1, 1]), ("bias", vec![4])] {
            let count = shape.iter().product::<usize>();
            let data = (0..count).map(|i| i as f32 - 1.5).collect();
            weights.tensors.insert(name.into(), Tensor { shape, data });
        }
        let metadata = ["net", "classes", "recipe", "seed"].map(|k| (k.to_string(), format!("{k} of it")));
        Checkpoint::new(weights, metadata.into())
    }

    #[test]
    fn files_travel_both_ways_and_are_the_same_bytes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("net.safetensors");
        sample().write(&path).expect("written");
        let back = Checkpoint::read(&path).expect("read");
        assert_eq!((&back.weights, &back.metadata), (&sample().weights, &sample().metadata));
        assert_eq!(back.entries.len(), 2);
        for _ in 0..8 {
            assert_eq!(sample().to_bytes().expect("bytes"), std::fs::read(&path).expect("read"));
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 1, "no temporary file is left");
    }

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
        let checkpoint = Checkpoint::parse(&bytes, "test").expect("parsed");
        for name in ["half", "brain", "double"] {
            assert_eq!(checkpoint.weights.tensors[name].data, numbers, "{name}");
        }
        assert!(!checkpoint.weights.tensors.contains_key("count"));
        assert_eq!(checkpoint.entries.len(), 4);
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("missing").join("net.safetensors");
        let error = sample().write(&path).expect_err("no such folder");
        assert!(error.to_string().starts_with("cannot write"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        /// Damaged files are refused or read; they never panic and never take more memory than they have bytes.
        #[test]
        fn mutated_files(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            cut in any::<prop::sample::Index>(),
            truncate in any::<bool>(),
        ) {
            let mut bytes = sample().to_bytes().expect("bytes");
            for (at, value) in changes {
                let index = at.index(bytes.len());
                bytes[index] = value;
            }
            if truncate {
                bytes.truncate(cut.index(bytes.len()));
            }
            if let Ok(checkpoint) = Checkpoint::parse(&bytes, "mutated") {
                prop_assert!(checkpoint.weights.elements() * 4 <= bytes.len());
            }
        }
    }
}
