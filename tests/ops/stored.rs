//! Activations in half precision: what stores them and what reads them, in every way it can run.
//!
//! The references are programs in f32 on the CPU. Numbers that half precision holds exactly come out as if they had been
//! stored in f32, and what is stored is the nearest that half precision holds.

use unperturb_engine::runtime::gpu::GpuDevice;
use unperturb_engine::{DType, Device, Graph, Session, Value};

use crate::golden::reader::normalised_error;
use crate::half::halved;
use crate::harness::{gpu, uniform};

/// Normalised mean square errors: of sums in f32, and of products of factors that matrix units round.
const EXACT: f64 = 1e-11;
const ROUNDED: f64 = 1e-6;

const PIXELS: [usize; 4] = [2, 17, 18, 8];

type Build = for<'g> fn(&'g Graph, Value<'g>) -> Vec<Value<'g>>;

/// `build` on pixels that a convolution makes, and how many results that has.
fn traced(build: Build) -> (Graph, usize) {
    let g = Graph::new();
    let x = g.state("x", PIXELS).conv2d(g.state("same", [1, 1, 8, 8]), None, 1, 0);
    let built = build(&g, x);
    for (number, &value) in built.iter().enumerate() {
        g.output(format!("y{number}"), value);
    }
    let count = built.len();
    (g, count)
}

/// Its results, and how many operands are in half precision.
fn results(device: &Device, build: Build) -> (Vec<Vec<f32>>, usize) {
    let (g, count) = traced(build);
    let fail = |error: unperturb_engine::EngineError| -> ! { panic!("{device}: {error}") };
    let mut session = Session::new(device);
    let program = session.compile(&g).unwrap_or_else(|error| fail(error));
    let states: Vec<_> =
        program.plan().states.iter().filter(|state| !state.name.starts_with("kept/")).collect();
    for state in states {
        let elements = state.ty.shape.elements();
        let seed = state.name.bytes().fold(7, |seed, byte| seed * 31 + u64::from(byte)) & 0xffff;
        let numbers: Vec<f32> = match state.name.as_str() {
            "same" => (0..64).map(|i| f32::from(u8::from(i % 9 == 0))).collect(),
            // Eight binary digits.
            _ => uniform(seed, elements, -128.0, 128.0).iter().map(|x| x.floor() as f32 / 64.0).collect(),
        };
        session.write(&state.name, &numbers).unwrap_or_else(|error| fail(error));
    }
    session.poison();
    session.run(&program, 1).unwrap_or_else(|error| fail(error));
    session.check_guards().unwrap_or_else(|error| panic!("{device}: {error}"));
    let operands = program.plan().steps.iter().flat_map(|step| &step.signature.inputs);
    let halves = operands.filter(|ty| ty.dtype == DType::F16).count();
    let read = |number| session.read(&format!("y{number}")).unwrap_or_else(|error| fail(error));
    ((0..count).map(read).collect(), halves)
}

/// All ways to run `build` in half precision.
fn every_variant(build: Build) -> Vec<(&'static str, GpuDevice)> {
    let Device::Gpu(device) = gpu() else { unreachable!("it opens a GPU") };
    let device = halved(&device);
    let names = device.variants(&traced(build).0).expect("traces");
    names.into_iter().map(|name| (name, device.preferring(name))).collect()
}

/// Holds what `build` makes of exact numbers, and the gradients that it takes of them, to the CPU.
fn reads(name: &str, build: Build) {
    let (expected, _) = results(&Device::cpu(), build);
    for (variant, device) in every_variant(build) {
        let (found, halves) = results(&Device::Gpu(device), build);
        assert!(halves > 0, "{name}, {variant}: nothing is in half precision");
        let bound = if variant.starts_with("matrix-f16-") { ROUNDED } else { EXACT };
        for (number, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let error = normalised_error(found, expected);
            assert!(error <= bound, "{name}, {variant}, result {number}: {error:.1e} of {bound:.0e}");
        }
    }
}

/// Holds what `build` stores to what the CPU computes of exact numbers, rounded.
fn writes(name: &str, build: Build) {
    let (expected, _) = results(&Device::cpu(), build);
    for (variant, device) in every_variant(build) {
        let (found, halves) = results(&Device::Gpu(device), build);
        assert!(halves > 0, "{name}, {variant}: nothing is in half precision");
        for (number, (found, expected)) in found.iter().zip(&expected).enumerate() {
            for (&found, &expected) in found.iter().zip(expected) {
                assert!(is_half(found), "{name}, {variant}, result {number}: {found} is no 16-bit float");
                // Where terms cancel, sums in f32 differ, too.
                let most = 5e-4 * expected.abs().max(0.02);
                assert!(
                    (found - expected).abs() <= most,
                    "{name}, {variant}, result {number}: {found} for {expected}"
                );
            }
        }
    }
}

