//! The ten objects. Each stands upright in local coordinates, x and y in [-1, 1], y down, and varies in its
//! proportions and details from picture to picture.

use super::geometry::{Figure, Point, at};
use crate::random::Random;

/// Names of the classes by label, sorted.
pub const CLASS_NAMES: [&str; 10] =
    ["arrow", "boat", "bottle", "car", "cup", "flower", "house", "mushroom", "person", "tree"];

/// Which of an object's colours a part has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Main,
    Second,
    Accent,
}

/// A part of an object; later parts cover earlier ones.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) figure: Figure,
    pub(super) ink: Ink,
}

fn main(figure: Figure) -> Part {
    Part { figure, ink: Ink::Main }
}

fn second(figure: Figure) -> Part {
    Part { figure, ink: Ink::Second }
}

fn accent(figure: Figure) -> Part {
    Part { figure, ink: Ink::Accent }
}

/// Draws the parts of an object of the class.
pub(super) fn object(label: u32, random: &mut Random) -> Vec<Part> {
    match label {
        0 => arrow(random),
        1 => boat(random),
        2 => bottle(random),
        3 => car(random),
        4 => cup(random),
        5 => flower(random),
        6 => house(random),
        7 => mushroom(random),
        8 => person(random),
        _ => tree(random),
    }
}

fn side(random: &mut Random) -> f32 {
    if random.chance(0.5) { 1.0 } else { -1.0 }
}

fn arrow(random: &mut Random) -> Vec<Part> {
    let neck = random.between(-0.25, 0.1);
    let (head, shaft) = (random.between(0.55, 0.85), random.between(0.16, 0.32));
    let barb = random.between(0.0, 0.2);
    let mut parts = vec![
        main(Figure::span(at(-shaft, neck - 0.2), at(shaft, 0.95), 0.0)),
        main(Figure::Polygon(vec![
            at(0.0, -0.95),
            at(head, neck + barb),
            at(0.0, neck),
            at(-head, neck + barb),
        ])),
    ];
    match random.below(3) {
        0 => parts.push(second(Figure::span(at(-shaft, 0.55), at(shaft, 0.75), 0.0))),
        1 => parts.push(second(Figure::trapezoid(0.0, [-0.7, neck - 0.1], [0.06, head * 0.45]))),
        _ => parts.push(accent(Figure::span(at(-shaft * 0.4, neck), at(shaft * 0.4, 0.8), 0.0))),
    }
    parts
}

fn boat(random: &mut Random) -> Vec<Part> {
    let (deck, keel) = (random.between(0.3, 0.5), random.between(0.8, 0.95));
    let length = random.between(0.75, 0.98);
    let mast = random.between(-0.2, 0.2);
    let lean = side(random);
    let top = random.between(-0.98, -0.8);
    let sail = |width: f32, top: f32, foot: f32| {
        Figure::Polygon(vec![at(mast + 0.05 * width.signum(), top), at(mast + width, foot), at(mast, foot)])
    };
    let mut parts = vec![
        accent(Figure::Capsule { from: at(mast, top), to: at(mast, deck), radius: 0.045 }),
        second(sail(lean * random.between(0.5, 0.7), top + 0.05, deck - 0.12)),
        main(Figure::trapezoid(0.0, [deck, keel], [length, length * random.between(0.55, 0.75)])),
    ];
    if random.chance(0.6) {
        parts.push(second(sail(-lean * random.between(0.3, 0.5), top + 0.3, deck - 0.12)));
    }
    if random.chance(0.5) {
        parts.push(accent(Figure::span(
            at(-length * 0.85, deck + 0.08),
            at(length * 0.85, deck + 0.18),
            0.0,
        )));
    }
    parts
}

