//! Reads golden files and makes the numbers they were computed from, as README.md defines them.
#![allow(dead_code, reason = "shared by test targets that each use a part")]

use std::collections::BTreeSet;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

/// Elements up to which a tensor is whole in its file.
const WHOLE: usize = 16_000;
/// Elements in the sample of a larger one.
const SAMPLE: usize = 512;
/// Inner products of a larger one.
const CONTRACTIONS: usize = 4;

/// One golden file.
pub struct Golden {
    subject: &'static str,
    bytes: Vec<u8>,
}

impl Golden {
    /// The file of `subject`; a missing one fails the test.
    pub fn open(subject: &'static str) -> Golden {
        let path = format!("{}/tests/golden/{subject}.safetensors", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        Golden { subject, bytes }
    }

    /// The elements of a tensor.
    pub fn tensor(&self, key: &str) -> Vec<f32> {
        let file = self.file();
        self.view(&file, key).data().as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect()
    }

    /// The sizes of a tensor, in PyTorch's order.
    pub fn shape(&self, key: &str) -> Vec<usize> {
        let file = self.file();
        self.view(&file, key).shape().to_vec()
    }

    /// What the file has under names that begin with `prefix`, without the prefix. A tensor that it
    /// only summarises goes by its own name.
    pub fn keys(&self, prefix: &str) -> BTreeSet<String> {
        let file = self.file();
        let key = |name: &str| {
            let key = name.strip_prefix(prefix)?;
            let summarised = key.strip_suffix(".contraction").or(key.strip_suffix(".sample"));
            Some(summarised.unwrap_or(key).to_string())
        };
        file.names().into_iter().filter_map(key).collect()
    }

    /// Normalised error of `found`, in PyTorch's layout, against what the file has of `key`: the whole
    /// tensor, or the worse of the two summaries of a large one.
    pub fn error(&self, key: &str, found: &[f32]) -> f64 {
        let against = |key: &str, found: &[f32]| {
            let expected = self.tensor(key);
            assert_eq!(found.len(), expected.len(), "{}: {key}: length", self.subject);
            normalised_error(found, &expected)
        };
        if found.len() <= WHOLE {
            return against(key, found);
        }
        let contraction = |k: usize| {
            let direction = signed(&format!("{}/{key}/contraction/{k}", self.subject), found.len());
            let products = found.iter().zip(direction).map(|(&x, r)| f64::from(x) * f64::from(r));
            products.sum::<f64>() as f32
        };
        let contractions: Vec<f32> = (0..CONTRACTIONS).map(contraction).collect();
        let stride = (found.len() / SAMPLE) | 1;
        let sample: Vec<f32> = (0..SAMPLE).map(|i| found[i * stride % found.len()]).collect();
        against(&format!("{key}.contraction"), &contractions).max(against(&format!("{key}.sample"), &sample))
    }

    /// Fails unless `found` is the tensor `key` up to a normalised mean square error of `bound`.
    pub fn expect(&self, key: &str, found: &[f32], bound: f64) {
        let expected = self.tensor(key);
        assert_eq!(found.len(), expected.len(), "{}: {key}: length", self.subject);
        let error = normalised_error(found, &expected);
        assert!(error <= bound, "{}: {key}: normalised error {error:.2e} over {bound:.0e}", self.subject);
    }

    fn file(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).expect("a golden file is a safetensors file")
    }

    fn view<'a>(&self, file: &SafeTensors<'a>, key: &str) -> TensorView<'a> {
        let view = file.tensor(key).unwrap_or_else(|e| panic!("{}: {key}: {e}", self.subject));
        assert_eq!(view.dtype(), Dtype::F32, "{}: {key}", self.subject);
        view
    }
}

/// |found - expected|^2 / |expected|^2; the error itself where all of `expected` is zero.
pub fn normalised_error(found: &[f32], expected: &[f32]) -> f64 {
    let pairs = || found.iter().zip(expected).map(|(&f, &e)| (f64::from(f), f64::from(e)));
    let error: f64 = pairs().map(|(f, e)| (f - e).powi(2)).sum();
    let size: f64 = pairs().map(|(_, e)| e * e).sum();
    if size > 0.0 { error / size } else { error }
}

/// `count` numbers, uniform in [-1, 1): outputs of SplitMix64 seeded with the 64-bit FNV-1a hash of `name`.
pub fn signed(name: &str, count: usize) -> Vec<f32> {
    let seed = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    let of_index = |index: u64| {
        let mut z = seed.wrapping_add((index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count as u64).map(of_index).collect()
}

/// A parameter or running statistic of PyTorch's `shape`, row-major in that layout.
pub fn parameter(subject: &str, name: &str, shape: &[usize]) -> Vec<f32> {
    let u = signed(&format!("{subject}/{name}"), shape.iter().product());
    if shape.len() > 1 {
        let scale = (6.0 / shape[1..].iter().product::<usize>() as f64).sqrt() as f32;
        return u.iter().map(|u| u * scale).collect();
    }
    let rule: fn(f32) -> f32 = match name.rsplit('.').next() {
        Some("weight") => |u| 1.0 + 0.2 * u,
        Some("running_var") => |u| 1.0 + 0.5 * u.abs(),
        _ => |u| 0.1 * u,
    };
    u.into_iter().map(rule).collect()
}

/// `count` labels of `classes` classes.
pub fn labels(count: usize, classes: usize) -> Vec<u32> {
    (0..count).map(|i| ((7 * i + 3) % classes) as u32).collect()
}

#[test]
fn numbers_are_those_of_the_readme() {
    assert_eq!(signed("", 1)[0].to_bits(), 0x3f07_02f8);
    assert_eq!(signed("a", 2)[0].to_bits(), 0xbe83_58f8);
    assert_eq!(signed("a", 2)[1].to_bits(), 0x3f7f_09e2);
    assert_eq!(parameter("resnet20", "conv1.weight", &[16, 3, 3, 3])[431].to_bits(), 0x3dc1_ff7f);
    assert_eq!(parameter("resnet20", "bn1.weight", &[16])[3].to_bits(), 0x3f8f_b297);
    assert_eq!(parameter("resnet20", "bn1.running_mean", &[16])[3].to_bits(), 0xbd1b_104a);
    assert_eq!(parameter("resnet20", "bn1.running_var", &[16])[3].to_bits(), 0x3f88_21b8);
}
