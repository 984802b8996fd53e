//! Folds scales of single channels, such as those of batch normalisation in evaluation, into the
//! weights of the convolution before or after them.
//!
//! A convolution is linear in its weights, so that `conv(x, w) * s = conv(x, w * s)` with s a number
//! for each output channel, and likewise for input channels. Weights are far smaller than
//! activations. An attack or a reversal meets both forms, and both take the same scaled weights: the
//! scale after the convolution going forward, and the scale before its input gradient going back.

use std::collections::HashMap;

use super::rewriting::Rewriting;
use crate::graph::{Node, NodeId, Trace};
use crate::ops::Op;
use crate::ops::elementwise::Elementwise;
use crate::ops::elementwise::program::{Binary, Instruction};
use crate::ops::source::Reshape;
use crate::shape::{Shape, Type};

/// Scales weights instead of activations wherever nothing else reads the activation without, or in
/// the second form with, its scale.
pub fn fold_batch_norm(trace: Trace) -> Trace {
    let readers = super::count_readers(&trace);
    let mut folded = Folded { program: Rewriting::of(&trace), weights: HashMap::new() };
    for node in &trace.nodes {
        let output = channel_scale(&trace, node)
            .and_then(|(conv, scale)| Some((conv, channel_axes(&trace.nodes[conv.0].op)?.output, scale)));
        let input = channel_axes(&node.op).and_then(|axes| {
            let (x, scale) = channel_scale(&trace, &trace.nodes[node.inputs[0].0])?;
            Some((x, axes.input, scale))
        });
        let place = match (output, input) {
            (Some((conv, axis, scale)), _) if readers[conv.0] == 1 => {
                let conv = &trace.nodes[conv.0];
                folded.convolution(conv, conv.inputs[0], axis, scale)
            }
            (_, Some((x, axis, scale))) if readers[node.inputs[0].0] == 1 => {
                folded.convolution(node, x, axis, scale)
            }
            _ => folded.program.write(folded.program.moved(node)),
        };
        folded.program.settle(place);
    }
    folded.program.finish(&trace)
}

/// Axes of the weight that count the channels of a convolution's operand and of its result.
struct ChannelAxes {
    input: usize,
    output: usize,
}

fn channel_axes(op: &Op) -> Option<ChannelAxes> {
    match op {
        Op::Conv2d(_) => Some(ChannelAxes { input: 2, output: 3 }),
        Op::Conv2dInputGradient(_) => Some(ChannelAxes { input: 3, output: 2 }),
        _ => None,
    }
}

/// The images and the scale, if `node` is images times a number for each channel.
fn channel_scale(trace: &Trace, node: &Node) -> Option<(NodeId, NodeId)> {
    let Op::Elementwise(Elementwise { code, .. }) = &node.op else { return None };
    let product = [Instruction::Input(0), Instruction::Input(1), Instruction::Binary(Binary::Mul, 0, 1)];
    let (true, &[a, b]) = (code.0 == product, &node.inputs[..]) else { return None };
    let channels = *node.ty.shape.last()?;
    let is_scale = |id: NodeId| {
        let shape = &trace.nodes[id.0].ty.shape;
        shape.last() == Some(&channels) && shape.elements() == channels
    };
    let is_images = |id: NodeId| trace.nodes[id.0].ty == node.ty;
    [(a, b), (b, a)].into_iter().find(|&(images, scale)| is_images(images) && is_scale(scale))
}

/// The program rewritten so far.
struct Folded {
    program: Rewriting,
    /// Scaled weights by weight, scale and axis, all of the old program.
    weights: HashMap<(NodeId, NodeId, usize), NodeId>,
}

