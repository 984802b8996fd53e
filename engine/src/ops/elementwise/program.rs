//! The little language of elementwise kernels: straight-line code over registers.
//!
//! A traced operation is a program of one instruction over its operands. Fusion splices programs
//! into each other; both runtimes run any program, so a chain of twenty operations is one kernel.

/// Number of a register: the index of the instruction that made it.
pub type Register = u8;

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unary {
    /// -x
    Neg,
    /// |x|
    Abs,
    /// -1, 0 or 1
    Sign,
    /// e^x
    Exp,
    /// Natural logarithm.
    Log,
    /// Square root.
    Sqrt,
    /// Hyperbolic tangent.
    Tanh,
    /// Largest integer not above x.
    Floor,
    /// max(x, 0)
    Relu,
    /// x
    Copy,
}

/// A function of two numbers. Comparisons give 1 for true and 0 for false.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// a + b
    Add,
    /// a - b
    Sub,
    /// a * b
    Mul,
    /// a / b
    Div,
    /// The larger.
    Max,
    /// The smaller.
    Min,
    /// a > b
    Greater,
    /// a >= b
    GreaterEqual,
    /// a == b
    Equal,
}

/// One step of a program; its result is the register of its own index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Instruction {
    /// The operand of that number.
    Input(u8),
    /// A number.
    Constant(f32),
    /// A function of one register.
    Unary(Unary, Register),
    /// A function of two registers.
    Binary(Binary, Register, Register),
    /// The second register where the first is not zero, else the third.
    Select(Register, Register, Register),
}

/// Straight-line code; the last register is the result.
#[derive(Clone, Debug, PartialEq)]
pub struct Code(pub Vec<Instruction>);

/// Longest program that fusion makes, which bounds the CPU kernel's register file.
pub const MAX_INSTRUCTIONS: usize = 48;
/// Most operands of a program; with the result and the parameters within the eight storage buffers
/// that every adapter has.
pub const MAX_INPUTS: usize = 7;

impl Instruction {
    /// The registers that it reads.
    pub fn registers(self) -> impl Iterator<Item = Register> {
        let read = match self {
            Self::Input(_) | Self::Constant(_) => [None; 3],
            Self::Unary(_, a) => [Some(a), None, None],
            Self::Binary(_, a, b) => [Some(a), Some(b), None],
            Self::Select(c, a, b) => [Some(c), Some(a), Some(b)],
        };
        read.into_iter().flatten()
    }

    /// Whether it takes a processor no longer than an addition or so.
    pub fn is_simple(self) -> bool {
        use {Binary::Div, Unary::*};
        !matches!(self, Self::Unary(Exp | Log | Sqrt | Tanh, _) | Self::Binary(Div, ..))
    }

    /// The same instruction, its registers and inputs renamed.
    pub fn renamed(self, register: impl Fn(Register) -> Register, input: impl Fn(u8) -> u8) -> Self {
        match self {
            Self::Input(i) => Self::Input(input(i)),
            Self::Constant(c) => Self::Constant(c),
            Self::Unary(f, a) => Self::Unary(f, register(a)),
            Self::Binary(f, a, b) => Self::Binary(f, register(a), register(b)),
            Self::Select(c, a, b) => Self::Select(register(c), register(a), register(b)),
        }
    }
}

impl Code {
    /// How many operands it reads.
    pub fn inputs(&self) -> usize {
        let numbers = self.0.iter().map(|i| if let Instruction::Input(i) = i { *i as usize + 1 } else { 0 });
        numbers.max().unwrap_or(0)
    }

    /// The same without instructions whose results nothing reads.
    pub fn without_unread(&self) -> Self {
        let mut read = vec![false; self.0.len()];
        read[self.0.len() - 1] = true;
        for (index, instruction) in self.0.iter().enumerate().rev() {
            if read[index] {
                instruction.registers().for_each(|register| read[register as usize] = true);
            }
        }
        let mut moved: Vec<Register> = Vec::with_capacity(self.0.len());
        let mut code = Vec::new();
        for (instruction, read) in self.0.iter().zip(read) {
            moved.push(code.len() as Register);
            if read {
                code.push(instruction.renamed(|register| moved[register as usize], |input| input));
            }
        }
        Code(code)
    }
}
