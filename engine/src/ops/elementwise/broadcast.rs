//! How broadcast operands are walked: axes merged where every operand steps alike.

use std::collections::BTreeMap;

use super::Part;
use crate::ops::Signature;
use crate::shape::{DType, Shape, Type};

/// The output's axes after merging, with each operand's step along each (0 where it is stretched).
#[derive(Debug, PartialEq)]
pub struct Walk {
    /// Sizes, outermost first. At least one.
    pub sizes: Vec<usize>,
    /// For each operand, elements to move per step along each merged axis.
    pub strides: Vec<Vec<usize>>,
    /// For each operand, whether it has the output's own layout. Kept, for kernels ask in inner loops.
    contiguous: Vec<bool>,
    /// For each operand, whether it is a single number.
    scalar: Vec<bool>,
    /// For each operand, whether it is bits, which always have the output's own layout.
    bits: Vec<bool>,
    /// For each operand, the element where it begins.
    first: Vec<usize>,
}

impl Walk {
    /// Merges neighbouring axes wherever every operand is contiguous or stretched across both.
    pub fn new(signature: &Signature) -> Self {
        Walk::of_parts(signature, &BTreeMap::new())
    }

    /// The same where only `parts` of some operands are read.
    pub fn of_parts(signature: &Signature, parts: &BTreeMap<usize, Part>) -> Self {
        let output = &signature.output.shape;
        let rank = output.rank();
        let read = |(index, input): (usize, &Type)| match parts.get(&index) {
            Some(part) => (part.first, part.shape.clone()),
            None => (0, input.shape.clone()),
        };
        let (first, shapes): (Vec<usize>, Vec<Shape>) = signature.inputs.iter().enumerate().map(read).unzip();
        let full: Vec<Vec<usize>> = shapes
            .iter()
            .map(|shape| {
                let strides = shape.strides();
                let own = |axis: usize| (axis + shape.rank()).checked_sub(rank).map_or(0, |a| strides[a]);
                (0..rank).map(|axis| if shape.aligned(rank, axis) == 1 { 0 } else { own(axis) }).collect()
            })
            .collect();
        let strides = vec![vec![]; full.len()];
        let bits = signature.inputs.iter().map(|input| input.dtype == DType::Bit).collect();
        let mut walk = Walk { sizes: vec![], strides, contiguous: vec![], scalar: vec![], bits, first };
        for axis in (0..rank).filter(|&axis| output[axis] != 1) {
            let joins = !walk.sizes.is_empty()
                && full.iter().zip(&walk.strides).all(|(input, merged)| {
                    merged.last().is_some_and(|&outer| outer == input[axis] * output[axis])
                });
            if joins {
                *walk.sizes.last_mut().expect("checked above") *= output[axis];
            } else {
                walk.sizes.push(output[axis]);
            }
            for (input, merged) in full.iter().zip(&mut walk.strides) {
                if joins {
                    merged.pop();
                }
                merged.push(input[axis]);
            }
        }
        if walk.sizes.is_empty() {
            walk.sizes.push(1);
            walk.strides.iter_mut().for_each(|strides| strides.push(0));
        }
        let packed = Shape::from(walk.sizes.clone()).strides();
        walk.contiguous = walk.strides.iter().map(|strides| *strides == packed).collect();
        walk.scalar = walk.strides.iter().map(|strides| strides.iter().all(|&stride| stride == 0)).collect();
        walk
    }

    /// Whether operand `index` has the output's own layout.
    pub fn is_contiguous(&self, index: usize) -> bool {
        self.contiguous[index]
    }

    /// The element of operand `index` where what is read of it begins.
    pub fn first(&self, index: usize) -> usize {
        self.first[index]
    }

    /// Whether operand `index` is bits.
    pub fn is_bits(&self, index: usize) -> bool {
        self.bits[index]
    }

    /// Whether operand `index` is a single number.
    pub fn is_scalar(&self, index: usize) -> bool {
        self.scalar[index]
    }
}
