//! A picture: background, clutter, one object, what stands before it, light and noise.

use super::canvas::{Canvas, Colour, Frame, Pose, SIDE, coverage};
use super::classes::{self, Ink, Part};
use super::geometry::{Figure, Point, at};
use super::texture::{Texture, grain, hsv, lit};
use crate::random::Random;

/// Paints a picture with an object of the class; every choice comes from `random`.
pub(super) fn paint(label: u32, random: &mut Random) -> Vec<u8> {
    let (mut canvas, backdrop) = background(random);
    for _ in 0..2 + random.below(4) {
        clutter(&mut canvas, random);
    }
    let pose = Pose::new(
        at(16.0 + random.between(-3.5, 3.5), 16.0 + random.between(-2.5, 2.5)),
        random.between(11.0, 15.0),
        random.between(-0.11, 0.11),
    );
    let parts = classes::object(label, random);
    object(&mut canvas, pose, &parts, backdrop, random);
    if random.chance(0.5) {
        occluder(&mut canvas, pose, random);
    }
    light(&mut canvas, random);
    canvas.to_bytes()
}

/// Sky, and mostly ground, each with its texture. Returns the colours that the object has to stand out from.
fn background(random: &mut Random) -> (Canvas, [Colour; 2]) {
    let colour = |random: &mut Random, value: [f32; 2]| {
        hsv(random.unit(), random.between(0.1, 0.65), random.between(value[0], value[1]))
    };
    let (sky, ground) = (colour(random, [0.35, 0.95]), colour(random, [0.2, 0.7]));
    let textures = [Texture::draw(random), Texture::draw(random)];
    let strength = [random.between(0.03, 0.16), random.between(0.06, 0.22)];
    // One picture in four has no ground: the horizon lies below it.
    let horizon = if random.chance(0.75) { random.between(17.0, 29.0) } else { 40.0 };
    let tilt = random.between(-0.12, 0.12);
    let ground = if horizon > SIDE as f32 { sky } else { ground };
    let fall = random.between(0.1, 0.4);
    let canvas = Canvas::new(|p| {
        let below = coverage(horizon + (p.x - 16.0) * tilt - p.y, 1.5);
        // Brighter above: the light comes from there in the whole picture.
        let height = 1.0 + fall * (0.5 - p.y / SIDE as f32);
        let sky = lit(sky, height + textures[0].value(p) * strength[0]);
        let ground = lit(ground, height + textures[1].value(p) * strength[1]);
        std::array::from_fn(|c| sky[c] + (ground[c] - sky[c]) * below)
    });
    (canvas, [sky, ground])
}

/// A small figure of no class, anywhere and any way up.
fn clutter(canvas: &mut Canvas, random: &mut Random) {
    let place = at(random.between(0.0, 32.0), random.between(0.0, 32.0));
    let pose = Pose::new(place, random.between(1.8, 5.0), random.between(-1.0, 1.0));
    let figure = match random.below(5) {
        0 => Figure::circle(at(0.0, 0.0), 0.8),
        1 => Figure::span(at(-0.9, -0.6), at(0.9, 0.6), 0.1),
        2 => Figure::Polygon(vec![at(0.0, -1.0), at(0.9, 0.7), at(-0.9, 0.7)]),
        3 => Figure::Capsule { from: at(-1.6, 0.0), to: at(1.6, 0.0), radius: 0.2 },
        _ => Figure::Ring { center: at(0.0, 0.0), radius: 0.8, thickness: 0.4 },
    };
    let colour = hsv(random.unit(), random.between(0.2, 0.8), random.between(0.25, 0.95));
    let opacity = random.between(0.5, 0.95);
    let frame = pose.frame(&figure, 1.0);
    canvas.paint(frame, |p| coverage(pose.distance(&figure, p), 1.2) * opacity, |_, _| colour);
}

