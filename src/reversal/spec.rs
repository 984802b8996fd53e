//! What `--defence` names.
//!
//! To add a defence: a variant of [`Defence`] (or a [`Task`] for another loss to reverse), its line in
//! [`Options::known`], and the arms that the compiler then asks for, all in this file.

use std::fmt;
use std::str::FromStr;

use crate::spec::{self, Magnitude, OptionValue, Options, SpecError, words};
use crate::task::Task;

words! {
    /// How `multi-task` joins its losses into one step.
    pub enum Combine {
        /// The weighted sum of all losses, one sign step.
        Sum = "sum",
        /// Algorithm 1 of the paper: the contrastive loss every step, rotation and inpainting in turn; each
        /// gradient divided by its L∞ norm per image and scaled by its share of the loss.
        Alternate = "alternate",
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

/// A defence and its options.
///
/// `Display` gives the shortest text that reads back as this defence, `{:#}` the one with every option.
#[derive(Debug, Clone, PartialEq)]
pub enum Defence {
    /// The classifier as it is.
    None,
    /// The control: uniform noise as large as a repair may be, and no repair.
    Noise {
        /// `eps`, the bound of the noise, L∞, of images in [0, 1].
        epsilon: Magnitude,
    },
    /// The repair: descent of self-supervised losses.
    Reversal(Reversal),
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
            noise: EPSILON,
            batch: 64,
            views: 2,
            temperature: Magnitude::plain(0.2),
            positives: Positives::Authors,
            combine: Combine::Alternate,
            weights: [Magnitude::plain(1.0); 3],
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

    fn has_contrastive_options(&self) -> bool {
        matches!(self.objective, Objective::Single(Task::Contrastive) | Objective::MultiTask)
    }
}

impl Defence {
    /// The tasks whose nets this defence needs; none for the controls.
    pub fn tasks(&self) -> Vec<Task> {
        match self {
            Defence::None | Defence::Noise { .. } => vec![],
            Defence::Reversal(reversal) => reversal.tasks(),
        }
    }
}

/// Each view is a part of the program of its own, and of many more than anybody uses that program is never ready.
const MOST_VIEWS: usize = 1024;

/// ε_v of the preprint.
const EPSILON: Magnitude = Magnitude::fraction(16, 255);

impl Options for Defence {
    const KIND: &'static str = "defence";

    fn known() -> Vec<Self> {
        let single = |task: &Task| Defence::Reversal(Reversal::published(Objective::Single(*task)));
        let mut known = vec![Defence::None, Defence::Noise { epsilon: EPSILON }];
        known.extend(Task::ALL.iter().map(single));
        known.push(Defence::Reversal(Reversal::published(Objective::MultiTask)));
        known
    }

    fn name(&self) -> &'static str {
        match self {
            Defence::None => "none",
            Defence::Noise { .. } => "noise",
            Defence::Reversal(Reversal { objective: Objective::Single(task), .. }) => task.as_str(),
            Defence::Reversal(Reversal { objective: Objective::MultiTask, .. }) => "multi-task",
        }
    }

    fn fields(&mut self) -> Vec<(&'static str, &mut dyn OptionValue)> {
        let reversal = match self {
            Defence::None => return vec![],
            Defence::Noise { epsilon } => return vec![("eps", epsilon)],
            Defence::Reversal(reversal) => reversal,
        };
        let contrastive = reversal.has_contrastive_options();
        let mut fields: Vec<(&'static str, &mut dyn OptionValue)> = vec![
            ("eps", &mut reversal.epsilon),
            ("step", &mut reversal.step_size),
            ("steps", &mut reversal.steps),
            ("noise", &mut reversal.noise),
            ("batch", &mut reversal.batch),
        ];
        if contrastive {
            fields.push(("views", &mut reversal.views));
            fields.push(("temperature", &mut reversal.temperature));
            fields.push(("positives", &mut reversal.positives));
        }
        if reversal.objective == Objective::MultiTask {
            fields.push(("combine", &mut reversal.combine));
            for (task, weight) in Task::ALL.iter().zip(&mut reversal.weights) {
                fields.push((task.as_str(), weight));
            }
        }
        fields
    }

    fn published(&self) -> Self {
        match self {
            Defence::None => Defence::None,
            Defence::Noise { .. } => Defence::Noise { epsilon: EPSILON },
            Defence::Reversal(Reversal { objective, epsilon, .. }) => {
                Defence::Reversal(Reversal { noise: *epsilon, ..Reversal::published(*objective) })
            }
        }
    }

    fn check(&self) -> Result<(), String> {
        let Defence::Reversal(reversal) = self else { return Ok(()) };
        let refuse = |reason: &str| Err(reason.to_owned());
        if reversal.tasks().is_empty() {
            return refuse("every weight is zero");
        }
        if reversal.noise.value() > reversal.epsilon.value() {
            return refuse("`noise` must not be larger than `eps`");
        }
        if reversal.steps == 0 {
            return refuse("`steps` must be at least 1");
        }
        if reversal.batch == 0 {
            return refuse("`batch` must be at least 1");
        }
        if reversal.has_contrastive_options() {
            if reversal.views < 2 {
                return refuse("`views` must be at least 2");
            }
            if reversal.views > MOST_VIEWS {
                return Err(format!("`views` must be at most {MOST_VIEWS}"));
            }
            if reversal.batch == 1 {
                return refuse("the contrastive loss compares images, so `batch` must be at least 2");
            }
            if reversal.temperature.value() == 0.0 {
                return refuse("`temperature` must be above zero");
            }
        }
        Ok(())
    }
}

impl fmt::Display for Defence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&if f.alternate() { spec::full(self) } else { spec::short(self) })
    }
}

