//! resnet20 as `nets/src/resnet.rs` has it: option A shortcuts.

use burn::module::{Module, Param, RunningState};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::ops::PadMode;
use burn::tensor::{Device, Tensor, TensorData, s};
use peer::{CLASSES, numbers};

/// Channels of the first stage.
const WIDTH: usize = 16;

#[derive(Module, Debug)]
pub struct ResNet {
    pub conv1: Conv2d,
    bn1: BatchNorm,
    blocks: Vec<Block>,
    linear: Linear,
}

#[derive(Module, Debug)]
struct Block {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    stride: usize,
    new_channels: usize,
}

impl ResNet {
    /// With the weights of the golden file.
    pub fn new(device: &Device) -> Self {
        let mut inputs = WIDTH;
        let mut blocks = Vec::new();
        for stage in 0..3 {
            for block in 0..3 {
                let (stride, outputs) = (if stage > 0 && block == 0 { 2 } else { 1 }, WIDTH << stage);
                let name = format!("layer{}.{block}", stage + 1);
                blocks.push(Block {
                    conv1: convolution(&format!("{name}.conv1"), inputs, outputs, stride, device),
                    bn1: batch_norm(&format!("{name}.bn1"), outputs, device),
                    conv2: convolution(&format!("{name}.conv2"), outputs, outputs, 1, device),
                    bn2: batch_norm(&format!("{name}.bn2"), outputs, device),
                    stride,
                    new_channels: outputs - inputs,
                });
                inputs = outputs;
            }
        }
        let mut linear = LinearConfig::new(inputs, CLASSES).init(device);
        linear.weight = Param::from_tensor(parameter("linear.weight", [CLASSES, inputs], device).transpose());
        linear.bias = Some(Param::from_tensor(parameter("linear.bias", [CLASSES], device)));
        ResNet { conv1: convolution("conv1", 3, WIDTH, 1, device), bn1: batch_norm("bn1", WIDTH, device), blocks, linear }
    }

    /// Pictures `[n, 3, h, w]` to logits `[n, classes]`.
    pub fn forward(&self, pictures: Tensor<4>) -> Tensor<2> {
        let x = relu(self.bn1.forward(self.conv1.forward(pictures)));
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x));
        let [n, channels, ..] = x.dims();
        self.linear.forward(x.mean_dim(3).mean_dim(2).reshape([n, channels]))
    }
}

impl Block {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = relu(self.bn1.forward(self.conv1.forward(x.clone())));
        let y = self.bn2.forward(self.conv2.forward(y));
        relu(y + self.shortcut(x))
    }

    /// Every other pixel, and zero channels on both sides.
    fn shortcut(&self, x: Tensor<4>) -> Tensor<4> {
        if self.stride == 1 {
            return x;
        }
        let before = self.new_channels / 2;
        x.slice(s![.., .., ..;2, ..;2])
            .pad([(0, 0), (before, self.new_channels - before), (0, 0), (0, 0)], PadMode::Constant(0.0))
    }
}

fn convolution(name: &str, inputs: usize, outputs: usize, stride: usize, device: &Device) -> Conv2d {
    let mut layer = Conv2dConfig::new([inputs, outputs], [3, 3])
        .with_stride([stride; 2])
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        .with_bias(false)
        .init(device);
    layer.weight = Param::from_tensor(parameter(&format!("{name}.weight"), [outputs, inputs, 3, 3], device));
    layer
}

fn batch_norm(name: &str, channels: usize, device: &Device) -> BatchNorm {
    let vector = |part: &str| parameter(&format!("{name}.{part}"), [channels], device);
    let mut layer = BatchNormConfig::new(channels).init(device);
    layer.gamma = Param::from_tensor(vector("weight"));
    layer.beta = Param::from_tensor(vector("bias"));
    layer.running_mean = RunningState::new(vector("running_mean"));
    layer.running_var = RunningState::new(vector("running_var"));
    layer
}

fn parameter<const D: usize>(name: &str, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(numbers::parameter(name, &shape), shape), device)
}