/// The object with its shadow below and light on its upper edges.
fn object(canvas: &mut Canvas, pose: Pose, parts: &[Part], backdrop: [Colour; 2], random: &mut Random) {
    let main = standing_out(&backdrop, random);
    let second = standing_out(&[backdrop[0], backdrop[1], main], random);
    let accent = standing_out(&[main, second], random);
    let texture = Texture::draw(random);
    let strength = random.between(0.05, 0.2);
    let drop = at(random.between(-1.2, 1.2), random.between(1.0, 2.2));
    let shade = random.between(0.35, 0.65);

    let silhouette = Figure::Union(parts.iter().map(|part| part.figure.clone()).collect());
    canvas.paint(
        pose.frame(&silhouette, 4.0),
        |p| coverage(pose.distance(&silhouette, p - drop), 2.5) * (1.0 - shade),
        |_, below| lit(below, 0.25),
    );
    for Part { figure, ink } in parts {
        let (colour, strength) = match ink {
            Ink::Main => (main, strength),
            Ink::Second => (second, strength * 0.5),
            Ink::Accent => (accent, 0.0),
        };
        canvas.paint(
            pose.frame(figure, 1.0),
            |p| coverage(pose.distance(figure, p), 1.0),
            |p, _| {
                let height = 1.0 - 0.18 * pose.to_local(p).y;
                let light = height + edge_light(pose, figure, p) + texture.value(p) * strength;
                lit(colour, light)
            },
        );
    }
}

/// Bright just inside an upper edge, dark just inside a lower one: the slope of the distance along y.
fn edge_light(pose: Pose, figure: &Figure, p: Point) -> f32 {
    let here = pose.distance(figure, p);
    let rise = pose.distance(figure, p - at(0.0, 1.0)) - here;
    0.28 * rise.clamp(-1.0, 1.0) * (1.0 + here / 2.5).clamp(0.0, 1.0)
}

/// The colour farthest from the `others`, of three at random.
fn standing_out(others: &[Colour], random: &mut Random) -> Colour {
    let nearest = |colour: &Colour| {
        let distance = |other: &Colour| colour.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
        others.iter().map(distance).fold(f32::MAX, f32::min)
    };
    let candidates: [Colour; 3] =
        std::array::from_fn(|_| hsv(random.unit(), random.between(0.25, 0.95), random.between(0.2, 1.0)));
    let farthest = |a: Colour, b: Colour| if nearest(&b) > nearest(&a) { b } else { a };
    candidates.into_iter().reduce(farthest).expect("there are three candidates")
}

/// A bar or a disc before the object, across its rim rather than its middle.
fn occluder(canvas: &mut Canvas, pose: Pose, random: &mut Random) {
    let colour = hsv(random.unit(), random.between(0.2, 0.8), random.between(0.2, 0.9));
    let offset = random.between(0.4, 0.9) * if random.chance(0.5) { 1.0 } else { -1.0 };
    let figure = if random.chance(0.5) {
        let (top, bottom) = (at(offset, -3.0), at(offset + random.between(-0.6, 0.6), 3.0));
        Figure::Capsule { from: top, to: bottom, radius: random.between(0.06, 0.14) }
    } else {
        Figure::circle(at(offset, random.between(-0.7, 0.7)), random.between(0.2, 0.36))
    };
    canvas.paint(
        pose.frame(&figure, 1.0),
        |p| coverage(pose.distance(&figure, p), 1.0),
        |p, _| lit(colour, 1.0 + edge_light(pose, &figure, p)),
    );
}

/// Light over the whole picture: more from above, a little from one side, a cast; then noise.
fn light(canvas: &mut Canvas, random: &mut Random) {
    let gain = random.between(0.8, 1.15);
    let (fall, across) = (random.between(0.05, 0.3), random.between(-0.2, 0.2));
    let cast: Colour = std::array::from_fn(|_| random.between(0.92, 1.08));
    let (noise, salt) = (random.between(0.01, 0.06), random.next_u32());
    canvas.paint(
        Frame::ALL,
        |_| 1.0,
        |p, colour| {
            let (x, y) = (p.x / SIDE as f32 - 0.5, p.y / SIDE as f32 - 0.5);
            let light = gain * (1.0 - fall * y + across * x);
            let grain = grain(salt, p);
            std::array::from_fn(|c| colour[c] * light * cast[c] + grain[c] * noise)
        },
    );
}
