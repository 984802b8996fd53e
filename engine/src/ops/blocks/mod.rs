//! Products of matrices in blocks that a workgroup keeps in its memory: what convolutions and matrix products
//! on hardware GPUs share. An operation fills the same places of either kind of kernel: the one in
//! `shaders/lib/blocks.wgsl` multiplies in registers, the one in `shaders/lib/matrix.wgsl` on matrix units.

mod matrix;
mod registers;

use crate::ops::conv2d::gpu::pixels;
use crate::ops::reduce;
use crate::runtime::gpu::{Abilities, Binding, Launch, Lowered, Stored, Variant, unroll};

use matrix::Matrix;
use registers::Registers;

/// Workgroups that keep a large GPU busy, about two for each of its multiprocessors.
const BUSY: usize = 256;
/// Fewest steps that are worth a workgroup of their own when a sum is split.
const PART_STEPS: usize = 8;
/// Most parts that a sum is split into.
const PARTS: usize = 64;

/// Blocks that are measured, the likely fastest; a handful, because compiling one takes up to half a second.
const CONTENDERS: usize = 3;

/// A square block of the result, and how a workgroup makes it.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// The variant that it makes.
    pub name: &'static str,
    /// Rows, and as many columns.
    side: usize,
    kernel: Kernel,
    /// Multiplications and additions in a second on a large GPU, as measured at many channels; only how these numbers
    /// compare matters.
    speed: f64,
}

#[derive(Clone, Copy, Debug)]
enum Kernel {
    Registers(Registers),
    Matrix(Matrix),
}

const fn registers(name: &'static str, side: usize, quads: [usize; 2], speed: f64) -> Block {
    Block { name, side, kernel: Kernel::Registers(Registers { quads }), speed }
}

const fn matrix(name: &'static str, side: usize, matrix: Matrix, speed: f64) -> Block {
    Block { name, side, kernel: Kernel::Matrix(matrix), speed }
}

/// For layers of many and of few rows and columns. Longer steps meet fewer barriers, of which the speed is a guess, lower
/// than what was measured, so that they are taken only where measuring shows them to be faster.
const BLOCKS: [Block; 7] = [
    registers("blocks-64", 64, [2, 1], 25e12),
    registers("blocks-32", 32, [1, 1], 21e12),
    matrix("matrix-f16x3-128", 128, Matrix { subgroups: [2, 4], pieces: 2, step: 16 }, 38e12),
    matrix("matrix-f16x3-64", 64, Matrix { subgroups: [2, 2], pieces: 2, step: 16 }, 40e12),
    matrix("matrix-f16-128", 128, Matrix { subgroups: [2, 4], pieces: 1, step: 16 }, 85e12),
    matrix("matrix-f16-128x32", 128, Matrix { subgroups: [2, 4], pieces: 1, step: 32 }, 80e12),
    matrix("matrix-f16-64", 64, Matrix { subgroups: [2, 2], pieces: 1, step: 16 }, 75e12),
];

/// Seconds of a launch, and of a byte through memory, on such a GPU.
const LAUNCH: f64 = 8e-6;
const BYTE: f64 = 0.3e-12;

/// The names of the variants that blocks make.
pub fn names() -> impl Iterator<Item = &'static str> {
    BLOCKS.iter().map(|block| block.name)
}

/// How the vectors of four that memory and tiles hold of a factor lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vectors {
    /// Along the sum.
    Along,
    /// Across it: along the rows of the result for the left factor, the columns for the right.
    Across,
}

/// What a kernel of an operation multiplies.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    /// Rows of the result.
    pub rows: usize,
    /// Columns of the result.
    pub columns: usize,
    /// Length of the sum.
    pub length: usize,
    /// How the vectors of the left and of the right factor lie.
    pub vectors: [Vectors; 2],
    /// Rows of the operands 0 and 1, which are the factors, and their length, as they lie in memory.
    pub factors: [[usize; 2]; 2],
    /// How they are.
    pub stored: [Stored; 2],
    /// Products of these sizes that one launch makes.
    pub products: usize,
    /// Whether the sum may be split into parts that are added by another launch, and the length of the result.
    pub split: Option<usize>,
}

