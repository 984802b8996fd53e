//! Plane figures as signed distances: negative inside, positive outside, zero on the edge.
//!
//! Only sums, products, quotients, square roots and comparisons of `f32` are used, here and in the rest of
//! `shapes`. IEEE 754 fixes their results to the bit on every machine, unlike those of sine or exponential.
//! The distance formulas are those collected by Quilez, "2D distance functions"
//! (<https://iquilezles.org/articles/distfunctions2d/>).

use std::ops::{Add, Mul, Sub};

/// A point or a vector; x to the right, y down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) x: f32,
    pub(super) y: f32,
}

/// Shorthand for a [`Point`].
pub(super) const fn at(x: f32, y: f32) -> Point {
    Point { x, y }
}

impl Point {
    pub(super) fn dot(self, other: Self) -> f32 {
        self.x * other.x + self.y * other.y
    }

    pub(super) fn length(self) -> f32 {
        self.dot(self).sqrt()
    }
}

impl Add for Point {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        at(self.x + other.x, self.y + other.y)
    }
}

impl Sub for Point {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        at(self.x - other.x, self.y - other.y)
    }
}

impl Mul<f32> for Point {
    type Output = Self;
    fn mul(self, factor: f32) -> Self {
        at(self.x * factor, self.y * factor)
    }
}

/// A figure.
#[derive(Clone, Debug)]
pub(super) enum Figure {
    Ellipse {
        center: Point,
        radii: Point,
    },
    /// A box with corners rounded by `round`, which is part of `half`, its half extents.
    Box {
        center: Point,
        half: Point,
        round: f32,
    },
    /// Any simple polygon.
    Polygon(Vec<Point>),
    /// All points within `radius` of the segment.
    Capsule {
        from: Point,
        to: Point,
        radius: f32,
    },
    /// A circle line of some thickness.
    Ring {
        center: Point,
        radius: f32,
        thickness: f32,
    },
    /// The part of a figure above a horizontal line.
    Above {
        y: f32,
        figure: std::boxed::Box<Figure>,
    },
    /// All of several figures.
    Union(Vec<Figure>),
}

impl Figure {
    pub(super) fn circle(center: Point, radius: f32) -> Self {
        Self::Ellipse { center, radii: at(radius, radius) }
    }

    /// An upright box from its corners.
    pub(super) fn span(low: Point, high: Point, round: f32) -> Self {
        let half = (high - low) * 0.5;
        Self::Box { center: low + half, half, round: round.min(half.x).min(half.y) }
    }

    /// A symmetric trapezoid between two horizontal lines.
    pub(super) fn trapezoid(x: f32, [top, bottom]: [f32; 2], [half_top, half_bottom]: [f32; 2]) -> Self {
        Self::Polygon(vec![
            at(x - half_top, top),
            at(x + half_top, top),
            at(x + half_bottom, bottom),
            at(x - half_bottom, bottom),
        ])
    }

    /// A box around the figure: its lowest and its highest coordinates.
    pub(super) fn bounds(&self) -> [Point; 2] {
        let around = |center: Point, half: Point| [center - half, center + half];
        match self {
            Self::Ellipse { center, radii } => around(*center, *radii),
            Self::Box { center, half, .. } => around(*center, *half),
            Self::Polygon(corners) => hull(corners.iter().map(|&corner| [corner; 2])),
            Self::Capsule { from, to, radius } => {
                let [low, high] = hull([[*from; 2], [*to; 2]]);
                [low - at(*radius, *radius), high + at(*radius, *radius)]
            }
            Self::Ring { center, radius, thickness } => {
                let reach = radius + thickness * 0.5;
                around(*center, at(reach, reach))
            }
            Self::Above { y, figure } => {
                let [low, high] = figure.bounds();
                [low, at(high.x, high.y.min(*y))]
            }
            Self::Union(figures) => hull(figures.iter().map(Self::bounds)),
        }
    }

    /// Signed distance; for ellipses, cuts and unions within the accuracy that smooth edges need.
    pub(super) fn distance(&self, p: Point) -> f32 {
        match self {
            Self::Ellipse { center, radii } => {
                let q = p - *center;
                let scaled = at(q.x / radii.x, q.y / radii.y);
                let slope = at(scaled.x / radii.x, scaled.y / radii.y).length();
                let reach = scaled.length();
                if slope < 1e-6 { -radii.x.min(radii.y) } else { reach * (reach - 1.0) / slope }
            }
            Self::Box { center, half, round } => {
                let q = p - *center;
                let q = at(q.x.abs() - half.x + round, q.y.abs() - half.y + round);
                at(q.x.max(0.0), q.y.max(0.0)).length() + q.x.max(q.y).min(0.0) - round
            }
            Self::Polygon(corners) => polygon(corners, p),
            Self::Capsule { from, to, radius } => to_segment(p, *from, *to).length() - radius,
            Self::Ring { center, radius, thickness } => {
                ((p - *center).length() - radius).abs() - thickness * 0.5
            }
            Self::Above { y, figure } => figure.distance(p).max(p.y - y),
            Self::Union(figures) => figures.iter().map(|f| f.distance(p)).fold(f32::MAX, f32::min),
        }
    }
}