impl FromStr for Defence {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        spec::parse_one(text)
    }
}

/// One or more defences, comma-separated, none of them twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Defences(pub Vec<Defence>);

impl FromStr for Defences {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        spec::parse_list(text).map(Defences)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Defence {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn list(text: &str) -> Vec<String> {
        let Defences(defences) = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        defences.iter().map(Defence::to_string).collect()
    }

    fn refusal(text: &str) -> String {
        text.parse::<Defences>().expect_err(text).to_string()
    }

    #[test]
    fn a_comma_separates_defences_as_well_as_options() {
        assert_eq!(
            list("none,noise,contrastive,rotation,inpainting,multi-task"),
            ["none", "noise", "contrastive", "rotation", "inpainting", "multi-task"]
        );
        assert_eq!(
            list("multi-task:eps=16/255,steps=10,contrastive"),
            ["multi-task:steps=10", "contrastive"]
        );
        assert_eq!(
            list("none, rotation:steps=10, eps=8/255 ,multi-task:combine=sum,inpainting:,noise"),
            ["none", "rotation:eps=8/255,steps=10", "multi-task:combine=sum", "inpainting", "noise"]
        );
    }

    #[test]
    fn a_weight_is_an_option_and_not_the_next_defence() {
        let Defence::Reversal(reversal) = parse("multi-task:contrastive=2,rotation=0,inpainting=1/2") else {
            panic!("not a reversal")
        };
        assert_eq!(Task::ALL.iter().map(|task| reversal.weight(*task)).collect::<Vec<_>>(), [2.0, 0.0, 0.5]);
        assert_eq!(reversal.tasks(), [Task::Contrastive, Task::Inpainting]);
        assert_eq!(list("multi-task:rotation=0,rotation"), ["multi-task:rotation=0", "rotation"]);
    }

    #[test]
    fn reads_the_example_of_the_manual() {
        let defence = parse("multi-task:eps=16/255,step=2/255,steps=40,views=4,combine=sum");
        let mut expected = Reversal::published(Objective::MultiTask);
        expected.views = 4;
        expected.combine = Combine::Sum;
        assert_eq!(defence, Defence::Reversal(expected));
        assert_eq!(defence.to_string(), "multi-task:views=4,combine=sum");
        assert_eq!(
            format!("{defence:#}"),
            "multi-task:eps=16/255,step=2/255,steps=40,noise=16/255,batch=64,views=4,temperature=0.2,\
             positives=authors,combine=sum,contrastive=1,rotation=1,inpainting=1"
        );
    }

    #[test]
    fn noise_follows_epsilon_until_given() {
        let noise = |text| match parse(text) {
            Defence::Reversal(reversal) => reversal.noise.to_string(),
            other => panic!("{other} is not a reversal"),
        };
        assert_eq!(noise("rotation"), "16/255");
        assert_eq!(noise("rotation:eps=8/255"), "8/255");
        assert_eq!(noise("rotation:noise=0,eps=8/255"), "0");
        assert_eq!(parse("rotation:noise=8/255,eps=8/255").to_string(), "rotation:eps=8/255");
    }

