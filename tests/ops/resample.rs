use unperturb_engine::ops::resample::{Filter, Resample};
use unperturb_engine::{Graph, Value};

use crate::golden::{Golden, Tensor};
use crate::harness::{Array, Case, Input};

/// The weight of every pixel (columns) in every result (rows) along one axis, from the definition.
fn weights(limit: usize, count: usize, start: f64, size: f64) -> Vec<Vec<f64>> {
    let last = (limit - 1) as f64;
    let (low, high) = (start.clamp(0.0, last), (start + (size.abs() - 1.0).max(0.0)).clamp(0.0, last));
    (0..count)
        .map(|i| {
            let i = if size < 0.0 { count - 1 - i } else { i } as f64;
            let position = ((i + 0.5) * size.abs() / count as f64 - 0.5 + start).clamp(low, high);
            (0..limit).map(|pixel| (1.0 - (position - pixel as f64).abs()).max(0.0)).collect()
        })
        .collect()
}

/// Picks of `interpolate(mode="nearest")`, by integers.
fn nearest(limit: usize, count: usize) -> Vec<Vec<f64>> {
    (0..count).map(|i| (0..limit).map(|p| f64::from(p == i * limit / count)).collect()).collect()
}

/// Both axes' weights applied to image `n`; `rows` and `columns` are given it.
fn resampled(x: &Array, out: [usize; 2], axes: impl Fn(usize) -> [Vec<Vec<f64>>; 2]) -> Array {
    let [n, h, w, c] = x.shape[..] else { panic!("images") };
    let axes: Vec<_> = (0..n).map(axes).collect();
    Array::from_fn([n, out[0], out[1], c], |at| {
        let [rows, columns] = &axes[at[0]];
        let mut sum = 0.0;
        for (y, down) in (0..h).zip(&rows[at[1]]) {
            for (z, right) in (0..w).zip(&columns[at[2]]) {
                sum += down * right * x.at(&[at[0], y, z, at[3]]);
            }
        }
        sum
    })
}

const SIZES: [([usize; 2], [usize; 2]); 7] = [
    ([4, 6], [8, 12]),
    ([5, 7], [11, 13]),
    ([5, 7], [3, 4]),
    ([5, 7], [9, 4]),
    ([1, 3], [4, 4]),
    ([6, 6], [6, 6]),
    ([32, 9], [1, 1]),
];

#[test]
fn whole_images() {
    for ([h, w], out) in SIZES {
        let [height, width] = out;
        Case::new(format!("bilinear {h}x{w} to {height}x{width}"))
            .input(Input::uniform([2, h, w, 3], -1.0, 1.0))
            .build(move |_, x| x[0].resize_bilinear(height, width))
            .reference(move |x| {
                resampled(&x[0], out, |_| {
                    [weights(h, height, 0.0, h as f64), weights(w, width, 0.0, w as f64)]
                })
            })
            .check();
        Case::new(format!("nearest {h}x{w} to {height}x{width}"))
            .input(Input::uniform([2, h, w, 3], -1.0, 1.0))
            .build(move |_, x| x[0].resize_nearest(height, width))
            .reference(move |x| resampled(&x[0], out, |_| [nearest(h, height), nearest(w, width)]))
            .check();
    }
}

/// Boxes over images of 9 x 11: whole and fractional, reaching over edges, a single pixel, mirrored,
/// and narrower than a pixel.
const BOXES: [[f32; 4]; 9] = [
    [0.0, 0.0, 9.0, 11.0],
    [2.0, 3.0, 5.0, 4.0],
    [1.25, 0.5, 6.5, 8.25],
    [4.0, 7.0, 1.0, 1.0],
    [0.0, 0.0, 9.0, -11.0],
    [3.0, 2.0, 4.0, -7.0],
    [-2.5, 6.0, 8.0, 9.0],
    [7.0, 9.5, 6.0, -4.0],
    [3.5, 2.5, 0.25, 0.0],
];

/// The boxes as a value: quarters above an offset, so that they pass as integers.
fn boxes<'g>(quarters: Value<'g>) -> Value<'g> {
    quarters.to_f32() * 0.25 - 100.0
}

fn quarters() -> Input {
    let quarters: Vec<u32> = BOXES.as_flattened().iter().map(|x| ((x + 100.0) * 4.0) as u32).collect();
    Input::integers([BOXES.len(), 4], &quarters)
}

