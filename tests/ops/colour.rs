use unperturb_engine::{Graph, Value};

use crate::golden::{Golden, Tensor};
use crate::harness::{Array, Case, Input};

/// Coloured pictures whose values, as the operation sees them, are within [0, 1].
fn pictures() -> Input {
    Input::uniform([3, 4, 5, 3], -0.05, 0.75)
}

/// Factors of three images, which the harness shifts too: 0.0625 to 1.6.
fn factors() -> Input {
    Input::values([3], &[0.0, 0.75, 1.25])
}

fn grey(x: &Array) -> Array {
    let sizes = [x.shape[0], x.shape[1], x.shape[2], 1];
    Array::from_fn(sizes, |i| {
        let channel = |c| x.at(&[i[0], i[1], i[2], c]);
        0.2989 * channel(0) + 0.587 * channel(1) + 0.114 * channel(2)
    })
}

/// torchvision's `_blend`, with `other` given at each pixel.
fn blend(x: &Array, factors: &Array, other: impl Fn(&[usize]) -> f64) -> Array {
    Array::from_fn(x.shape.clone(), |i| {
        let factor = factors.data[i[0]];
        (factor * x.at(i) + (1.0 - factor) * other(i)).clamp(0.0, 1.0)
    })
}

#[test]
fn greys() {
    Case::new("grey").input(pictures()).build(|_, x| x[0].grey()).reference(|x| grey(&x[0])).check();
    Case::new("grey where chosen")
        .input(pictures())
        .input(Input::integers([3], &[1, 0, 1]))
        .build(|_, x| x[0].turn_grey(x[1].to_f32()))
        .reference(|x| {
            let grey = grey(&x[0]);
            let pixel = |i: &[usize]| if i[0] == 1 { x[0].at(i) } else { grey.at(&[i[0], i[1], i[2], 0]) };
            Array::from_fn(x[0].shape.clone(), pixel)
        })
        .check();
}

#[test]
fn channels_mixed_by_any_matrix() {
    const ROWS: [&[f32]; 3] = [&[0.5, -1.0, 2.0, 0.25, 3.0], &[1.0; 5], &[0.0, 0.0, 0.0, -0.5, 0.125]];
    Case::new("mix five channels to three")
        .input(Input::uniform([2, 7, 5], -1.0, 1.0))
        .build(|_, x| x[0].mix_channels(&ROWS))
        .reference(|x| {
            Array::from_fn([2, 7, 3], |i| {
                (0..5).map(|c| f64::from(ROWS[i[2]][c]) * x[0].at(&[i[0], i[1], c])).sum()
            })
        })
        .check();
}

#[test]
fn brightness() {
    Case::new("brightness")
        .input(pictures())
        .input(factors())
        .build(|_, x| x[0].adjust_brightness(x[1]))
        .reference(|x| blend(&x[0], &x[1], |_| 0.0))
        .check();
}

#[test]
fn contrast() {
    Case::new("contrast")
        .input(pictures())
        .input(factors())
        .build(|_, x| x[0].adjust_contrast(x[1]))
        .reference(|x| {
            let grey = grey(&x[0]);
            let mean = |n: usize| grey.data[20 * n..20 * n + 20].iter().sum::<f64>() / 20.0;
            blend(&x[0], &x[1], |i| mean(i[0]))
        })
        .check();
}

#[test]
fn saturation() {
    Case::new("saturation")
        .input(pictures())
        .input(factors())
        .build(|_, x| x[0].adjust_saturation(x[1]))
        .reference(|x| {
            let grey = grey(&x[0]);
            blend(&x[0], &x[1], |i| grey.at(&[i[0], i[1], i[2], 0]))
        })
        .check();
}

/// torchvision's `adjust_hue` on a tensor: to HSV, turned, and back.
fn hue_turned([r, g, b]: [f64; 3], shift: f64) -> [f64; 3] {
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    let chroma = most - least;
    if chroma == 0.0 {
        return [r, g, b];
    }
    let saturation = chroma / most;
    let [rc, gc, bc] = [r, g, b].map(|x| (most - x) / chroma);
    let sixth = match most {
        _ if most == r => bc - gc,
        _ if most == g => 2.0 + rc - bc,
        _ => 4.0 + gc - rc,
    };
    let turned = ((sixth / 6.0 + 1.0).fract() + shift).rem_euclid(1.0) * 6.0;
    let (sector, f) = (turned.floor(), turned.fract());
    let p = most * (1.0 - saturation);
    let q = most * (1.0 - saturation * f);
    let t = most * (1.0 - saturation * (1.0 - f));
    match sector as usize % 6 {
        0 => [most, t, p],
        1 => [q, most, p],
        2 => [p, most, t],
        3 => [p, q, most],
        4 => [t, p, most],
        _ => [most, p, q],
    }
}

/// Shifts of an image each, in sixteenths of the circle above -0.5.
const SIXTEENTHS: [u32; 6] = [0, 3, 8, 11, 14, 16];

fn shift<'g>(sixteenths: Value<'g>) -> Value<'g> {
    sixteenths.to_f32() * 0.0625 - 0.5
}

fn all_turned(x: &Array) -> Array {
    Array::from_fn(x.shape.clone(), |i| {
        let pixel = [0, 1, 2].map(|c| x.at(&[i[0], i[1], i[2], c]));
        hue_turned(pixel, f64::from(SIXTEENTHS[i[0]]) / 16.0 - 0.5)[i[3]]
    })
}

