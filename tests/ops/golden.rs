//! Single operations against the values of PyTorch in `tests/golden`, forward and gradients, on both runtimes.

#[path = "../golden/reader.rs"]
pub mod reader;

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
        Tensor { shape: shape.to_vec(), data: reader::signed(name, shape.iter().product()) }
    }

    /// `image(name)` of `tests/golden/README.md`.
    pub fn image(name: &str, shape: &[usize]) -> Self {
        let signed = Tensor::signed(name, shape);
        Tensor { data: signed.data.iter().map(|x| (x + 1.0) / 2.0).collect(), ..signed }
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
    file: reader::Golden,
}

/// Bound on normalised errors of single operations.
const BOUND: f64 = 1e-11;

impl Golden {
    pub fn open(subject: &'static str) -> Self {
        Golden { subject, file: reader::Golden::open(subject) }
    }

    pub fn tensor(&self, key: &str) -> Tensor {
        Tensor { shape: self.file.shape(key), data: self.file.tensor(key) }
    }

    /// Holds `KEY` to what was found.
    pub fn expect(&self, key: &str, found: &[f32]) {
        self.file.expect(key, found, BOUND);
    }

    /// Holds `KEY.y` and `KEY.grad.NAME` to what `build` makes of `inputs` on both runtimes. An
    /// operand of four axes is handed over with its axes in the engine's order.
    pub fn check(
        &self,
        key: &str,
        inputs: &[(&str, Tensor)],
        build: impl for<'g> Fn(&[Value<'g>]) -> Value<'g>,
    ) {
        self.check_with(key, inputs, &[], build);
    }

    /// As [`check`](Golden::check), with further operands of which the file holds no gradients.
    pub fn check_with(
        &self,
        key: &str,
        inputs: &[(&str, Tensor)],
        constants: &[(&str, Tensor)],
        build: impl for<'g> Fn(&[Value<'g>]) -> Value<'g>,
    ) {
        for device in [Device::cpu(), gpu()] {
            let g = Graph::new();
            let operands = || inputs.iter().chain(constants);
            let states: Vec<Value> = operands()
                .map(|(name, tensor)| g.state(*name, in_engine_order(name, tensor).shape))
                .collect();
            let y = build(&states);
            let expected = self.tensor(&format!("{key}.y"));
            let cotangent = Tensor::signed(&format!("{}/{key}/cotangent", self.subject), &expected.shape);
            let loss = (y * g.state("cotangent", y.shape())).sum_all();
            let gradients = g.gradient(loss, &states[..inputs.len()]).expect("a differentiable operation");
            g.output("y", y);
            for ((name, _), gradient) in inputs.iter().zip(gradients) {
                g.output(format!("grad.{name}"), gradient);
            }
            let mut session = Session::new(&device);
            let program = session.compile(&g).unwrap_or_else(|e| panic!("{key} on {device}: {e}"));
            for (name, tensor) in operands() {
                session.write(name, &in_engine_order(name, tensor).data).expect("the state's size");
            }
            session.write("cotangent", &in_engine_order("y", &cotangent).data).expect("the state's size");
            session.run(&program, 1).unwrap_or_else(|e| panic!("{key} on {device}: {e}"));
            let results = inputs.iter().map(|(name, _)| (format!("grad.{name}"), *name));
            for (result, name) in results.chain([("y".into(), "y")]) {
                let expected = in_engine_order(name, &self.tensor(&format!("{key}.{result}")));
                let found = session.read(&result).expect("a result");
                assert_eq!(found.len(), expected.data.len(), "{key}.{result} on {device}: length");
                let error = reader::normalised_error(&found, &expected.data);
                assert!(error < BOUND, "{key}.{result} on {device}: normalised error {error:.2e}");
            }
        }
    }
}

/// Images from NCHW to NHWC, weights from OIHW to HWIO; anything else as it is.
pub fn in_engine_order(name: &str, tensor: &Tensor) -> Tensor {
    match (name, tensor.shape.len()) {
        ("weight", 4) => tensor.permuted(&[2, 3, 1, 0]),
        (_, 4) => tensor.permuted(&[0, 2, 3, 1]),
        _ => tensor.clone(),
    }
}
