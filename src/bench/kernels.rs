//! Single kernels: convolutions at the shapes of resnet20 and wider ones, their gradients, matrix products, elementwise
//! arithmetic and sums.

use unperturb_engine::ops::conv2d::{Conv2d, Conv2dInputGradient, Conv2dWeightGradient};
use unperturb_engine::{Graph, Pair, Value};

use super::{Case, Work, numbers};

/// The 3x3 convolutions of resnet20, as [`Convolution`].
const RESNET20: [[usize; 4]; 6] =
    [[32, 3, 16, 1], [32, 16, 16, 1], [32, 16, 32, 2], [16, 32, 32, 1], [16, 32, 64, 2], [8, 64, 64, 1]];

/// Convolutions that other engines are compared on.
const WIDE: [[usize; 4]; 2] = [[32, 64, 64, 1], [32, 64, 64, 2]];

/// The inner convolutions of wrn-28-10.
const WRN_28_10: [[usize; 4]; 3] = [[32, 160, 160, 1], [16, 320, 320, 1], [8, 640, 640, 1]];

/// Rows, inner length and columns of matrix products.
const PRODUCTS: [[usize; 3]; 4] = [[512, 512, 512], [1024, 1024, 1024], [4096, 4096, 4096], [256, 4096, 64]];

/// All of them, on `batch` images.
pub(super) fn cases(batch: usize) -> Vec<Case> {
    let of = |sizes| Convolution::new(batch, sizes);
    let convolutions = RESNET20.into_iter().chain(WIDE).chain(WRN_28_10);
    let mut cases: Vec<Case> = convolutions.flat_map(|sizes| of(sizes).cases()).collect();
    cases.extend(WIDE.map(|sizes| of(sizes).with_gradients()));
    cases.extend(PRODUCTS.map(product));
    // The largest activation of resnet20 with 64 channels.
    let activation = [batch, 32, 32, 64];
    let count = activation.iter().product::<usize>();
    let moved = |words: usize| Work::Bytes(4.0 * words as f64);
    cases.push(kernel("elementwise add", moved(3 * count), [activation, activation], |x| x[0] + x[1]));
    let inputs = [activation.to_vec(), vec![64]];
    cases.push(kernel("elementwise chain of eight", moved(2 * count), inputs, |x| {
        ((x[0] * x[1] + 0.5).relu() * 2.0 - x[1]).clamp(-1.0, 1.0).square() * 0.25
    }));
    cases.push(kernel("sum over pixels", moved(count), [activation], |x| x[0].sum(&[0, 1, 2])));
    cases
}

/// A convolution with 3x3 kernels and padding 1.
#[derive(Clone, Copy)]
struct Convolution {
    of: Conv2d,
    /// Height and width of the input.
    side: usize,
    /// Shapes of input, kernels and result.
    shapes: [[usize; 4]; 3],
    /// Multiplications and additions. Its gradients have as many, for each of the three multiplies every weight with
    /// every pixel that it meets.
    operations: f64,
}

impl Convolution {
    /// Of so many images: side of the input, its channels, channels made, stride.
    fn new(batch: usize, [side, channels, made, stride]: [usize; 4]) -> Self {
        let result = [batch, side / stride, side / stride, made];
        Convolution {
            of: Conv2d { stride: stride.into(), padding: 1.into() },
            side,
            shapes: [[batch, side, side, channels], [3, 3, channels, made], result],
            operations: 2.0 * (result.iter().product::<usize>() * 9 * channels) as f64,
        }
    }

    fn size(&self) -> String {
        let [[_, side, _, channels], _, [.., made]] = self.shapes;
        match self.of.stride.rows {
            1 => format!("{side}x{side} {channels}->{made}"),
            stride => format!("{side}x{side} {channels}->{made} stride {stride}"),
        }
    }

    fn input_gradient(&self) -> Conv2dInputGradient {
        Conv2dInputGradient { of: self.of, input: Pair { rows: self.side, columns: self.side } }
    }

    fn weight_gradient(&self) -> Conv2dWeightGradient {
        Conv2dWeightGradient { of: self.of, kernel: Pair { rows: 3, columns: 3 } }
    }

    /// The convolution, and each of its gradients.
    fn cases(self) -> [Case; 3] {
        let ([x, w, y], size) = (self.shapes, self.size());
        let work = Work::Operations(self.operations);
        [
            kernel(format!("conv2d {size}"), work, [x, w], move |v| v[0].graph().apply(self.of, v)),
            kernel(format!("conv2d input gradient {size}"), work, [y, w], move |v| {
                v[0].graph().apply(self.input_gradient(), v)
            }),
            kernel(format!("conv2d weight gradient {size}"), work, [x, y], move |v| {
                v[0].graph().apply(self.weight_gradient(), v)
            }),
        ]
    }

    /// All three in one program.
    fn with_gradients(self) -> Case {
        let work = Work::Operations(3.0 * self.operations);
        kernel(format!("conv2d and gradients {}", self.size()), work, self.shapes, move |v| {
            let (g, x, w, cotangent) = (v[0].graph(), v[0], v[1], v[2]);
            let results = [
                g.apply(self.of, &[x, w]),
                g.apply(self.input_gradient(), &[cotangent, w]),
                g.apply(self.weight_gradient(), &[x, cotangent]),
            ];
            results.map(first).into_iter().reduce(|a, b| a + b).expect("there are three")
        })
    }
}

fn product([m, k, n]: [usize; 3]) -> Case {
    let work = Work::Operations(2.0 * (m * k * n) as f64);
    kernel(format!("matmul {m}x{k}x{n}"), work, [[m, k], [k, n]], |x| x[0].matmul(x[1]))
}

/// A case whose program is one operation on operands of the given shapes.
fn kernel<S: AsRef<[usize]>, const N: usize>(
    name: impl Into<String>,
    work: Work,
    inputs: [S; N],
    build: impl for<'g> Fn(&[Value<'g>]) -> Value<'g> + 'static,
) -> Case {
    let inputs = inputs.map(|shape| shape.as_ref().to_vec());
    Case::new(name, work, move |session| {
        let name = |index: usize| format!("operand {index}");
        let graph = Graph::new();
        let operands: Vec<Value> =
            inputs.iter().enumerate().map(|(index, shape)| graph.state(name(index), &shape[..])).collect();
        let result = build(&operands);
        graph.output("first element", first(result));
        let program = session.compile(&graph)?;
        for (index, shape) in inputs.iter().enumerate() {
            session.write(&name(index), &numbers(shape.iter().product()))?;
        }
        Ok(Box::new(move |session, count| session.run(&program, count)))
    })
}

/// The first element, `[1]`: enough to keep what made it, without the cost of a copy of the whole.
fn first(result: Value) -> Value {
    result.reshape([result.shape().elements()]).slice(0, 0..1)
}
