//! How the attacks that need no tuning go about it.

use std::cell::RefCell;

use unperturb::attack::apgd::{AutoPgd, BEST_LOSS, Options, STEP_SIZE, checkpoints};
use unperturb::attack::ball::Bound;
use unperturb::attack::loss::Loss;
use unperturb::attack::victim::Averaged;
use unperturb::attack::{GRADIENT, IMAGES, LABELS, LOSS, Norm, Objective, POINT, RANDOM, Victim, seeds};
use unperturb::passes::Passes;
use unperturb_engine::{Device, Session};

use crate::attacked;
use crate::toys::{COUNT, LENGTH, Manner, Recorded, SIZE, Toy};

const SHAPE: [usize; 4] = [COUNT, SIZE[0], SIZE[1], 3];

/// What APGD saw and did: losses and points of every evaluation, best losses and step sizes at the end, what it made.
struct Course {
    losses: Vec<Vec<f32>>,
    points: Vec<Vec<f32>>,
    gradients: Vec<Vec<f32>>,
    best_losses: Vec<f32>,
    step_sizes: Vec<f32>,
    readbacks: u64,
}

fn course(toy: &Toy, bound: Bound, steps: usize) -> Course {
    let seen = RefCell::new(Vec::new());
    let seen: &'static RefCell<Vec<Vec<Vec<f32>>>> = Box::leak(Box::new(seen));
    let mut session = Session::new(&Device::cpu());
    let objective = Objective { loss: Loss::CrossEntropy, targeted: false };
    let of = toy.differentiate(&mut session, SHAPE, objective).unwrap();
    let recorded = Recorded { of, states: &[LOSS, POINT, GRADIENT], seen };
    let options = Options { bound, steps, rho: 0.75 };
    let apgd = AutoPgd::compile(&mut session, options, SHAPE, toy.classes, Box::new(recorded)).unwrap();
    toy.load(&mut session).unwrap();
    let pictures = toy.pictures();
    session.write(IMAGES, &pictures.images).unwrap();
    session.write_u32(LABELS, &pictures.labels).unwrap();
    let random: Vec<u32> = (0..COUNT as u32).flat_map(|i| seeds::of_image(1, 0, 0, 0, i)).collect();
    session.write_u32(RANDOM, &random).unwrap();
    let before = session.counters().readbacks;
    apgd.run(&mut session, &mut Passes::default()).unwrap();
    let readbacks = session.counters().readbacks - before;
    let column = |state: usize| seen.borrow().iter().map(|look| look[state].clone()).collect::<Vec<_>>();
    Course {
        losses: column(0),
        points: column(1),
        gradients: column(2),
        best_losses: session.read(BEST_LOSS).unwrap(),
        step_sizes: session.read(STEP_SIZE).unwrap(),
        readbacks,
    }
}

/// The rule of the paper, written out for one image: the step size at the end, and after which steps the search went on
/// from the best point.
fn step_size(losses: &[f32], epsilon: f32, rho: f32) -> (f32, Vec<usize>) {
    let (mut size, mut returns) = (2.0 * epsilon, vec![]);
    let (mut best_at_check, mut halved) = (losses[0], true);
    for (after, period) in checkpoints(losses.len() - 1) {
        let raised = (after - period + 1..=after).filter(|&i| losses[i] > losses[i - 1]).count();
        let best = losses[..=after].iter().copied().fold(f32::MIN, f32::max);
        let few = raised as f32 <= rho * period as f32;
        halved = few || (!halved && best_at_check >= best);
        best_at_check = best;
        if halved {
            size *= 0.5;
            returns.push(after);
        }
    }
    (size, returns)
}

#[test]
fn apgd_controls_its_steps_as_published() {
    let toy = Toy::new(5, Manner::Curved);
    for (norm, epsilon) in [(Norm::Linf, 0.1), (Norm::L2, 1.5)] {
        let bound = Bound { norm, epsilon };
        let course = course(&toy, bound, 60);
        assert_eq!(
            (course.losses.len(), course.readbacks),
            (61, 3 * 61),
            "the loop reads nothing back itself"
        );
        let images = toy.pictures().images;
        let mut all_returns = 0;
        for image in 0..COUNT {
            let losses: Vec<f32> = course.losses.iter().map(|losses| losses[image]).collect();
            let (size, returns) = step_size(&losses, epsilon, 0.75);
            assert_eq!(course.step_sizes[image], size, "{norm}, image {image}: {losses:?}");
            all_returns += returns.len();
            // In L∞ a point that is gone on from shows: no value moves farther than a step and the momentum allow.
            let at = |of: &[Vec<f32>], i: usize| of[i][image * LENGTH..(image + 1) * LENGTH].to_vec();
            if norm == Norm::Linf {
                let mut size = 2.0 * epsilon;
                for i in 0..60 {
                    let best = (0..=i).fold(0, |best, j| if losses[j] > losses[best] { j } else { best });
                    let is_return = returns.contains(&i);
                    size *= if is_return { 0.5 } else { 1.0 };
                    let from = if is_return { best } else { i };
                    let previous = if i == 0 { 0 } else { previous_of(&losses, &returns, i) };
                    let expected = moved(
                        &images[image * LENGTH..(image + 1) * LENGTH],
                        &at(&course.points, from),
                        &at(&course.points, previous),
                        &at(&course.gradients, from),
                        size,
                        epsilon,
                        i == 0,
                    );
                    let found = at(&course.points, i + 1);
                    let worst = expected.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    assert!(worst < 1e-6, "image {image}, step {i}: {worst}");
                }
            }
        }
        assert!(all_returns > 2 * COUNT, "hardly any step was halved: {all_returns}");
    }
}

