use unperturb_engine::ops::norms::{Ball, Norm};

use crate::harness::{Array, Case, Input};

/// Elements of image `i`.
fn image(x: &Array, i: usize) -> &[f64] {
    let elements = x.data.len() / x.shape[0];
    &x.data[i * elements..(i + 1) * elements]
}

fn norm(x: &[f64], norm: Norm) -> f64 {
    match norm {
        Norm::L1 => x.iter().map(|x| x.abs()).sum(),
        Norm::L2 => x.iter().map(|x| x * x).sum::<f64>().sqrt(),
        Norm::Linf => x.iter().fold(0.0, |largest, x| x.abs().max(largest)),
    }
}

/// Replaces each image by what `f` makes of it.
fn each(x: &Array, f: impl Fn(&[f64]) -> Vec<f64>) -> Array {
    Array::new(x.shape.clone(), (0..x.shape[0]).flat_map(|i| f(image(x, i))).collect())
}

/// The nearest point of the L1 ball, by sorting (Duchi et al. 2008, figure 1).
fn project_l1(x: &[f64], radius: f64) -> Vec<f64> {
    if norm(x, Norm::L1) <= radius {
        return x.to_vec();
    }
    let mut sorted: Vec<f64> = x.iter().map(|x| x.abs()).collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let mut sum = 0.0;
    let mut threshold = 0.0;
    for (i, &magnitude) in sorted.iter().enumerate() {
        sum += magnitude;
        let candidate = (sum - radius) / (i + 1) as f64;
        if magnitude >= candidate {
            threshold = candidate;
        }
    }
    x.iter().map(|x| x.signum() * (x.abs() - threshold).max(0.0)).collect()
}

const SHAPES: [&[usize]; 4] = [&[3, 7], &[2, 3, 4, 5], &[1, 200], &[5, 1]];

#[test]
fn norms_per_image() {
    for shape in SHAPES {
        for kind in [Norm::L1, Norm::L2, Norm::Linf] {
            Case::new(format!("{kind:?} norm of {shape:?}"))
                .input(Input::uniform(shape, -1.0, 1.0))
                .build(move |_, x| x[0].norm(kind))
                .reference(move |x| {
                    Array::new(
                        [x[0].shape[0]],
                        (0..x[0].shape[0]).map(|i| norm(image(&x[0], i), kind)).collect(),
                    )
                })
                .check();
        }
    }
}

#[test]
fn length_one() {
    for shape in [&[3, 7][..], &[2, 3, 130], &[5]] {
        Case::new(format!("L2 normalisation of {shape:?}"))
            .input(Input::uniform(shape, -1.0, 1.0))
            .build(|_, x| x[0].l2_normalize())
            .reference(|x| {
                let k = x[0].shape[x[0].shape.len() - 1];
                let rows = x[0].data.chunks(k).flat_map(|row| {
                    let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
                    row.iter().map(move |x| x / length)
                });
                Array::new(x[0].shape.clone(), rows.collect())
            })
            .check();
    }
}

/// Some images of each case lie inside the ball and some outside.
#[test]
fn projections() {
    for (shape, l1, l2) in [(&[6, 7][..], 4.3, 1.8), (&[4, 3, 4, 5], 36.0, 5.5), (&[3, 3000], 100.0, 0.5)] {
        Case::new(format!("projection of {shape:?} onto an L1 ball"))
            .input(Input::uniform(shape, -1.0, 1.0))
            .build(move |_, x| x[0].project(Ball::L1(l1)))
            .reference(move |x| each(&x[0], |image| project_l1(image, f64::from(l1))))
            .check();
        Case::new(format!("projection of {shape:?} onto an L2 ball"))
            .input(Input::uniform(shape, -1.0, 1.0))
            .build(move |_, x| x[0].project(Ball::L2(l2)))
            .reference(move |x| {
                each(&x[0], |image| {
                    let scale = (f64::from(l2) / norm(image, Norm::L2)).min(1.0);
                    image.iter().map(|x| x * scale).collect()
                })
            })
            .check();
        Case::new(format!("projection of {shape:?} onto an L-infinity ball"))
            .input(Input::uniform(shape, -1.0, 1.0))
            .build(|_, x| x[0].project(Ball::Linf(0.5)))
            .reference(|x| x[0].map(|x| x.clamp(-0.5, 0.5)))
            .check();
    }
}

