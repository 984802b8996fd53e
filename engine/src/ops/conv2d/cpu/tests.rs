//! Every pass and instruction set against a plain loop in f64, over random geometries.

use proptest::prelude::*;

use super::*;

/// Values in [-1, 1), the same for the same seed.
fn values(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let next = || {
        // SplitMix64 (Steele, Lea and Flood 2014).
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// Calls `visit` with the places in x, w and y of every product that the convolution sums.
fn for_each_product(g: &Geometry, mut visit: impl FnMut(usize, usize, usize)) {
    let [n, out_h, out_w, out_channels] = g.output_shape();
    for (n, p, q) in (0..n * out_h * out_w).map(|i| (i / out_w / out_h, i / out_w % out_h, i % out_w)) {
        for (r, s) in (0..g.kernel_h * g.kernel_w).map(|i| (i / g.kernel_w, i % g.kernel_w)) {
            let (row, column) = (p * g.stride_h + r, q * g.stride_w + s);
            let inside = (g.pad_h..g.pad_h + g.height).contains(&row)
                && (g.pad_w..g.pad_w + g.width).contains(&column);
            if !inside {
                continue;
            }
            let (row, column) = (row - g.pad_h, column - g.pad_w);
            for (c, k) in (0..g.in_channels * out_channels).map(|i| (i / out_channels, i % out_channels)) {
                let x = ((n * g.height + row) * g.width + column) * g.in_channels + c;
                let w = ((r * g.kernel_w + s) * g.in_channels + c) * out_channels + k;
                let y = ((n * out_h + p) * out_w + q) * out_channels + k;
                visit(x, w, y);
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Function {
    Forward,
    InputGradient,
    WeightGradient,
}

const FUNCTIONS: [Function; 3] = [Function::Forward, Function::InputGradient, Function::WeightGradient];

impl Function {
    /// Elements of the two operands and of the result.
    fn lengths(self, g: &Geometry) -> [usize; 3] {
        let (x, w, y) = (g.input_len(), g.weight_len(), g.output_len());
        match self {
            Self::Forward => [x, w, y],
            Self::InputGradient => [y, w, x],
            Self::WeightGradient => [x, y, w],
        }
    }

    fn reference(self, g: &Geometry, a: &[f32], b: &[f32]) -> Vec<f64> {
        let mut result = vec![0.0; self.lengths(g)[2]];
        for_each_product(g, |x, w, y| {
            let (to, a, b) = match self {
                Self::Forward => (y, a[x], b[w]),
                Self::InputGradient => (x, a[y], b[w]),
                Self::WeightGradient => (w, a[x], b[y]),
            };
            result[to] += f64::from(a) * f64::from(b);
        });
        result
    }

    /// Runs the kernels of one instruction set, by tiles or directly, on a poisoned result and poisoned scratch, and checks
    /// that neither scratch nor result was written past its end.
    fn run(self, set: InstructionSet, by_tiles: bool, g: &Geometry, a: &[f32], b: &[f32]) -> Vec<f32> {
        const GUARD: f32 = 12_345.0;
        let kernels = set.kernels();
        let guarded = |len: usize| [vec![f32::NAN; len], vec![GUARD; 64]].concat();
        let len = self.lengths(g)[2];
        let mut result = guarded(len);
        let out = &mut result[..len];
        let pixels = |pass| -> Box<dyn PixelsPass> {
            if by_tiles {
                Box::new(WinogradPass::new(pass, kernels, g))
            } else {
                Box::new(CorrelationPass::new(pass, kernels, g))
            }
        };
        let weights = || -> Box<dyn WeightsPass> {
            if by_tiles {
                Box::new(WinogradWeightGradient::new(kernels, g))
            } else {
                Box::new(WeightGradientPass::new(kernels, g))
            }
        };
        let pass = match self {
            Self::Forward => Some(Pass::Forward),
            Self::InputGradient => Some(Pass::InputGradient),
            Self::WeightGradient => None,
        };
        let scratch_len = pass.map_or_else(|| weights().scratch_len(), |pass| pixels(pass).scratch_len());
        let mut scratch = guarded(scratch_len);
        match pass {
            Some(pass) => pixels(pass).run(a, b, out, &mut scratch, None),
            None => weights().run(a, b, out, &mut scratch),
        }
        assert!(scratch[scratch_len..].iter().all(|&value| value == GUARD), "scratch written past its end");
        assert!(result[len..].iter().all(|&value| value == GUARD), "result written past its end");
        result.truncate(len);
        result
    }

    /// The same through the public functions.
    fn run_public(self, g: &Geometry, a: &[f32], b: &[f32]) -> Vec<f32> {
        let mut result = vec![f32::NAN; self.lengths(g)[2]];
        match self {
            Self::Forward => forward(g, a, b, &mut result, &mut vec![f32::NAN; forward_scratch(g)], None),
            Self::InputGradient => {
                input_gradient(g, a, b, &mut result, &mut vec![f32::NAN; input_gradient_scratch(g)], None);
            }
            Self::WeightGradient => {
                weight_gradient(g, a, b, &mut result, &mut vec![f32::NAN; weight_gradient_scratch(g)]);
            }
        }
        result
    }

    fn operands(self, g: &Geometry) -> (Vec<f32>, Vec<f32>) {
        let [a, b, _] = self.lengths(g);
        (values(a, 1), values(b, 2))
    }
}

/// What a pass should make, and how large it is.
struct Truth {
    result: Vec<f64>,
    /// The sum of its squares. Where its terms happen to cancel, which magnifies the rounding of any order
    /// of summation, it is what terms of random signs would give.
    power: f64,
}

impl Truth {
    fn new(function: Function, g: &Geometry, a: &[f32], b: &[f32]) -> Self {
        let squares = |values: &[f32]| values.iter().map(|value| value * value).collect::<Vec<_>>();
        let result = function.reference(g, a, b);
        let expected: f64 = function.reference(g, &squares(a), &squares(b)).iter().sum();
        let power = result.iter().map(|value| value * value).sum::<f64>().max(expected);
        Truth { result, power }
    }

    /// The squared error of `result` over the power; infinite if any value is not finite.
    fn normalised_error(&self, result: &[f32]) -> f64 {
        assert_eq!(result.len(), self.result.len());
        if result.iter().any(|value| !value.is_finite()) {
            return f64::INFINITY;
        }
        let error: f64 = result.iter().zip(&self.result).map(|(a, b)| (f64::from(*a) - b).powi(2)).sum();
        if self.power == 0.0 { error } else { error / self.power }
    }
}

fn check(g: &Geometry) {
    g.validate().expect("the case is a valid geometry");
    for function in FUNCTIONS {
        let (a, b) = function.operands(g);
        let truth = Truth::new(function, g, &a, &b);
        for set in InstructionSet::available() {
            for by_tiles in [false].into_iter().chain(winograd::applies(g).then_some(true)) {
                let error = truth.normalised_error(&function.run(set, by_tiles, g, &a, &b));
                let way = if by_tiles { "by tiles" } else { "directly" };
                assert!(
                    error < 1e-12,
                    "{function:?} {way} with {set:?} of {g:?}: normalised error {error:e}"
                );
            }
        }
        let error = truth.normalised_error(&function.run_public(g, &a, &b));
        assert!(error < 1e-12, "{function:?} of {g:?}: normalised error {error:e}");
    }
}

/// A geometry with the same sizes along both axes.
fn square(
    n: usize,
    size: usize,
    in_channels: usize,
    out_channels: usize,
    kernel: usize,
    stride: usize,
    pad: usize,
) -> Geometry {
    Geometry {
        n,
        height: size,
        width: size,
        in_channels,
        kernel_h: kernel,
        kernel_w: kernel,
        stride_h: stride,
        stride_w: stride,
        pad_h: pad,
        pad_w: pad,
        out_channels,
    }
}

prop_compose! {
    fn geometries()(
        (n, in_channels, out_channels) in (1..=3_usize, 1..=40_usize, 1..=40_usize),
        (kernel_h, kernel_w) in (1..=5_usize, 1..=5_usize),
        (stride_h, stride_w, pad_h, pad_w) in (1..=3_usize, 1..=3_usize, 0..=3_usize, 0..=3_usize),
        (height, width) in (1..=13_usize, 1..=13_usize),
    ) -> Geometry {
        // Grown where the kernel would not fit into the padded input.
        let height = height.max(kernel_h.saturating_sub(2 * pad_h));
        let width = width.max(kernel_w.saturating_sub(2 * pad_w));
        Geometry { n, height, width, in_channels, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, out_channels }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_pass_equals_the_plain_loop(g in geometries()) {
        check(&g);
    }
}

/// Sizes large enough for several units, chunks and blocks, and the shapes that nets are made of.
#[test]
fn shapes_of_nets_equal_the_plain_loop() {
    check(&square(3, 32, 3, 16, 3, 1, 1));
    check(&square(5, 16, 16, 32, 3, 2, 1));
    check(&square(5, 16, 16, 32, 1, 2, 0));
    check(&square(40, 8, 16, 16, 3, 1, 1));
    check(&square(3, 15, 36, 80, 3, 1, 1));
    check(&square(2, 14, 17, 19, 3, 1, 2));
    check(&square(9, 13, 20, 24, 3, 1, 0));
    check(&square(2, 16, 48, 96, 5, 1, 2));
    check(&square(2, 16, 80, 48, 1, 1, 0));
    check(&square(3, 32, 3, 16, 4, 2, 1));
    check(&square(70, 4, 24, 40, 4, 1, 0));
    check(&square(2, 1, 24, 40, 4, 3, 3));
}

/// Two results of 34 terms and more, which cancel to almost nothing.
#[test]
fn terms_that_cancel_are_held_to_their_own_size() {
    check(&Geometry {
        n: 1,
        height: 12,
        width: 2,
        in_channels: 34,
        kernel_h: 2,
        kernel_w: 4,
        stride_h: 3,
        stride_w: 3,
        pad_h: 2,
        pad_w: 1,
        out_channels: 1,
    });
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let by_tiles = square(9, 15, 34, 70, 3, 1, 1);
    assert!(winograd::wins(&by_tiles));
    let cases = [
        by_tiles,
        square(9, 16, 20, 36, 3, 1, 1),
        square(2, 15, 40, 70, 3, 2, 1),
        square(33, 4, 8, 16, 4, 1, 0),
    ];
    for (g, function) in cases.iter().flat_map(|g| FUNCTIONS.map(|function| (g, function))) {
        let (a, b) = function.operands(g);
        let with_threads = |threads: usize| {
            let pool =
                rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
            let result = pool.install(|| function.run_public(g, &a, &b));
            result.iter().map(|value| value.to_bits()).collect::<Vec<_>>()
        };
        let one = with_threads(1);
        for threads in [2, 3, 7] {
            assert!(one == with_threads(threads), "{function:?} of {g:?} with {threads} threads");
        }
    }
}

#[test]
fn input_gradient_and_weight_gradient_ignore_inputs_that_no_tap_reaches() {
    // Stride 3 with a kernel of 1 skips two of three rows and columns: their gradient is zero.
    let g = square(1, 7, 2, 3, 1, 3, 0);
    let dx = Function::InputGradient.run_public(&g, &values(g.output_len(), 1), &values(g.weight_len(), 2));
    for (i, value) in dx.iter().enumerate() {
        let (row, column) = (i / 2 / 7, i / 2 % 7);
        assert_eq!(*value == 0.0, row % 3 != 0 || column % 3 != 0, "row {row}, column {column}: {value}");
    }
}
