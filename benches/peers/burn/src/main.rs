//! The cases in burn: `peer-burn flex`, or `peer-burn wgpu` on the GPU that burn takes by itself, software if there is
//! no other.

mod resnet;

use burn::nn::loss::CrossEntropyLossConfig;
use burn::module::Module;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{GradientsParams, SgdConfig};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Int, Tensor, TensorData};
use peer::{Case, Checks, Convolution, Engine, PIXELS, Run, STEP, numbers};
use resnet::ResNet;

/// The version that this workspace's manifest names.
const VERSION: &str = "0.22.1";

struct Burn {
    device: Device,
    backend: &'static str,
}

fn main() -> Result<(), String> {
    let (device, backend) = match std::env::args().nth(1).as_deref() {
        Some("flex") => (Device::flex(), "flex"),
        #[cfg(feature = "wgpu")]
        Some("wgpu") => (Device::wgpu(burn::tensor::DeviceKind::DefaultDevice), "wgpu"),
        _ => return Err("give a backend that this is built with: flex or wgpu".into()),
    };
    peer::serve(&Burn { device, backend }).map_err(|error| error.to_string())
}

impl Engine for Burn {
    fn name(&self) -> String {
        format!("burn {VERSION} {}", self.backend)
    }

    fn prepare(&self, case: Case) -> Run {
        let device = self.device.clone();
        match case {
            Case::Product { side } => {
                let operand = |name| tensor(numbers::signed(name, side * side), [side; 2], &device);
                let (a, b): (Tensor<2>, Tensor<2>) = (operand("a"), operand("b"));
                repeated(device, move || a.clone().matmul(b.clone()))
            }
            Case::Forward(of) => {
                let [x, w, _] = operands(of, &device);
                repeated(device, move || conv2d(x.clone(), w.clone(), None, options(of)))
            }
            Case::Gradients(of) => {
                let [x, w, cotangent] = operands(of, &device.clone().autodiff());
                repeated(device, move || {
                    let (x, w) = (x.clone().require_grad(), w.clone().require_grad());
                    let y = conv2d(x.clone(), w.clone(), None, options(of));
                    let gradients = (y.clone() * cotangent.clone()).sum().backward();
                    (y, x.grad(&gradients), w.grad(&gradients))
                })
            }
            Case::Evaluation { batch } => {
                let net = ResNet::new(&device.clone().autodiff()).valid();
                let pictures = pictures(batch, &device);
                repeated(device, move || net.forward(pictures.clone()).argmax(1))
            }
            Case::Attack { batch } => {
                let net = ResNet::new(&device.clone().autodiff()).freeze();
                let (pictures, labels) = (pictures(batch, &device), labels(batch, &device.clone().autodiff()));
                let mut perturbation = pictures.zeros_like();
                repeated(device, move || {
                    let gradient = gradient(&net, &pictures, &perturbation, &labels);
                    let moved = perturbation.clone() + gradient.sign() * STEP.step_size;
                    let moved = moved.clamp(-STEP.epsilon, STEP.epsilon);
                    perturbation = (pictures.clone() + moved).clamp(0.0, 1.0) - pictures.clone();
                    perturbation.clone()
                })
            }
            Case::Training { batch } => {
                let training = device.clone().autodiff();
                let (pictures, labels) = (pictures(batch, &training), labels(batch, &training));
                let momentum = MomentumConfig::new().with_momentum(STEP.momentum).with_dampening(0.0);
                let mut optimizer = SgdConfig::new()
                    .with_momentum(Some(momentum.with_nesterov(true)))
                    .with_weight_decay(Some(WeightDecayConfig::new(STEP.weight_decay as f32)))
                    .init();
                let mut net = Some(ResNet::new(&training));
                repeated(device, move || {
                    let current = net.take().expect("put back below");
                    let loss = cross_entropy(current.forward(pictures.clone()), labels.clone());
                    let gradients = GradientsParams::from_grads(loss.backward(), &current);
                    let updated = optimizer.step(STEP.learning_rate, current, gradients);
                    net = Some(updated.clone());
                    (loss, updated)
                })
            }
        }
    }

    fn check(&self, batch: usize) -> Checks {
        let first = |values: Vec<f32>, images: usize| values[..images * values.len() / batch].to_vec();
        let training = self.device.clone().autodiff();
        let net = ResNet::new(&training);
        let pictures = pictures(batch, &self.device);
        let logits = values(net.valid().forward(pictures.clone()));
        let gradient = gradient(&net.clone().freeze(), &pictures, &pictures.zeros_like(), &labels(batch, &training));
        // The golden file has the gradient of the mean over two pictures.
        let gradient = values(gradient * (batch as f32 / 2.0));
        let mut checks = Checks::from([("eval.logits", first(logits, 2)), ("eval.grad.image", first(gradient, 2))]);
        if self.backend == "flex" {
            let logits = net.forward(self::pictures(4, &training));
            let loss = cross_entropy(logits.clone(), labels(4, &training));
            let gradient = net.conv1.weight.val().grad(&loss.backward()).expect("is learned");
            checks.extend([("train.logits", values(logits)), ("train.grad.conv1.weight", values(gradient))]);
        }
        checks
    }
}

/// A run that keeps its last result until the device is done, so that nothing is left out as unused.
fn repeated<T>(device: Device, mut step: impl FnMut() -> T + 'static) -> Run {
    Box::new(move |count| {
        let results: Vec<T> = (0..count).map(|_| step()).collect();
        device.sync().expect("the device works");
        drop(results);
    })
}

/// The gradient of the mean loss of perturbed pictures with respect to the perturbation.
fn gradient(net: &ResNet, pictures: &Tensor<4>, perturbation: &Tensor<4>, labels: &Tensor<1, Int>) -> Tensor<4> {
    let perturbation = perturbation.clone().autodiff().require_grad();
    let logits = net.forward(pictures.clone().autodiff() + perturbation.clone());
    let gradients = cross_entropy(logits, labels.clone()).backward();
    perturbation.grad(&gradients).expect("is asked for")
}

fn cross_entropy(logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
    CrossEntropyLossConfig::new().init(&logits.device()).forward(logits, labels)
}

fn options(of: Convolution) -> ConvOptions<2> {
    ConvOptions::new([of.stride; 2], [1; 2], [1; 2], 1)
}

/// Pictures, kernels, cotangent.
fn operands(of: Convolution, device: &Device) -> [Tensor<4>; 3] {
    let operand = |name, shape: [usize; 4]| tensor(numbers::signed(name, shape.iter().product()), shape, device);
    [operand("x", of.input()), operand("w", of.kernels()), operand("cotangent", of.output())]
}

fn pictures(batch: usize, device: &Device) -> Tensor<4> {
    tensor(numbers::pictures(batch), [batch, 3, PIXELS, PIXELS], device)
}

fn labels(batch: usize, device: &Device) -> Tensor<1, Int> {
    let labels: Vec<i32> = numbers::labels(batch).into_iter().map(|label| label as i32).collect();
    Tensor::from_data(TensorData::new(labels, [batch]), device)
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().into_vec().expect("is f32")
}
