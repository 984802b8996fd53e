//! The result of `evaluate`, as JSON (the format of the manual) and as the tables' source.

use serde::{Deserialize, Serialize, Serializer};
use unperturb_data::Dataset;

use super::statistics::{mcnemar_exact, wilson95};
use crate::model::Model;

/// Everything that one `evaluate` found out, and on what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// `evaluate`, or `demo` where the demonstration made it.
    pub command: String,
    /// The version of unperturb.
    pub version: String,
    /// The device, by its name.
    pub device: String,
    /// The seed of everything random.
    pub seed: u64,
    /// The images.
    pub dataset: DatasetInfo,
    /// The classifier.
    pub classifier: ClassifierInfo,
    /// One row per defence and attack, in the order in which they were asked for.
    pub rows: Vec<Row>,
    /// Every two defences under every attack, on the same images.
    pub paired: Vec<Paired>,
    /// What a reader of the numbers should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// The images that were evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetInfo {
    /// `cifar10`, `shapes`, or the folder's name.
    pub name: String,
    /// `train` or `test`.
    pub split: String,
    /// How many images.
    pub images: u64,
}

/// The classifier that was evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierInfo {
    /// The net's name.
    pub net: String,
    /// Where its weights came from.
    pub file: String,
    /// How many parameters it has.
    pub parameters: u64,
}

impl From<&Dataset> for DatasetInfo {
    fn from(data: &Dataset) -> Self {
        Self { name: data.name().to_owned(), split: data.split().to_string(), images: data.len() as u64 }
    }
}

impl From<&Model> for ClassifierInfo {
    fn from(model: &Model) -> Self {
        Self {
            net: model.classifier.architecture.to_string(),
            file: model.origin.clone(),
            parameters: model.parameters(),
        }
    }
}

/// What one image cost on average, counted by what was really run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cost {
    /// Forward passes of the classifier per image.
    pub forwards_per_image: f64,
    /// Backward passes of the classifier per image.
    pub backwards_per_image: f64,
    /// Forward passes of the task nets per image.
    pub task_forwards_per_image: f64,
    /// Backward passes of the task nets per image.
    pub task_backwards_per_image: f64,
    /// Wall time for all images.
    pub seconds: f64,
}

/// A defence and an attack by name: how they are called in tables, and all their options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// As short as it can be said; unique among its kind.
    pub short: String,
    /// With every option.
    pub full: String,
}

/// Names an attack or a defence: its `Display` is the short form, `{:#}` the full one.
impl<T: std::fmt::Display> From<&T> for Label {
    fn from(named: &T) -> Self {
        Self { short: named.to_string(), full: format!("{named:#}") }
    }
}

/// What happened to each image under one defence and one attack.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The defence.
    pub defence: Label,
    /// The attack.
    pub attack: Label,
    /// Whether each image was classified rightly, in the order of the data set.
    pub correct: Vec<bool>,
    /// What the defence and its prediction cost.
    pub cost: Cost,
}

/// One cell of the table: a defence under an attack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The defence, as short as it can be said.
    pub defence: String,
    /// The attack, as short as it can be said.
    pub attack: String,
    /// How many images were classified rightly.
    pub correct: u64,
    /// Of how many.
    pub images: u64,
    /// `correct / images`.
    pub accuracy: f64,
    /// Wilson's 95 % interval of the accuracy.
    pub ci95: [f64; 2],
    /// Forward passes of the classifier per image, by the defence and its prediction.
    #[serde(serialize_with = "whole_where_possible")]
    pub forwards_per_image: f64,
    /// Backward passes of the classifier per image, by the defence and its prediction.
    #[serde(serialize_with = "whole_where_possible")]
    pub backwards_per_image: f64,
    /// Forward passes of the task nets per image, by the defence.
    #[serde(default, serialize_with = "whole_where_possible")]
    pub task_forwards_per_image: f64,
    /// Backward passes of the task nets per image, by the defence.
    #[serde(default, serialize_with = "whole_where_possible")]
    pub task_backwards_per_image: f64,
    /// Wall time of the defence and its prediction, for all images.
    pub seconds: f64,
    /// The defence with every option.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub defence_options: String,
    /// The attack with every option.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub attack_options: String,
}

