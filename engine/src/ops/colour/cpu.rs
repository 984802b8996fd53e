//! CPU kernels, parallel over pixels.

use rayon::prelude::*;

use crate::runtime::cpu::Buffers;

/// Pixels per parallel task, at least.
const TASK: usize = 2048;

pub(super) fn mix(matrix: &[Vec<f32>], mut buffers: Buffers) {
    let (inputs, output) = buffers.f32();
    let pixels = inputs[0].par_chunks_exact(matrix[0].len());
    output.par_chunks_exact_mut(matrix.len()).with_min_len(TASK).zip(pixels).for_each(|(result, pixel)| {
        for (result, row) in result.iter_mut().zip(matrix) {
            *result = row.iter().zip(pixel).map(|(weight, x)| weight * x).sum();
        }
    });
}

pub(super) fn turn_hue(transposed: bool, pixels_of_image: usize, mut buffers: Buffers) {
    let (inputs, output) = buffers.f32();
    let &[x, shifts, v] = &inputs[..] else { unreachable!("shape inference demands three operands") };
    output.par_chunks_exact_mut(3).with_min_len(TASK).enumerate().for_each(|(pixel, result)| {
        let at = |data: &[f32]| [data[3 * pixel], data[3 * pixel + 1], data[3 * pixel + 2]];
        let piece = Piece::new(at(x), shifts[pixel / pixels_of_image]);
        result.copy_from_slice(&if transposed { piece.transposed(at(v)) } else { piece.forward(at(v)) });
    });
}

/// The linear piece that a pixel is on: result c is v[largest] - alpha_c (v[largest] - v[smallest])
/// - beta_c (v[plus] - v[minus]).
struct Piece {
    largest: usize,
    smallest: usize,
    plus: usize,
    minus: usize,
    alpha: [f32; 3],
    beta: [f32; 3],
}

impl Piece {
    fn new(x: [f32; 3], shift: f32) -> Piece {
        let [r, g, b] = x;
        // The first of equal channels, as torchvision breaks ties.
        let largest = if r >= g && r >= b {
            0
        } else if g >= b {
            1
        } else {
            2
        };
        let smallest = if b <= g && b <= r {
            2
        } else if g <= r {
            1
        } else {
            0
        };
        let (plus, minus) = ((largest + 1) % 3, (largest + 2) % 3);
        let chroma = x[largest] - x[smallest];
        let difference = x[plus] - x[minus];
        let turned = 6.0 * (shift - shift.floor()) + (2 * largest) as f32;
        let mut piece = Piece { largest, smallest, plus, minus, alpha: [0.0; 3], beta: [0.0; 3] };
        for (c, offset) in [5.0, 3.0, 1.0].into_iter().enumerate() {
            // k = a + d / M lies in [0, 16); full circles are taken off.
            let mut a = offset + turned;
            for _ in 0..2 {
                if a * chroma + difference >= 6.0 * chroma {
                    a -= 6.0;
                }
            }
            let up = a * chroma + difference;
            let down = 4.0 * chroma - up;
            (piece.alpha[c], piece.beta[c]) = match up.min(down) {
                least if least <= 0.0 => (0.0, 0.0),
                least if least >= chroma => (1.0, 0.0),
                _ if up <= down => (a, 1.0),
                _ => (4.0 - a, -1.0),
            };
        }
        piece
    }

    fn forward(&self, v: [f32; 3]) -> [f32; 3] {
        let chroma = v[self.largest] - v[self.smallest];
        let difference = v[self.plus] - v[self.minus];
        [0, 1, 2].map(|c| v[self.largest] - (self.alpha[c] * chroma + self.beta[c] * difference))
    }

    fn transposed(&self, dy: [f32; 3]) -> [f32; 3] {
        let [sum, alpha, beta] = [[1.0; 3], self.alpha, self.beta]
            .map(|weights| weights[0] * dy[0] + weights[1] * dy[1] + weights[2] * dy[2]);
        let mut dx = [0.0; 3];
        dx[self.largest] += sum - alpha;
        dx[self.smallest] += alpha;
        dx[self.plus] -= beta;
        dx[self.minus] += beta;
        dx
    }
}