/// Which evaluation's point step `i - 1` began at.
fn previous_of(losses: &[f32], returns: &[usize], i: usize) -> usize {
    if !returns.contains(&(i - 1)) {
        return i - 1;
    }
    (0..i).fold(0, |best, j| if losses[j] > losses[best] { j } else { best })
}

/// A step of the paper's algorithm 1, in L∞.
fn moved(
    image: &[f32],
    from: &[f32],
    previous: &[f32],
    gradient: &[f32],
    size: f32,
    epsilon: f32,
    first: bool,
) -> Vec<f32> {
    let project = |x: f32, point: f32| point.clamp(x - epsilon, x + epsilon).clamp(0.0, 1.0);
    (0..image.len())
        .map(|j| {
            let sign = if gradient[j] == 0.0 { 0.0 } else { gradient[j].signum() };
            let ahead = project(image[j], from[j] + size * sign);
            let weight = if first { 1.0 } else { 0.75 };
            project(image[j], from[j] + weight * (ahead - from[j]) + (1.0 - weight) * (from[j] - previous[j]))
        })
        .collect()
}

#[test]
fn apgd_never_ends_below_its_start() {
    let toy = Toy::new(5, Manner::Curved);
    for steps in [1, 3, 20] {
        let course = course(&toy, Bound { norm: Norm::Linf, epsilon: 0.1 }, steps);
        for image in 0..COUNT {
            let best = course.losses.iter().map(|losses| losses[image]).fold(f32::MIN, f32::max);
            assert_eq!(course.best_losses[image], best);
            assert!(best >= course.losses[0][image]);
        }
    }
}

/// How far the right class leads.
fn margins(toy: &Toy, images: &[f32], labels: &[u32]) -> Vec<f32> {
    let logits = toy.logits(images);
    let rows = logits.chunks_exact(toy.classes).zip(labels);
    rows.map(|(row, &label)| {
        let others = row.iter().enumerate().filter(|(i, _)| *i != label as usize).map(|(_, z)| *z);
        row[label as usize] - others.fold(f32::MIN, f32::max)
    })
    .collect()
}

#[test]
fn more_queries_never_help_the_classifier() {
    let toy = Toy::new(5, Manner::Curved);
    let pictures = toy.pictures();
    for norm in ["norm=linf,eps=8/255", "norm=l2,eps=0.5"] {
        let after = |queries: usize| {
            let points = attacked(&format!("square:{norm},queries={queries}"), &toy, &pictures).images;
            margins(&toy, &points, &pictures.labels)
        };
        let clean = margins(&toy, &pictures.images, &pictures.labels);
        let (few, some, many) = (after(20), after(130), after(400));
        for i in (0..COUNT).filter(|&i| clean[i] > 0.0) {
            // Once broken, a picture is left alone.
            assert!(some[i] <= few[i] || few[i] < 0.0, "{norm} of {i}: {} after {}", some[i], few[i]);
            assert!(many[i] <= some[i] || some[i] < 0.0, "{norm} of {i}: {} after {}", many[i], some[i]);
        }
        let mean = |margins: &[f32]| margins.iter().sum::<f32>();
        assert!(mean(&many) < mean(&few) && mean(&few) < mean(&clean), "{norm}");
    }
}

