use unperturb_engine::Graph;

use crate::golden::{Golden, Tensor};
use crate::harness::{Array, Case, Input};

/// A pooling to test.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    input: [usize; 4],
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
}

impl Sizes {
    fn new(input: [usize; 4], kernel: usize, stride: usize, padding: usize) -> Self {
        Sizes { input, kernel: [kernel; 2], stride: [stride; 2], padding: [padding; 2] }
    }

    /// Each result from the elements of its window that lie in the image.
    fn pool(&self, x: &Array, f: impl Fn(Vec<f64>) -> f64) -> Array {
        let Sizes { input: [n, h, w, c], kernel, stride, padding } = *self;
        let length =
            |length: usize, axis: usize| (length + 2 * padding[axis] - kernel[axis]) / stride[axis] + 1;
        Array::from_fn([n, length(h, 0), length(w, 1), c], |at| {
            let mut window = vec![];
            for r in 0..kernel[0] {
                for s in 0..kernel[1] {
                    let i = (at[1] * stride[0] + r).checked_sub(padding[0]).filter(|&i| i < h);
                    let j = (at[2] * stride[1] + s).checked_sub(padding[1]).filter(|&j| j < w);
                    if let (Some(i), Some(j)) = (i, j) {
                        window.push(x.at(&[at[0], i, j, at[3]]));
                    }
                }
            }
            f(window)
        })
    }

    fn check(self) {
        let Sizes { kernel, stride, padding, .. } = self;
        // Below zero, so that padding taken for zeros would win a maximum.
        Case::new(format!("max {self:?}"))
            .input(Input::uniform(self.input, -3.0, -1.0))
            .build(move |_, x| x[0].max_pool2d(kernel, stride, padding))
            .reference(move |x| {
                self.pool(&x[0], |window| window.into_iter().fold(f64::NEG_INFINITY, f64::max))
            })
            .exact()
            .check();
        let area = (kernel[0] * kernel[1]) as f64;
        Case::new(format!("average {self:?}"))
            .input(Input::uniform(self.input, -1.0, 1.0))
            .build(move |_, x| x[0].average_pool2d(kernel, stride, padding))
            .reference(move |x| self.pool(&x[0], |window| window.into_iter().sum::<f64>() / area))
            .check();
    }
}

#[test]
fn kernels_strides_and_padding() {
    for kernel in [1, 2, 3, 4, 5] {
        for stride in [1, 2, 3] {
            for padding in 0..=(kernel / 2) {
                Sizes::new([2, 7, 6, 3], kernel, stride, padding).check();
            }
        }
    }
}

#[test]
fn axes_differ() {
    Sizes { input: [1, 9, 5, 4], kernel: [4, 2], stride: [3, 1], padding: [2, 0] }.check();
    Sizes { input: [3, 5, 11, 1], kernel: [1, 5], stride: [2, 4], padding: [0, 1] }.check();
    // Windows that leave rows and columns between them, and more channels than a block has.
    Sizes { input: [1, 8, 8, 70], kernel: [2, 1], stride: [3, 4], padding: [0, 0] }.check();
}

#[test]
fn many_rows() {
    Sizes::new([4, 33, 17, 16], 3, 2, 1).check();
}

#[test]
fn global_average() {
    Case::new("global average pool")
        .input(Input::uniform([3, 5, 4, 7], -1.0, 1.0))
        .build(|_, x| x[0].global_average_pool())
        .reference(|x| {
            Array::from_fn([3, 7], |at| {
                let pixels = (0..20).map(|p| x[0].at(&[at[0], p / 4, p % 4, at[1]]));
                pixels.sum::<f64>() / 20.0
            })
        })
        .check();
}

