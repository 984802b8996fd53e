use unperturb_engine::ops::nt_xent::Positives;
use unperturb_engine::{Device, Graph, Session};

use crate::golden::{Golden, Tensor};
use crate::harness::{Array, Case, Input, gpu};

const MODES: [Positives; 2] = [Positives::Authors, Positives::SimClr];

/// The loss of each row, from the definition.
fn nt_xent(s: &Array, views: usize, positives: Positives) -> Array {
    let rows = s.shape[0];
    let images = rows / views;
    Array::from_fn([rows], |index| {
        let row = index[0];
        let sum: f64 = (0..rows).filter(|&k| k != row).map(|k| s.at(&[row, k]).exp()).sum();
        let alike: Vec<usize> = (0..rows).filter(|&k| k != row && k % images == row % images).collect();
        let targets = if positives == Positives::Authors { &alike[..1] } else { &alike[..] };
        targets.iter().map(|&p| sum.ln() - s.at(&[row, p])).sum::<f64>() / targets.len() as f64
    })
}

/// Inner products of rows of length 1.
fn similarity(x: &Array, temperature: f64) -> Array {
    let d = x.shape[1];
    let row = |i: usize| &x.data[i * d..(i + 1) * d];
    let length = |i: usize| row(i).iter().map(|x| x * x).sum::<f64>().sqrt();
    Array::from_fn([x.shape[0], x.shape[0]], |i| {
        let product: f64 = row(i[0]).iter().zip(row(i[1])).map(|(a, b)| a * b).sum();
        product / length(i[0]) / length(i[1]) / temperature
    })
}

#[test]
fn of_similarities() {
    for (views, images) in [(2, 1), (2, 5), (3, 4), (4, 3), (4, 40)] {
        for positives in MODES {
            let rows = views * images;
            Case::new(format!("NT-Xent of {views} views of {images} images, {positives:?}"))
                .input(Input::uniform([rows, rows], -4.0, 4.0))
                .build(move |_, x| x[0].nt_xent_of_similarity(views, positives))
                .reference(move |x| nt_xent(&x[0], views, positives))
                .check();
        }
    }
}

#[test]
fn of_embeddings() {
    for positives in MODES {
        Case::new(format!("NT-Xent of embeddings, {positives:?}"))
            .input(Input::uniform([12, 7], -1.0, 1.0))
            .build(move |_, x| x[0].nt_xent(3, 0.5, positives).mean_over_views(3))
            .reference(move |x| {
                let rows = nt_xent(&similarity(&x[0], 0.5), 3, positives);
                Array::from_fn([4], |i| (0..3).map(|view| rows.data[view * 4 + i[0]]).sum::<f64>() / 3.0)
            })
            .check();
    }
}

/// The gradient op has a derivative of its own, in both of its operands: an attacker differentiates steps of a repair.
#[test]
fn second_derivative() {
    for positives in MODES {
        Case::new(format!("gradient of the gradient of NT-Xent, {positives:?}"))
            .input(Input::uniform([6, 6], -2.0, 2.0))
            .build(move |g, x| {
                let loss = x[0].nt_xent_of_similarity(3, positives).square().sum_all();
                g.gradient(loss, &[x[0]]).expect("differentiable")[0]
            })
            .reference(move |x| {
                let loss = nt_xent(&x[0], 3, positives);
                Array::from_fn([6, 6], |i| {
                    let (row, k) = (i[0], i[1]);
                    let exp = |k: usize| if k == row { 0.0 } else { x[0].at(&[row, k]).exp() };
                    let alike: Vec<usize> = (0..6).filter(|&k| k != row && k % 2 == row % 2).collect();
                    let targets = if positives == Positives::Authors { &alike[..1] } else { &alike[..] };
                    let target = if targets.contains(&k) { 1.0 / targets.len() as f64 } else { 0.0 };
                    let p = exp(k) / (0..6).map(exp).sum::<f64>();
                    2.0 * loss.data[row] * (p - target)
                })
            })
            .check();
    }
}

/// A row's similarity to itself is by far the largest at low temperatures, and must not count.
#[test]
fn low_temperatures_do_not_overflow() {
    let s = [
        1000.0, -950.0, 0.0, -900.0, -950.0, 1000.0, -900.0, 0.0, 0.0, -900.0, 1000.0, -950.0, -900.0, 0.0,
        -950.0, 1000.0,
    ];
    for positives in MODES {
        Case::new("NT-Xent at a low temperature")
            .input(Input::values([4, 4], &s))
            .build(move |_, x| x[0].nt_xent_of_similarity(2, positives))
            // Each row's positive is the best other row by hundreds.
            .reference(|x| {
                let s = &x[0];
                Array::from_fn([4], |i| {
                    let others = (0..4).filter(|&k| k != i[0]).map(|k| s.at(&[i[0], k]));
                    let largest = others.clone().fold(f64::NEG_INFINITY, f64::max);
                    let sum: f64 = others.map(|s| (s - largest).exp()).sum();
                    sum.ln() + largest - s.at(&[i[0], (i[0] + 2) % 4])
                })
            })
            .check();
    }
}

#[test]
fn losses_and_gradients_are_those_of_pytorch() {
    let golden = Golden::open("nt-xent");
    for device in [Device::cpu(), gpu()] {
        for views in [2, 3, 4] {
            for (mode, positives) in [("authors", Positives::Authors), ("simclr", Positives::SimClr)] {
                let g = Graph::new();
                let embeddings = g.state("embeddings", [5 * views, 8]);
                let losses = embeddings.nt_xent(views, 0.2, positives);
                let gradient = g.gradient(losses.mean_all(), &[embeddings]).expect("differentiable")[0];
                g.output("loss", losses);
                g.output("gradient", gradient);
                let mut session = Session::new(&device);
                let program = session.compile(&g).expect("compiles");
                let name = format!("nt-xent/embeddings/{views}");
                let given = Tensor::signed(&name, &[5 * views, 8]).data;
                session.write("embeddings", &given).expect("a state");
                session.run(&program, 1).expect("runs");
                let key = format!("views{views}.{mode}");
                golden.expect(&format!("{key}.loss"), &session.read("loss").expect("a state"));
                let found = session.read("gradient").expect("a state");
                golden.expect(&format!("{key}.grad.embeddings"), &found);
            }
        }
    }
}

#[test]
fn rows_that_are_not_whole_views_are_refused() {
    for (rows, views) in [(6, 4), (6, 1), (0, 2)] {
        let g = Graph::new();
        g.state("s", [rows, rows]).nt_xent_of_similarity(views, Positives::SimClr);
        assert!(g.check().is_err(), "{rows} rows of {views} views");
    }
}