fn bottle(random: &mut Random) -> Vec<Part> {
    let (body, neck) = (random.between(0.3, 0.48), random.between(0.1, 0.17));
    let shoulder = random.between(-0.3, 0.0);
    let mouth = random.between(-0.95, -0.85);
    let foot = random.between(0.85, 0.97);
    let slope = shoulder - random.between(0.1, 0.3);
    let label_top = shoulder + random.between(0.15, 0.35);
    vec![
        main(Figure::span(at(-neck, mouth), at(neck, shoulder), 0.03)),
        main(Figure::trapezoid(0.0, [slope, shoulder + 0.05], [neck, body])),
        main(Figure::span(at(-body, shoulder), at(body, foot), 0.08)),
        second(Figure::span(at(-neck - 0.04, mouth - 0.03), at(neck + 0.04, mouth + 0.16), 0.03)),
        accent(Figure::span(at(-body, label_top), at(body, label_top + random.between(0.25, 0.4)), 0.0)),
    ]
}

fn car(random: &mut Random) -> Vec<Part> {
    let (belt, sill) = (random.between(-0.05, 0.1), random.between(0.45, 0.55));
    let roof = random.between(-0.6, -0.4);
    let shift = random.between(-0.2, 0.2);
    let (roof_half, belt_half) = (random.between(0.3, 0.42), random.between(0.55, 0.68));
    let (wheel, axle) = (random.between(0.2, 0.27), random.between(0.5, 0.6));
    let mut parts = vec![
        main(Figure::trapezoid(shift, [roof, belt + 0.1], [roof_half, belt_half])),
        accent(Figure::trapezoid(shift, [roof + 0.1, belt - 0.02], [roof_half - 0.07, belt_half - 0.15])),
        main(Figure::span(at(-0.98, belt), at(0.98, sill), 0.15)),
    ];
    if random.chance(0.6) {
        parts.push(main(Figure::span(at(shift - 0.05, roof), at(shift + 0.05, belt), 0.0)));
    }
    for x in [-axle, axle] {
        parts.push(second(Figure::circle(at(x, sill), wheel)));
        parts.push(accent(Figure::circle(at(x, sill), wheel * 0.4)));
    }
    parts
}

fn cup(random: &mut Random) -> Vec<Part> {
    let (rim, foot) = (random.between(-0.5, -0.2), random.between(0.75, 0.92));
    let half = random.between(0.5, 0.65);
    let x = -0.15 * side(random);
    let bottom = half * random.between(0.6, 0.95);
    let ring = random.between(0.25, 0.34);
    let handle = at(x - x.signum() * (half * 0.97), rim + (foot - rim) * random.between(0.35, 0.5));
    let band = rim + (foot - rim) * random.between(0.3, 0.6);
    let mut parts = vec![
        main(Figure::Ring { center: handle, radius: ring, thickness: random.between(0.1, 0.17) }),
        main(Figure::trapezoid(x, [rim, foot], [half, bottom])),
        accent(Figure::Ellipse { center: at(x, rim), radii: at(half, random.between(0.08, 0.16)) }),
    ];
    if random.chance(0.6) {
        let width = bottom.min(half) * 0.98;
        parts.push(second(Figure::span(at(x - width, band), at(x + width, band + 0.16), 0.0)));
    }
    if random.chance(0.5) {
        for offset in [-0.22, 0.18] {
            let from = at(x + offset, rim - 0.22);
            let to = at(x + offset + random.between(-0.12, 0.12), random.between(-0.95, -0.75));
            parts.push(second(Figure::Capsule { from, to, radius: 0.05 }));
        }
    }
    parts
}

/// Directions of petals: five, six or eight, evenly around.
const PETALS: [&[Point]; 3] = [
    &[
        at(0.0, -1.0),
        at(0.951_056_5, -0.309_017),
        at(0.587_785_25, 0.809_017),
        at(-0.587_785_25, 0.809_017),
        at(-0.951_056_5, -0.309_017),
    ],
    &[
        at(0.0, -1.0),
        at(0.866_025_4, -0.5),
        at(0.866_025_4, 0.5),
        at(0.0, 1.0),
        at(-0.866_025_4, 0.5),
        at(-0.866_025_4, -0.5),
    ],
    &[
        at(0.0, -1.0),
        at(0.707_106_77, -0.707_106_77),
        at(1.0, 0.0),
        at(0.707_106_77, 0.707_106_77),
        at(0.0, 1.0),
        at(-0.707_106_77, 0.707_106_77),
        at(-1.0, 0.0),
        at(-0.707_106_77, -0.707_106_77),
    ],
];

