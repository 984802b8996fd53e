//! Layers with parameters, named as PyTorch's modules name theirs.

use unperturb_engine::Value;

use crate::parameter::Kind;
use crate::scope::{Mode, Scope};

/// PyTorch's epsilon of batch norm.
const EPSILON: f32 = 1e-5;
/// PyTorch's momentum of batch norm: the share of the new statistics.
const MOMENTUM: f32 = 0.1;

/// Convolution of `[n, h, w, in]` with square kernels and no bias.
pub fn convolution<'g>(
    scope: &Scope<'g>,
    x: Value<'g>,
    channels: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
) -> Value<'g> {
    let inputs = x.shape()[3];
    let weight = scope.parameter("weight", Kind::Convolution, [kernel, kernel, inputs, channels]);
    x.conv2d(weight, None, stride, padding)
}

/// Convolution of `[n, h, w, in]` with square kernels and a bias.
pub fn biased_convolution<'g>(
    scope: &Scope<'g>,
    x: Value<'g>,
    channels: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
) -> Value<'g> {
    let inputs = kernel * kernel * x.shape()[3];
    let convolved = convolution(scope, x, channels, kernel, stride, padding);
    convolved + scope.parameter("bias", Kind::Bias { inputs }, [channels])
}

/// Transposed convolution of `[n, h, w, in]` with square kernels and no bias.
pub fn transposed_convolution<'g>(
    scope: &Scope<'g>,
    x: Value<'g>,
    channels: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
) -> Value<'g> {
    let inputs = x.shape()[3];
    let weight = scope.parameter("weight", Kind::Convolution, [kernel, kernel, channels, inputs]);
    x.conv_transpose2d(weight, None, stride, padding, 0)
}

/// Batch norm over the last axis.
pub fn batch_norm<'g>(scope: &Scope<'g>, x: Value<'g>) -> Value<'g> {
    let shape = x.shape();
    let channels = shape[shape.rank() - 1];
    let gamma = scope.parameter("weight", Kind::Scale, [channels]);
    let beta = scope.parameter("bias", Kind::Shift, [channels]);
    let mean = scope.parameter("running_mean", Kind::RunningMean, [channels]);
    let variance = scope.parameter("running_var", Kind::RunningVariance, [channels]);
    if scope.mode() == Mode::Evaluate {
        return x.batch_norm_eval(gamma, beta, mean, variance, EPSILON);
    }
    let normalised = x.batch_norm_train(gamma, beta, EPSILON);
    if scope.mode() == Mode::Train {
        normalised.update_running(mean, variance, MOMENTUM);
    }
    normalised.y
}

/// Linear layer with bias on `[n, in]`.
pub fn linear<'g>(scope: &Scope<'g>, x: Value<'g>, outputs: usize) -> Value<'g> {
    let inputs = x.shape()[1];
    let weight = scope.parameter("weight", Kind::Linear, [inputs, outputs]);
    let bias = scope.parameter("bias", Kind::Bias { inputs }, [outputs]);
    x.linear(weight, bias)
}

/// Linear layer without bias on `[n, in]`.
pub fn unbiased_linear<'g>(scope: &Scope<'g>, x: Value<'g>, outputs: usize) -> Value<'g> {
    x.matmul(scope.parameter("weight", Kind::Linear, [x.shape()[1], outputs]))
}

/// Mean over height and width: `[n, h, w, c] -> [n, c]`.
pub fn global_average<'g>(x: Value<'g>) -> Value<'g> {
    let shape = x.shape();
    x.mean(&[1, 2]).reshape([shape[0], shape[3]])
}
