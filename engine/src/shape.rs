//! Shapes and element types.

use std::fmt;
use std::ops::Deref;

/// The sizes of a tensor's axes, outermost first. A scalar has no axes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// The shape of a single number.
    pub fn scalar() -> Self {
        Self::default()
    }

    /// How many elements a tensor of this shape has.
    pub fn elements(&self) -> usize {
        self.0.iter().product()
    }

    /// How many axes it has.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Distance in elements between neighbours along each axis, rows packed.
    pub fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.rank()];
        for axis in (1..self.rank()).rev() {
            strides[axis - 1] = strides[axis] * self.0[axis];
        }
        strides
    }

    /// The common shape of two under right-aligned broadcasting, where an axis of one stretches.
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let rank = self.rank().max(other.rank());
        let sizes = (0..rank).map(|axis| match (self.aligned(rank, axis), other.aligned(rank, axis)) {
            (a, b) if a == b => Some(a),
            (1, b) => Some(b),
            (a, 1) => Some(a),
            _ => None,
        });
        sizes.collect::<Option<Vec<_>>>().map(Shape)
    }

    /// The size of `axis` once this shape is padded on the left with ones to `rank` axes.
    pub(crate) fn aligned(&self, rank: usize, axis: usize) -> usize {
        (axis + self.rank()).checked_sub(rank).map_or(1, |own| self.0[own])
    }
}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(sizes: [usize; N]) -> Self {
        Shape(sizes.to_vec())
    }
}

impl From<Vec<usize>> for Shape {
    fn from(sizes: Vec<usize>) -> Self {
        Shape(sizes)
    }
}

impl From<&[usize]> for Shape {
    fn from(sizes: &[usize]) -> Self {
        Shape(sizes.to_vec())
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Self {
        shape.clone()
    }
}

/// A size along the rows and along the columns of an image: a stride, a padding, a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    /// Along the height.
    pub rows: usize,
    /// Along the width.
    pub columns: usize,
}

impl From<usize> for Pair {
    fn from(both: usize) -> Self {
        Pair { rows: both, columns: both }
    }
}

impl From<[usize; 2]> for Pair {
    fn from([rows, columns]: [usize; 2]) -> Self {
        Pair { rows, columns }
    }
}

/// What an element is. Buffers are counted in *words* of four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// IEEE single precision, a word each.
    F32,
    /// Unsigned integer, a word each: labels, indices, counters, random keys.
    U32,
    /// IEEE half precision, two to a word: how activations are kept where half precision is asked for.
    F16,
    /// A truth value, 32 to a word, the first in the lowest bit; numbers 1 and 0 where it meets `f32`.
    Bit,
}

/// Shape and element type of a tensor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Type {
    /// Axis sizes, outermost first.
    pub shape: Shape,
    /// Element type.
    pub dtype: DType,
}

impl Type {
    /// A tensor of `f32`.
    pub fn f32(shape: impl Into<Shape>) -> Self {
        Type { shape: shape.into(), dtype: DType::F32 }
    }

    /// A tensor of `u32`.
    pub fn u32(shape: impl Into<Shape>) -> Self {
        Type { shape: shape.into(), dtype: DType::U32 }
    }

    /// Its size in four-byte words.
    pub fn words(&self) -> usize {
        match self.dtype {
            DType::F32 | DType::U32 => self.shape.elements(),
            DType::F16 => self.shape.elements().div_ceil(2),
            DType::Bit => self.shape.elements().div_ceil(32),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.dtype {
            DType::F32 => write!(f, "{}", self.shape),
            DType::U32 => write!(f, "u32{}", self.shape),
            DType::F16 => write!(f, "f16{}", self.shape),
            DType::Bit => write!(f, "bit{}", self.shape),
        }
    }
}
