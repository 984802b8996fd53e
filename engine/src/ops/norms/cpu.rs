//! CPU kernel.

use rayon::prelude::*;

use crate::runtime::cpu::Buffers;

/// Michelot's algorithm (1986), an image at a time: the threshold that the elements above the last
/// one give, until no element falls below it. The threshold rises and the elements above it only
/// get fewer, so that it ends.
pub(super) fn threshold(radius: f32, elements: usize, mut buffers: Buffers) {
    let (inputs, output) = buffers.f32();
    if elements == 0 {
        return output.fill(0.0);
    }
    output.par_iter_mut().zip(inputs[0].par_chunks_exact(elements)).for_each(|(result, x)| {
        let radius = f64::from(radius);
        let mut threshold = 0.0;
        let mut count = usize::MAX;
        loop {
            let (sum, above) = above(x, threshold);
            if above == 0 || above >= count || sum - above as f64 * f64::from(threshold) <= radius {
                break;
            }
            count = above;
            threshold = ((sum - radius) / above as f64) as f32;
        }
        *result = threshold;
    });
}

/// Sum of the magnitudes above `threshold`, and how many there are.
fn above(x: &[f32], threshold: f32) -> (f64, usize) {
    const PART: usize = 512;
    let of_part = |part: &[f32]| {
        let (mut sum, mut count) = ([0.0f32; 8], [0u32; 8]);
        for (i, x) in part.iter().enumerate() {
            let keep = x.abs() > threshold;
            sum[i % 8] += if keep { x.abs() } else { 0.0 };
            count[i % 8] += u32::from(keep);
        }
        (f64::from(sum.iter().sum::<f32>()), count.iter().sum::<u32>() as usize)
    };
    x.chunks(PART).map(of_part).fold((0.0, 0), |(sum, count), (s, c)| (sum + s, count + c))
}
