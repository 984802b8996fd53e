//! Norms of images, normalisation to length 1, projection onto balls, and squared errors.
//!
//! All but the threshold of the L1 ball is traced from elementwise operations and sums. "Per image"
//! means over all axes but the first.

mod cpu;
mod gpu;
mod threshold;

pub use threshold::L1Threshold;

use crate::graph::Value;

/// A norm of all elements of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Norm {
    /// Sum of magnitudes.
    L1,
    /// Root of the sum of squares.
    L2,
    /// Largest magnitude.
    Linf,
}

/// The images within a radius of zero, by one of the norms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ball {
    /// Of sums of magnitudes.
    L1(f32),
    /// Of Euclidean lengths.
    L2(f32),
    /// Of largest magnitudes.
    Linf(f32),
}

/// Below this a length counts as zero, as in PyTorch's `normalize`.
const SHORTEST: f32 = 1e-12;

impl<'g> Value<'g> {
    /// `x / max(|x|, 1e-12)` along the last axis, as PyTorch's `normalize`.
    #[track_caller]
    pub fn l2_normalize(self) -> Value<'g> {
        let axis = self.shape().rank().saturating_sub(1);
        self * self.square().sum(&[axis]).at_least(SHORTEST * SHORTEST).sqrt().divides(1.0)
    }

    /// Norm of each image: `[n, ...] -> [n]`. The gradient at an all-zero image is 0; equal largest
    /// magnitudes share theirs.
    #[track_caller]
    pub fn norm(self, norm: Norm) -> Value<'g> {
        let over = self.image_axes();
        let result = match norm {
            Norm::L1 => self.abs().sum(&over),
            Norm::L2 => {
                let squares = self.square().sum(&over);
                // The root's slope at zero is infinite: zeros take another way.
                let positive = squares.greater(0.0);
                positive * positive.select(squares, self.graph.full([], 1.0)).sqrt()
            }
            Norm::Linf => self.abs().max(&over),
        };
        result.one_per_image()
    }

    /// The nearest point, in Euclidean distance, of the ball to each image `[n, ...]`.
    #[track_caller]
    pub fn project(self, ball: Ball) -> Value<'g> {
        match ball {
            Ball::Linf(radius) => self.clamp(-radius, radius),
            Ball::L2(radius) => {
                let squares = self.square().sum(&self.image_axes());
                let outside = squares.greater(radius * radius);
                let scale = squares.at_least((radius * radius).max(f32::MIN_POSITIVE)).sqrt().divides(radius);
                self * outside.select(scale, self.graph.full([], 1.0))
            }
            Ball::L1(radius) => {
                let threshold = self.graph.apply(L1Threshold { radius }, &[self]);
                // Soft thresholding; images within the ball have the threshold 0 and stay as they are.
                self - self.clamp_to(-threshold, threshold)
            }
        }
    }

    /// Mean squared difference from `target` over the elements of each image that `mask` counts:
    /// `sum of mask * (x - target)^2 / sum of mask`, `[n]`. The mask broadcasts to the images, and
    /// no gradient flows into it. An image of which nothing counts has the error 0.
    #[track_caller]
    pub fn masked_squared_error(self, target: Value<'g>, mask: Value<'g>) -> Value<'g> {
        let over = self.image_axes();
        let mask = mask.detach().broadcast_to(self.shape());
        let error = (mask * (self - target).square()).sum(&over);
        (error / mask.sum(&over).at_least(SHORTEST)).one_per_image()
    }

    #[track_caller]
    fn at_least(self, low: f32) -> Value<'g> {
        self.maximum(self.graph.full([], low))
    }

    /// `[n, 1, ...] -> [n]`.
    #[track_caller]
    fn one_per_image(self) -> Value<'g> {
        let images = self.shape().first().copied().unwrap_or(1);
        self.reshape([images])
    }

    fn image_axes(self) -> Vec<usize> {
        (1..self.shape().rank()).collect()
    }
}