/// What an operation fills into the shader; `blocks.wgsl` tells what each must do.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// Bindings and functions.
    pub declarations: &'a str,
    /// Which block is made.
    pub place: &'a str,
    /// Reads a step of both factors.
    pub fetch: &'a str,
    /// Writes a row.
    pub store: &'a str,
}

/// A product that is cut into blocks of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    block: Block,
    product: Product,
    abilities: Abilities,
    /// Blocks of all products.
    blocks: usize,
    /// Parts that the sum is split into.
    pub parts: usize,
    /// Steps of a part.
    pub part_steps: usize,
}

/// The section of that name in an operation's file: what stands between its line `//== name` and the next such
/// line. The file's head has the name "".
///
/// # Panics
/// If there is none: a mistake in a shader of this crate.
pub fn section<'a>(file: &'a str, name: &str) -> &'a str {
    let rest = match name {
        "" => file,
        _ => {
            let line = format!("//== {name}\n");
            file.split_once(&line).unwrap_or_else(|| panic!("a shader has no section {name}")).1
        }
    };
    rest.split("//== ").next().unwrap_or_default()
}

/// The product in every kind of block that an adapter of such abilities can make, the likely best first.
/// `launch` makes the launch that multiplies, writing to the given binding.
pub fn variants(
    product: Product,
    abilities: &Abilities,
    launch: impl Fn(&Cut, Binding) -> Launch,
) -> Vec<Variant> {
    if abilities.software && !abilities.emulating {
        return vec![];
    }
    let mut cuts: Vec<Cut> = BLOCKS
        .into_iter()
        .filter(|block| block.fits(&product, abilities))
        .map(|block| Cut::new(block, product, abilities))
        .collect();
    cuts.sort_by(|a, b| a.seconds().total_cmp(&b.seconds()));
    let variant = |(place, cut): (usize, &Cut)| {
        let lowered = cut.lower(|to| launch(cut, to));
        Variant { name: cut.block.name, lowered, contends: place < CONTENDERS }
    };
    cuts.iter().enumerate().map(variant).collect()
}

/// Into how many parts of how many steps to split the sums of so many blocks, so that they keep a GPU busy.
pub fn split(blocks: usize, steps: usize) -> (usize, usize) {
    let wanted = (BUSY / blocks.max(1)).min(steps / PART_STEPS).clamp(1, PARTS);
    let part_steps = steps.div_ceil(wanted).max(1);
    (steps.div_ceil(part_steps).max(1), part_steps)
}

impl Block {
    fn threads(&self) -> usize {
        match &self.kernel {
            Kernel::Registers(registers) => registers.threads(self.side),
            Kernel::Matrix(matrix) => matrix.threads(),
        }
    }

    /// Length of a step along the sum.
    fn step(&self) -> usize {
        match &self.kernel {
            Kernel::Registers(_) => registers::STEP,
            Kernel::Matrix(matrix) => matrix.step,
        }
    }

    /// Whether adapters of such abilities can make the block, and it is at least half filled either way or the
    /// smallest of its kind.
    fn fits(&self, product: &Product, abilities: &Abilities) -> bool {
        let filled = product.rows.min(product.columns) > self.side / 2;
        let smallest = match self.kernel {
            Kernel::Registers(_) => registers::SMALLEST,
            Kernel::Matrix(_) => matrix::SMALLEST,
        };
        let bytes = match &self.kernel {
            Kernel::Registers(registers) => registers.bytes(self.side),
            Kernel::Matrix(matrix) if matrix.runs(abilities) => matrix.bytes(self.side, product.vectors),
            Kernel::Matrix(_) => return false,
        };
        (filled || self.side == smallest)
            && bytes <= abilities.workgroup_bytes as usize
            && self.threads() <= abilities.workgroup_invocations as usize
    }
}

