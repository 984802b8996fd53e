//! Single operations against the values of PyTorch in `tests/golden`, forward and gradients, on both runtimes.

use std::path::Path;

use safetensors::SafeTensors;
use unperturb_engine::{Device, Graph, Session, Value};

use crate::harness::gpu;

/// A tensor in PyTorch's layout, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

impl Tensor {
    /// `signed(name)` of `tests/golden/README.md`.
    pub fn signed(name: &str, shape: &[usize]) -> Self {
        let seed = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |state, byte| {
            (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        let number = |index: u64| {
            let mut z = seed.wrapping_add((index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            (z >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        let count = shape.iter().product::<usize>() as u64;
        Tensor { shape: shape.to_vec(), data: (0..count).map(number).collect() }
    }

    /// Axis i of the result is axis `axes[i]` of this.
    fn permuted(&self, axes: &[usize]) -> Self {
        let stride = |axis: usize| self.shape[axis + 1..].iter().product::<usize>();
        let shape: Vec<usize> = axes.iter().map(|&axis| self.shape[axis]).collect();
        let element = |mut index: usize| {
            let mut offset = 0;
            for (&size, &axis) in shape.iter().zip(axes).rev() {
                offset += index % size * stride(axis);
                index /= size;
            }
            self.data[offset]
        };
        Tensor { data: (0..self.data.len()).map(element).collect(), shape }
    }
}

/// PyTorch's values of one subject.
pub struct Golden {
    subject: &'static str,
    bytes: Vec<u8>,
}

impl Golden {
    pub fn open(subject: &'static str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden");
        let path = folder.join(format!("{subject}.safetensors"));
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Golden { subject, bytes }
    }

    pub fn tensor(&self, key: &str) -> Tensor {
        let file = SafeTensors::deserialize(&self.bytes).expect("a safetensors file");
        let view = file.tensor(key).unwrap_or_else(|e| panic!("{} of {}: {e}", key, self.subject));
        assert_eq!(view.dtype(), safetensors::Dtype::F32, "{key}");
        let data = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        Tensor { shape: view.shape().to_vec(), data: data.collect() }
    }

    /// Holds `KEY.y` and `KEY.grad.NAME` to what `build` makes of `inputs` on both runtimes. An
    /// operand of four axes is handed over with its axes in the engine's order.
    pub fn check(
        &self,
        key: &str,
        inputs: &[(&str, Tensor)],
        build: impl for<'g> Fn(&[Value<'g>]) -> Value<'g>,
    ) {
        for device in [Device::cpu(), gpu()] {
            let g = Graph::new();
            let states: Vec<Value> = inputs
                .iter()
                .map(|(name, tensor)| g.state(*name, in_engine_order(name, tensor).shape))
                .collect();
            let y = build(&states);
            let expected = self.tensor(&format!("{key}.y"));
            let cotangent = Tensor::signed(&format!("{}/{key}/cotangent", self.subject), &expected.shape);
            let loss = (y * g.state("cotangent", y.shape())).sum_all();
            let gradients = g.gradient(loss, &states).expect("a differentiable operation");
            g.output("y", y);
            for ((name, _), gradient) in inputs.iter().zip(gradients) {
                g.output(format!("grad.{name}"), gradient);
            }
            let mut session = Session::new(&device);
            let program = session.compile(&g).unwrap_or_else(|e| panic!("{key} on {device}: {e}"));
            for (name, tensor) in inputs {
                session.write(name, &in_engine_order(name, tensor).data).expect("the state's size");
            }
            session.write("cotangent", &in_engine_order("y", &cotangent).data).expect("the state's size");
            session.run(&program, 1).unwrap_or_else(|e| panic!("{key} on {device}: {e}"));
            let results = inputs.iter().map(|(name, _)| (format!("grad.{name}"), *name));
            for (result, name) in results.chain([("y".into(), "y")]) {
                let expected = in_engine_order(name, &self.tensor(&format!("{key}.{result}")));
                let found = session.read(&result).expect("a result");
                assert_eq!(found.len(), expected.data.len(), "{key}.{result} on {device}: length");
                let error = normalised_error(&found, &expected.data);
                assert!(error < 1e-11, "{key}.{result} on {device}: normalised error {error:.2e}");
            }
        }
    }
}

/// Images from NCHW to NHWC, weights from OIHW to HWIO; anything else as it is.
fn in_engine_order(name: &str, tensor: &Tensor) -> Tensor {
    match (name, tensor.shape.len()) {
        ("weight", 4) => tensor.permuted(&[2, 3, 1, 0]),
        (_, 4) => tensor.permuted(&[0, 2, 3, 1]),
        _ => tensor.clone(),
    }
}

/// |found - expected|² / |expected|².
fn normalised_error(found: &[f32], expected: &[f32]) -> f64 {
    let square = |x: f64| x * x;
    let pairs = found.iter().zip(expected);
    let error: f64 = pairs.map(|(&f, &e)| square(f64::from(f) - f64::from(e))).sum();
    error / expected.iter().map(|&e| square(f64::from(e))).sum::<f64>()
}

#[test]
fn numbers_are_those_of_the_generator() {
    let bits = |name: &str| Tensor::signed(name, &[2]).data.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits("")[0], 0x3f07_02f8);
    assert_eq!(bits("a"), [0xbe83_58f8, 0x3f7f_09e2]);
}
