//! The adjustments, as methods on images.

use super::{LUMA, MixChannels, TurnHue};
use crate::graph::Value;

impl<'g> Value<'g> {
    /// Grey images `[n, h, w, 1]` of coloured ones `[n, h, w, 3]`.
    #[track_caller]
    pub fn grey(self) -> Value<'g> {
        self.mix_channels(&[&LUMA])
    }

    /// For each pixel of `[..., c]`, as many weighted sums of its channels as there are `rows`, each of
    /// which holds c weights: `[..., rows]`.
    #[track_caller]
    pub fn mix_channels(self, rows: &[&[f32]]) -> Value<'g> {
        let matrix = rows.iter().map(|row| row.to_vec()).collect();
        self.graph.apply(MixChannels { matrix }, &[self])
    }

    /// `factors [n]`: 0 makes an image black, 1 leaves it alone, 2 doubles it. Clamped to [0, 1].
    #[track_caller]
    pub fn adjust_brightness(self, factors: Value<'g>) -> Value<'g> {
        (self * per_image(factors)).clamp(0.0, 1.0)
    }

    /// `factors [n]`: 0 leaves an image the mean of its grey, 1 leaves it alone. Clamped to [0, 1].
    #[track_caller]
    pub fn adjust_contrast(self, factors: Value<'g>) -> Value<'g> {
        self.blend(self.grey().mean(&[1, 2, 3]), factors)
    }

    /// `factors [n]`: 0 makes an image grey, 1 leaves it alone. Clamped to [0, 1].
    #[track_caller]
    pub fn adjust_saturation(self, factors: Value<'g>) -> Value<'g> {
        self.blend(self.grey(), factors)
    }

    /// Turns the hues of images `[n, h, w, 3]` by `shifts [n]` of the colour circle, from -0.5 to 0.5.
    /// The gradient goes to the images alone; where two channels of a pixel are equal and the
    /// function has a kink, it is that of one side.
    #[track_caller]
    pub fn adjust_hue(self, shifts: Value<'g>) -> Value<'g> {
        self.graph.apply(TurnHue { transposed: false }, &[self, shifts, self])
    }

    /// Makes those images `[n, h, w, 3]` grey whose entry in `chosen [n]` is not zero.
    #[track_caller]
    pub fn turn_grey(self, chosen: Value<'g>) -> Value<'g> {
        per_image(chosen).select(self.grey(), self)
    }

    #[track_caller]
    fn blend(self, other: Value<'g>, factors: Value<'g>) -> Value<'g> {
        let factors = per_image(factors);
        (self * factors + other * (1.0 - factors)).clamp(0.0, 1.0)
    }
}

/// `[n]` as `[n, 1, 1, 1]`, to meet images.
#[track_caller]
fn per_image<'g>(values: Value<'g>) -> Value<'g> {
    values.reshape([values.shape().elements(), 1, 1, 1])
}
