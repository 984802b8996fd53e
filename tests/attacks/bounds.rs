//! Where attacked pictures may be, and what they may not depend on.

use unperturb::attack::{Attack, Norm};

use crate::toys::{LENGTH, Manner, Toy};
use crate::{ATTACKS, attack, attacked, attacked_by};

/// Norm and bound of an attack.
fn bound(text: &str) -> (Norm, f32) {
    match attack(text) {
        Attack::None => unreachable!("it attacks nothing"),
        Attack::Fgsm(a) => (a.norm, a.epsilon.value()),
        Attack::Bim(a) => (a.norm, a.epsilon.value()),
        Attack::Pgd(a) => (a.norm, a.epsilon.value()),
        Attack::Cw(a) => (a.norm, a.epsilon.value()),
        Attack::ApgdCe(a) | Attack::ApgdDlr(a) => (a.norm, a.epsilon.value()),
        Attack::ApgdT(a) => (a.norm, a.epsilon.value()),
        Attack::Fab(a) | Attack::FabT(a) => (a.norm, a.epsilon.value()),
        Attack::Square(a) => (a.norm, a.epsilon.value()),
        Attack::AutoAttack(a) => (a.norm, a.epsilon.value()),
    }
}

#[test]
fn points_are_in_the_ball_and_in_range() {
    let toy = Toy::new(5, Manner::Curved);
    let pictures = toy.pictures();
    for text in ATTACKS {
        let points = attacked(text, &toy, &pictures).images;
        assert_ne!(points, pictures.images, "{text} does nothing");
        assert!(points.iter().all(|x| (0.0..=1.0).contains(x)), "{text} leaves [0, 1]");
        let (norm, epsilon) = bound(text);
        for (clean, point) in pictures.images.chunks_exact(LENGTH).zip(points.chunks_exact(LENGTH)) {
            let changes = || clean.iter().zip(point).map(|(x, a)| (f64::from(*a) - f64::from(*x)).abs());
            match norm {
                // Exactly, as far as `f32` has these numbers.
                Norm::Linf => {
                    let mut pairs = clean.iter().zip(point);
                    assert!(pairs.all(|(x, a)| (x - epsilon..=x + epsilon).contains(a)), "{text}");
                }
                Norm::L2 => {
                    let length = changes().map(|d| d * d).sum::<f64>().sqrt();
                    assert!(length <= f64::from(epsilon) * (1.0 + 1e-6), "{text}: {length}");
                }
                Norm::L1 => {
                    let length = changes().sum::<f64>();
                    assert!(length <= f64::from(epsilon) * (1.0 + 1e-5), "{text}: {length}");
                }
            }
        }
    }
}

#[test]
fn a_bound_of_zero_is_no_attack() {
    let toy = Toy::new(5, Manner::Curved);
    let pictures = toy.pictures();
    let right = toy.predicted(&pictures.images).iter().zip(&pictures.labels).filter(|(a, b)| a == b).count();
    for text in ATTACKS {
        let (options, _) = text.split_once("eps=").unwrap();
        let rest = text[options.len()..].split_once(',').map_or("", |(_, rest)| rest);
        let text = format!("{options}eps=0,{rest}");
        let attacked = attacked(text.trim_end_matches(','), &toy, &pictures);
        assert_eq!(attacked.images, pictures.images, "{text}");
        let last = attacked.stages.last().unwrap();
        // An attack that aims at a class leaves all pictures that are not of it.
        let expected = if attacked.targets.is_some() { pictures.labels.len() } else { right };
        assert!(
            last.unbroken >= expected.min(right) && (attacked.targets.is_some() || last.unbroken == right),
            "{text}"
        );
    }
}

#[test]
fn results_do_not_depend_on_batches() {
    let toy = Toy::new(5, Manner::Curved);
    let pictures = toy.pictures();
    for text in ATTACKS {
        let together = attacked_by(text, &toy, &pictures, 14).unwrap();
        for batch in [1, 3, 8] {
            let apart = attacked_by(text, &toy, &pictures, batch).unwrap();
            assert_eq!(apart.images, together.images, "{text} in batches of {batch}");
            assert_eq!(apart.stages, together.stages, "{text} in batches of {batch}");
        }
    }
}

#[test]
fn what_is_counted_is_what_the_net_says() {
    let toy = Toy::new(5, Manner::Curved);
    let pictures = toy.pictures();
    for text in ATTACKS {
        let attacked = attacked(text, &toy, &pictures);
        let predicted = toy.predicted(&attacked.images);
        let unbroken = match &attacked.targets {
            None => predicted.iter().zip(&pictures.labels).filter(|(found, label)| found == label).count(),
            Some(targets) => {
                assert!(
                    targets.iter().zip(&pictures.labels).all(|(target, label)| target != label),
                    "{text}"
                );
                predicted.iter().zip(targets).filter(|(found, target)| found != target).count()
            }
        };
        assert_eq!(attacked.stages.last().unwrap().unbroken, unbroken, "{text}");
    }
}

/// Aimed at a class, an attack ends there more often than one that only leads away, and counts nothing else.
#[test]
fn a_targeted_attack_succeeds_at_its_target() {
    let toy = Toy::new(5, Manner::Curved);
    let pictures = toy.pictures();
    for (aim, loss) in [("likely", "ce"), ("unlikely", "margin"), ("random", "dlr"), ("unlikely", "dlr")] {
        let text = format!("pgd:eps=60/255,step=6/255,steps=20,loss={loss},target={aim}");
        let attacked = attacked(&text, &toy, &pictures);
        let targets = attacked.targets.as_ref().unwrap();
        let there =
            |images: &[f32]| toy.predicted(images).iter().zip(targets).filter(|(a, b)| a == b).count();
        let (before, after) = (there(&pictures.images), there(&attacked.images));
        assert!(after > before + 4, "{text}: {after} at their targets, {before} before");
        assert_eq!(attacked.stages[0].unbroken, pictures.labels.len() - after);
    }
}
