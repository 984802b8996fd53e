//! First values of parameters, from a seed.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt, SeedableRng};

use crate::parameter::{Kind, Specification};

/// He's normal numbers for convolutions (fan in, He et al. 2015), PyTorch's uniform ones for linear
/// layers, ones and zeros for batch norm. In memory's layout. Depends on the seed and the parameter's
/// name only, so that adding a layer leaves the others as they were.
pub fn first_values(specification: &Specification, seed: u64) -> Vec<f32> {
    let shape = &specification.shape;
    let count = shape.elements();
    let mut random = generator(seed, &specification.name);
    let mut uniform = |bound: f32| (0..count).map(|_| (2.0 * random.random::<f32>() - 1.0) * bound).collect();
    match specification.kind {
        Kind::Convolution => {
            let fan_in: usize = shape[..3].iter().product();
            normal(&mut generator(seed, &specification.name), count, (2.0 / fan_in as f32).sqrt())
        }
        Kind::Linear => uniform((1.0 / shape[0] as f32).sqrt()),
        Kind::Bias { inputs } => uniform((1.0 / inputs as f32).sqrt()),
        Kind::Scale | Kind::RunningVariance => vec![1.0; count],
        Kind::Shift | Kind::RunningMean => vec![0.0; count],
    }
}

fn normal(random: &mut impl Rng, count: usize, deviation: f32) -> Vec<f32> {
    let mut pair = || {
        // Box-Muller; 1 - u lies in (0, 1].
        let radius = (-2.0 * (1.0 - random.random::<f32>()).ln()).sqrt();
        let angle = std::f32::consts::TAU * random.random::<f32>();
        [radius * angle.cos() * deviation, radius * angle.sin() * deviation]
    };
    (0..count.div_ceil(2)).flat_map(|_| pair()).take(count).collect()
}

fn generator(seed: u64, name: &str) -> Xoshiro256PlusPlus {
    // FNV-1a, to tell names apart.
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |h: u64, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    Xoshiro256PlusPlus::seed_from_u64(seed ^ hash)
}
