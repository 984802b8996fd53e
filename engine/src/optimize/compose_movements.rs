//! Moves what was moved before at one go.

use super::count_readers;
use crate::graph::{Node, Trace};
use crate::ops::Op;

/// Lets a move whose operand was moved, and is read by nothing else, read what that came from, if one move is both. The
/// shortcuts of a residual net are such, which skip rows and columns and are padded with channels.
pub fn compose_movements(mut trace: Trace) -> Trace {
    let readers = count_readers(&trace);
    for index in 0..trace.nodes.len() {
        while let Some(node) = composed(&trace, &readers, index) {
            trace.nodes[index] = node;
        }
    }
    trace
}

/// Node `index` with the move before it in it.
fn composed(trace: &Trace, readers: &[usize], index: usize) -> Option<Node> {
    let node = &trace.nodes[index];
    let Op::Movement(outer) = &node.op else { return None };
    let source = &trace.nodes[node.inputs[0].0];
    let Op::Movement(inner) = &source.op else { return None };
    if readers[node.inputs[0].0] != 1 {
        return None;
    }
    let operand = &trace.nodes[source.inputs[0].0].ty.shape;
    let op = outer.after(inner, operand)?.into();
    Some(Node { op, inputs: source.inputs.clone(), ..node.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::count_needed;
    use crate::{Graph, Value};

    /// Moves that run for `moved`, a program of one operand.
    fn moves(moved: impl for<'g> Fn(&'g Graph, Value<'g>) -> Value<'g>) -> usize {
        let g = Graph::new();
        let x = g.state("x", [2, 6, 6, 8]);
        g.output("y", moved(&g, x));
        let trace = compose_movements(g.trace().expect("traced"));
        count_needed(&trace, |node| matches!(node.op, Op::Movement(_)))
    }

    fn shortcut<'g>(x: Value<'g>) -> Value<'g> {
        x.slice_by(1, 0..6, 2).slice_by(2, 0..6, 2).pad(&[(0, 0), (0, 0), (0, 0), (4, 4)])
    }

    fn cut<'g>(x: Value<'g>) -> Value<'g> {
        x.slice(1, 1..5)
    }

    #[test]
    fn moves_in_a_row_are_one() {
        assert_eq!(moves(|_, x| shortcut(x)), 1);
        assert_eq!(moves(|_, x| x.transpose(&[0, 2, 1, 3]).flip(1).rotate90(1)), 1);
        let there_and_back = moves(|g, x| {
            let loss = shortcut(x).square().sum_all();
            g.gradient(loss, &[x]).expect("differentiable")[0]
        });
        assert_eq!(there_and_back, 2);
    }

    #[test]
    fn moves_that_are_not_one_stay() {
        const ABOVE: [(usize, usize); 4] = [(0, 0), (1, 0), (0, 0), (0, 0)];
        assert_eq!(moves(|_, x| cut(x).pad(&ABOVE)), 2, "what was cut off is gone");
        assert_eq!(moves(|_, x| x.pad_with(&ABOVE, 3.0).pad(&ABOVE)), 2, "the gaps differ");
    }
}
