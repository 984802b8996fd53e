//! The methods and operators that trace elementwise operations.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::Elementwise;
use super::program::{Binary, Instruction, Unary};
use crate::graph::Value;
use crate::shape::Shape;

use Instruction::{Constant, Input};

impl<'g> Value<'g> {
    #[track_caller]
    fn unary(self, function: Unary) -> Value<'g> {
        self.graph.apply(Elementwise::new(vec![Input(0), Instruction::Unary(function, 0)]), &[self])
    }

    #[track_caller]
    fn binary(self, function: Binary, other: Value<'g>) -> Value<'g> {
        let code = vec![Input(0), Input(1), Instruction::Binary(function, 0, 1)];
        self.graph.apply(Elementwise::new(code), &[self, other])
    }

    #[track_caller]
    fn with_constant(self, function: Binary, constant: f32) -> Value<'g> {
        let code = vec![Input(0), Constant(constant), Instruction::Binary(function, 0, 1)];
        self.graph.apply(Elementwise::new(code), &[self])
    }

    #[track_caller]
    fn constant_with(self, constant: f32, function: Binary) -> Value<'g> {
        let code = vec![Constant(constant), Input(0), Instruction::Binary(function, 0, 1)];
        self.graph.apply(Elementwise::new(code), &[self])
    }

    /// |x|; the gradient at 0 is 0.
    #[track_caller]
    pub fn abs(self) -> Value<'g> {
        self.unary(Unary::Abs)
    }

    /// -1, 0 or 1; the gradient is 0 everywhere.
    #[track_caller]
    pub fn sign(self) -> Value<'g> {
        self.unary(Unary::Sign)
    }

    /// e^x.
    #[track_caller]
    pub fn exp(self) -> Value<'g> {
        self.unary(Unary::Exp)
    }

    /// Natural logarithm.
    #[track_caller]
    pub fn log(self) -> Value<'g> {
        self.unary(Unary::Log)
    }

    /// Square root.
    #[track_caller]
    pub fn sqrt(self) -> Value<'g> {
        self.unary(Unary::Sqrt)
    }

    /// Hyperbolic tangent.
    #[track_caller]
    pub fn tanh(self) -> Value<'g> {
        self.unary(Unary::Tanh)
    }

    /// Largest integer not above x; the gradient is 0 everywhere.
    #[track_caller]
    pub fn floor(self) -> Value<'g> {
        self.unary(Unary::Floor)
    }

    /// max(x, 0); the gradient at 0 is 0.
    #[track_caller]
    pub fn relu(self) -> Value<'g> {
        self.unary(Unary::Relu)
    }

    /// x where positive, else `slope * x`; the gradient at 0 is `slope`.
    #[track_caller]
    pub fn leaky_relu(self, slope: f32) -> Value<'g> {
        let code = vec![
            Input(0),
            Constant(0.0),
            Instruction::Binary(Binary::Greater, 0, 1),
            Constant(slope),
            Instruction::Binary(Binary::Mul, 0, 3),
            Instruction::Select(2, 0, 4),
        ];
        self.graph.apply(Elementwise::new(code), &[self])
    }

    /// x². The square of a tensor with itself, so that it fuses.
    #[track_caller]
    pub fn square(self) -> Value<'g> {
        self * self
    }

    /// The larger of two; equal operands share the gradient, as in PyTorch.
    #[track_caller]
    pub fn maximum(self, other: Value<'g>) -> Value<'g> {
        self.binary(Binary::Max, other)
    }

    /// The smaller of two; equal operands share the gradient, as in PyTorch.
    #[track_caller]
    pub fn minimum(self, other: Value<'g>) -> Value<'g> {
        self.binary(Binary::Min, other)
    }

    /// x limited to [low, high]; the gradient passes where low <= x <= high.
    #[track_caller]
    pub fn clamp(self, low: f32, high: f32) -> Value<'g> {
        let code = vec![
            Input(0),
            Constant(low),
            Constant(high),
            Instruction::Binary(Binary::Max, 0, 1),
            Instruction::Binary(Binary::Min, 3, 2),
        ];
        self.graph.apply(Elementwise::new(code), &[self])
    }

    /// x limited to [low, high] elementwise; gradients as of [`maximum`](Value::maximum) and
    /// [`minimum`](Value::minimum).
    #[track_caller]
    pub fn clamp_to(self, low: Value<'g>, high: Value<'g>) -> Value<'g> {
        self.maximum(low).minimum(high)
    }

    /// 1 where x > `threshold`, else 0.
    #[track_caller]
    pub fn greater(self, threshold: f32) -> Value<'g> {
        self.with_constant(Binary::Greater, threshold)
    }

    /// 1 where x > other, else 0.
    #[track_caller]
    pub fn greater_than(self, other: Value<'g>) -> Value<'g> {
        self.binary(Binary::Greater, other)
    }

    /// 1 where x >= other, else 0.
    #[track_caller]
    pub fn greater_equal(self, other: Value<'g>) -> Value<'g> {
        self.binary(Binary::GreaterEqual, other)
    }

    /// 1 where both are equal, else 0.
    #[track_caller]
    pub fn equals(self, other: Value<'g>) -> Value<'g> {
        self.binary(Binary::Equal, other)
    }

    /// `then` where this is not zero, else `otherwise`. No gradient flows into the condition.
    #[track_caller]
    pub fn select(self, then: Value<'g>, otherwise: Value<'g>) -> Value<'g> {
        let code = vec![Input(0), Input(1), Input(2), Instruction::Select(0, 1, 2)];
        self.graph.apply(Elementwise::new(code), &[self, then, otherwise])
    }

    /// A copy stretched to `shape`.
    #[track_caller]
    pub fn broadcast_to(self, shape: impl Into<Shape>) -> Value<'g> {
        let shape = shape.into();
        if shape == self.shape() { self } else { self.graph.apply(Elementwise::copy_to(shape), &[self]) }
    }

    /// `numerator / x`.
    #[track_caller]
    pub fn divides(self, numerator: f32) -> Value<'g> {
        self.constant_with(numerator, Binary::Div)
    }
}

macro_rules! operator {
    ($operator:ident, $method:ident, $function:expr) => {
        impl<'g> $operator for Value<'g> {
            type Output = Value<'g>;
            #[track_caller]
            fn $method(self, other: Value<'g>) -> Value<'g> {
                self.binary($function, other)
            }
        }

        impl<'g> $operator<f32> for Value<'g> {
            type Output = Value<'g>;
            #[track_caller]
            fn $method(self, constant: f32) -> Value<'g> {
                self.with_constant($function, constant)
            }
        }

        impl<'g> $operator<Value<'g>> for f32 {
            type Output = Value<'g>;
            #[track_caller]
            fn $method(self, value: Value<'g>) -> Value<'g> {
                value.constant_with(self, $function)
            }
        }
    };
}

operator!(Add, add, Binary::Add);
operator!(Sub, sub, Binary::Sub);
operator!(Mul, mul, Binary::Mul);
operator!(Div, div, Binary::Div);

impl<'g> Neg for Value<'g> {
    type Output = Value<'g>;
    #[track_caller]
    fn neg(self) -> Value<'g> {
        self.unary(Unary::Neg)
    }
}
