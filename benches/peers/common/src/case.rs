//! What is compared. Names are those of `unperturb bench`.

/// Height and width of every picture.
pub const PIXELS: usize = 32;
/// What resnet20 tells apart.
pub const CLASSES: usize = 10;

/// A step of the attack and of the training, the same in every engine.
pub struct Step {
    /// Largest change of a pixel.
    pub epsilon: f32,
    /// Length of an attack's step.
    pub step_size: f32,
    /// Nesterov momentum of the training.
    pub momentum: f64,
    /// L2 penalty of the training, on all that is learned.
    pub weight_decay: f64,
    /// Zero, so that the weights stay what they are however often a step runs.
    pub learning_rate: f64,
}

/// The options of all steps.
pub const STEP: Step = Step {
    epsilon: 8.0 / 255.0,
    step_size: 2.0 / 255.0,
    momentum: 0.9,
    weight_decay: 5e-4,
    learning_rate: 0.0,
};

/// A convolution with 3x3 kernels, 64 channels in and out, padding 1, on pictures of 32x32 pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Convolution {
    /// Pictures.
    pub batch: usize,
    /// 1 or 2.
    pub stride: usize,
}

impl Convolution {
    /// Channels in and out.
    pub const CHANNELS: usize = 64;

    /// Pictures, as `[n, c, h, w]`.
    pub fn input(&self) -> [usize; 4] {
        [self.batch, Self::CHANNELS, PIXELS, PIXELS]
    }

    /// Kernels, as `[out, in, h, w]`.
    pub fn kernels(&self) -> [usize; 4] {
        [Self::CHANNELS, Self::CHANNELS, 3, 3]
    }

    /// The result and the cotangent that gradients begin with.
    pub fn output(&self) -> [usize; 4] {
        [self.batch, Self::CHANNELS, PIXELS / self.stride, PIXELS / self.stride]
    }
}

/// One thing to time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Case {
    /// The product of two square matrices.
    Product {
        /// Rows and columns.
        side: usize,
    },
    /// A convolution.
    Forward(Convolution),
    /// A convolution and, from a given cotangent, the gradients of its input and its kernels.
    Gradients(Convolution),
    /// Classes of pictures, by resnet20 in evaluation mode.
    Evaluation {
        /// Pictures.
        batch: usize,
    },
    /// A projected step of ascent of the loss of resnet20 in evaluation mode: perturbations change by the sign of their
    /// gradient, stay within their bound, and pictures within [0, 1]. No gradient of a weight.
    Attack {
        /// Pictures.
        batch: usize,
    },
    /// A step of stochastic gradient descent of resnet20 in training mode, running statistics included.
    Training {
        /// Pictures.
        batch: usize,
    },
}

impl Case {
    /// The case of that name, on so many pictures.
    pub fn named(name: &str, batch: usize) -> Option<Case> {
        let convolution = |stride| Convolution { batch, stride };
        Some(match name {
            "matmul 512x512x512" => Case::Product { side: 512 },
            "matmul 1024x1024x1024" => Case::Product { side: 1024 },
            "conv2d 32x32 64->64" => Case::Forward(convolution(1)),
            "conv2d 32x32 64->64 stride 2" => Case::Forward(convolution(2)),
            "conv2d and gradients 32x32 64->64" => Case::Gradients(convolution(1)),
            "conv2d and gradients 32x32 64->64 stride 2" => Case::Gradients(convolution(2)),
            "resnet20 evaluation" => Case::Evaluation { batch },
            "resnet20 pgd step" => Case::Attack { batch },
            "resnet20 training step" => Case::Training { batch },
            _ => return None,
        })
    }
}
