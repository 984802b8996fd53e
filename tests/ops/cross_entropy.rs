use crate::harness::{Array, Case, Input};
use crate::softmax::softmax;

fn cross_entropy(logits: &Array, labels: &Array, smoothing: f64) -> Array {
    let k = logits.shape[1];
    let p = softmax(logits);
    Array::from_fn([logits.shape[0]], |i| {
        let target = |c: usize| {
            smoothing / k as f64 + if c as f64 == labels.data[i[0]] { 1.0 - smoothing } else { 0.0 }
        };
        (0..k).map(|c| -target(c) * p.at(&[i[0], c]).ln()).sum()
    })
}

#[test]
fn per_image() {
    for (n, k) in [(1, 2), (5, 10), (70, 10), (3, 200)] {
        for smoothing in [0.0, 0.1] {
            Case::new(format!("cross entropy of [{n}, {k}] smoothed by {smoothing}"))
                .input(Input::uniform([n, k], -4.0, 4.0))
                .input(Input::labels([n], k as u32))
                .build(move |_, x| x[0].cross_entropy(x[1], smoothing))
                .reference(move |x| cross_entropy(&x[0], &x[1], f64::from(smoothing)))
                .check();
        }
    }
}

#[test]
fn averaged() {
    Case::new("mean cross entropy")
        .input(Input::uniform([6, 10], -4.0, 4.0))
        .input(Input::labels([6], 10))
        .build(|_, x| x[0].cross_entropy(x[1], 0.0).mean_all())
        .reference(|x| {
            let losses = cross_entropy(&x[0], &x[1], 0.0).data;
            Array::new([], vec![losses.iter().sum::<f64>() / losses.len() as f64])
        })
        .check();
}

/// The gradient op has a derivative of its own, in both of its operands.
#[test]
fn second_derivative() {
    Case::new("gradient of the gradient of cross entropy")
        .input(Input::uniform([4, 5], -2.0, 2.0))
        .input(Input::labels([4], 5))
        .build(|g, x| {
            let loss = x[0].cross_entropy(x[1], 0.1).square().sum_all();
            g.gradient(loss, &[x[0]]).expect("differentiable")[0]
        })
        .reference(|x| {
            let smoothing = f64::from(0.1f32);
            let (p, losses) = (softmax(&x[0]), cross_entropy(&x[0], &x[1], smoothing));
            Array::from_fn([4, 5], |i| {
                let own = if i[1] as f64 == x[1].data[i[0]] { 1.0 - smoothing } else { 0.0 };
                2.0 * losses.data[i[0]] * (p.at(i) - own - smoothing / 5.0)
            })
        })
        .check();
}

/// Labels are checked where they are loaded; a kernel that meets a wrong one stays within bounds.
#[test]
fn labels_out_of_range_read_the_last_class() {
    Case::new("cross entropy with wild labels")
        .input(Input::uniform([3, 4], -2.0, 2.0))
        .input(Input::integers([3], &[4, 1_000_000, u32::MAX]))
        .build(|_, x| x[0].cross_entropy(x[1], 0.0))
        .reference(|x| cross_entropy(&x[0], &Array::new([3], vec![3.0; 3]), 0.0))
        .check();
}

#[test]
fn as_pytorch() {
    use unperturb_engine::{Device, Graph, Session};

    use crate::golden::{Golden, Tensor, reader};

    let golden = Golden::open("cross-entropy");
    let logits: Vec<f32> =
        Tensor::signed("cross-entropy/logits", &[6, 7]).data.iter().map(|u| 3.0 * u).collect();
    for device in [Device::cpu(), crate::harness::gpu()] {
        for (key, smoothing) in [("plain", 0.0), ("smoothed", 0.1)] {
            let g = Graph::new();
            let x = g.state("logits", [6, 7]);
            let losses = x.cross_entropy(g.state_u32("labels", [6]), smoothing);
            g.output("loss", losses);
            g.output("gradient", g.gradient(losses.mean_all(), &[x]).expect("differentiable")[0]);
            let mut session = Session::new(&device);
            let program = session.compile(&g).expect("compiles");
            session.write("logits", &logits).expect("a state");
            session.write_u32("labels", &reader::labels(6, 7)).expect("a state");
            session.run(&program, 1).expect("runs");
            golden.expect(&format!("{key}.loss"), &session.read("loss").expect("a state"));
            golden.expect(&format!("{key}.grad.logits"), &session.read("gradient").expect("a state"));
        }
    }
}