fn flower(random: &mut Random) -> Vec<Part> {
    let heart = at(random.between(-0.15, 0.15), random.between(-0.45, -0.35));
    let foot = at(random.between(-0.1, 0.1), 0.97);
    let (reach, petal) = (random.between(0.3, 0.38), random.between(0.16, 0.22));
    let leaf_side = side(random);
    let mut parts =
        vec![second(Figure::Capsule { from: heart, to: foot, radius: random.between(0.05, 0.09) })];
    let leaf = |side: f32, y: f32| {
        second(Figure::Polygon(vec![
            at(foot.x, y + 0.12),
            at(foot.x + side * 0.25, y - 0.12),
            at(foot.x + side * 0.58, y - 0.16),
            at(foot.x + side * 0.34, y + 0.1),
        ]))
    };
    parts.push(leaf(leaf_side, random.between(0.35, 0.6)));
    if random.chance(0.6) {
        parts.push(leaf(-leaf_side, random.between(0.45, 0.7)));
    }
    let directions = PETALS[random.below(3) as usize];
    let petals = directions.iter().map(|&d| Figure::circle(heart + d * reach, petal)).collect();
    parts.push(main(Figure::Union(petals)));
    parts.push(accent(Figure::circle(heart, random.between(0.17, 0.24))));
    parts
}

fn house(random: &mut Random) -> Vec<Part> {
    let (wall, eaves) = (random.between(0.55, 0.78), random.between(-0.25, 0.0));
    let overhang = wall + random.between(0.08, 0.2);
    let ridge = at(random.between(-0.15, 0.15), random.between(-0.95, -0.75));
    let mut parts = Vec::new();
    if random.chance(0.5) {
        let x = side(random) * random.between(0.3, 0.45);
        parts.push(second(Figure::span(at(x - 0.1, ridge.y + 0.05), at(x + 0.1, eaves), 0.0)));
    }
    parts.push(main(Figure::span(at(-wall, eaves - 0.05), at(wall, 0.93), 0.0)));
    parts.push(second(Figure::Polygon(vec![ridge, at(overhang, eaves + 0.04), at(-overhang, eaves + 0.04)])));
    let door = random.between(-0.3, 0.3);
    parts.push(accent(Figure::span(at(door - 0.13, random.between(0.4, 0.5)), at(door + 0.13, 0.93), 0.0)));
    let window = if door > 0.0 { -0.35 } else { 0.35 };
    let y = random.between(0.15, 0.3);
    parts.push(accent(Figure::span(at(window - 0.13, y), at(window + 0.13, y + 0.25), 0.0)));
    parts
}

fn mushroom(random: &mut Random) -> Vec<Part> {
    let (stem, foot) = (random.between(0.15, 0.28), random.between(1.0, 1.5));
    let (cap, height) = (random.between(0.7, 0.97), random.between(0.6, 0.9));
    let brim = random.between(-0.15, 0.15);
    let dome = Figure::Ellipse { center: at(0.0, brim), radii: at(cap, height) };
    let mut parts = vec![
        second(Figure::trapezoid(0.0, [brim - 0.05, 0.93], [stem, stem * foot])),
        main(Figure::Above { y: brim, figure: Box::new(dome) }),
    ];
    let spots = random.below(4);
    for spot in 0..spots {
        let x = cap * (0.5 * spot as f32 - 0.25 * (spots - 1) as f32 + random.between(-0.1, 0.1));
        let y = brim - height * random.between(0.25, 0.6);
        parts.push(accent(Figure::circle(at(x, y), random.between(0.08, 0.14))));
    }
    parts
}

