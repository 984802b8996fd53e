//! Products of factors that are rounded to 16-bit floats: what `--precision f16` costs.

use unperturb_engine::runtime::gpu::GpuDevice;
use unperturb_engine::{Device, Graph, Session};

use crate::harness::{gpu, uniform};

/// Normalised mean square error of a result whose factors have 11 bits: about 1e-7, and that of 32-bit ones is 1e-14.
const EXPECTED: std::ops::Range<f64> = 1e-9..1e-6;

const KERNELS: [&str; 3] = ["matrix-f16-64", "matrix-f16-128", "matrix-f16-128x32"];

/// A product, and a convolution with both its gradients, of numbers that a 16-bit float could not hold.
fn results(device: &Device) -> Vec<Vec<f32>> {
    let g = Graph::new();
    let (a, b) = (g.state("a", [70, 90]), g.state("b", [90, 66]));
    g.output("product", a.matmul(b));
    let (x, w) = (g.state("x", [3, 7, 6, 36]), g.state("w", [3, 3, 36, 68]));
    let y = x.conv2d(w, None, 1, 1);
    g.output("convolution", y);
    let gradients = g.gradient((y * y).sum_all(), &[x, w]).expect("differentiable");
    g.output("of images", gradients[0]);
    g.output("of weights", gradients[1]);
    let mut session = Session::new(device);
    let program = session.compile(&g).expect("compiles");
    for (seed, (name, count)) in
        [("a", 70 * 90), ("b", 90 * 66), ("x", 3 * 7 * 6 * 36), ("w", 9 * 36 * 68)].into_iter().enumerate()
    {
        let scale = [1e-9, 1e6, 1.0, 1e-3][seed];
        let numbers = uniform(seed as u64, count, -scale, scale);
        session.write(name, &numbers.iter().map(|&x| x as f32).collect::<Vec<_>>()).expect("writes");
    }
    session.run(&program, 1).expect("runs");
    ["product", "convolution", "of images", "of weights"]
        .map(|name| session.read(name).expect("reads"))
        .to_vec()
}

/// `device` in half precision.
pub fn halved(device: &GpuDevice) -> GpuDevice {
    device.with_half_precision().expect("these tests need 16-bit floats in shaders")
}

#[test]
fn half_products_keep_three_digits() {
    let expected = results(&Device::cpu());
    let Device::Gpu(device) = gpu() else { unreachable!("it opens a GPU") };
    for kernels in KERNELS {
        let found = results(&Device::Gpu(halved(&device).preferring(kernels)));
        for (found, expected) in found.iter().zip(&expected) {
            let square = |x: f32| f64::from(x) * f64::from(x);
            let error: f64 = found.iter().zip(expected).map(|(f, e)| square(f - e)).sum();
            let error = error / expected.iter().map(|&e| square(e)).sum::<f64>();
            assert!(EXPECTED.contains(&error), "{kernels}: {error:.1e}");
        }
    }
}

#[test]
fn no_factor_is_rounded_unasked() {
    let Device::Gpu(device) = gpu() else { unreachable!("it opens a GPU") };
    let g = Graph::new();
    g.output("y", g.state("a", [70, 90]).matmul(g.state("b", [90, 66])));
    let of = |device: &GpuDevice| device.variants(&g).expect("traces");
    assert!(KERNELS.iter().all(|name| !of(&device).contains(name)), "{:?}", of(&device));
    assert!(KERNELS.iter().all(|name| of(&halved(&device)).contains(name)));
}
