//! The cases in candle, on the CPU.

mod resnet;

use candle_core::{Device, Result, Tensor, Var};
use candle_nn::loss::cross_entropy;
use peer::{Case, Checks, Convolution, Engine, PIXELS, Run, STEP, numbers};
use resnet::ResNet;

/// The version that this workspace's manifest names.
const VERSION: &str = "0.11.1";

struct Candle;

fn main() -> std::io::Result<()> {
    peer::serve(&Candle)
}

impl Engine for Candle {
    fn name(&self) -> String {
        format!("candle {VERSION}")
    }

    fn prepare(&self, case: Case) -> Run {
        prepare(case).expect("candle can do every case")
    }

    fn check(&self, batch: usize) -> Checks {
        check(batch).expect("candle can do every case")
    }
}

fn prepare(case: Case) -> Result<Run> {
    Ok(match case {
        Case::Product { side } => {
            let (a, b) = (signed("a", [side; 2])?, signed("b", [side; 2])?);
            repeated(move || a.matmul(&b))
        }
        Case::Forward(of) => {
            let [x, w, _] = operands(of)?;
            repeated(move || x.conv2d(&w, 1, of.stride, 1, 1))
        }
        Case::Gradients(of) => {
            let [x, w, cotangent] = operands(of)?;
            let (x, w) = (Var::from_tensor(&x)?, Var::from_tensor(&w)?);
            repeated(move || {
                let y = x.conv2d(&w, 1, of.stride, 1, 1)?;
                let gradients = (&y * &cotangent)?.sum_all()?.backward()?;
                Ok((y, gradients))
            })
        }
        Case::Evaluation { batch } => {
            let (net, pictures) = (ResNet::new(false)?, pictures(batch)?);
            repeated(move || net.forward(&pictures, false)?.argmax(1))
        }
        Case::Attack { batch } => {
            let (net, pictures, labels) = (ResNet::new(false)?, pictures(batch)?, labels(batch)?);
            let mut perturbation = pictures.zeros_like()?;
            repeated(move || {
                let gradient = gradient(&net, &pictures, &perturbation, &labels)?;
                let moved = (&perturbation + (gradient.sign()? * f64::from(STEP.step_size))?)?;
                let moved = moved.clamp(-STEP.epsilon, STEP.epsilon)?;
                perturbation = ((&pictures + moved)?.clamp(0f32, 1f32)? - &pictures)?;
                Ok(())
            })
        }
        Case::Training { batch } => {
            let (net, pictures, labels) = (ResNet::new(true)?, pictures(batch)?, labels(batch)?);
            // candle's own SGD knows no momentum.
            let mut velocities =
                net.learned.iter().map(|weight| weight.zeros_like()).collect::<Result<Vec<_>>>()?;
            repeated(move || {
                let loss = cross_entropy(&net.forward(&pictures, true)?, &labels)?;
                let gradients = loss.backward()?;
                for (weight, velocity) in net.learned.iter().zip(&mut velocities) {
                    let value = weight.as_detached_tensor();
                    let gradient = gradients.get(weight).expect("is learned");
                    let gradient = (gradient + (&value * STEP.weight_decay)?)?;
                    *velocity = ((&*velocity * STEP.momentum)? + &gradient)?;
                    let moved = (gradient + (&*velocity * STEP.momentum)?)?;
                    weight.set(&(value - (moved * STEP.learning_rate)?)?)?;
                }
                Ok(loss)
            })
        }
    })
}

fn check(batch: usize) -> Result<Checks> {
    let net = ResNet::new(false)?;
    let pictures = pictures(batch)?;
    let logits = net.forward(&pictures, false)?.narrow(0, 0, 2)?;
    let gradient = gradient(&net, &pictures, &pictures.zeros_like()?, &labels(batch)?)?;
    // The golden file has the gradient of the mean over two pictures.
    let gradient = (gradient.narrow(0, 0, 2)? * (batch as f64 / 2.0))?;

    let net = ResNet::new(true)?;
    let trained = net.forward(&self::pictures(4)?, true)?;
    let gradients = cross_entropy(&trained, &labels(4)?)?.backward()?;
    let kernels = gradients.get(&net.learned[0]).expect("is learned");
    Ok(Checks::from([
        ("eval.logits", values(&logits)?),
        ("eval.grad.image", values(&gradient)?),
        ("train.logits", values(&trained)?),
        ("train.grad.conv1.weight", values(kernels)?),
    ]))
}

fn repeated<T>(mut step: impl FnMut() -> Result<T> + 'static) -> Run {
    Box::new(move |count| {
        for _ in 0..count {
            step().expect("candle can do every case");
        }
    })
}

/// The gradient of the mean loss of perturbed pictures with respect to the perturbation.
fn gradient(net: &ResNet, pictures: &Tensor, perturbation: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let perturbation = Var::from_tensor(perturbation)?;
    let logits = net.forward(&(pictures + perturbation.as_tensor())?, false)?;
    let mut gradients = cross_entropy(&logits, labels)?.backward()?;
    Ok(gradients.remove(&perturbation).expect("is asked for"))
}

/// Pictures, kernels, cotangent.
fn operands(of: Convolution) -> Result<[Tensor; 3]> {
    Ok([signed("x", of.input())?, signed("w", of.kernels())?, signed("cotangent", of.output())?])
}

fn signed<const D: usize>(name: &str, shape: [usize; D]) -> Result<Tensor> {
    Tensor::from_vec(numbers::signed(name, shape.iter().product()), &shape[..], &Device::Cpu)
}

fn pictures(batch: usize) -> Result<Tensor> {
    Tensor::from_vec(numbers::pictures(batch), (batch, 3, PIXELS, PIXELS), &Device::Cpu)
}

fn labels(batch: usize) -> Result<Tensor> {
    Tensor::from_vec(numbers::labels(batch), batch, &Device::Cpu)
}

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}