impl Folded {
    /// The convolution `conv` of `x`, its weight scaled along `axis`.
    fn convolution(&mut self, conv: &Node, x: NodeId, axis: usize, scale: NodeId) -> NodeId {
        let key = (conv.inputs[1], scale, axis);
        let weight = match self.weights.get(&key) {
            Some(&weight) => weight,
            None => {
                let [weight, scale] = [conv.inputs[1], scale].map(|id| self.program.place(id));
                let weight = self.scaled_weight(weight, axis, scale);
                self.weights.insert(key, weight);
                weight
            }
        };
        let inputs = vec![self.program.place(x), weight];
        self.program.write(Node { inputs, ..conv.clone() })
    }

    fn scaled_weight(&mut self, weight: NodeId, axis: usize, scale: NodeId) -> NodeId {
        let Node { ty, is_gradient, .. } = self.program.nodes()[weight.0].clone();
        let mut shape = vec![1; ty.shape.rank() - axis];
        shape[0] = ty.shape[axis];
        let shape = Shape::from(shape);
        let reshape = Reshape::to(shape.clone()).into();
        let scale =
            self.program.write(Node { op: reshape, inputs: vec![scale], ty: Type::f32(shape), is_gradient });
        let product =
            vec![Instruction::Input(0), Instruction::Input(1), Instruction::Binary(Binary::Mul, 0, 1)];
        let op = Elementwise::new(product).into();
        self.program.write(Node { op, inputs: vec![weight, scale], ty, is_gradient })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::count_needed;
    use crate::optimize::read_through::read_through_aliases;
    use crate::{Graph, Value};

    /// Nodes that run, and among them those that multiply whole activations by a scale.
    fn count(trace: &Trace) -> (usize, usize) {
        let runs = |node: &Node| !matches!(node.op, Op::State(_)) && !node.op.operation().is_alias();
        let is_scaled =
            |node: &Node| node.ty.shape.first() == Some(&BATCH) && channel_scale(trace, node).is_some();
        (count_needed(trace, runs), count_needed(trace, |node| runs(node) && is_scaled(node)))
    }

    const BATCH: usize = 7;

    fn normalised<'g>(g: &'g Graph, x: Value<'g>, name: &str) -> Value<'g> {
        let c = x.shape()[3];
        let state = |what: &str| g.state(format!("{name}.{what}"), [c]);
        x.batch_norm_eval(state("weight"), state("bias"), state("mean"), state("variance"), 1e-5)
    }

    #[test]
    fn an_attack_on_two_layers_loses_its_scales() {
        let g = Graph::new();
        let image = g.state("image", [BATCH, 8, 8, 3]);
        let first = image.conv2d(g.state("w1", [3, 3, 3, 5]), None, 1, 1);
        let hidden = normalised(&g, first, "bn1").relu();
        let second = hidden.conv_transpose2d(g.state("w2", [4, 4, 2, 5]), None, 2, 1, 0);
        let loss = normalised(&g, second, "bn2").relu().square().sum_all();
        g.output("gradient", g.gradient(loss, &[image]).expect("differentiable")[0]);
        let before = read_through_aliases(g.trace().expect("traced"));
        let after = fold_batch_norm(before.clone());
        let ((nodes, scales), (fewer, none)) = (count(&before), count(&after));
        assert_eq!((scales, none), (4, 0), "each layer's scale, forward and back");
        assert_eq!(fewer, nodes - 2, "each layer has one product less");
    }

    /// In training the statistics read the convolution too, and weight gradients the scaled gradient.
    #[test]
    fn what_others_read_stays() {
        let g = Graph::new();
        let x = g.state("x", [BATCH, 4, 4, 3]);
        let w = g.state("w", [3, 3, 3, 5]);
        let y = x.conv2d(w, None, 1, 1);
        let scaled = y * g.state("s", [5]);
        g.output("y", y);
        g.output("scaled", scaled);
        let gradients = g.gradient(scaled.square().sum_all(), &[x, w]).expect("differentiable");
        g.output("dx", gradients[0]);
        g.output("dw", gradients[1]);
        let before = read_through_aliases(g.trace().expect("traced"));
        assert_eq!(count(&fold_batch_norm(before.clone())), count(&before));
    }
}
