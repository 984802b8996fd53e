//! Stores activations in half precision, where that is asked for.
//!
//! Activations fill most of a net's memory, and reading and writing them takes most of the time that products leave. Kernels
//! compute in f32 whatever they read; only what is stored between them is rounded. Gradients stay in f32: they are so small
//! that half precision would lose them (Micikevicius et al. 2018 scale the loss instead, by a number that has to be found).
//! So do images, weights, states and statistics.

use super::{FEWEST_ELEMENTS, readers};
use crate::graph::Trace;
use crate::ops::conv2d::{Convolved, FusedConv2d};
use crate::ops::{Op, Signature};
use crate::shape::DType;

/// Kernels read and write the channels of a pixel by so many.
const CHANNELS: usize = 4;

/// Gives the results of convolutions, and what elementwise operations, pools and moves make of them, half precision, if
/// all their readers take it.
pub fn store_halves(mut trace: Trace) -> Trace {
    let readers = readers(&trace);
    for index in 0..trace.nodes.len() {
        let takes = |&reader: &usize| takes_halves(&trace, reader, index);
        // What is only summed up may be the terms of a loss, whose squares can be large.
        let sums = |&reader: &usize| matches!(trace.nodes[reader].op, Op::Reduce(_));
        let readers = &readers[index];
        if is_activation(&trace, index) && readers.iter().all(takes) && !readers.iter().all(sums) {
            trace.nodes[index].ty.dtype = DType::F16;
        }
    }
    trace
}

/// Whether the result of node `index` is an activation that is worth it, and its kernels can store it so.
fn is_activation(trace: &Trace, index: usize) -> bool {
    let node = &trace.nodes[index];
    let is_first = match &node.op {
        Op::Conv2d(_) => true,
        Op::FusedConv2d(FusedConv2d { of, .. }) => matches!(of, Convolved::Forward(_)),
        _ => false,
    };
    let follows = || node.inputs.iter().any(|id| trace.nodes[id.0].ty.dtype == DType::F16);
    let shape = &node.ty.shape;
    !node.is_gradient
        && node.op.operation().writes_halves()
        && shape.rank() == 4
        && shape[3].is_multiple_of(CHANNELS)
        && shape.elements() >= FEWEST_ELEMENTS
        && (is_first || follows())
}

/// Whether `reader` is a node that can read the result of node `index` in half precision. Assignments, which are behind all
/// nodes, cannot.
fn takes_halves(trace: &Trace, reader: usize, index: usize) -> bool {
    let Some(node) = trace.nodes.get(reader) else { return false };
    let inputs = node.inputs.iter().map(|id| trace.nodes[id.0].ty.clone()).collect();
    let signature = Signature { inputs, output: node.ty.clone() };
    let mut operands = (0..node.inputs.len()).filter(|&operand| node.inputs[operand].0 == index);
    operands.all(|operand| node.op.operation().reads_halves(operand, &signature))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Graph, Value};

    const SHAPE: [usize; 4] = [2, 16, 16, 8];

    /// Two layers, a shortcut and a loss, and the gradients of `targets`.
    fn net(g: &Graph, targets: &[&str]) -> Trace {
        let image = g.state("image", [2, 16, 16, 3]);
        let weights = [g.state("first", [3, 3, 3, 8]), g.state("second", [3, 3, 8, 8])];
        let [gamma, beta] = ["gamma", "beta"].map(|name| g.state(name, [8]));
        let x = image.conv2d(weights[0], None, 1, 1).batch_norm_train(gamma, beta, 1e-5).y.relu();
        let y = (x.conv2d(weights[1], None, 1, 1) + x).relu().max_pool2d(2, 2, 0);
        let loss = y.global_average_pool().square().sum_all();
        let states: Vec<Value> = targets
            .iter()
            .map(|&name| if name == "image" { image } else { weights[usize::from(name == "second")] })
            .collect();
        for (gradient, name) in g.gradient(loss, &states).expect("differentiable").into_iter().zip(targets) {
            g.output(format!("gradient of {name}"), gradient);
        }
        store_halves(crate::optimize::optimize(g.trace().expect("traced")))
    }

    fn halves(trace: &Trace) -> usize {
        let needed = trace.needed();
        let halves =
            trace.nodes.iter().zip(needed).filter(|(node, needed)| *needed && node.ty.dtype == DType::F16);
        halves
            .inspect(|(node, _)| assert!(!node.is_gradient && !matches!(node.op, Op::State(_)), "{node:?}"))
            .count()
    }

    #[test]
    fn activations_alone_are_halves() {
        // Both convolutions and the activation between them; pooled it is too small.
        assert_eq!(halves(&net(&Graph::new(), &["image"])), 3);
        assert_eq!(halves(&net(&Graph::new(), &["image", "first", "second"])), 3);
    }

    /// The gradient of a transposed convolution is a convolution.
    #[test]
    fn gradients_stay_whole() {
        let g = Graph::new();
        let w = g.state("w", [4, 4, 4, 8]);
        let x = g.state("x", SHAPE).conv2d(g.state("v", [3, 3, 8, 8]), None, 1, 1);
        let y = x.conv_transpose2d(w, None, 2, 1, 0).relu();
        let gradient = g.gradient(y.square().sum_all(), &[x]).expect("differentiable")[0];
        g.output("gradient", gradient * 2.0);
        let trace = store_halves(crate::optimize::optimize(g.trace().expect("traced")));
        assert!(trace.nodes.iter().any(|node| node.is_gradient && matches!(node.op, Op::FusedConv2d(_))));
        assert_eq!(halves(&trace), 1, "what the transposed convolution reads");
    }

    #[test]
    fn what_somebody_cannot_read_stays_whole() {
        let g = Graph::new();
        let x = g.state("x", SHAPE).conv2d(g.state("w", [3, 3, 8, 8]), None, 1, 1);
        g.output("x", x);
        let y = x.exp().conv2d(g.state("v", [3, 3, 8, 8]), None, 1, 1);
        g.output("softmax", y.reshape([2, 2048]).softmax());
        g.output("loss", x.square().sum_all());
        let trace = store_halves(crate::optimize::optimize(g.trace().expect("traced")));
        assert_eq!(
            halves(&trace),
            0,
            "one is an output, one is reshaped, one is a loss, and one follows from no half"
        );
    }
}