fn person(random: &mut Random) -> Vec<Part> {
    let (head, shoulder) = (random.between(0.18, 0.25), random.between(-0.38, -0.28));
    let (hip, half) = (random.between(0.25, 0.4), random.between(0.2, 0.32));
    let (limb, stride) = (random.between(0.08, 0.12), random.between(0.15, 0.35));
    let mut parts = Vec::new();
    for x in [-1.0, 1.0] {
        let hand = at(x * random.between(0.45, 0.8), random.between(-0.65, 0.35));
        let from = at(x * (half - 0.05), shoulder + 0.08);
        parts.push(second(Figure::Capsule { from, to: hand, radius: limb }));
        let leg =
            Figure::Capsule { from: at(x * 0.13, hip - 0.05), to: at(x * stride, 0.88), radius: limb * 1.1 };
        parts.push(accent(leg));
    }
    parts.push(main(Figure::trapezoid(0.0, [shoulder, hip], [half, half * random.between(0.7, 1.2)])));
    parts.push(second(Figure::circle(at(random.between(-0.06, 0.06), shoulder - head * 1.1), head)));
    parts
}

fn tree(random: &mut Random) -> Vec<Part> {
    let trunk = random.between(0.09, 0.18);
    let mut parts = vec![second(Figure::trapezoid(0.0, [-0.2, 0.96], [trunk * 0.8, trunk * 1.2]))];
    let crown = match random.below(3) {
        0 => {
            let tiers = 2 + random.below(2);
            let (width, foot) = (random.between(0.6, 0.8), random.between(0.35, 0.55));
            let rise = (foot + 0.95) / (tiers as f32 + 0.6);
            let tier = |i: u32| {
                let (base, half) = (foot - rise * i as f32, width * (1.0 - 0.22 * i as f32));
                Figure::Polygon(vec![at(0.0, base - rise * 1.6), at(half, base), at(-half, base)])
            };
            Figure::Union((0..tiers).map(tier).collect())
        }
        1 => {
            let blob = |x: f32, y: f32, random: &mut Random| {
                Figure::circle(at(x + random.between(-0.08, 0.08), y), random.between(0.36, 0.5))
            };
            Figure::Union(vec![blob(-0.4, -0.15, random), blob(0.4, -0.15, random), blob(0.0, -0.5, random)])
        }
        _ => Figure::Ellipse {
            center: at(0.0, random.between(-0.35, -0.25)),
            radii: at(random.between(0.45, 0.7), random.between(0.58, 0.65)),
        },
    };
    parts.push(main(crown));
    for _ in 0..random.below(4) {
        let place = at(random.between(-0.35, 0.35), random.between(-0.55, 0.1));
        parts.push(accent(Figure::circle(place, random.between(0.07, 0.11))));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    #[test]
    fn every_object_fills_its_box_and_stays_near_it() {
        for (label, name) in CLASS_NAMES.iter().enumerate() {
            for index in 0..200 {
                let mut random = Random::new(1, Purpose::Shapes, 9, index);
                let parts = object(label as u32, &mut random);
                let figure = Figure::Union(parts.into_iter().map(|part| part.figure).collect());
                let inside = |x: i32, y: i32| figure.distance(at(x as f32 / 20.0, y as f32 / 20.0)) <= 0.0;
                let places = || (-40..=40).flat_map(|y| (-40..=40).map(move |x| (x, y)));
                let filled: Vec<_> = places().filter(|&(x, y)| inside(x, y)).collect();
                let share = filled.len() as f32 / 1600.0;
                assert!((0.12..0.8).contains(&share), "{name} {index} fills {share} of its box");
                assert!(
                    filled.iter().all(|(x, y)| x.abs() <= 24 && y.abs() <= 22),
                    "{name} {index} sticks out"
                );
                let tall =
                    filled.iter().map(|p| p.1).max().unwrap() - filled.iter().map(|p| p.1).min().unwrap();
                assert!(tall >= 20, "{name} {index} is {tall}/20 tall");
            }
        }
    }
}
