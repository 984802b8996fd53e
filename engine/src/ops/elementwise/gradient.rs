//! Gradient rules of elementwise programs: a line per function.
//!
//! Only traced programs are differentiated (fusion comes later), and these compute one function of
//! their operands; `clamp` and `leaky_relu` are those of several.

use super::program::{Binary, Code, Instruction, Unary};
use crate::autodiff::Differentiated;
use crate::graph::Value;

pub fn gradient<'g>(code: &Code, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
    let dy = of.gradient;
    let y = of.output;
    let back = |index: usize, gradient: Value<'g>| {
        of.wanted[index].then(|| gradient.sum_to(&of.inputs[index].shape()))
    };
    match *code.0.as_slice() {
        [Instruction::Constant(_)] => vec![],
        [Instruction::Input(0), Instruction::Unary(function, 0)] => {
            let x = of.inputs[0];
            let dx = match function {
                Unary::Neg => -dy,
                Unary::Abs => dy * x.sign(),
                Unary::Sign | Unary::Floor => return vec![None],
                Unary::Exp => dy * y,
                Unary::Log => dy / x,
                Unary::Sqrt => dy * 0.5 / y,
                Unary::Tanh => dy * (1.0 - y * y),
                Unary::Relu => dy * y.greater(0.0),
                Unary::Copy => dy,
            };
            vec![back(0, dx)]
        }
        [Instruction::Input(0), Instruction::Input(1), Instruction::Binary(function, 0, 1)] => {
            let (a, b) = (of.inputs[0], of.inputs[1]);
            // Rules as thunks: an unwanted gradient must not leave nodes behind.
            let (da, db): (&dyn Fn() -> Value<'g>, &dyn Fn() -> Value<'g>) = match function {
                Binary::Add => (&|| dy, &|| dy),
                Binary::Sub => (&|| dy, &|| -dy),
                Binary::Mul => (&|| dy * b, &|| dy * a),
                Binary::Div => (&|| dy / b, &|| -dy * y / b),
                Binary::Max => (&|| dy * share(a, b), &|| dy * share(b, a)),
                Binary::Min => (&|| dy * share(b, a), &|| dy * share(a, b)),
                Binary::Greater | Binary::GreaterEqual | Binary::Equal => return vec![None, None],
            };
            let when = |index: usize, rule: &dyn Fn() -> Value<'g>| {
                of.wanted[index].then(|| rule().sum_to(&of.inputs[index].shape()))
            };
            vec![when(0, da), when(1, db)]
        }
        [Instruction::Input(0), Instruction::Constant(c), Instruction::Binary(function, 0, 1)] => {
            let x = of.inputs[0];
            let dx = match function {
                Binary::Add | Binary::Sub => dy,
                Binary::Mul => dy * c,
                Binary::Div => dy / c,
                Binary::Max => dy * x.greater(c),
                Binary::Min => dy * (1.0 - x.greater(c)),
                Binary::Greater | Binary::GreaterEqual | Binary::Equal => return vec![None],
            };
            vec![back(0, dx)]
        }
        [Instruction::Constant(c), Instruction::Input(0), Instruction::Binary(function, 0, 1)] => {
            let x = of.inputs[0];
            let dx = match function {
                Binary::Add => dy,
                Binary::Sub => -dy,
                Binary::Mul => dy * c,
                Binary::Div => -dy * y / x,
                _ => return vec![None],
            };
            vec![back(0, dx)]
        }
        // Leaky relu. Its result has the sign of its operand for slopes above 0, and then the operand need not be kept.
        [
            Instruction::Input(0),
            _,
            Instruction::Binary(Binary::Greater, 0, 1),
            Instruction::Constant(slope),
            ..,
        ] => {
            let signed = if slope > 0.0 { y } else { of.inputs[0] };
            vec![back(0, signed.greater(0.0).select(dy, dy * slope))]
        }
        // clamp: unchanged values are those within the limits.
        [Instruction::Input(0), Instruction::Constant(_), Instruction::Constant(_), ..] => {
            vec![back(0, dy * y.equals(of.inputs[0]))]
        }
        [_, _, _, Instruction::Select(0, 1, 2)] => {
            let condition = of.inputs[0];
            let zero = dy.graph().full([], 0.0);
            let then = of.wanted[1].then(|| condition.select(dy, zero));
            let otherwise = of.wanted[2].then(|| condition.select(zero, dy));
            vec![
                None,
                then.map(|g| g.sum_to(&of.inputs[1].shape())),
                otherwise.map(|g| g.sum_to(&of.inputs[2].shape())),
            ]
        }
        _ => unreachable!(
            "a traced elementwise program computes one function; fusion runs after differentiation"
        ),
    }
}

/// The share of the maximum's gradient that `a` gets: 1 if larger, a half if equal.
fn share<'g>(a: Value<'g>, b: Value<'g>) -> Value<'g> {
    (a.greater_than(b) + a.greater_equal(b)) * 0.5
}