/// Two defences on the same images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paired {
    /// One defence, as in its row.
    pub a: String,
    /// The other.
    pub b: String,
    /// The attack, as in their rows.
    pub attack: String,
    /// Images that only `a` classifies rightly.
    pub only_a: u64,
    /// Images that only `b` classifies rightly.
    pub only_b: u64,
    /// McNemar's exact two-sided p.
    pub mcnemar_p: f64,
}

/// Outcomes that cannot stand in one table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutcomeError {
    /// Not as many images as the data set has.
    #[error("`{defence}` under `{attack}` has outcomes for {found} images where the data set has {expected}")]
    Images {
        /// The defence.
        defence: String,
        /// The attack.
        attack: String,
        /// How many outcomes there are.
        found: u64,
        /// How many there should be.
        expected: u64,
    },
    /// One defence and attack twice.
    #[error("`{defence}` under `{attack}` was evaluated twice")]
    Repeated {
        /// The defence.
        defence: String,
        /// The attack.
        attack: String,
    },
}

impl Evaluation {
    /// An evaluation without rows, by this version.
    pub fn new(
        command: &str,
        device: &str,
        seed: u64,
        dataset: DatasetInfo,
        classifier: ClassifierInfo,
    ) -> Self {
        Self {
            command: command.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            device: device.to_owned(),
            seed,
            dataset,
            classifier,
            rows: Vec::new(),
            paired: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// Fills in the rows and, under each attack, every later defence paired with every earlier one.
    ///
    /// # Errors
    /// Where an outcome does not cover the data set, or stands twice.
    pub fn with_outcomes(mut self, outcomes: &[Outcome]) -> Result<Self, OutcomeError> {
        for (index, outcome) in outcomes.iter().enumerate() {
            let (defence, attack) = (outcome.defence.short.clone(), outcome.attack.short.clone());
            let found = outcome.correct.len() as u64;
            if found != self.dataset.images {
                return Err(OutcomeError::Images { defence, attack, found, expected: self.dataset.images });
            }
            for earlier in outcomes[..index].iter().filter(|earlier| earlier.attack == outcome.attack) {
                if earlier.defence == outcome.defence {
                    return Err(OutcomeError::Repeated { defence, attack });
                }
                self.paired.push(Paired::new(outcome, earlier));
            }
            self.rows.push(Row::new(outcome));
        }
        Ok(self)
    }

    /// The JSON of the manual, indented, with a newline at its end.
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("strings and finite numbers are JSON");
        json.push('\n');
        json
    }
}

impl Row {
    fn new(outcome: &Outcome) -> Self {
        let correct = outcome.correct.iter().filter(|correct| **correct).count() as u64;
        let images = outcome.correct.len() as u64;
        Self {
            defence: outcome.defence.short.clone(),
            attack: outcome.attack.short.clone(),
            correct,
            images,
            accuracy: if images == 0 { 0.0 } else { correct as f64 / images as f64 },
            ci95: wilson95(correct, images),
            forwards_per_image: outcome.cost.forwards_per_image,
            backwards_per_image: outcome.cost.backwards_per_image,
            task_forwards_per_image: outcome.cost.task_forwards_per_image,
            task_backwards_per_image: outcome.cost.task_backwards_per_image,
            seconds: outcome.cost.seconds,
            defence_options: outcome.defence.full.clone(),
            attack_options: outcome.attack.full.clone(),
        }
    }
}

impl Paired {
    fn new(a: &Outcome, b: &Outcome) -> Self {
        let only = |one: &Outcome, other: &Outcome| {
            one.correct.iter().zip(&other.correct).filter(|(one, other)| **one && !**other).count() as u64
        };
        let (only_a, only_b) = (only(a, b), only(b, a));
        Self {
            a: a.defence.short.clone(),
            b: b.defence.short.clone(),
            attack: a.attack.short.clone(),
            only_a,
            only_b,
            mcnemar_p: mcnemar_exact(only_a, only_b),
        }
    }
}

/// Counts are averages that are nearly always whole; then they are written without `.0`.
fn whole_where_possible<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.fract() == 0.0 && (0.0..9e15).contains(value) {
        serializer.serialize_u64(*value as u64)
    } else {
        serializer.serialize_f64(*value)
    }
}

#[cfg(test)]
pub(super) mod tests;
