use unperturb_engine::ops::conv2d::{Conv2d, Conv2dWeightGradient};
use unperturb_engine::runtime::gpu::WINOGRAD;
use unperturb_engine::{Device, EngineError, Graph, Pair, Session};

use crate::golden::{Golden, Tensor};
use crate::harness::{Array, Case, Input, gpu, uniform};

/// A convolution to test: batch, rows, columns and channels of the input, the rest by name.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    input: [usize; 4],
    kernel: [usize; 2],
    out: usize,
    stride: [usize; 2],
    padding: [usize; 2],
}

impl Sizes {
    fn new(input: [usize; 4], kernel: usize, out: usize, stride: usize, padding: usize) -> Self {
        Sizes { input, kernel: [kernel; 2], out, stride: [stride; 2], padding: [padding; 2] }
    }

    fn output(&self) -> [usize; 4] {
        let length = |axis: usize| {
            (self.input[axis + 1] + 2 * self.padding[axis] - self.kernel[axis]) / self.stride[axis] + 1
        };
        [self.input[0], length(0), length(1), self.out]
    }

    fn weight(&self) -> [usize; 4] {
        [self.kernel[0], self.kernel[1], self.input[3], self.out]
    }

    /// Calls `f` with the indices into x, w and y of every product of the convolution.
    fn products(&self, mut f: impl FnMut(usize, usize, usize)) {
        let flat = |shape: [usize; 4], index: [usize; 4]| {
            index.iter().zip(shape).fold(0, |offset, (i, size)| offset * size + i)
        };
        let (y, w) = (self.output(), self.weight());
        for n in 0..y[0] {
            for p in 0..y[1] {
                for q in 0..y[2] {
                    for r in 0..w[0] {
                        for s in 0..w[1] {
                            let row = (p * self.stride[0] + r).checked_sub(self.padding[0]);
                            let column = (q * self.stride[1] + s).checked_sub(self.padding[1]);
                            let (Some(i), Some(j)) = (row, column) else { continue };
                            if i >= self.input[1] || j >= self.input[2] {
                                continue;
                            }
                            for c in 0..w[2] {
                                for k in 0..w[3] {
                                    f(
                                        flat(self.input, [n, i, j, c]),
                                        flat(w, [r, s, c, k]),
                                        flat(y, [n, p, q, k]),
                                    );
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn forward(&self, x: &Array, w: &Array) -> Array {
        let mut y = Array::from_fn(self.output(), |_| 0.0);
        self.products(|i, j, o| y.data[o] += x.data[i] * w.data[j]);
        y
    }

    fn input_gradient(&self, dy: &Array, w: &Array) -> Array {
        let mut dx = Array::from_fn(self.input, |_| 0.0);
        self.products(|i, j, o| dx.data[i] += dy.data[o] * w.data[j]);
        dx
    }

    fn weight_gradient(&self, x: &Array, dy: &Array) -> Array {
        let mut dw = Array::from_fn(self.weight(), |_| 0.0);
        self.products(|i, j, o| dw.data[j] += x.data[i] * dy.data[o]);
        dw
    }

    /// The convolution and, as its gradients, both others.
    fn check(self) {
        Case::new(format!("{self:?}"))
            .input(Input::uniform(self.input, -1.0, 1.0))
            .input(Input::uniform(self.weight(), -1.0, 1.0))
            .build(move |_, x| x[0].conv2d(x[1], None, self.stride, self.padding))
            .reference(move |x| self.forward(&x[0], &x[1]))
            .check();
    }
}

#[test]
fn kernels_of_any_size() {
    for kernel in [1, 3, 4, 5] {
        Sizes::new([2, 7, 6, 4], kernel, 8, 1, kernel / 2).check();
        Sizes::new([1, 6, 9, 5], kernel, 3, 2, 1).check();
    }
    Sizes { input: [2, 5, 8, 4], kernel: [3, 1], out: 4, stride: [1, 2], padding: [1, 0] }.check();
    Sizes { input: [1, 8, 5, 3], kernel: [2, 5], out: 4, stride: [3, 1], padding: [0, 2] }.check();
}

#[test]
fn strides_and_padding() {
    for stride in [1, 2, 3] {
        for padding in [0, 1, 2] {
            Sizes::new([2, 7, 8, 4], 3, 4, stride, padding).check();
        }
    }
    // Rows that no tap reaches, and padding of more than a stride.
    Sizes::new([2, 7, 7, 4], 1, 4, 3, 0).check();
    Sizes::new([1, 5, 5, 4], 5, 4, 2, 4).check();
    Sizes::new([2, 4, 4, 4], 4, 8, 2, 1).check();
}

#[test]
fn channels_of_any_number() {
    for inputs in [1, 3, 4, 5, 16] {
        for outputs in [1, 3, 4, 5, 16] {
            Sizes::new([1, 4, 5, inputs], 3, outputs, 1, 1).check();
        }
    }
    Sizes::new([2, 5, 5, 20], 3, 12, 2, 1).check();
}

#[test]
fn one_pixel_and_one_row() {
    Sizes::new([3, 1, 1, 5], 1, 7, 1, 0).check();
    Sizes::new([1, 1, 9, 4], 3, 4, 1, 1).check();
    Sizes::new([1, 4, 4, 8], 4, 4, 1, 0).check();
}

/// Rows that are 1, 2 or 4 vectors of a software driver, so that taps share pixels across them, and not across rows; tiles
/// that are not full.
#[test]
fn rows_of_whole_vectors() {
    Sizes::new([3, 3, 8, 5], 3, 3, 1, 1).check();
    Sizes::new([1, 5, 16, 4], 5, 20, 1, 2).check();
    Sizes::new([2, 3, 16, 4], 3, 8, 1, 1).check();
    Sizes::new([1, 3, 32, 4], 3, 16, 1, 1).check();
    Sizes { input: [1, 2, 32, 3], kernel: [1, 7], out: 4, stride: [1, 1], padding: [0, 3] }.check();
}

/// Enough pixels that the weight gradient's sum is split, and that the split is not even.
#[test]
fn many_images() {
    Sizes::new([5, 17, 13, 8], 3, 12, 1, 1).check();
    Sizes::new([7, 15, 15, 3], 3, 16, 2, 1).check();
}

/// More pixels than a kernel may see of them at once, so that it works on some images, or some rows, after
/// the others; and more weights than that.
#[test]
fn more_than_a_window() {
    Sizes::new([6, 17, 13, 20], 3, 8, 1, 1).check();
    Sizes::new([2, 34, 33, 24], 3, 12, 2, 1).check();
    Sizes::new([3, 6, 5, 64], 3, 44, 1, 1).check();
    Sizes::new([1, 72, 31, 9], 4, 5, 1, 2).check();
}

/// Blocks of the kernels for hardware GPUs that are half full, and several of them either way.
#[test]
fn blocks_of_any_size() {
    // A side of 64 is taken from 33 rows and columns on, one of 128 from 65 on.
    Sizes::new([1, 6, 7, 36], 3, 40, 1, 1).check();
    Sizes::new([1, 6, 11, 68], 1, 72, 1, 0).check();
    Sizes::new([2, 13, 12, 67], 1, 70, 2, 0).check();
}

/// Infinities and NaNs reach the results that they belong to, and no others. Winograd's tiles have a test of their own.
#[test]
fn infinities_and_nans() {
    let sizes = Sizes::new([2, 6, 5, 4], 3, 5, 1, 1);
    let mut x = uniform(3, sizes.input.iter().product(), -1.0, 1.0);
    (x[9], x[70], x[71], x[150]) = (f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::INFINITY);
    let x: Vec<f32> = x.into_iter().map(|x| x as f32).collect();
    Case::new("conv2d of infinities")
        .input(Input::values(sizes.input, &x))
        .input(Input::uniform(sizes.weight(), -1.0, 1.0))
        .build(|_, x| x[0].conv2d(x[1], None, 1, 1))
        .reference(move |x| sizes.forward(&x[0], &x[1]))
        .without_gradient()
        .except(WINOGRAD)
        .check();
    let of = Conv2d { stride: 1.into(), padding: 1.into() };
    let kernel = Pair::from(sizes.kernel);
    Case::new("weight gradient of infinities")
        .input(Input::values(sizes.input, &x))
        .input(Input::uniform(sizes.output(), -1.0, 1.0))
        .build(move |g, x| g.apply(Conv2dWeightGradient { of, kernel }, x))
        .reference(move |x| sizes.weight_gradient(&x[0], &x[1]))
        .without_gradient()
        .except(WINOGRAD)
        .check();
}

/// Winograd's tiles add and subtract pixels before anything is multiplied: what is not finite reaches the results that it
/// belongs to, perhaps as NaN, and may reach the others of its tile, or of its channel in the gradient of the weights.
#[test]
fn infinities_and_nans_by_tiles() {
    let sizes = Sizes::new([2, 9, 8, 32], 3, 36, 1, 1);
    let mut x = uniform(3, sizes.input.iter().product(), -1.0, 1.0);
    (x[9], x[1030], x[1031], x[4000]) = (f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::INFINITY);
    let x = Array::new(sizes.input, x);
    let w = Array::new(sizes.weight(), uniform(4, sizes.weight().iter().product(), -1.0, 1.0));
    let dy = Array::new(sizes.output(), uniform(5, sizes.output().iter().product(), -1.0, 1.0));
    let places = x.data.iter().enumerate().filter(|(_, value)| !value.is_finite());
    let places: Vec<[usize; 4]> =
        places.map(|(i, _)| [i / 32 / 8 / 9, i / 32 / 8 % 9, i / 32 % 8, i % 32]).collect();
    let near = |pixel: usize, result: usize| (result / 2 * 2..result / 2 * 2 + 4).contains(&(pixel + 1));
    // Whether the tile of a result meets any of them, and whether a weight's input channel has any.
    let of_tile = |i: usize| {
        let [n, p, q] = [i / 36 / 8 / 9, i / 36 / 8 % 9, i / 36 % 8];
        places.iter().any(|&[image, row, column, _]| image == n && near(row, p) && near(column, q))
    };
    let of_channel = |i: usize| places.iter().any(|place| place[3] == i / 36 % 32);
    let Device::Gpu(gpu) = gpu() else { unreachable!("it opens a GPU") };
    for device in [Device::cpu(), Device::Gpu(gpu.preferring(WINOGRAD))] {
        let g = Graph::new();
        let of = Conv2d { stride: 1.into(), padding: 1.into() };
        let images = g.state("x", sizes.input);
        g.output("y", g.apply(of, &[images, g.state("w", sizes.weight())]));
        let gradient = Conv2dWeightGradient { of, kernel: 3.into() };
        g.output("dw", g.apply(gradient, &[images, g.state("dy", sizes.output())]));
        let mut session = Session::new(&device);
        let program = session.compile(&g).expect("a program");
        for (name, values) in [("x", &x), ("w", &w), ("dy", &dy)] {
            let values: Vec<f32> = values.data.iter().map(|&value| value as f32).collect();
            session.write(name, &values).expect("a state");
        }
        session.run(&program, 1).expect("a run");
        let mut check = |name, truth: Array, may_be_met: &dyn Fn(usize) -> bool| {
            let found = session.read(name).expect("an output");
            for (i, (found, truth)) in found.iter().zip(&truth.data).enumerate() {
                let error = (f64::from(*found) - truth).abs();
                let right =
                    if truth.is_finite() { may_be_met(i) || error < 1e-4 } else { !found.is_finite() };
                assert!(right, "{device}: {found} at {i} of {name}, expected {truth}");
            }
        };
        check("y", sizes.forward(&x, &w), &of_tile);
        check("dw", sizes.weight_gradient(&x, &dy), &of_channel);
    }
}

#[test]
fn bias() {
    let sizes = Sizes::new([2, 5, 5, 3], 3, 6, 1, 1);
    Case::new("conv2d with a bias")
        .input(Input::uniform(sizes.input, -1.0, 1.0))
        .input(Input::uniform(sizes.weight(), -1.0, 1.0))
        .input(Input::uniform([6], -1.0, 1.0))
        .build(|_, x| x[0].conv2d(x[1], Some(x[2]), 1, 1))
        .reference(move |x| {
            let mut y = sizes.forward(&x[0], &x[1]);
            y.data.iter_mut().enumerate().for_each(|(i, y)| *y += x[2].data[i % 6]);
            y
        })
        .check();
}

/// What follows a convolution runs in its kernel, forward and back: a scale and a shift for each channel, a
/// shortcut, an activation and, for the gradient, its mask.
#[test]
fn with_a_shortcut_and_an_activation() {
    let shapes = [([2, 5, 6, 4], 8, 1), ([1, 4, 4, 3], 5, 1), ([3, 8, 8, 6], 40, 2), ([70, 4, 4, 16], 64, 1)];
    for (input, out, stride) in shapes {
        let sizes = Sizes::new(input, 3, out, stride, 1);
        Case::new(format!("a residual layer {sizes:?}"))
            .input(Input::uniform(sizes.input, -1.0, 1.0))
            .input(Input::uniform(sizes.weight(), -0.3, 0.3))
            .input(Input::uniform([out], -1.0, 1.0))
            .input(Input::uniform(sizes.output(), -1.0, 1.0))
            .input(Input::uniform([], 0.5, 1.0))
            .build(move |_, x| ((x[0].conv2d(x[1], None, stride, 1) + x[2]) * x[4] + x[3]).relu())
            .reference(move |x| {
                let mut y = sizes.forward(&x[0], &x[1]);
                let values = y.data.iter_mut().enumerate();
                values.for_each(|(i, y)| {
                    *y = ((*y + x[2].data[i % out]) * x[4].data[0] + x[3].data[i]).max(0.0);
                });
                y
            })
            .check();
    }
}

/// The mask of an activation before the convolution runs in the kernel of its gradient, over more pixels than a window
/// of uniform memory holds.
#[test]
fn after_an_activation() {
    for (input, stride) in [([3, 34, 33, 8], 2), ([2, 35, 45, 6], 1)] {
        let sizes = Sizes::new(input, 3, 4, stride, 1);
        Case::new(format!("after relu {sizes:?}"))
            .input(Input::uniform(sizes.input, -1.0, 1.0))
            .input(Input::uniform(sizes.weight(), -0.3, 0.3))
            .build(move |_, x| x[0].relu().conv2d(x[1], None, stride, 1))
            .reference(move |x| sizes.forward(&x[0].map(|x| x.max(0.0)), &x[1]))
            .check();
    }
}

/// The transposed convolution is the input gradient, whose own gradients are the other two.
#[test]
fn transposed() {
    // Kernel, stride, padding, output padding.
    for (kernel, stride, padding, more) in
        [(3, 1, 1, 0), (4, 2, 1, 0), (3, 2, 1, 1), (5, 3, 2, 2), (2, 3, 0, 1), (1, 1, 0, 0)]
    {
        for (inputs, outputs) in [(4, 8), (5, 3)] {
            let image = [2, 4, 3, inputs];
            let length = |length: usize| (length - 1) * stride + kernel + more - 2 * padding;
            let sizes = Sizes::new([2, length(4), length(3), outputs], kernel, inputs, stride, padding);
            assert_eq!(sizes.output(), image);
            Case::new(format!("transposed {sizes:?}"))
                .input(Input::uniform(image, -1.0, 1.0))
                .input(Input::uniform([kernel, kernel, outputs, inputs], -1.0, 1.0))
                .input(Input::uniform([outputs], -1.0, 1.0))
                .build(move |_, x| x[0].conv_transpose2d(x[1], Some(x[2]), stride, padding, more))
                .reference(move |x| {
                    let mut y = sizes.input_gradient(&x[0], &x[1]);
                    y.data.iter_mut().enumerate().for_each(|(i, y)| *y += x[2].data[i % outputs]);
                    y
                })
                .check();
        }
    }
}

/// The weight gradient's gradients are the other two.
#[test]
fn weight_gradient_is_differentiable() {
    for sizes in [Sizes::new([2, 5, 6, 4], 3, 8, 1, 1), Sizes::new([2, 7, 5, 3], 3, 5, 2, 1)] {
        let of = Conv2d { stride: sizes.stride.into(), padding: sizes.padding.into() };
        let kernel = Pair::from(sizes.kernel);
        Case::new(format!("weight gradient {sizes:?}"))
            .input(Input::uniform(sizes.input, -1.0, 1.0))
            .input(Input::uniform(sizes.output(), -1.0, 1.0))
            .build(move |g, x| g.apply(Conv2dWeightGradient { of, kernel }, x))
            .reference(move |x| sizes.weight_gradient(&x[0], &x[1]))
            .check();
    }
}

/// What an impossible convolution is refused with.
fn refusal(build: impl for<'g> Fn(&'g Graph)) -> String {
    let g = Graph::new();
    build(&g);
    let error = g.check().expect_err("the sizes are impossible");
    assert!(matches!(error, EngineError::Operands { .. }));
    let text = error.to_string();
    assert!(text.contains("tests/ops/conv2d.rs"), "the caller's place is missing in: {text}");
    text
}

#[test]
fn impossible_sizes_are_refused() {
    let wrong_channels = refusal(|g| {
        g.state("x", [1, 8, 8, 3]).conv2d(g.state("w", [3, 3, 4, 8]), None, 1, 1);
    });
    assert!(wrong_channels.contains("the input has 3 channels, the weight 4"), "{wrong_channels}");
    let too_large = refusal(|g| {
        g.state("x", [1, 2, 2, 3]).conv2d(g.state("w", [5, 5, 3, 8]), None, 1, 1);
    });
    assert!(too_large.contains("does not fit"), "{too_large}");
    let no_stride = refusal(|g| {
        g.state("x", [1, 8, 8, 3]).conv2d(g.state("w", [3, 3, 3, 8]), None, 0, 1);
    });
    assert!(no_stride.contains("stride"), "{no_stride}");
    let axes = refusal(|g| {
        g.state("x", [8, 8, 3]).conv2d(g.state("w", [3, 3, 3, 8]), None, 1, 1);
    });
    assert!(axes.contains("four axes"), "{axes}");
    let output_padding = refusal(|g| {
        g.state("x", [1, 8, 8, 3]).conv_transpose2d(g.state("w", [3, 3, 8, 3]), None, 2, 1, 2);
    });
    assert!(output_padding.contains("output"), "{output_padding}");
    let nothing_left = refusal(|g| {
        g.state("x", [1, 1, 1, 3]).conv_transpose2d(g.state("w", [1, 1, 8, 3]), None, 1, 1, 0);
    });
    assert!(nothing_left.contains("at least 1"), "{nothing_left}");
}

/// Key of the golden file, shape of x and of the weight in PyTorch's order, stride, padding.
type GoldenCase = (&'static str, [usize; 4], [usize; 4], usize, usize);

#[test]
fn as_pytorch() {
    let golden = Golden::open("convolution");
    let cases: [GoldenCase; 5] = [
        ("conv-k3s1p1", [2, 5, 7, 6], [4, 5, 3, 3], 1, 1),
        ("conv-k3s2p1", [2, 5, 7, 6], [4, 5, 3, 3], 2, 1),
        ("conv-k5s1p2", [2, 3, 7, 6], [4, 3, 5, 5], 1, 2),
        ("conv-k4s2p1", [2, 3, 8, 7], [4, 3, 4, 4], 2, 1),
        ("conv-k1s2p0", [2, 5, 7, 6], [4, 5, 1, 1], 2, 0),
    ];
    for (key, x, weight, stride, padding) in cases {
        let inputs = golden_inputs(key, x, weight, weight[0]);
        golden.check(key, &inputs, |x| x[0].conv2d(x[1], Some(x[2]), stride, padding));
    }
    let cases: [(GoldenCase, usize); 3] = [
        (("transpose-k4s2p1", [2, 5, 3, 4], [5, 3, 4, 4], 2, 1), 0),
        (("transpose-k4s1p0", [2, 5, 1, 2], [5, 3, 4, 4], 1, 0), 0),
        (("transpose-k3s2p1o1", [2, 5, 3, 4], [5, 3, 3, 3], 2, 1), 1),
    ];
    for ((key, x, weight, stride, padding), more) in cases {
        let inputs = golden_inputs(key, x, weight, weight[1]);
        golden.check(key, &inputs, |x| x[0].conv_transpose2d(x[1], Some(x[2]), stride, padding, more));
    }
}

fn golden_inputs(key: &str, x: [usize; 4], weight: [usize; 4], out: usize) -> [(&'static str, Tensor); 3] {
    let tensor = |name, shape: &[usize]| (name, Tensor::signed(&format!("convolution/{key}/{name}"), shape));
    [tensor("x", &x), tensor("weight", &weight), tensor("bias", &[out])]
}
