//! Painting figures on a small picture with smooth edges.

use std::ops::Range;

use super::geometry::{Figure, Point, at, hull};

/// Height and width in pixels.
pub(super) const SIDE: usize = 32;

/// Red, green and blue, each in [0, 1].
pub(super) type Colour = [f32; 3];

/// Where an object stands: local coordinates, in which it fills [-1, 1] on both axes, to pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pose {
    /// Centre, in pixels.
    pub(super) center: Point,
    /// Pixels per local unit.
    pub(super) scale: f32,
    /// Cosine and sine of the rotation.
    pub(super) turn: Point,
}

impl Pose {
    /// The rotation is by twice the arctangent of `half_tangent`, which needs no sine.
    pub(super) fn new(center: Point, scale: f32, half_tangent: f32) -> Self {
        let square = half_tangent * half_tangent;
        let turn = at((1.0 - square) / (1.0 + square), 2.0 * half_tangent / (1.0 + square));
        Self { center, scale, turn }
    }

    /// The part of the picture that a figure in local coordinates can touch, with `margin` pixels around.
    pub(super) fn frame(self, figure: &Figure, margin: f32) -> Frame {
        let [low, high] = figure.bounds();
        let corners = [low, at(high.x, low.y), high, at(low.x, high.y)];
        let [low, high] = hull(corners.map(|corner| [self.to_pixels(corner); 2]));
        let clamp = |value: f32| value.clamp(0.0, SIDE as f32) as usize;
        Frame {
            columns: clamp(low.x - margin)..clamp(high.x + margin + 1.0),
            rows: clamp(low.y - margin)..clamp(high.y + margin + 1.0),
        }
    }

    fn to_pixels(self, p: Point) -> Point {
        at(p.x * self.turn.x - p.y * self.turn.y, p.y * self.turn.x + p.x * self.turn.y) * self.scale
            + self.center
    }

    /// From pixels to local coordinates.
    pub(super) fn to_local(self, p: Point) -> Point {
        let q = p - self.center;
        at(q.dot(self.turn), q.y * self.turn.x - q.x * self.turn.y) * (1.0 / self.scale)
    }

    /// Signed distance in pixels to a figure in local coordinates.
    pub(super) fn distance(self, figure: &Figure, p: Point) -> f32 {
        figure.distance(self.to_local(p)) * self.scale
    }
}

/// Some columns of some rows.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    columns: Range<usize>,
    rows: Range<usize>,
}

impl Frame {
    /// The whole picture.
    pub(super) const ALL: Self = Self { columns: 0..SIDE, rows: 0..SIDE };
}

/// A picture being painted.
#[derive(Clone, Debug)]
pub(super) struct Canvas {
    pixels: Vec<Colour>,
}

impl Canvas {
    /// A picture from the colour at every pixel's centre.
    pub(super) fn new(colour: impl Fn(Point) -> Colour) -> Self {
        Self { pixels: (0..SIDE * SIDE).map(|i| colour(center_of(i))).collect() }
    }

    /// Changes every pixel of `frame` that `cover` (0 to 1) does not leave out towards `ink`.
    pub(super) fn paint(
        &mut self,
        frame: Frame,
        cover: impl Fn(Point) -> f32,
        ink: impl Fn(Point, Colour) -> Colour,
    ) {
        for row in frame.rows {
            for i in frame.columns.clone().map(|column| row * SIDE + column) {
                let p = center_of(i);
                let cover = cover(p);
                if cover > 0.0 {
                    let colour = ink(p, self.pixels[i]);
                    for (value, new) in self.pixels[i].iter_mut().zip(colour) {
                        *value += (new - *value) * cover.min(1.0);
                    }
                }
            }
        }
    }

    /// The values 0 to 255, `[32, 32, 3]`, rounded to the nearest.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.pixels.iter().flatten().map(|value| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8).collect()
    }
}

fn center_of(pixel: usize) -> Point {
    at((pixel % SIDE) as f32 + 0.5, (pixel / SIDE) as f32 + 0.5)
}

/// How much of a pixel lies inside an edge at this signed distance from its centre, in pixels; `softness`
/// is the width of the transition, 1 for a sharp edge.
pub(super) fn coverage(distance: f32, softness: f32) -> f32 {
    (0.5 - distance / softness).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_covered_pixel_is_half_painted() {
        let mut canvas = Canvas::new(|_| [0.0; 3]);
        let half = Figure::span(at(-1.0, -1.0), at(10.5, 50.0), 0.0);
        canvas.paint(Frame::ALL, |p| coverage(half.distance(p), 1.0), |_, _| [1.0; 3]);
        let bytes = canvas.to_bytes();
        assert_eq!([9, 10, 11].map(|x| bytes[(16 * SIDE + x) * 3]), [255, 128, 0]);
    }

    #[test]
    fn a_pose_turns_scales_and_moves() {
        // A half tangent of 1 is a quarter turn: local x points down.
        let pose = Pose::new(at(16.0, 16.0), 2.0, 1.0);
        let local = pose.to_local(at(16.0, 20.0));
        assert!((local.x - 2.0).abs() < 1e-6 && local.y.abs() < 1e-6, "{local:?}");
        let back = pose.to_pixels(local);
        assert!((back.x - 16.0).abs() < 1e-5 && (back.y - 20.0).abs() < 1e-5, "{back:?}");
    }

    #[test]
    fn a_frame_leaves_out_nothing_that_is_covered() {
        let figure = Figure::Polygon(vec![at(-0.2, -1.0), at(1.0, 0.3), at(0.1, 0.8)]);
        for step in 0..20 {
            let pose = Pose::new(at(2.0 + step as f32, 30.0 - step as f32), 9.0, step as f32 * 0.2 - 2.0);
            let painted = |frame| {
                let mut canvas = Canvas::new(|_| [0.0; 3]);
                canvas.paint(frame, |p| coverage(pose.distance(&figure, p), 2.0), |_, _| [1.0; 3]);
                canvas.to_bytes()
            };
            let framed = painted(pose.frame(&figure, 1.5));
            assert_eq!(framed, painted(Frame::ALL));
            assert!(framed.iter().any(|&v| v > 0));
        }
    }
}
