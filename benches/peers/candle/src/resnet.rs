//! resnet20 as `nets/src/resnet.rs` has it: option A shortcuts.

use candle_core::{Device, Result, Tensor, Var};
use candle_nn::{BatchNorm, ModuleT};
use peer::{CLASSES, numbers};

/// Channels of the first stage.
const WIDTH: usize = 16;
/// PyTorch's epsilon of batch norm.
const EPSILON: f64 = 1e-5;

pub struct ResNet {
    conv1: Tensor,
    bn1: BatchNorm,
    blocks: Vec<Block>,
    linear: (Tensor, Tensor),
    /// What is learned, the kernels of the first convolution before all else; nothing if it was made to be used only.
    pub learned: Vec<Var>,
}

struct Block {
    conv1: Tensor,
    bn1: BatchNorm,
    conv2: Tensor,
    bn2: BatchNorm,
    stride: usize,
    new_channels: usize,
}

impl ResNet {
    /// With the weights of the golden file; gradients flow to them if they are to be learned.
    pub fn new(learn: bool) -> Result<Self> {
        let mut parameters = Parameters { learn, learned: Vec::new() };
        let conv1 = parameters.convolution("conv1", 3, WIDTH)?;
        let bn1 = parameters.batch_norm("bn1", WIDTH)?;
        let mut inputs = WIDTH;
        let mut blocks = Vec::new();
        for stage in 0..3 {
            for block in 0..3 {
                let (stride, outputs) = (if stage > 0 && block == 0 { 2 } else { 1 }, WIDTH << stage);
                let name = format!("layer{}.{block}", stage + 1);
                blocks.push(Block {
                    conv1: parameters.convolution(&format!("{name}.conv1"), inputs, outputs)?,
                    bn1: parameters.batch_norm(&format!("{name}.bn1"), outputs)?,
                    conv2: parameters.convolution(&format!("{name}.conv2"), outputs, outputs)?,
                    bn2: parameters.batch_norm(&format!("{name}.bn2"), outputs)?,
                    stride,
                    new_channels: outputs - inputs,
                });
                inputs = outputs;
            }
        }
        let weight = parameters.learned("linear.weight", &[CLASSES, inputs])?;
        let linear = (weight, parameters.learned("linear.bias", &[CLASSES])?);
        Ok(ResNet { conv1, bn1, blocks, linear, learned: parameters.learned })
    }

    /// Pictures `[n, 3, h, w]` to logits `[n, classes]`.
    pub fn forward(&self, pictures: &Tensor, train: bool) -> Result<Tensor> {
        let mut x = self.bn1.forward_t(&convolve(pictures, &self.conv1, 1)?, train)?.relu()?;
        for block in &self.blocks {
            x = block.forward(&x, train)?;
        }
        let (weight, bias) = &self.linear;
        x.mean((2, 3))?.matmul(&weight.t()?)?.broadcast_add(bias)
    }
}

impl Block {
    fn forward(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        let y = self.bn1.forward_t(&convolve(x, &self.conv1, self.stride)?, train)?.relu()?;
        let y = self.bn2.forward_t(&convolve(&y, &self.conv2, 1)?, train)?;
        (y + self.shortcut(x)?)?.relu()
    }

    /// Every other pixel, and zero channels on both sides.
    fn shortcut(&self, x: &Tensor) -> Result<Tensor> {
        if self.stride == 1 {
            return Ok(x.clone());
        }
        let (n, channels, height, width) = x.dims4()?;
        let pairs = x.reshape((n, channels, height / 2, 2, width / 2, 2))?;
        let every_other = pairs.narrow(5, 0, 1)?.narrow(3, 0, 1)?;
        let before = self.new_channels / 2;
        every_other.reshape((n, channels, height / 2, width / 2))?.pad_with_zeros(
            1,
            before,
            self.new_channels - before,
        )
    }
}

fn convolve(x: &Tensor, kernels: &Tensor, stride: usize) -> Result<Tensor> {
    x.conv2d(kernels, 1, stride, 1, 1)
}

struct Parameters {
    learn: bool,
    learned: Vec<Var>,
}

impl Parameters {
    fn learned(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let values = parameter(name, shape)?;
        if !self.learn {
            return Ok(values);
        }
        self.learned.push(Var::from_tensor(&values)?);
        Ok(self.learned[self.learned.len() - 1].as_tensor().clone())
    }

    fn convolution(&mut self, name: &str, inputs: usize, outputs: usize) -> Result<Tensor> {
        self.learned(&format!("{name}.weight"), &[outputs, inputs, 3, 3])
    }

    fn batch_norm(&mut self, name: &str, channels: usize) -> Result<BatchNorm> {
        let weight = self.learned(&format!("{name}.weight"), &[channels])?;
        let bias = self.learned(&format!("{name}.bias"), &[channels])?;
        let running = |part: &str| parameter(&format!("{name}.{part}"), &[channels]);
        BatchNorm::new(channels, running("running_mean")?, running("running_var")?, weight, bias, EPSILON)
    }
}

fn parameter(name: &str, shape: &[usize]) -> Result<Tensor> {
    Tensor::from_vec(numbers::parameter(name, shape), shape, &Device::Cpu)
}
