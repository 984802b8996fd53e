use crate::harness::{Array, Case, Input};

const EPSILON: f64 = 1e-3;
const SHAPES: [&[usize]; 5] = [&[7, 3], &[2, 3, 4, 5], &[600, 2], &[9, 40], &[3, 70, 2, 16]];

/// Mean and biased variance of each channel.
fn statistics(x: &Array) -> (Vec<f64>, Vec<f64>) {
    let c = *x.shape.last().expect("a channel axis");
    let rows = x.data.len() / c;
    let mean: Vec<f64> = (0..c).map(|j| x.data[j..].iter().step_by(c).sum::<f64>() / rows as f64).collect();
    let squares = |j: usize| x.data[j..].iter().step_by(c).map(|x| (x - mean[j]).powi(2)).sum::<f64>();
    let variance = (0..c).map(|j| squares(j) / rows as f64).collect();
    (mean, variance)
}

fn normalised(x: &Array, gamma: &Array, beta: &Array, mean: &[f64], variance: &[f64]) -> Array {
    Array::from_fn(x.shape.clone(), |index| {
        let j = index[index.len() - 1];
        (x.at(index) - mean[j]) / (variance[j] + EPSILON).sqrt() * gamma.data[j] + beta.data[j]
    })
}

#[test]
fn training() {
    for shape in SHAPES.into_iter().chain(LARGE) {
        let c = shape[shape.len() - 1];
        Case::new(format!("batch norm of {shape:?} in training"))
            .input(Input::uniform(shape, -1.0, 3.0))
            .input(Input::uniform([c], 0.5, 1.5))
            .input(Input::uniform([c], -1.0, 1.0))
            .build(|_, x| x[0].batch_norm_train(x[1], x[2], EPSILON as f32).y)
            .reference(|x| {
                let (mean, variance) = statistics(&x[0]);
                normalised(&x[0], &x[1], &x[2], &mean, &variance)
            })
            .check();
    }
}

/// More rows than a window of uniform memory holds, and channels that are no multiple of a vector's lanes.
const LARGE: [&[usize]; 2] = [&[1100, 20], &[3, 40, 37, 16]];

#[test]
fn statistics_of_a_batch() {
    for shape in SHAPES.into_iter().chain(LARGE) {
        let c = shape[shape.len() - 1];
        Case::new(format!("batch norm statistics of {shape:?}"))
            .input(Input::uniform(shape, 4.0, 6.0))
            .build(move |g, x| {
                let one = g.full([c], 1.0);
                let out = x[0].batch_norm_train(one, one, 1e-5);
                out.mean * 0.5 + out.variance * 2.0
            })
            .reference(move |x| {
                let (mean, variance) = statistics(&x[0]);
                Array::from_fn([c], |j| mean[j[0]] * 0.5 + variance[j[0]] * 2.0)
            })
            .check();
    }
}

#[test]
fn evaluation() {
    for shape in SHAPES {
        let c = shape[shape.len() - 1];
        Case::new(format!("batch norm of {shape:?} in evaluation"))
            .input(Input::uniform(shape, -1.0, 1.0))
            .input(Input::uniform([c], 0.5, 1.5))
            .input(Input::uniform([c], -1.0, 1.0))
            .input(Input::uniform([c], -0.5, 0.5))
            .input(Input::uniform([c], 0.2, 2.0))
            .build(|_, x| x[0].batch_norm_eval(x[1], x[2], x[3], x[4], EPSILON as f32))
            .reference(|x| normalised(&x[0], &x[1], &x[2], &x[3].data, &x[4].data))
            .check();
    }
}