#[test]
fn hue() {
    Case::new("hue")
        .input(Input::uniform([6, 8, 9, 3], -0.05, 0.75))
        .input(Input::integers([6], &SIXTEENTHS))
        .build(|_, x| x[0].adjust_hue(shift(x[1])))
        .reference(|x| all_turned(&x[0]))
        .check();
}

#[test]
fn hue_of_colours_without_one_or_with_equal_channels() {
    // Chosen so that the harness's scale and shift make them 0, 0.5 and 1.
    let colours = [0.0f32, 0.5, 1.0].map(|x| (x - 0.0625) / 1.25);
    let mut pixels = Vec::new();
    for r in colours {
        for g in colours {
            for b in colours {
                pixels.extend([r, g, b]);
            }
        }
    }
    Case::new("hue of corners")
        .input(Input::values([6, 3, 9, 3], &pixels.repeat(6)))
        .input(Input::integers([6], &SIXTEENTHS))
        .without_gradient()
        .build(|_, x| x[0].adjust_hue(shift(x[1])))
        .reference(|x| all_turned(&x[0]))
        .check();
}

/// The gradient within the graph, which the harness differentiates again.
#[test]
fn second_derivative_of_hue() {
    Case::new("gradient of the squared hue")
        .input(Input::uniform([6, 3, 5, 3], -0.05, 0.75))
        .input(Input::integers([6], &SIXTEENTHS))
        .build(|g, x| {
            let y = x[0].adjust_hue(shift(x[1]));
            g.gradient(y.square().sum_all() * 0.5, &[x[0]]).expect("a gradient")[0]
        })
        .reference(|x| {
            let y = all_turned(&x[0]);
            let step = 1e-6;
            Array::from_fn(x[0].shape.clone(), |i| {
                // The product with the Jacobian's column, which is exact by differences: hue is
                // piecewise linear.
                let pixel = |offset: f64| {
                    let mut pixel = [0, 1, 2].map(|c| x[0].at(&[i[0], i[1], i[2], c]));
                    pixel[i[3]] += offset;
                    hue_turned(pixel, f64::from(SIXTEENTHS[i[0]]) / 16.0 - 0.5)
                };
                let (up, down) = (pixel(step), pixel(-step));
                (0..3).map(|c| (up[c] - down[c]) / (2.0 * step) * y.at(&[i[0], i[1], i[2], c])).sum()
            })
        })
        // Differences of differences are that exact.
        .tolerance(1e-9)
        .check();
}

#[test]
fn wrong_operands_are_refused() {
    let refuses = |part: &str, wrong: &dyn for<'g> Fn(&'g Graph) -> Value<'g>| {
        let g = Graph::new();
        wrong(&g);
        let error = g.check().expect_err(part).to_string();
        assert!(error.contains(part), "{error}");
    };
    refuses("4 weights for each result", &|g| g.state("x", [2, 3, 3, 4]).grey());
    refuses("1 to 64 weights", &|g| g.state("x", [2, 3]).mix_channels(&[]));
    refuses("coloured images", &|g| g.state("x", [2, 3, 3, 1]).adjust_hue(g.state("shifts", [2])));
    refuses("2 shifts", &|g| g.state("x", [2, 3, 3, 3]).adjust_hue(g.state("shifts", [3])));
}

#[test]
fn a_gradient_of_the_hue_shift_is_refused() {
    let g = Graph::new();
    let (x, shifts) = (g.state("x", [2, 3, 3, 3]), g.state("shifts", [2]));
    let loss = x.adjust_hue(shifts).sum_all();
    assert!(g.gradient(loss, &[x]).is_ok());
    let error = g.gradient(loss, &[shifts]).expect_err("no derivative").to_string();
    assert!(error.contains("no derivative by the shifts"), "{error}");
}

#[test]
fn as_torchvision() {
    let golden = Golden::open("colour");
    let factors = |name: &'static str| (name, golden.tensor(&format!("{name}.factors")));
    let names = ["brightness", "contrast", "saturation", "hue"];
    let all = names.map(factors);
    let pictures = [("x", Tensor::image("colour/x", &[4, 3, 6, 5]))];
    golden.check_with("brightness", &pictures, &all[..1], |x| x[0].adjust_brightness(x[1]));
    golden.check_with("contrast", &pictures, &all[1..2], |x| x[0].adjust_contrast(x[1]));
    golden.check_with("saturation", &pictures, &all[2..3], |x| x[0].adjust_saturation(x[1]));
    golden.check_with("hue", &pictures, &all[3..], |x| x[0].adjust_hue(x[1]));
    golden.check("grey", &pictures, |x| x[0].grey().broadcast_to(x[0].shape()));
    let odd = ("odd", Tensor { shape: vec![4], data: vec![0.0, 1.0, 0.0, 1.0] });
    let jitter: Vec<_> = all.iter().cloned().chain([odd]).collect();
    golden.check_with("jitter", &pictures, &jitter, |x| {
        let shaken = x[0].adjust_brightness(x[1]).adjust_contrast(x[2]);
        shaken.adjust_saturation(x[3]).adjust_hue(x[4]).turn_grey(x[5])
    });
    // No gradients: these colours are on the kinks.
    let corners = [("x", golden.tensor("hue-corners.x")), factors("hue")];
    golden.check_with("hue-corners", &[], &corners, |x| Value::concatenate(&[x[0]; 4], 0).adjust_hue(x[1]));
}
