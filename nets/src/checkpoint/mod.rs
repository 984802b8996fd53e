//! Checkpoints: safetensors files with PyTorch's names and layouts and our own metadata, read and written; and what
//! `torch.save` makes, read without running anything.

mod element;
mod safetensors;
mod torch;

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::NetError;
use crate::parameter::Specification;
use crate::weights::Weights;

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

/// How a file holds tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Container {
    SafeTensors,
    Torch,
}

impl Container {
    /// By the first bytes: those of an archive or of a pickle are no length of a header.
    fn of(bytes: &[u8]) -> Self {
        if torch::is_torch(bytes) { Container::Torch } else { Container::SafeTensors }
    }
}

impl Checkpoint {
    /// A checkpoint to be written.
    pub fn new(weights: Weights, metadata: BTreeMap<String, String>) -> Self {
        Checkpoint { weights, metadata, entries: vec![] }
    }

    /// Reads a file of safetensors, or one that `torch.save` made (PyTorch 1.6 and later, or older than that).
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or asks for something other than tensors.
    pub fn read(path: &Path) -> Result<Self, NetError> {
        let bytes = std::fs::read(path).map_err(|source| NetError::Read { path: path.into(), source })?;
        Self::parse(&bytes, &path.display().to_string())
    }

    /// As [`read`](Self::read), from the bytes of a file; `file` names them in errors.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(bytes: &[u8], file: &str) -> Result<Self, NetError> {
        let parsed = match Container::of(bytes) {
            Container::SafeTensors => safetensors::parse(bytes),
            Container::Torch => torch::parse(bytes),
        };
        let mut checkpoint =
            parsed.map_err(|problem| NetError::Malformed { file: file.to_string(), problem })?;
        checkpoint.entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(checkpoint)
    }

    /// Checks that every parameter is here as [`Weights::check`] does, and tells tensors of other element types from
    /// those that are missing. `file` names the origin in errors.
    ///
    /// # Errors
    /// The first parameter that does not fit.
    pub fn check(&self, specifications: &[Specification], file: &str) -> Result<(), NetError> {
        let dtype = |spec: &Specification| {
            let entry = self.entries.iter().find(|entry| entry.name == spec.name)?;
            (!self.weights.tensors.contains_key(&spec.name)).then(|| entry.dtype.clone())
        };
        match specifications.iter().find_map(|spec| Some((spec, dtype(spec)?))) {
            Some((spec, dtype)) => {
                Err(NetError::ElementType { file: file.to_string(), name: spec.name.clone(), dtype })
            }
            None => self.weights.check(specifications, file),
        }
    }

    /// The bytes of the safetensors file.
    ///
    /// # Errors
    /// The tensors cannot be written as safetensors.
    pub fn to_bytes(&self) -> Result<Vec<u8>, NetError> {
        let file = || "checkpoint".to_string();
        safetensors::to_bytes(self).map_err(|problem| NetError::Malformed { file: file(), problem })
    }

    /// Writes the file; what was there stays whole until the new one is.
    ///
    /// # Errors
    /// The folder cannot be written or the disk is full; `path` is untouched then.
    pub fn write(&self, path: &Path) -> Result<(), NetError> {
        Ok(unperturb_files::write(path, &self.to_bytes()?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::Tensor;
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