fn cropped(x: &Array, height: usize, width: usize) -> Array {
    resampled(x, [height, width], |n| {
        let [top, left, tall, wide] = BOXES[n].map(f64::from);
        [weights(x.shape[1], height, top, tall), weights(x.shape[2], width, left, wide)]
    })
}

#[test]
fn crops() {
    for (height, width) in [(9, 11), (8, 8), (3, 17)] {
        Case::new(format!("crops to {height}x{width}"))
            .input(Input::uniform([BOXES.len(), 9, 11, 3], -1.0, 1.0))
            .input(quarters())
            .build(move |_, x| x[0].crop_resize(boxes(x[1]), height, width))
            .reference(move |x| cropped(&x[0], height, width))
            .check();
    }
}

#[test]
fn a_mirrored_crop_is_the_crop_flipped() {
    Case::new("mirrored by a negative width, flipped back")
        .input(Input::uniform([BOXES.len(), 9, 11, 3], -1.0, 1.0))
        .input(quarters())
        .build(|g, x| {
            let mirror = Value::concatenate(&[g.full([1, 3], 1.0), g.full([1, 1], -1.0)], 1);
            x[0].crop_resize(boxes(x[1]) * mirror, 6, 7).flip(2)
        })
        .reference(|x| cropped(&x[0], 6, 7))
        .check();
}

/// The gradient within the graph, which the harness differentiates again.
#[test]
fn second_derivatives() {
    Case::new("gradient of the squared crops")
        .input(Input::uniform([BOXES.len(), 9, 11, 2], -1.0, 1.0))
        .input(quarters())
        .build(|g, x| {
            let y = x[0].crop_resize(boxes(x[1]), 5, 6);
            g.gradient(y.square().sum_all() * 0.5, &[x[0]]).expect("a gradient")[0]
        })
        .reference(|x| {
            let y = cropped(&x[0], 5, 6);
            Array::from_fn(x[0].shape.clone(), |at| {
                let [top, left, tall, wide] = BOXES[at[0]].map(f64::from);
                let (rows, columns) = (weights(9, 5, top, tall), weights(11, 6, left, wide));
                let mut sum = 0.0;
                for (i, row) in rows.iter().enumerate() {
                    for (j, column) in columns.iter().enumerate() {
                        sum += row[at[1]] * column[at[2]] * y.at(&[at[0], i, j, at[3]]);
                    }
                }
                sum
            })
        })
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
    refuses("images [n, h, w, c]", &|g| g.state("x", [2, 3]).resize_bilinear(4, 4));
    refuses("without pixels", &|g| g.state("x", [2, 3, 3, 1]).resize_nearest(0, 4));
    refuses("f32 only", &|g| g.state_u32("x", [2, 3, 3, 1]).resize_nearest(2, 4));
    refuses("boxes of the shape [2, 4]", &|g| {
        g.state("x", [2, 3, 3, 1]).crop_resize(g.state("boxes", [2, 3]), 4, 4)
    });
    refuses("it takes 2 operands", &|g| {
        let x = g.state("x", [2, 3, 3, 1]);
        g.apply(Resample { filter: Filter::Bilinear, height: 2, width: 2 }, &[x, x, x])
    });
}

#[test]
fn a_gradient_of_the_boxes_is_refused() {
    let g = Graph::new();
    let (x, boxes) = (g.state("x", [2, 3, 3, 1]), g.state("boxes", [2, 4]));
    let loss = x.crop_resize(boxes, 4, 4).sum_all();
    assert!(g.gradient(loss, &[x]).is_ok());
    let error = g.gradient(loss, &[boxes]).expect_err("no derivative").to_string();
    assert!(error.contains("no derivative by its boxes"), "{error}");
}

#[test]
fn as_pytorch() {
    let golden = Golden::open("resize");
    let x = [("x", Tensor::signed("resize/x", &[2, 3, 5, 7]))];
    for (key, height, width) in [("up", 11, 13), ("down", 3, 4), ("mixed", 9, 4), ("twice", 10, 14)] {
        golden.check(key, &x, |x| x[0].resize_bilinear(height, width));
    }
    for (key, height, width) in [("nearest", 20, 28), ("nearest-mixed", 3, 10)] {
        golden.check(key, &x, |x| x[0].resize_nearest(height, width));
    }
    let pictures = [("x", Tensor::image("resize/picture", &[5, 3, 16, 16]))];
    let boxes = [("boxes", golden.tensor("crop.boxes"))];
    golden.check_with("crop", &pictures, &boxes, |x| x[0].crop_resize(x[1], 16, 16));
}