/// Magnitudes over many orders, equal ones, zeros, a radius of zero.
#[test]
fn hard_projections_onto_the_l1_ball() {
    let rows: [[f32; 6]; 5] = [
        [1e6, -1.0, 1e-3, 0.5, 2.0, 0.0],
        [2.0, 2.0, -2.0, 2.0, -2.0, 2.0],
        [0.0; 6],
        [1e-6, -1e-6, 1e-7, 0.0, 1e-6, -1e-7],
        [3.0, -3.0, 1.0, 1.0, 0.1, -7.0],
    ];
    for radius in [0.0, 1.0, 5.0, 1e7] {
        Case::new(format!("projection onto the L1 ball of radius {radius}"))
            .input(Input::values([5, 6], rows.as_flattened()))
            .without_gradient()
            .build(move |_, x| x[0].project(Ball::L1(radius)))
            .reference(move |x| each(&x[0], |image| project_l1(image, f64::from(radius))))
            .check();
    }
}

#[test]
fn images_within_a_ball_stay_as_they_are() {
    use unperturb_engine::{Device, Graph, Session};
    let x = [0.1f32, -0.7, 0.25, 0.3, 0.0, 0.0];
    for device in [Device::cpu(), crate::harness::gpu()] {
        for ball in [Ball::L1(1.4), Ball::L2(0.9), Ball::Linf(0.7)] {
            let g = Graph::new();
            g.output("y", g.state("x", [1, 6]).project(ball));
            let mut session = Session::new(&device);
            let program = session.compile(&g).expect("compiles");
            session.write("x", &x).expect("a state");
            session.run(&program, 1).expect("runs");
            assert_eq!(session.read("y").expect("a state"), x, "{ball:?} on {device}");
        }
    }
}

/// Where formulas divide by a length, a length of zero gives zeros and finite gradients.
#[test]
fn zeros_have_finite_gradients() {
    type Build = for<'g> fn(unperturb_engine::Value<'g>) -> unperturb_engine::Value<'g>;
    let cases: [(&str, Build); 6] = [
        ("L2 norm", |x| x.norm(Norm::L2)),
        ("L2 normalisation", |x| x.l2_normalize()),
        ("projection onto an L2 ball", |x| x.project(Ball::L2(0.5))),
        ("projection onto a point", |x| x.project(Ball::L2(0.0))),
        ("projection onto an L1 ball", |x| x.project(Ball::L1(0.5))),
        ("masked squared error", |x| x.masked_squared_error(x, x.graph().full([], 0.0))),
    ];
    for (name, build) in cases {
        use unperturb_engine::{Device, Graph, Session};
        for device in [Device::cpu(), crate::harness::gpu()] {
            let g = Graph::new();
            let x = g.state("x", [2, 3]);
            let y = build(x);
            g.output("y", y);
            g.output("dx", g.gradient(y.sum_all(), &[x]).expect("differentiable")[0]);
            let mut session = Session::new(&device);
            let program = session.compile(&g).expect("compiles");
            session.run(&program, 1).expect("runs");
            assert!(session.read("y").expect("a state").iter().all(|&y| y == 0.0), "{name} on {device}");
            let gradient = session.read("dx").expect("a state");
            assert!(gradient.iter().all(|dx| dx.is_finite()), "{name} on {device}: {gradient:?}");
        }
    }
}

#[test]
fn squared_errors_where_the_mask_counts() {
    let shape = [3, 2, 4, 3];
    Case::new("masked squared error")
        .input(Input::uniform(shape, -1.0, 1.0))
        .input(Input::uniform(shape, -1.0, 0.5))
        .build(|g, x| {
            let mask = g.full([1, 2, 4, 1], 1.0) - g.full([1, 2, 1, 1], 1.0) * 0.25;
            x[0].masked_squared_error(x[1], mask)
        })
        .reference(|x| {
            Array::from_fn([3], |i| {
                let pairs = image(&x[0], i[0]).iter().zip(image(&x[1], i[0]));
                pairs.map(|(a, b)| (a - b).powi(2)).sum::<f64>() / 24.0
            })
        })
        .check();
    // One half of the columns counts.
    Case::new("masked squared error of some columns")
        .input(Input::uniform([4, 6], -1.0, 1.0))
        .input(Input::uniform([4, 6], -1.0, 0.5))
        .build(|g, x| {
            let mask = unperturb_engine::Value::concatenate(&[g.full([1, 2], 1.0), g.full([1, 4], 0.0)], 1);
            x[0].masked_squared_error(x[1], mask).mean_all()
        })
        .reference(|x| {
            let of =
                |i: usize| (0..2).map(|c| (x[0].at(&[i, c]) - x[1].at(&[i, c])).powi(2)).sum::<f64>() / 2.0;
            Array::new([], vec![(0..4).map(of).sum::<f64>() / 4.0])
        })
        .check();
}

#[test]
fn a_ball_of_no_radius_is_refused() {
    for radius in [-1.0, f32::NAN] {
        let g = unperturb_engine::Graph::new();
        g.state("x", [2, 3]).project(Ball::L1(radius));
        assert!(g.check().is_err(), "radius {radius}");
    }
}
