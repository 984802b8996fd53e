//! Every operation, four ways: GPU against CPU, CPU against a naive f64 reference, gradients against
//! central differences of that reference, all on whatever adapter there is.

mod batch_norm;
mod bits;
mod colour;
mod conv2d;
mod convert;
mod cross_entropy;
mod elementwise;
mod golden;
mod half;
mod harness;
mod matmul;
mod movement;
mod norms;
mod nt_xent;
mod pool;
mod random;
mod reduce;
mod resample;
mod softmax;
mod stored;