/// The first of equal maxima takes the whole gradient, as in PyTorch. Central differences cannot show
/// this, so the gradient itself is a result here.
#[test]
fn the_first_maximum_takes_the_gradient() {
    Case::new("ties")
        .input(Input::values([1, 3, 4, 1], &[1.0, 2.0, 2.0, 2.0, 2.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]))
        .build(|g, x| {
            let y = x[0].max_pool2d(2, 1, 0);
            g.gradient(y.sum_all(), &[x[0]]).expect("a scalar loss")[0]
        })
        .reference(|_| {
            // The first maxima of the six windows: pixels 1, 1, 2 and 4, 6, 6.
            let mut dx = Array::from_fn([1, 3, 4, 1], |_| 0.0);
            [1, 1, 2, 4, 6, 6].into_iter().for_each(|pixel| dx.data[pixel] += 1.0);
            dx
        })
        .without_gradient()
        .check();
}

/// Gradients of gradients: taking and putting are linear in what they move.
#[test]
fn gradients_have_gradients() {
    // Max pooling of x as a function of a second tensor z through the gradient: sum of (dy/dx . z)².
    let sizes = Sizes::new([1, 5, 6, 2], 3, 2, 1);
    Case::new("second derivative of max pooling")
        .input(Input::uniform(sizes.input, -1.0, 1.0))
        .build(|g, x| {
            let y = x[0].max_pool2d(3, 2, 1);
            g.gradient((y * y * y).sum_all(), &[x[0]]).expect("a scalar loss")[0]
        })
        .reference(move |x| {
            // d(sum of m³)/dx: 3 m² for each window in which x is the maximum.
            let mut dx = Array::from_fn(sizes.input, |_| 0.0);
            let largest = |window: Vec<f64>| window.into_iter().fold(f64::NEG_INFINITY, f64::max);
            for m in sizes.pool(&x[0], largest).data {
                let place = x[0].data.iter().position(|&value| value == m).expect("a maximum is an element");
                dx.data[place] += 3.0 * m * m;
            }
            dx
        })
        .check();
    Case::new("second derivative of average pooling")
        .input(Input::uniform([1, 4, 4, 2], -1.0, 1.0))
        .build(|g, x| {
            let y = x[0].average_pool2d(2, 2, 0);
            g.gradient((y * y * y).sum_all(), &[x[0]]).expect("a scalar loss")[0]
        })
        .reference(|x| {
            let sizes = Sizes::new([1, 4, 4, 2], 2, 2, 0);
            let means = sizes.pool(&x[0], |window| window.into_iter().sum::<f64>() / 4.0);
            Array::from_fn(sizes.input, |at| {
                let mean = means.at(&[at[0], at[1] / 2, at[2] / 2, at[3]]);
                0.75 * mean * mean
            })
        })
        .check();
}

#[test]
fn impossible_sizes_are_refused() {
    let refusal = |shape: &[usize], kernel: usize, stride: usize, padding: usize| {
        let g = Graph::new();
        g.state("x", shape.to_vec()).max_pool2d(kernel, stride, padding);
        let max = g.check().expect_err("the sizes are impossible").to_string();
        let g = Graph::new();
        g.state("x", shape.to_vec()).average_pool2d(kernel, stride, padding);
        let average = g.check().expect_err("the sizes are impossible").to_string();
        (max, average)
    };
    for (shape, kernel, stride, padding, complaint) in [
        (&[1, 4, 4, 3][..], 5, 1, 0, "does not fit"),
        (&[1, 4, 4, 3], 2, 0, 0, "at least 1"),
        (&[1, 4, 4, 3], 3, 1, 2, "more than half"),
        (&[4, 4, 3], 2, 2, 0, "four axes"),
    ] {
        let (max, average) = refusal(shape, kernel, stride, padding);
        assert!(max.contains(complaint), "{max}");
        assert!(average.contains(complaint), "{average}");
    }
}

#[test]
fn as_pytorch() {
    let golden = Golden::open("pooling");
    for [height, width] in [[8, 8], [7, 9], [4, 5]] {
        let mut x = Tensor::signed("pooling/x", &[2, 3, height, width]);
        x.data.iter_mut().for_each(|x| *x -= 1.0);
        let inputs = [("x", x)];
        golden.check(&format!("max-{height}x{width}"), &inputs, |x| x[0].max_pool2d(3, 2, 1));
        golden.check(&format!("average-{height}x{width}"), &inputs, |x| x[0].average_pool2d(3, 2, 1));
    }
}
