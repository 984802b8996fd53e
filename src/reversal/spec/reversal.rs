//! The options of a reversal.

use crate::spec::{Magnitude, OptionValue, words};
use crate::task::Task;

words! {
    /// How `multi-task` joins its losses into one step.
    pub enum Combine {
        /// The weighted sum of all losses, one sign step.
        Sum = "sum",
        /// Algorithm 1 of the paper: the contrastive loss every step, rotation and inpainting in turn; each
        /// gradient divided by its L∞ norm per image and scaled by its share of the loss.
        Alternate = "alternate",
        /// What the published code of the paper does at its head, which differs from the paper: `docs/method.md`.
        Authors = "authors",
    }
}

words! {
    /// Where a reversal leads its losses.
    pub enum Direction {
        /// Down, as the paper says.
        Descend = "descend",
        /// Up: as the head of the published code goes, and as a control.
        Ascend = "ascend",
    }
}

words! {
    /// Which views count as the positives of an image in the contrastive loss.
    pub enum Positives {
        /// As the authors' code counts: with more than two views, an image's other positives stand among the
        /// negatives.
        Authors = "authors",
        /// As in SimCLR: an image's other positives are left out of the negatives.
        Simclr = "simclr",
    }
}

/// Which losses a reversal lowers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Objective {
    /// One task alone.
    Single(Task),
    /// All of them.
    MultiTask,
}

/// The options of a reversal. Those that its objective does not use keep their defaults and are not printed.
#[derive(Debug, Clone, PartialEq)]
pub struct Reversal {
    /// Which losses are lowered.
    pub objective: Objective,
    /// `eps`, the bound of the reverse perturbation, L∞, of images in [0, 1].
    pub epsilon: Magnitude,
    /// `step`, the length of a step.
    pub step_size: Magnitude,
    /// `steps`
    pub steps: usize,
    /// `direction`; with `combine=authors` it is that of their code unless given.
    pub direction: Direction,
    /// `noise`: the reverse perturbation starts uniform within this bound; `eps` where not given.
    pub noise: Magnitude,
    /// `batch`: how many images are repaired together; in the contrastive loss they are each other's negatives.
    pub batch: usize,
    /// `views` of each image in the contrastive loss.
    pub views: usize,
    /// `temperature` of the contrastive loss.
    pub temperature: Magnitude,
    /// `positives` of the contrastive loss.
    pub positives: Positives,
    /// `combine`
    pub combine: Combine,
    /// `contrastive`, `rotation`, `inpainting`: the weights of the losses in `multi-task`, in the order of
    /// [`Task::ALL`].
    pub weights: [Magnitude; 3],
}

impl Reversal {
    /// The published options: steps and step size of Mao et al. 2021 and of the preprint, ε of the preprint. The
    /// published batch is 512; 64 fits machines without a large GPU.
    pub fn published(objective: Objective) -> Self {
        Self {
            objective,
            epsilon: EPSILON,
            step_size: Magnitude::fraction(2, 255),
            steps: 40,
            direction: Direction::Descend,
            noise: EPSILON,
            batch: 64,
            views: 2,
            temperature: Magnitude::plain(0.2),
            positives: Positives::Authors,
            combine: Combine::Alternate,
            weights: [Magnitude::plain(1.0); 3],
        }
    }

    /// With the published options of that way to join losses: those of `authors` are its code's.
    pub fn combined(self, combine: Combine) -> Self {
        match combine {
            Combine::Sum | Combine::Alternate => Self { combine, ..self },
            Combine::Authors => {
                let weights = [1.0, 50.0, 10.0].map(Magnitude::plain);
                Self { combine, weights, direction: Direction::Ascend, ..self }
            }
        }
    }

    /// The weight of `task`'s loss; zero where this reversal does without it.
    pub fn weight(&self, task: Task) -> f32 {
        match self.objective {
            Objective::Single(single) if single == task => 1.0,
            Objective::Single(_) => 0.0,
            Objective::MultiTask => self.weights[task as usize].value(),
        }
    }

    /// The tasks whose nets this reversal needs.
    pub fn tasks(&self) -> Vec<Task> {
        Task::ALL.iter().copied().filter(|task| self.weight(*task) > 0.0).collect()
    }

    pub(super) fn has_contrastive_options(&self) -> bool {
        matches!(self.objective, Objective::Single(Task::Contrastive) | Objective::MultiTask)
    }

    pub(super) fn fields(&mut self) -> Vec<(&'static str, &mut dyn OptionValue)> {
        let contrastive = self.has_contrastive_options();
        let mut fields: Vec<(&'static str, &mut dyn OptionValue)> = vec![
            ("eps", &mut self.epsilon),
            ("step", &mut self.step_size),
            ("steps", &mut self.steps),
            ("direction", &mut self.direction),
            ("noise", &mut self.noise),
            ("batch", &mut self.batch),
        ];
        if contrastive {
            fields.push(("views", &mut self.views));
            fields.push(("temperature", &mut self.temperature));
            fields.push(("positives", &mut self.positives));
        }
        if self.objective == Objective::MultiTask {
            fields.push(("combine", &mut self.combine));
            for (task, weight) in Task::ALL.iter().zip(&mut self.weights) {
                fields.push((task.as_str(), weight));
            }
        }
        fields
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let refuse = |reason: &str| Err(reason.to_owned());
        if self.tasks().is_empty() {
            return refuse("every weight is zero");
        }
        if self.noise.value() > self.epsilon.value() {
            return refuse("`noise` must not be larger than `eps`");
        }
        if self.steps == 0 {
            return refuse("`steps` must be at least 1");
        }
        if self.batch == 0 {
            return refuse("`batch` must be at least 1");
        }
        if self.has_contrastive_options() {
            if self.views < 2 {
                return refuse("`views` must be at least 2");
            }
            if self.views > MOST_VIEWS {
                return Err(format!("`views` must be at most {MOST_VIEWS}"));
            }
            if self.batch == 1 {
                return refuse("the contrastive loss compares images, so `batch` must be at least 2");
            }
            if self.temperature.value() == 0.0 {
                return refuse("`temperature` must be above zero");
            }
        }
        Ok(())
    }
}

/// Each view is a part of the program of its own, and of many more than anybody uses that program is never ready.
const MOST_VIEWS: usize = 1024;

/// ε_v of the preprint.
pub(super) const EPSILON: Magnitude = Magnitude::fraction(16, 255);
