//! The classes that attacks aim at, image by image.

use unperturb_engine::ops::random::philox4x32_10;

use crate::attack::Aim;
use crate::attack::stage::Target;

/// The wrong classes of every image, the most likely first.
pub(super) struct Targets {
    wrong: Vec<Vec<u32>>,
    seed: u64,
}

impl Targets {
    /// By the clean logits `[n, classes]`, or by number where they are not known.
    pub fn new(labels: &[u32], clean: Option<&[f32]>, classes: usize, seed: u64) -> Self {
        let of_image = |(image, &label): (usize, &u32)| {
            let mut wrong: Vec<u32> = (0..classes as u32).filter(|&class| class != label).collect();
            if let Some(clean) = clean {
                let logits = &clean[image * classes..(image + 1) * classes];
                wrong.sort_by(|&a, &b| logits[b as usize].total_cmp(&logits[a as usize]));
            }
            wrong
        };
        Targets { wrong: labels.iter().enumerate().map(of_image).collect(), seed }
    }

    /// What image `image` is led to.
    pub fn of(&self, image: usize, target: Target) -> u32 {
        let wrong = &self.wrong[image];
        let place = match target {
            Target::Any | Target::Chosen(Aim::Any | Aim::Likely) => 0,
            Target::Ranked(rank) => rank,
            Target::Chosen(Aim::Unlikely) => wrong.len() - 1,
            Target::Chosen(Aim::Random) => {
                let [word, ..] =
                    philox4x32_10([image as u32, 0, 0, 1], [self.seed as u32, (self.seed >> 32) as u32]);
                word as usize % wrong.len()
            }
        };
        wrong[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_wrong_and_ranked() {
        let logits = [0.0, 3.0, 1.0, 2.0, 5.0, 1.0, 7.0, 6.0];
        let targets = Targets::new(&[1, 0], Some(&logits), 4, 3);
        let ranked = |image| [0, 1, 2].map(|rank| targets.of(image, Target::Ranked(rank)));
        assert_eq!([ranked(0), ranked(1)], [[3, 2, 0], [2, 3, 1]]);
        let chosen = |image| [Aim::Likely, Aim::Unlikely].map(|aim| targets.of(image, Target::Chosen(aim)));
        assert_eq!([chosen(0), chosen(1)], [[3, 0], [2, 1]]);
        let labels = vec![7; 1000];
        let random = Targets::new(&labels, None, 10, 1);
        let mut counts = [0; 10];
        (0..1000).for_each(|image| counts[random.of(image, Target::Chosen(Aim::Random)) as usize] += 1);
        // 111 each: five standard deviations are 50.
        assert!(
            counts[7] == 0 && counts.iter().filter(|count| (61..161).contains(*count)).count() == 9,
            "{counts:?}"
        );
    }
}
