//! CPU kernel: the program runs on blocks small enough for the first-level cache, so that a fused
//! chain reads and writes main memory once.

use rayon::prelude::*;

use super::broadcast::Walk;
use super::program::{Binary, Code, Instruction, MAX_INSTRUCTIONS, Unary};
use crate::ops::Signature;
use crate::runtime::cpu::Buffers;

/// Elements per block: 48 registers of them are 48 KiB.
const BLOCK: usize = 256;
/// Elements per parallel task.
const TASK: usize = 64 * BLOCK;

type Registers = [[f32; BLOCK]; MAX_INSTRUCTIONS];

pub fn run(code: &Code, signature: &Signature, mut buffers: Buffers) {
    let walk = Walk::new(signature);
    let (inputs, output) = buffers.f32();
    output.par_chunks_mut(TASK).enumerate().for_each(|(task, chunk)| {
        let mut registers: Registers = [[0.0; BLOCK]; MAX_INSTRUCTIONS];
        for (block, result) in chunk.chunks_mut(BLOCK).enumerate() {
            let start = task * TASK + block * BLOCK;
            let length = result.len();
            for (index, instruction) in code.0.iter().enumerate() {
                let (done, rest) = registers.split_at_mut(index);
                let target = &mut rest[0][..length];
                match *instruction {
                    Instruction::Input(i) => load(&walk, i as usize, inputs[i as usize], start, target),
                    Instruction::Constant(c) => target.fill(c),
                    Instruction::Unary(f, a) => unary(f, &done[a as usize][..length], target),
                    Instruction::Binary(f, a, b) => {
                        binary(f, &done[a as usize][..length], &done[b as usize][..length], target);
                    }
                    Instruction::Select(c, a, b) => {
                        let (c, a, b) = (&done[c as usize], &done[a as usize], &done[b as usize]);
                        for (i, target) in target.iter_mut().enumerate() {
                            *target = if c[i] != 0.0 { a[i] } else { b[i] };
                        }
                    }
                }
            }
            result.copy_from_slice(&registers[code.0.len() - 1][..length]);
        }
    });
}

/// Fills `target` with the operand's elements that meet outputs `start..`.
fn load(walk: &Walk, index: usize, data: &[f32], start: usize, target: &mut [f32]) {
    if walk.is_contiguous(index) {
        target.copy_from_slice(&data[start..start + target.len()]);
    } else if walk.is_scalar(index) {
        target.fill(data[0]);
    } else {
        let strides = &walk.strides[index];
        let last = walk.sizes.len() - 1;
        let (row, step) = (walk.sizes[last], strides[last]);
        let mut filled = 0;
        while filled < target.len() {
            let position = start + filled;
            let column = position % row;
            let run = (row - column).min(target.len() - filled);
            let mut offset = column * step;
            let mut outer = position / row;
            for axis in (0..last).rev() {
                offset += outer % walk.sizes[axis] * strides[axis];
                outer /= walk.sizes[axis];
            }
            let part = &mut target[filled..filled + run];
            if step == 1 {
                part.copy_from_slice(&data[offset..offset + run])
            } else {
                part.fill(data[offset])
            }
            filled += run;
        }
    }
}

fn unary(function: Unary, x: &[f32], y: &mut [f32]) {
    let each = |y: &mut [f32], f: fn(f32) -> f32| y.iter_mut().zip(x).for_each(|(y, &x)| *y = f(x));
    match function {
        Unary::Neg => y.iter_mut().zip(x).for_each(|(y, &x)| *y = -x),
        Unary::Abs => y.iter_mut().zip(x).for_each(|(y, &x)| *y = x.abs()),
        Unary::Sign => {
            let sign = |x: f32| f32::from(u8::from(x > 0.0)) - f32::from(u8::from(x < 0.0));
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = sign(x));
        }
        Unary::Exp => each(y, f32::exp),
        Unary::Log => each(y, f32::ln),
        Unary::Sqrt => y.iter_mut().zip(x).for_each(|(y, &x)| *y = x.sqrt()),
        Unary::Tanh => each(y, f32::tanh),
        Unary::Floor => each(y, f32::floor),
        Unary::Relu => y.iter_mut().zip(x).for_each(|(y, &x)| *y = if x > 0.0 { x } else { 0.0 }),
        Unary::Copy => y.copy_from_slice(x),
    }
}

fn binary(function: Binary, a: &[f32], b: &[f32], y: &mut [f32]) {
    /// A loop per function, so that each is compiled to vector code.
    macro_rules! each {
        ($f:expr) => {
            y.iter_mut().zip(a.iter().zip(b)).for_each(|(y, (&a, &b))| *y = $f(a, b))
        };
    }
    let truth = |condition: bool| f32::from(u8::from(condition));
    match function {
        Binary::Add => each!(|a: f32, b: f32| a + b),
        Binary::Sub => each!(|a: f32, b: f32| a - b),
        Binary::Mul => each!(|a: f32, b: f32| a * b),
        Binary::Div => each!(|a: f32, b: f32| a / b),
        Binary::Max => each!(|a: f32, b: f32| if a > b { a } else { b }),
        Binary::Min => each!(|a: f32, b: f32| if a < b { a } else { b }),
        Binary::Greater => each!(|a: f32, b: f32| truth(a > b)),
        Binary::GreaterEqual => each!(|a: f32, b: f32| truth(a >= b)),
        Binary::Equal => each!(|a: f32, b: f32| truth(a == b)),
    }
}