/// The nearest boundary of a linear net is known: the margin over the dual norm of the difference of two rows.
#[test]
fn fab_finds_the_nearest_boundary_of_a_linear_net() {
    let toy = Toy::new(4, Manner::Linear);
    let pictures = toy.pictures();
    // Grey pictures have room in every direction.
    let images: Vec<f32> = pictures.images.iter().map(|x| 0.5 + 0.2 * (x - 0.5)).collect();
    let labels = toy.predicted(&images);
    let logits = toy.logits(&images);
    for (text, power) in [("fab-t", 1), ("fab", 1), ("fab-t:norm=l2", 2), ("fab:norm=l2", 2)] {
        let separator = if text.contains(':') { "," } else { ":" };
        let rounds = if text.starts_with("fab-t") { "" } else { ",restarts=1" };
        let text = format!("{text}{separator}eps=1000,steps=30{rounds}");
        let points =
            attacked(&text, &toy, &crate::toys::Pictures { images: images.clone(), labels: labels.clone() });
        assert_eq!(points.stages[0].unbroken, 0, "{text}");
        for i in 0..COUNT {
            let label = labels[i] as usize;
            let reach = |class: usize| {
                let row = |c: usize| (0..LENGTH).map(move |j| (j, c));
                let difference = row(class).zip(row(label)).map(|((j, a), (_, b))| {
                    f64::from(toy.weights[j * 4 + a]) - f64::from(toy.weights[j * 4 + b])
                });
                let dual = if power == 1 {
                    difference.map(f64::abs).sum::<f64>()
                } else {
                    difference.map(|d| d * d).sum::<f64>().sqrt()
                };
                f64::from(logits[i * 4 + label] - logits[i * 4 + class]) / dual
            };
            let reaches = (0..4).filter(|&class| class != label).map(reach);
            let nearest = reaches.fold(f64::MAX, f64::min);
            let place = i * LENGTH..(i + 1) * LENGTH;
            let changes = images[place.clone()]
                .iter()
                .zip(&points.images[place])
                .map(|(x, a)| f64::from((a - x).abs()));
            let found = if power == 1 {
                changes.fold(0.0, f64::max)
            } else {
                changes.map(|d| d * d).sum::<f64>().sqrt()
            };
            // The targeted form leaves a picture once the first target is reached, which is the most likely class.
            let most = if text.starts_with("fab-t") { 1.5 } else { 1.1 };
            assert!(
                (0.999 * nearest..most * nearest).contains(&found),
                "{text} of {i}: {found} for {nearest}"
            );
        }
    }
}

/// Stages go on where the one before left off: what is broken stays so, and single attacks do not break more.
#[test]
fn autoattack_is_at_least_as_strong_as_its_stages() {
    let toy = Toy::new(5, Manner::Curved);
    let pictures = toy.pictures();
    let options = "eps=3/255,steps=10";
    let auto = attacked(&format!("autoattack:{options},queries=100"), &toy, &pictures);
    let names: Vec<&str> = auto.stages.iter().map(|stage| stage.name).collect();
    assert_eq!(names, ["apgd-ce", "apgd-t", "fab-t", "square"]);
    assert!(auto.stages.windows(2).all(|pair| pair[1].unbroken <= pair[0].unbroken));
    let alone = attacked(&format!("apgd-ce:{options}"), &toy, &pictures);
    assert_eq!(auto.stages[0].unbroken, alone.stages[0].unbroken);
    assert!(auto.stages[3].unbroken > 0, "this leaves nothing to the later stages");
    for (version, expected) in [
        ("plus", &["apgd-ce", "apgd-dlr", "fab", "square", "apgd-t", "fab-t"][..]),
        ("rand", &["apgd-ce", "apgd-dlr"]),
    ] {
        let text = format!("autoattack:version={version},eps=10/255,steps=4,queries=40");
        let names: Vec<&str> =
            attacked(&text, &toy, &pictures).stages.iter().map(|stage| stage.name).collect();
        assert_eq!(names, expected);
    }
}

/// The mean of many noisy gradients is near the gradient; one is not.
#[test]
fn averaged_gradients_lose_their_noise() {
    let toy = Toy::new(5, Manner::Random);
    let pictures = toy.pictures();
    let objective = Objective { loss: Loss::CrossEntropy, targeted: false };
    let gradient = |times: usize, seed: u64| {
        let mut session = Session::new(&Device::cpu());
        let once = toy.differentiate(&mut session, SHAPE, objective).unwrap();
        let averaged = Averaged::of(once, times, &mut session, SHAPE).unwrap();
        toy.load(&mut session).unwrap();
        let random = unperturb_engine::ops::random::Random::seeded(seed);
        session.write_u32("toy/random", &random).unwrap();
        session.write(POINT, &pictures.images).unwrap();
        session.write_u32(LABELS, &pictures.labels).unwrap();
        let mut passes = Passes::default();
        averaged.run(&mut session, &mut passes).unwrap();
        assert_eq!(passes, Passes::both(times as u64));
        session.read(GRADIENT).unwrap()
    };
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
    let apart = |times| distance(&gradient(times, 1), &gradient(times, 2));
    let (one, many) = (apart(1), apart(64));
    // A 64th part; four times that is far beyond chance.
    assert!(many < one / 16.0 && many > one / 256.0, "{many} and {one}");
}