/// The box around several boxes.
pub(super) fn hull(boxes: impl IntoIterator<Item = [Point; 2]>) -> [Point; 2] {
    let nothing = [at(f32::MAX, f32::MAX), at(f32::MIN, f32::MIN)];
    boxes.into_iter().fold(nothing, |[low, high], [a, b]| {
        [at(low.x.min(a.x), low.y.min(a.y)), at(high.x.max(b.x), high.y.max(b.y))]
    })
}

/// The shortest vector from the segment to the point.
fn to_segment(p: Point, from: Point, to: Point) -> Point {
    let edge = to - from;
    let along = (p - from).dot(edge) / edge.dot(edge).max(1e-12);
    p - from - edge * along.clamp(0.0, 1.0)
}

fn polygon(corners: &[Point], p: Point) -> f32 {
    let mut nearest = f32::MAX;
    let mut inside = false;
    for (i, &a) in corners.iter().enumerate() {
        let b = corners[(i + 1) % corners.len()];
        let away = to_segment(p, a, b);
        nearest = nearest.min(away.dot(away));
        // Even-odd rule: count the edges that a ray to the right crosses.
        if (a.y > p.y) != (b.y > p.y) && p.x < a.x + (p.y - a.y) / (b.y - a.y) * (b.x - a.x) {
            inside = !inside;
        }
    }
    if inside { -nearest.sqrt() } else { nearest.sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f32, b: f32) {
        assert!((a - b).abs() < 1e-4, "{a} is not {b}");
    }

    #[test]
    fn distances_of_simple_figures() {
        close(Figure::circle(at(1.0, 2.0), 2.0).distance(at(1.0, 5.0)), 1.0);
        close(Figure::circle(at(1.0, 2.0), 2.0).distance(at(1.0, 2.0)), -2.0);
        let square = Figure::span(at(-1.0, -2.0), at(1.0, 2.0), 0.0);
        close(square.distance(at(0.0, 0.0)), -1.0);
        close(square.distance(at(4.0, 6.0)), 5.0);
        let polygon = Figure::Polygon(vec![at(-1.0, -2.0), at(1.0, -2.0), at(1.0, 2.0), at(-1.0, 2.0)]);
        for p in [at(0.0, 0.0), at(4.0, 6.0), at(0.5, 1.9), at(-3.0, 0.0), at(0.0, -2.5)] {
            close(polygon.distance(p), square.distance(p));
        }
        let capsule = Figure::Capsule { from: at(0.0, 0.0), to: at(0.0, 4.0), radius: 0.5 };
        close(capsule.distance(at(3.0, 2.0)), 2.5);
        close(capsule.distance(at(0.0, 6.0)), 1.5);
        let ring = Figure::Ring { center: at(0.0, 0.0), radius: 3.0, thickness: 1.0 };
        close(ring.distance(at(0.0, 3.0)), -0.5);
        close(ring.distance(at(0.0, 0.0)), 2.5);
    }

    #[test]
    fn rounding_takes_the_corner_and_keeps_the_sides() {
        let round = Figure::span(at(-1.0, -1.0), at(1.0, 1.0), 0.5);
        close(round.distance(at(1.0, 0.0)), 0.0);
        assert!(round.distance(at(0.99, 0.99)) > 0.1);
    }

    #[test]
    fn bounds_hold_the_figure() {
        let figures = [
            Figure::Ellipse { center: at(0.3, 0.2), radii: at(0.5, 0.9) },
            Figure::span(at(-0.5, 0.0), at(0.7, 0.4), 0.1),
            Figure::trapezoid(0.1, [-0.5, 0.8], [0.2, 0.6]),
            Figure::Capsule { from: at(-0.5, 0.9), to: at(0.2, -0.3), radius: 0.2 },
            Figure::Ring { center: at(0.1, 0.1), radius: 0.6, thickness: 0.2 },
            Figure::Above { y: 0.3, figure: Box::new(Figure::circle(at(0.0, 0.2), 0.7)) },
        ];
        for figure in figures.iter().cloned().chain([Figure::Union(figures.to_vec())]) {
            let [low, high] = figure.bounds();
            for i in 0..10_000 {
                let p = at((i % 100) as f32 / 40.0 - 1.25, (i / 100) as f32 / 40.0 - 1.25);
                let outside = p.x < low.x || p.y < low.y || p.x > high.x || p.y > high.y;
                assert!(!outside || figure.distance(p) > -1e-4, "{p:?} of {figure:?}");
            }
        }
    }

    #[test]
    fn cuts_and_unions() {
        let cut = Figure::Above { y: 0.0, figure: Box::new(Figure::circle(at(0.0, 0.0), 2.0)) };
        assert!(cut.distance(at(0.0, -1.0)) < 0.0 && cut.distance(at(0.0, 1.0)) > 0.0);
        let both = Figure::Union(vec![cut, Figure::circle(at(0.0, 3.0), 1.0)]);
        assert!(both.distance(at(0.0, -1.0)) < 0.0 && both.distance(at(0.0, 3.0)) < 0.0);
        assert!(both.distance(at(0.0, 1.0)) > 0.0);
    }
}