/// The optimizer moves these scales into the weights, which the reference does not.
#[test]
fn evaluation_after_convolutions() {
    Case::new("convolutions, forward and transposed, with batch norm in evaluation")
        .input(Input::uniform([2, 3, 2, 3], -1.0, 1.0))
        .input(Input::uniform([1, 1, 3, 4], -1.0, 1.0))
        .input(Input::uniform([1, 1, 5, 4], -1.0, 1.0))
        .input(Input::uniform([4], 0.5, 1.5))
        .input(Input::uniform([5], 0.5, 1.5))
        .build(|g, x| {
            let (quarter, one) = (g.full([4], 0.25), g.full([4], 1.0));
            let hidden = x[0].conv2d(x[1], None, 1, 0);
            let hidden = hidden.batch_norm_eval(x[3], quarter, quarter, one, EPSILON as f32).tanh();
            let (quarter, one) = (g.full([5], 0.25), g.full([5], 1.0));
            let y = hidden.conv_transpose2d(x[2], None, 1, 0, 0);
            y.batch_norm_eval(x[4], quarter, quarter, one, EPSILON as f32)
        })
        .reference(|x| {
            let layer = |x: &Array, gamma: &Array, weight: &dyn Fn(usize, usize) -> f64| {
                let (inner, c) = (x.shape[3], gamma.data.len());
                let y = Array::from_fn([x.shape[0], x.shape[1], x.shape[2], c], |i| {
                    (0..inner).map(|k| x.at(&[i[0], i[1], i[2], k]) * weight(k, i[3])).sum()
                });
                let quarter = vec![0.25; c];
                normalised(&y, gamma, &Array::new([c], quarter.clone()), &quarter, &vec![1.0; c])
            };
            let hidden = layer(&x[0], &x[3], &|k, j| x[1].at(&[0, 0, k, j])).map(f64::tanh);
            layer(&hidden, &x[4], &|k, j| x[2].at(&[0, 0, j, k]))
        })
        .check();
}

/// The gradient of the image alone, as an attack takes it: the scales fold on the way back too.
#[test]
fn gradient_through_evaluation() {
    Case::new("gradient of a convolution with batch norm in evaluation")
        .input(Input::uniform([2, 3, 2, 3], -1.0, 1.0))
        .input(Input::uniform([1, 1, 3, 4], -1.0, 1.0))
        .input(Input::uniform([4], 0.5, 1.5))
        .without_gradient()
        .build(|g, x| {
            let (zero, one) = (g.full([4], 0.0), g.full([4], 1.0));
            let y = x[0].conv2d(x[1], None, 1, 0).batch_norm_eval(x[2], zero, zero, one, EPSILON as f32);
            g.gradient(y.square().sum_all(), &[x[0]]).expect("differentiable")[0]
        })
        .reference(|x| {
            let scaled = |k: usize, j: usize| x[1].at(&[0, 0, k, j]) * x[2].data[j] / (1.0 + EPSILON).sqrt();
            Array::from_fn([2, 3, 2, 3], |i| {
                let y =
                    |j: usize| (0..3).map(|k| x[0].at(&[i[0], i[1], i[2], k]) * scaled(k, j)).sum::<f64>();
                (0..4).map(|j| 2.0 * y(j) * scaled(i[3], j)).sum()
            })
        })
        .check();
}

/// The gradient rule itself is differentiated: the derivative of the squared gradient of a loss.
#[test]
fn second_derivative() {
    let shape = [5, 3];
    Case::new("gradient of the gradient of batch norm")
        .input(Input::uniform(shape, -1.0, 1.0))
        .input(Input::uniform([3], 0.5, 1.5))
        .build(|g, x| {
            let y = x[0].batch_norm_train(x[1], x[1], EPSILON as f32).y;
            let loss = (y * y * y).sum_all();
            g.gradient(loss, &[x[0]]).expect("differentiable")[0]
        })
        .reference(|x| {
            let loss = |x: &Array, gamma: &Array| {
                let (mean, variance) = statistics(x);
                normalised(x, gamma, gamma, &mean, &variance).data.iter().map(|y| y.powi(3)).sum::<f64>()
            };
            // The first derivative in closed form would repeat the rule under test.
            let step = 1e-4;
            Array::from_fn(x[0].shape.clone(), |index| {
                let at = |offset: f64| {
                    let mut moved = x[0].clone();
                    moved.data[index[0] * 3 + index[1]] += offset;
                    loss(&moved, &x[1])
                };
                (8.0 * (at(step) - at(-step)) - (at(2.0 * step) - at(-2.0 * step))) / (12.0 * step)
            })
        })
        .tolerance(1e-8)
        .check();
}

#[test]
fn running_statistics_move_as_in_pytorch() {
    use unperturb_engine::{Device, Graph, Session};
    let g = Graph::new();
    let (x, one) = (g.state("x", [4, 1]), g.full([1], 1.0));
    let out = x.batch_norm_train(one, one, 1e-5);
    out.update_running(g.state("mean", [1]), g.state("variance", [1]), 0.1);
    for device in [Device::cpu(), crate::harness::gpu()] {
        let mut session = Session::new(&device);
        let step = session.compile(&g).expect("compiles");
        session.write("x", &[1.0, 2.0, 4.0, 9.0]).expect("a state");
        session.write("mean", &[2.0]).expect("a state");
        session.write("variance", &[1.0]).expect("a state");
        session.run(&step, 1).expect("runs");
        let near = |name: &str, expected: f32, session: &mut Session| {
            let got = session.read(name).expect("a state")[0];
            assert!((got - expected).abs() < 1e-5, "{name} on {device}: {got}, expected {expected}");
        };
        // Mean 4; squared distances 9 + 4 + 0 + 25 over n - 1 = 3.
        near("mean", 0.9 * 2.0 + 0.1 * 4.0, &mut session);
        near("variance", 0.9 + 0.1 * 38.0 / 3.0, &mut session);
    }
}