/// Whether `x` has no more than eleven binary digits and is a multiple of 2^-24.
fn is_half(x: f32) -> bool {
    x.to_bits() & 0x1fff == 0 && (x * 16_777_216.0).fract() == 0.0
}

#[test]
fn elementwise_operations_and_bits_read_halves() {
    reads("elementwise", |g, x| {
        let other = x.flip(1) * 0.5;
        vec![x * 2.0 + g.state("row", [8]), (x.exceeds(0.25) * x - x.flip(2)).abs(), other.flip(3)]
    });
}

#[test]
fn convolutions_read_halves() {
    reads("convolutions", |g, x| {
        let w = g.state("w", [3, 3, 8, 12]);
        let strided = x.conv2d(w, Some(g.state("bias", [12])), 2, 1).relu();
        let shortcut = (x.conv2d(g.state("v", [3, 3, 8, 8]), None, 1, 1) + x).leaky_relu(0.1);
        let transposed = x.conv_transpose2d(g.state("u", [4, 4, 4, 8]), None, 2, 1, 0).relu();
        vec![strided, shortcut, transposed, x.conv2d(g.state("odd", [1, 1, 8, 5]), None, 1, 0)]
    });
}

#[test]
fn gradients_of_weights_read_halves() {
    reads("gradients of weights", |g, x| {
        let (w, u) = (g.state("w", [3, 3, 8, 12]), g.state("u", [4, 4, 4, 8]));
        let loss = (x.conv2d(w, None, 1, 1) * g.state("r", [2, 17, 18, 12])).sum_all()
            + (x.conv_transpose2d(u, None, 2, 1, 0) * g.state("s", [2, 34, 36, 4])).sum_all();
        g.gradient(loss, &[w, u]).expect("differentiable")
    });
}

#[test]
fn batch_norm_reads_halves() {
    reads("batch norm", |g, x| {
        let (gamma, beta) = (g.state("gamma", [8]), g.state("beta", [8]));
        let normalised = x.batch_norm_train(gamma, beta, 1e-5);
        let loss = (normalised.y * g.state("r", PIXELS)).sum_all();
        let mut results = g.gradient(loss, &[gamma, beta, g.state("x", PIXELS)]).expect("differentiable");
        results.extend([normalised.y, normalised.mean, normalised.variance]);
        results
    });
}

#[test]
fn pools_reductions_and_moves_read_halves() {
    reads("pools, reductions and moves", |_, x| {
        let pools = [x.max_pool2d(3, 2, 1), x.average_pool2d(2, 2, 0), x.global_average_pool()];
        let others = [x.max(&[3]), x.pad(&[(0, 0), (1, 0), (0, 2), (4, 4)]), x.slice_by(1, 0..17, 2)];
        [pools, others].concat()
    });
}

/// A move reads what is stored, so that it is not lost in an epilogue.
#[test]
fn halves_are_the_nearest() {
    writes("convolution", |_, x| vec![x.flip(1)]);
    writes("convolutions with epilogues", |g, x| {
        let y = (x.conv2d(g.state("w", [3, 3, 8, 8]), None, 1, 1) + x).relu();
        vec![y.flip(1), x.conv_transpose2d(g.state("u", [2, 2, 8, 8]), None, 2, 0, 0).tanh().flip(2)]
    });
    writes("elementwise operations", |g, x| vec![(x.flip(1) * g.state("row", [8])).tanh().flip(2)]);
}

#[test]
fn pools_and_moves_store_halves() {
    writes("pools", |_, x| {
        let pools = [x.max_pool2d(2, 1, 0), x.average_pool2d(2, 1, 0)];
        let moved = x.slice_by(1, 0..16, 1).exp();
        [pools[0], pools[1], moved].map(|stored| stored.flip(1)).to_vec()
    });
}

/// Too large for half precision: an infinity, as in IEEE 754, and no NaN.
#[test]
fn overflow_is_infinite() {
    let Device::Gpu(device) = gpu() else { unreachable!("it opens a GPU") };
    let build: Build = |_, x| vec![(x * 1e6).flip(1)];
    for device in [halved(&device), halved(&device).preferring("portable")] {
        let (found, _) = results(&Device::Gpu(device), build);
        assert!(found[0].iter().all(|x| *x == 0.0 || x.is_infinite() || x.abs() <= 65504.0));
        assert!(found[0].iter().filter(|x| x.is_infinite()).count() > 1000);
    }
}
