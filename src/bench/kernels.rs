//! Single kernels: convolutions at the shapes of resnet20 and their gradients, matrix products, elementwise
//! arithmetic and sums.

use unperturb_engine::ops::conv2d::{Conv2d, Conv2dInputGradient, Conv2dWeightGradient};
use unperturb_engine::{Graph, Pair, Value};

use super::{Case, Work, numbers};

/// Images that are convolved together.
const BATCH: usize = 32;

/// The 3x3 convolutions of resnet20: side of the input, its channels, channels made, stride.
const CONVOLUTIONS: [[usize; 4]; 6] =
    [[32, 3, 16, 1], [32, 16, 16, 1], [32, 16, 32, 2], [16, 32, 32, 1], [16, 32, 64, 2], [8, 64, 64, 1]];

/// Rows, inner length and columns of matrix products.
const PRODUCTS: [[usize; 3]; 2] = [[512, 512, 512], [256, 4096, 64]];

/// The largest activation of resnet20 with 64 channels.
const ACTIVATION: [usize; 4] = [BATCH, 32, 32, 64];

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = CONVOLUTIONS.into_iter().flat_map(convolutions).collect();
    cases.extend(PRODUCTS.map(product));
    let count = ACTIVATION.iter().product::<usize>();
    let moved = |words: usize| Work::Bytes(4.0 * words as f64);
    cases.push(kernel("elementwise add", moved(3 * count), [ACTIVATION, ACTIVATION], |x| x[0] + x[1]));
    let inputs = [ACTIVATION.to_vec(), vec![64]];
    cases.push(kernel("elementwise chain of eight", moved(2 * count), inputs, |x| {
        ((x[0] * x[1] + 0.5).relu() * 2.0 - x[1]).clamp(-1.0, 1.0).square() * 0.25
    }));
    cases.push(kernel("sum over pixels", moved(count), [ACTIVATION], |x| x[0].sum(&[0, 1, 2])));
    cases
}

/// One convolution, and both its gradients.
fn convolutions([side, channels, made, stride]: [usize; 4]) -> [Case; 3] {
    let of = Conv2d { stride: stride.into(), padding: 1.into() };
    let (x, w) = ([BATCH, side, side, channels], [3, 3, channels, made]);
    let y = [BATCH, side / stride, side / stride, made];
    // Each of the three multiplies every weight with every pixel it meets.
    let work = Work::Operations(2.0 * (y.iter().product::<usize>() * 9 * channels) as f64);
    let size = match stride {
        1 => format!("{side}x{side} {channels}->{made}"),
        _ => format!("{side}x{side} {channels}->{made} stride {stride}"),
    };
    let input = Pair { rows: side, columns: side };
    let kernel_size = Pair { rows: 3, columns: 3 };
    [
        kernel(format!("conv2d {size}"), work, [x, w], move |v| v[0].graph().apply(of, v)),
        kernel(format!("conv2d input gradient {size}"), work, [y, w], move |v| {
            v[0].graph().apply(Conv2dInputGradient { of, input }, v)
        }),
        kernel(format!("conv2d weight gradient {size}"), work, [x, y], move |v| {
            v[0].graph().apply(Conv2dWeightGradient { of, kernel: kernel_size }, v)
        }),
    ]
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
        // One element is enough to keep the operation, and does not cost a copy of the whole result.
        graph.output("first element", result.reshape([result.shape().elements()]).slice(0, 0..1));
        let program = session.compile(&graph)?;
        for (index, shape) in inputs.iter().enumerate() {
            session.write(&name(index), &numbers(shape.iter().product()))?;
        }
        Ok(Box::new(move |session, count| session.run(&program, count)))
    })
}