/// Detached values and custom gradient rules leave no copies between elementwise operations.
#[test]
fn normalisation_fuses_with_its_activation() {
    use unperturb_engine::{Device, Graph, Session};
    let g = Graph::new();
    let x = g.state("x", [8, 4, 4, 16]);
    let (gamma, beta) = (g.state("gamma", [16]), g.state("beta", [16]));
    g.output("y", x.batch_norm_train(gamma, beta, 1e-5).y.relu());
    let program = Session::new(&Device::cpu()).compile(&g).expect("compiles");
    let whole = program.plan().steps.iter().filter(|s| s.signature.output.words() == 8 * 4 * 4 * 16).count();
    assert_eq!(whole, 1, "normalise, scale, shift and relu are one kernel: {:#?}", program.plan().steps);
}

#[test]
fn impossible_batches_are_refused() {
    let message = |shape: &[usize], parameters: usize| {
        let g = unperturb_engine::Graph::new();
        let (x, one) = (g.state("x", shape), g.full([parameters], 1.0));
        x.batch_norm_train(one, one, 1e-5);
        g.check().expect_err("a batch without a variance").to_string()
    };
    assert!(message(&[1, 3], 3).contains("more than one value per channel"));
    assert!(message(&[5], 5).contains("[n, ..., c]"));
    assert!(message(&[], 1).contains("[n, ..., c]"));
    message(&[4, 3], 2);
}

/// Two steps of training, then one of evaluation with the running statistics they left.
#[test]
fn as_pytorch() {
    use unperturb_engine::{Device, Graph, Session};

    use crate::golden::{Golden, Tensor};

    let golden = Golden::open("batch-norm");
    for (kind, shape) in [("image", &[3, 4, 5, 2][..]), ("vector", &[6, 4])] {
        let given = |what: &str| Tensor {
            shape: vec![4],
            data: crate::golden::reader::parameter(&format!("batch-norm/{kind}"), what, &[4]),
        };
        let picture = |step: &str| {
            let u = Tensor::signed(&format!("batch-norm/{kind}/{step}/x"), shape);
            Tensor { data: u.data.iter().map(|u| 3.0 * u + 1.0).collect(), ..u }
        };
        for step in ["train0", "train1"] {
            let inputs = [("x", picture(step)), ("weight", given("weight")), ("bias", given("bias"))];
            golden.check(&format!("{kind}.{step}"), &inputs, |x| x[0].batch_norm_train(x[1], x[2], 1e-5).y);
        }
        let tensor = |name: &str| golden.tensor(&format!("{kind}.eval.{name}"));
        let statistics = [("mean", tensor("running_mean")), ("variance", tensor("running_var"))];
        let inputs = [("x", picture("eval")), ("weight", given("weight")), ("bias", given("bias"))];
        golden.check_with(&format!("{kind}.eval"), &inputs, &statistics, |x| {
            x[0].batch_norm_eval(x[1], x[2], x[3], x[4], 1e-5)
        });

        for device in [Device::cpu(), crate::harness::gpu()] {
            let g = Graph::new();
            let one = g.full([4], 1.0);
            let channels_last = [&shape[..1], &shape[2..], &[4]].concat();
            let output = g.state("x", channels_last).batch_norm_train(one, one, 1e-5);
            output.update_running(g.state("mean", [4]), g.state("variance", [4]), 0.1);
            let mut session = Session::new(&device);
            let program = session.compile(&g).expect("compiles");
            session.write("mean", &given("running_mean").data).expect("a state");
            session.write("variance", &given("running_var").data).expect("a state");
            for step in ["train0", "train1"] {
                let x = crate::golden::in_engine_order("x", &picture(step));
                session.write("x", &x.data).expect("a state");
                session.run(&program, 1).expect("runs");
                let mean = session.read("mean").expect("a state");
                golden.expect(&format!("{kind}.{step}.running_mean"), &mean);
                let variance = session.read("variance").expect("a state");
                golden.expect(&format!("{kind}.{step}.running_var"), &variance);
            }
        }
    }
}
