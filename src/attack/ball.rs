//! The bound of an attack: points within it, steps and starts by its norm.

use unperturb_engine::Value;
use unperturb_engine::ops::norms::Ball;
use unperturb_engine::ops::random::Random;

use super::Norm;

/// Axes of one image.
pub(super) const IMAGE: [usize; 3] = [1, 2, 3];

/// A norm and how far it lets a point be from the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// The norm.
    pub norm: Norm,
    /// The most that it may be.
    pub epsilon: f32,
}

impl Bound {
    /// `points` moved back to within the bound of `images`, and to [0, 1], where the images lie. In L∞ no value ends
    /// beyond `image ± epsilon` as `f32` has them; in the other norms the distance is right up to rounding.
    pub fn confine<'g>(self, images: Value<'g>, points: Value<'g>) -> Value<'g> {
        let epsilon = self.epsilon;
        let within = match self.norm {
            Norm::Linf => points.clamp_to(images - epsilon, images + epsilon),
            Norm::L2 => images + (points - images).project(Ball::L2(epsilon)),
            Norm::L1 => images + (points - images).project(Ball::L1(epsilon)),
        };
        // What is cut off here only brings a point nearer to its image.
        within.clamp(0.0, 1.0)
    }

    /// A random point within the bound: uniform in L∞; in the others of uniform radius in a uniform direction.
    pub fn within<'g>(self, images: Value<'g>, random: &Random<'g>) -> Value<'g> {
        let radius = random.uniform([images.shape()[0], 1, 1, 1]);
        let offset = match self.norm {
            Norm::Linf => random.uniform(images.shape()) * 2.0 - 1.0,
            Norm::L2 | Norm::L1 => self.somewhere(images, random) * radius,
        };
        self.confine(images, images + offset * self.epsilon)
    }

    /// A random point at the edge of the bound, as APGD starts from: in L∞ uniform values, the largest brought to
    /// epsilon.
    pub fn edge<'g>(self, images: Value<'g>, random: &Random<'g>) -> Value<'g> {
        self.confine(images, images + self.somewhere(images, random) * self.epsilon)
    }

    /// A random offset of size 1.
    pub fn somewhere<'g>(self, images: Value<'g>, random: &Random<'g>) -> Value<'g> {
        let shape = images.shape();
        let offset = match self.norm {
            Norm::Linf => random.uniform(shape) * 2.0 - 1.0,
            Norm::L2 => random.normal(shape),
            // Magnitudes of an exponential distribution are evenly spread over the simplex.
            Norm::L1 => (random.uniform(&shape) - 0.5).sign() * (1.0 - random.uniform(&shape)).log() * -1.0,
        };
        offset / (self.size(offset) + 1e-12)
    }

    /// The norm of each image of `offset`, `[n, 1, 1, 1]`.
    pub fn size<'g>(self, offset: Value<'g>) -> Value<'g> {
        match self.norm {
            Norm::Linf => offset.abs().max(&IMAGE),
            Norm::L2 => offset.square().sum(&IMAGE).sqrt(),
            Norm::L1 => offset.abs().sum(&IMAGE),
        }
    }

    /// The step of size 1 along `gradient`: its signs in L∞, which is the steepest; itself at that length in the others.
    pub fn direction<'g>(self, gradient: Value<'g>) -> Value<'g> {
        match self.norm {
            Norm::Linf => gradient.sign(),
            Norm::L2 | Norm::L1 => gradient / (self.size(gradient) + 1e-12),
        }
    }
}