    #[test]
    fn names_the_nets_it_needs() {
        assert_eq!(parse("none").tasks(), []);
        assert_eq!(parse("noise:eps=4/255").tasks(), []);
        assert_eq!(parse("inpainting").tasks(), [Task::Inpainting]);
        assert_eq!(parse("multi-task").tasks(), Task::ALL);
    }

    #[test]
    fn refusals_say_what_would_have_been_understood() {
        assert_eq!(
            refusal("none,rotate"),
            "there is no defence `rotate`: defences are none, noise, contrastive, rotation, inpainting, multi-task"
        );
        assert_eq!(
            refusal("rotation:views=2"),
            "`rotation` has no option `views`: it has eps, step, steps, noise, batch"
        );
        assert_eq!(
            refusal("multi-task:combine=mean"),
            "`combine=mean` of `multi-task` cannot be read: expected sum or alternate"
        );
        assert_eq!(refusal("noise,none,noise"), "the defence `noise` is listed twice");
        assert_eq!(
            refusal("none,,noise"),
            "an empty defence in `none,,noise`: defences are none, noise, contrastive, rotation, inpainting, \
             multi-task"
        );
        for (text, reason) in [
            ("multi-task:contrastive=0,rotation=0,inpainting=0", "every weight is zero"),
            ("rotation:noise=1", "`noise` must not be larger than `eps`"),
            ("rotation:steps=0", "`steps` must be at least 1"),
            ("contrastive:views=1025", "`views` must be at most 1024"),
            ("rotation:batch=0", "`batch` must be at least 1"),
            ("contrastive:views=1", "`views` must be at least 2"),
            ("contrastive:batch=1", "the contrastive loss compares images, so `batch` must be at least 2"),
            ("contrastive:temperature=0", "`temperature` must be above zero"),
        ] {
            assert!(refusal(text).ends_with(reason), "{text}: {}", refusal(text));
        }
    }

    fn defence() -> impl Strategy<Value = Defence> {
        let bound = (0u16..64).prop_map(|numerator| Magnitude::fraction(numerator, 255));
        let weight = || prop_oneof![Just(Magnitude::plain(1.0)), Just(Magnitude::fraction(1, 3))];
        let common = (bound, 0u16..9, 1usize..99, 2usize..600, 0usize..Defence::known().len());
        let contrastive = (2usize..6, prop::sample::select(Positives::ALL));
        let multi = (prop::sample::select(Combine::ALL), weight(), weight(), weight());
        (common, contrastive, multi).prop_map(
            |((epsilon, step, steps, batch, which), (views, positives), (combine, a, b, c))| {
                let mut defence = Defence::known().swap_remove(which);
                match &mut defence {
                    Defence::None => {}
                    Defence::Noise { epsilon: noise } => *noise = epsilon,
                    Defence::Reversal(reversal) => {
                        reversal.epsilon = epsilon;
                        reversal.noise = if steps % 2 == 0 { epsilon } else { Magnitude::plain(0.0) };
                        reversal.step_size = Magnitude::fraction(step, 255);
                        reversal.steps = steps;
                        reversal.batch = batch;
                        if reversal.has_contrastive_options() {
                            (reversal.views, reversal.positives) = (views, positives);
                        }
                        if reversal.objective == Objective::MultiTask {
                            (reversal.combine, reversal.weights) = (combine, [a, b, c]);
                        }
                    }
                }
                defence
            },
        )
    }

    proptest! {
        #[test]
        fn text_and_back(defence in defence()) {
            prop_assert_eq!(defence.to_string().parse::<Defence>(), Ok(defence.clone()));
            prop_assert_eq!(format!("{defence:#}").parse::<Defence>(), Ok(defence));
        }

        #[test]
        fn lists_and_back(defences in prop::collection::vec(defence(), 1..5)) {
            let mut distinct: Vec<Defence> = Vec::new();
            for defence in defences {
                if !distinct.contains(&defence) {
                    distinct.push(defence);
                }
            }
            let text = distinct.iter().map(Defence::to_string).collect::<Vec<_>>().join(",");
            prop_assert_eq!(text.parse::<Defences>(), Ok(Defences(distinct)));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(multi-task|rotation|noise|[a-z:=,/0-9.-]){0,6}") {
            let _ = text.parse::<Defences>();
        }
    }
}
