//! The closed set of operations, one folder per family.
//!
//! A folder holds `mod.rs` (what the operation is: shape rule, gradient rule, the method that
//! traces it), `cpu.rs` (the CPU kernel) and `gpu.rs` (which shader, which grid). Adding an
//! operation is such a folder, its shaders, its test and bench, and one line in the list below;
//! the compiler then asks for whatever is missing.

pub mod batch_norm;
pub mod bits;
pub(crate) mod blocks;
pub mod colour;
pub mod conv2d;
pub mod convert;
pub mod cross_entropy;
pub mod elementwise;
pub mod matmul;
pub mod movement;
pub mod norms;
pub mod nt_xent;
pub mod pool;
pub mod random;
pub mod reduce;
pub mod resample;
mod rows;
pub mod softmax;
pub mod source;

use crate::autodiff::Differentiated;
use crate::graph::Value;
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::{Abilities, Lowered, Variant, enabling_halves};
use crate::shape::{DType, Type};

/// What the engine must know of an operation.
pub trait Operation: std::fmt::Debug {
    /// Its name in errors, plans and profiles.
    fn name(&self) -> &'static str;

    /// The type of the result, or what is wrong with the operands (a clause without a full stop).
    fn infer(&self, inputs: &[Type]) -> Result<Type, String>;

    /// For each input, its share of the loss's gradient; `None` where there is none or it is not wanted.
    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>>;

    /// Whether the result is its first input's memory under another shape, so that nothing runs.
    fn is_alias(&self) -> bool {
        false
    }

    /// Whether the GPU kernels can read that operand in half precision, its last axis being whole vectors of four.
    fn reads_halves(&self, _operand: usize, _signature: &Signature) -> bool {
        false
    }

    /// Whether the GPU kernels can store such a result so.
    fn writes_halves(&self) -> bool {
        false
    }

    /// Words of scratch memory that the CPU kernel needs.
    fn cpu_scratch(&self, _signature: &Signature) -> usize {
        0
    }

    /// Runs on the CPU. The output arrives with arbitrary contents; all of it must be written.
    fn cpu(&self, signature: &Signature, buffers: Buffers);

    /// Which shaders to launch on any adapter, and the scratch they need.
    fn gpu(&self, signature: &Signature) -> Lowered;

    /// All ways to run on an adapter of such abilities, the one that is likely best first. Never empty.
    fn gpu_variants(&self, signature: &Signature, _abilities: &Abilities) -> Vec<Variant> {
        vec![Variant::portable(self.gpu(signature))]
    }
}

/// The types an operation runs on.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// Operands.
    pub inputs: Vec<Type>,
    /// Result.
    pub output: Type,
}

impl Signature {
    /// Whether an operand or the result is in half precision.
    pub fn has_halves(&self) -> bool {
        self.inputs.iter().chain([&self.output]).any(|ty| ty.dtype == DType::F16)
    }
}

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident($ty:ty)),+ $(,)?) => {
        /// Any operation of the engine.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Op {
            /// Reads a state.
            State(crate::graph::StateId),
            $($(#[$doc])* $name($ty)),+
        }

        impl Op {
            /// The rules and kernels of this operation.
            pub fn operation(&self) -> &dyn Operation {
                match self {
                    Op::State(state) => state,
                    $(Op::$name(operation) => operation),+
                }
            }

            /// All ways to run it on a GPU of such abilities, the one that is likely best first. Never empty.
            pub fn gpu_variants(&self, signature: &Signature, abilities: &Abilities) -> Vec<Variant> {
                if !signature.has_halves() {
                    return self.operation().gpu_variants(signature, abilities);
                }
                // Kernels of lanes see memory by words.
                let abilities = Abilities { has_lanes: false, ..*abilities };
                let mut variants = self.operation().gpu_variants(signature, &abilities);
                for launch in variants.iter_mut().flat_map(|variant| &mut variant.lowered.launches) {
                    launch.source = enabling_halves(std::mem::take(&mut launch.source));
                }
                variants
            }
        }

        $(impl From<$ty> for Op {
            fn from(operation: $ty) -> Op {
                Op::$name(operation)
            }
        })+
    };
}

operations! {
    /// The same memory under another shape.
    Reshape(source::Reshape),
    /// The same value, with no gradient through it.
    Detach(source::Detach),
    /// A small program applied to every element.
    Elementwise(elementwise::Elementwise),
    /// Comparisons, kept as bits.
    Exceeds(bits::Exceeds),
    /// Integers as numbers.
    Convert(convert::ToF32),
    /// Sum, mean or maximum over axes.
    Reduce(reduce::Reduce),
    /// Matrix product.
    Matmul(matmul::Matmul),
    /// Convolution of images.
    Conv2d(conv2d::Conv2d),
    /// Gradient of a convolution's input: the transposed convolution.
    Conv2dInputGradient(conv2d::Conv2dInputGradient),
    /// A convolution and what its result passes through.
    FusedConv2d(conv2d::FusedConv2d),
    /// Gradient of a convolution's weights.
    Conv2dWeightGradient(conv2d::Conv2dWeightGradient),
    /// Where the maximum of each window is.
    PoolIndex(pool::PoolIndex),
    /// The element of each window at an index: max pooling.
    PoolTake(pool::PoolTake),
    /// Gradient of max pooling.
    PoolPut(pool::PoolPut),
    /// Average pooling.
    AveragePool(pool::AveragePool),
    /// Gradient of average pooling.
    AveragePoolGradient(pool::AveragePoolGradient),
    /// Random numbers.
    Draw(random::Draw),
    /// Counts.
    Increment(random::Increment),
    /// A tensor with its axes exchanged, cut, padded or turned round.
    Movement(movement::Movement),
    /// Tensors side by side.
    Concatenate(movement::Concatenate),
    /// Rows picked by number.
    Gather(movement::Gather),
    /// Rows added up by number.
    Scatter(movement::Scatter),
    /// The gradient rule of batch normalisation.
    BatchNorm(batch_norm::BatchNorm),
    /// Mean and variance of each channel.
    BatchNormStatistics(batch_norm::BatchNormStatistics),
    /// The sums that the gradient of batch normalisation needs.
    BatchNormGradientSums(batch_norm::BatchNormGradientSums),
    /// The threshold that projects onto an L1 ball.
    L1Threshold(norms::L1Threshold),
    /// The contrastive loss.
    NtXent(nt_xent::NtXent),
    /// The gradient of the contrastive loss.
    NtXentGradient(nt_xent::NtXentGradient),
    /// Softmax or its logarithm over the last axis.
    Softmax(softmax::Softmax),
    /// Softmax cross-entropy with integer labels.
    CrossEntropy(cross_entropy::CrossEntropy),
    /// The gradient of cross-entropy.
    CrossEntropyGradient(cross_entropy::CrossEntropyGradient),
    /// Images at another size, or crops of them.
    Resample(resample::Resample),
    /// The transpose of that.
    ResampleGradient(resample::ResampleGradient),
    /// Weighted sums of each pixel's channels.
    MixChannels(colour::MixChannels),
    /// Colours turned round the circle of hues.
    TurnHue(colour::TurnHue),
}

/// Refuses operands unless there are `count` of them.
pub(crate) fn expect_inputs(inputs: &[Type], count: usize) -> Result<(), String> {
    if inputs.len() == count { Ok(()) } else { Err(format!("it takes {count} operands")) }
}
