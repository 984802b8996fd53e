//! CPU kernel: the program runs on blocks small enough for the first-level cache, so that a fused
//! chain reads and writes main memory once.

use std::cell::RefCell;

use rayon::prelude::*;

use super::Elementwise;
use super::broadcast::Walk;
use super::program::{Binary, Code, Instruction, MAX_INSTRUCTIONS, Register, Unary};
use crate::ops::Signature;
use crate::ops::bits::unpack;
use crate::runtime::cpu::Buffers;

/// Elements per block: 48 registers of them are 96 KiB, of which common programs use a tenth.
const BLOCK: usize = 512;
/// Elements per parallel task.
const TASK: usize = 64 * BLOCK;

type Registers = [[f32; BLOCK]; MAX_INSTRUCTIONS];

thread_local! {
    static REGISTERS: RefCell<Box<Registers>> = RefCell::new(Box::new([[0.0; BLOCK]; MAX_INSTRUCTIONS]));
}

pub fn run(op: &Elementwise, signature: &Signature, mut buffers: Buffers) {
    let walk = Walk::of_parts(signature, &op.parts);
    let (mut inputs, output) = buffers.f32();
    inputs.iter_mut().enumerate().for_each(|(index, data)| *data = &data[walk.first(index)..]);
    let program = Program { code: &op.code.0, walk: &walk, inputs: &inputs, in_place: false };
    output.par_chunks_mut(TASK).enumerate().for_each(|(task, chunk)| {
        REGISTERS.with_borrow_mut(|registers| program.run_task(registers, task * TASK, chunk));
    });
}

/// A program that another kernel runs on parts of its own result: operand 0 is that result.
pub struct Epilogue<'a> {
    code: &'a Code,
    walk: Walk,
    inputs: Vec<&'a [f32]>,
}

impl<'a> Epilogue<'a> {
    /// `signature` has the result's own type for operand 0, of which `inputs` has nothing.
    pub fn new(code: &'a Code, signature: &Signature, mut inputs: Vec<&'a [f32]>) -> Self {
        inputs.insert(0, &[]);
        Epilogue { code, walk: Walk::new(signature), inputs }
    }

    /// Replaces a part of the result, which begins at element `start` of it.
    pub fn apply(&self, start: usize, part: &mut [f32]) {
        let program = Program { code: &self.code.0, walk: &self.walk, inputs: &self.inputs, in_place: true };
        REGISTERS.with_borrow_mut(|registers| program.run_task(registers, start, part));
    }

    /// Replaces the whole result.
    pub fn apply_to_all(&self, result: &mut [f32]) {
        let parts = result.par_chunks_mut(TASK).enumerate();
        parts.for_each(|(task, part)| self.apply(task * TASK, part));
    }
}

struct Program<'a> {
    code: &'a [Instruction],
    walk: &'a Walk,
    inputs: &'a [&'a [f32]],
    /// Operand 0 is what the result holds before.
    in_place: bool,
}

impl Program<'_> {
    fn run_task(&self, registers: &mut Registers, start: usize, chunk: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            return unsafe { self.run_task_avx2(registers, start, chunk) };
        }
        self.run_blocks(registers, start, chunk);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn run_task_avx2(&self, registers: &mut Registers, start: usize, chunk: &mut [f32]) {
        self.run_blocks(registers, start, chunk);
    }

    #[inline(always)]
    fn run_blocks(&self, registers: &mut Registers, start: usize, chunk: &mut [f32]) {
        for (block, result) in chunk.chunks_mut(BLOCK).enumerate() {
            self.run_block(registers, start + block * BLOCK, result, block == 0);
        }
    }

    /// Registers that are the same in every block keep what the first block wrote.
    #[inline(always)]
    fn run_block(&self, registers: &mut Registers, start: usize, result: &mut [f32], first: bool) {
        let length = result.len();
        let last = self.code.len() - 1;
        for (index, instruction) in self.code.iter().enumerate() {
            let (done, rest) = registers.split_at_mut(index);
            if self.in_place && *instruction == Instruction::Input(0) {
                rest[0][..length].copy_from_slice(result);
                continue;
            }
            let target = if index == last { &mut *result } else { &mut rest[0][..length] };
            let value = |register: Register| self.value(done, register, start, length);
            match *instruction {
                Instruction::Input(i) if self.is_plain(i as usize) && index != last => {}
                Instruction::Input(i) if first || !self.repeats(i as usize) || index == last => {
                    // A whole block, so that later ones find it complete.
                    let target = if index == last { target } else { &mut rest[0] };
                    load(self.walk, i as usize, self.inputs[i as usize], start, target);
                }
                Instruction::Input(_) => {}
                Instruction::Constant(c) if index == last => target.fill(c),
                Instruction::Constant(c) if first => rest[0].fill(c),
                Instruction::Constant(_) => {}
                Instruction::Unary(f, a) => unary(f, value(a), target),
                Instruction::Binary(f, a, b) => binary(f, value(a), value(b), target),
                Instruction::Select(c, a, b) => {
                    let (c, a, b) = (value(c), value(a), value(b));
                    for (target, (&c, (&a, &b))) in target.iter_mut().zip(c.iter().zip(a.iter().zip(b))) {
                        *target = if c != 0.0 { a } else { b };
                    }
                }
            }
        }
    }

    /// A register's block: plain operands are read in place.
    #[inline(always)]
    fn value<'a>(
        &'a self,
        done: &'a [[f32; BLOCK]],
        register: Register,
        start: usize,
        length: usize,
    ) -> &'a [f32] {
        match self.code[register as usize] {
            Instruction::Input(i) if self.is_plain(i as usize) && !(self.in_place && i == 0) => {
                &self.inputs[i as usize][start..start + length]
            }
            _ => &done[register as usize][..length],
        }
    }

    /// Whether an operand is numbers in the output's own layout.
    fn is_plain(&self, input: usize) -> bool {
        self.walk.is_contiguous(input) && !self.walk.is_bits(input)
    }

    /// Whether an operand looks the same in every block: one number, or rows whose length divides it.
    fn repeats(&self, input: usize) -> bool {
        let strides = &self.walk.strides[input];
        let row = self.walk.sizes[strides.len() - 1];
        self.walk.is_scalar(input)
            || BLOCK.is_multiple_of(row) && strides[..strides.len() - 1].iter().all(|&stride| stride == 0)
    }
}

/// Fills `target` with the operand's elements that meet outputs `start..`; beyond the last output it
/// goes round.
fn load(walk: &Walk, index: usize, data: &[f32], start: usize, target: &mut [f32]) {
    if walk.is_bits(index) {
        let count = target.len().min(walk.sizes.iter().product::<usize>() - start);
        return unpack(bytemuck::cast_slice(data), start, &mut target[..count]);
    }
    if walk.is_contiguous(index) {
        return target.copy_from_slice(&data[start..start + target.len()]);
    }
    if walk.is_scalar(index) {
        return target.fill(data[0]);
    }
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

#[inline(always)]
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

#[inline(always)]
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
