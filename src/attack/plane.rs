//! The shortest way onto a plane without leaving [0, 1] (Croce and Hein 2020, *Minimally distorted adversarial examples
//! with a fast adaptive boundary attack*, section 2.2): the projection of FAB.

use unperturb_engine::Value;

use super::Norm;
use super::ball::IMAGE;

/// Later than any plane is met.
const NEVER: f32 = 1e10;

/// The smallest offset of `points` within [0, 1] onto the plane where `difference` (its value at the points, `[n, 1, 1, 1]`,
/// with the gradient `normal`) is zero; as far as that goes where the box ends before the plane.
pub(super) fn toward<'g>(
    norm: Norm,
    points: Value<'g>,
    normal: Value<'g>,
    difference: Value<'g>,
) -> Value<'g> {
    let g = points.graph();
    let positive = difference.greater_equal(g.full([], 0.0));
    let downhill = normal * (1.0 - 2.0 * positive);
    // Each value goes its way at its pace until its room is used up.
    let room = downhill.greater(0.0).select(1.0 - points, points);
    let slope = downhill.abs();
    let pace = match norm {
        Norm::Linf => g.full([], 1.0),
        Norm::L2 | Norm::L1 => slope,
    };
    let time = meeting(slope, pace, room, difference.abs());
    downhill.sign() * (pace * time).minimum(room)
}

/// Newton steps until the plane is met. What is gained by a time is concave and made of straight pieces, so that they
/// never go too far, and a dozen are enough: each meets the plane unless a value runs out of room on the way.
const MEETINGS: usize = 12;

/// The time t, `[n, 1, 1, 1]`, at which `sum of slope * min(pace * t, room)` is `drop`.
fn meeting<'g>(slope: Value<'g>, pace: Value<'g>, room: Value<'g>, drop: Value<'g>) -> Value<'g> {
    let number = |value: f32| slope.graph().full([], value);
    let mut time = drop * 0.0;
    for _ in 0..MEETINGS {
        let moves = room.greater_than(pace * time);
        let used = moves.select(number(0.0), slope * room).sum(&IMAGE);
        let rate = moves.select(slope * pace, number(0.0)).sum(&IMAGE);
        // Where nothing moves any more, all room is used up.
        time =
            rate.greater(0.0).select((drop - used) / rate.maximum(number(f32::MIN_POSITIVE)), number(NEVER));
    }
    time
}

#[cfg(test)]
mod tests {
    use unperturb_engine::{Device, Graph, Session};

    use super::*;

    const IMAGES_TESTED: usize = 6;
    const VALUES: usize = 4 * 4 * 3;
    const SHAPE: [usize; 4] = [IMAGES_TESTED, 4, 4, 3];

    /// Values in [0, 1), many of them at the ends.
    fn numbers(seed: u32) -> Vec<f32> {
        let hash = |i: usize| {
            (i as u32 + 977 * seed).wrapping_mul(0x9e37_79b9).rotate_left(13).wrapping_mul(0x85eb_ca6b)
        };
        let unit = |i| (hash(i) >> 8) as f32 / 16_777_216.0;
        (0..IMAGES_TESTED * VALUES).map(|i| (unit(i) * 1.4 - 0.2).clamp(0.0, 1.0)).collect()
    }

    /// The projection in f64, by bisection of the time.
    fn expected(norm: Norm, point: &[f32], normal: &[f32], difference: f32) -> Vec<f64> {
        let sign = if difference >= 0.0 { -1.0 } else { 1.0 };
        let values: Vec<(f64, f64)> = point
            .iter()
            .zip(normal)
            .map(|(&p, &w)| {
                let downhill = sign * f64::from(w);
                (downhill, if downhill > 0.0 { 1.0 - f64::from(p) } else { f64::from(p) })
            })
            .collect();
        let offset = |time: f64| -> Vec<f64> {
            let pace = |w: f64| if norm == Norm::Linf { 1.0 } else { w.abs() };
            let sign = |w: f64| if w == 0.0 { 0.0 } else { w.signum() };
            values.iter().map(|&(w, room)| sign(w) * (pace(w) * time).min(room)).collect()
        };
        let gain = |time: f64| offset(time).iter().zip(&values).map(|(d, (w, _))| d * w).sum::<f64>();
        let (mut low, mut high) = (0.0, 1e6);
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if gain(middle) < f64::from(difference.abs()) { low = middle } else { high = middle }
        }
        offset(low)
    }

    #[test]
    fn steps_onto_planes_are_the_shortest_there_are() {
        let (points, normals) = (numbers(1), numbers(2).iter().map(|x| x - 0.5).collect::<Vec<_>>());
        // Both sides, none, nearly all of the room, and more than there is.
        let differences = [0.3, -2.0, 0.0, -8.0, 9.0, 40.0];
        for norm in [Norm::Linf, Norm::L2] {
            let g = Graph::new();
            let difference = g.state("difference", [IMAGES_TESTED, 1, 1, 1]);
            let offset = toward(norm, g.state("points", SHAPE), g.state("normals", SHAPE), difference);
            g.output("offset", offset);
            let mut session = Session::new(&Device::cpu());
            let program = session.compile(&g).unwrap();
            session.write("points", &points).unwrap();
            session.write("normals", &normals).unwrap();
            session.write("difference", &differences).unwrap();
            session.run(&program, 1).unwrap();
            let found = session.read("offset").unwrap();
            for (i, found) in found.chunks_exact(VALUES).enumerate() {
                let image = i * VALUES..(i + 1) * VALUES;
                let expected = expected(norm, &points[image.clone()], &normals[image], differences[i]);
                for (a, b) in found.iter().zip(expected) {
                    assert!((f64::from(*a) - b).abs() < 1e-5, "{norm} of image {i}: {a} instead of {b}");
                }
            }
        }
    }
}