impl Cut {
    fn new(block: Block, product: Product, abilities: &Abilities) -> Cut {
        let of_one = product.rows.div_ceil(block.side) * product.columns.div_ceil(block.side);
        let blocks = product.products * of_one;
        let steps = product.length.div_ceil(block.step());
        let (parts, part_steps) =
            if product.split.is_some() { split(blocks, steps) } else { (1, steps.max(1)) };
        Cut { block, product, abilities: *abilities, blocks, parts, part_steps }
    }

    /// Where the kernel finds the factors.
    pub fn operands(&self) -> [Binding; 2] {
        match &self.block.kernel {
            Kernel::Registers(_) => [0, 1].map(Binding::read_input),
            Kernel::Matrix(matrix) => matrix.operands(&self.product),
        }
    }

    /// Declares the factors of those names, at the bindings 1 and 2, with the functions that read their quads.
    pub fn factors(&self, names: [&str; 2]) -> [String; 2] {
        [0, 1].map(|operand| match &self.block.kernel {
            Kernel::Registers(_) => {
                let Product { factors, stored, .. } = &self.product;
                pixels::source(names[operand], operand + 1, factors[operand][1], stored[operand])
            }
            Kernel::Matrix(matrix) => matrix.factor(names[operand], operand + 1),
        })
    }

    /// Workgroups of the launch that multiplies.
    pub fn workgroups(&self) -> usize {
        self.blocks * self.parts
    }

    /// A guess of how long it takes on a large GPU.
    fn seconds(&self) -> f64 {
        let busy = (self.workgroups() as f64 / BUSY as f64).min(1.0);
        let made = self.blocks * self.block.side * self.block.side;
        let multiplying = 2.0 * (made * self.product.length) as f64 / (self.block.speed * busy.max(1e-3));
        match &self.block.kernel {
            Kernel::Registers(_) => multiplying + LAUNCH,
            // Factors that are split are read twice and written once before.
            Kernel::Matrix(matrix) => {
                let factors = matrix.split_factors(&self.product);
                let numbers = |&factor: &usize| self.product.factors[factor].iter().product::<usize>();
                let split: usize = factors.iter().map(numbers).sum();
                multiplying + (1 + 2 * factors.len()) as f64 * LAUNCH + 12.0 * BYTE * split as f64
            }
        }
    }

    /// The shader, whose bindings from `free` on are the kernel's own.
    pub fn shader(&self, places: Places, free: usize) -> String {
        let Block { side, kernel, .. } = &self.block;
        let template = match kernel {
            Kernel::Registers(registers) => registers.template(self.product.vectors),
            Kernel::Matrix(matrix) => {
                matrix.template(*side, &self.product, free, self.abilities.cooperative_matrix)
            }
        };
        let (threads, step) = (self.block.threads(), self.block.step());
        let loads = side * step / 4 / threads;
        let words =
            [("THREADS", threads), ("LOADS", loads), ("ROWS", *side), ("COLUMNS", *side), ("STEP", step)];
        let filled = template
            .replace("//DECLARATIONS_OF_OPERATION", places.declarations)
            .replace("//PLACE", places.place)
            .replace("//FETCH", places.fetch)
            .replace("//STORE", places.store);
        // Words of the operation's places that depend on the kernel come last.
        let columns = match kernel {
            Kernel::Registers(registers) => registers.quads[1],
            Kernel::Matrix(_) => 2,
        };
        let filled = filled.replace("COLUMN_QUADS", &columns.to_string());
        let filled = words.iter().fold(filled, |text, (word, value)| text.replace(word, &value.to_string()));
        unroll(&filled)
    }

    /// What runs before and after the launch that multiplies, and what they share.
    fn lower(&self, launch: impl Fn(Binding) -> Launch) -> Lowered {
        let (lowered, own) = match &self.block.kernel {
            Kernel::Registers(_) => (Lowered::default(), None),
            Kernel::Matrix(matrix) => (matrix.prepare(&self.product), Some(matrix.others())),
        };
        let with_own = |to| {
            let mut launch = launch(to);
            launch.bindings.extend(own);
            launch
        };
        reduce::gpu::end_in_parts(lowered, self.parts, self.product.split.unwrap_or_default(), with_own)
    }
}
