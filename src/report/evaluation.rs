//! The result of `evaluate`, as JSON (the format of the manual) and as the tables' source.

use serde::{Deserialize, Serialize, Serializer};

use super::statistics::{mcnemar_exact, wilson95};

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

/// What one image cost on average, counted by what was really run on the classifier.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cost {
    /// Forward passes per image.
    pub forwards_per_image: f64,
    /// Backward passes per image.
    pub backwards_per_image: f64,
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
pub(super) mod tests {
    use super::*;
    use serde_json::Value;

    /// The example of the manual, word for word.
    const MANUAL: &str = r#"{
      "command": "evaluate", "version": "0.1.0", "device": "...", "seed": 0,
      "dataset": {"name": "cifar10", "split": "test", "images": 1000},
      "classifier": {"net": "resnet20", "file": "...", "parameters": 269722},
      "rows": [
        {"defence": "none", "attack": "none", "correct": 912, "images": 1000,
         "accuracy": 0.912, "ci95": [0.893, 0.928],
         "forwards_per_image": 1, "backwards_per_image": 0, "seconds": 1.2}
      ],
      "paired": [{"a": "multi-task", "b": "contrastive", "attack": "pgd", "only_a": 9, "only_b": 3, "mcnemar_p": 0.146}]
    }"#;

    /// Outcomes of `total` images of which the given ranges are right.
    pub fn outcome(defence: &str, attack: &str, right: std::ops::Range<usize>, total: usize) -> Outcome {
        let label = |text: &str| Label { short: text.to_owned(), full: text.to_owned() };
        let forwards_per_image = if defence == "none" { 1.0 } else { 81.0 };
        Outcome {
            defence: label(defence),
            attack: label(attack),
            correct: (0..total).map(|image| right.contains(&image)).collect(),
            cost: Cost { forwards_per_image, backwards_per_image: forwards_per_image - 1.0, seconds: 1.2 },
        }
    }

    /// An evaluation of 1,000 images without rows.
    pub fn empty() -> Evaluation {
        let dataset = DatasetInfo { name: "cifar10".to_owned(), split: "test".to_owned(), images: 1000 };
        let classifier =
            ClassifierInfo { net: "resnet20".to_owned(), file: "...".to_owned(), parameters: 269_722 };
        Evaluation::new("evaluate", "...", 0, dataset, classifier)
    }

    /// As `manual` but without what this version adds, and numbers to three places.
    fn comparable(value: &Value, manual: &Value) -> Value {
        match (value, manual) {
            (Value::Object(map), Value::Object(known)) => {
                let kept = known.iter().filter_map(|(key, inner)| {
                    map.get(key).map(|value| (key.clone(), comparable(value, inner)))
                });
                Value::Object(kept.collect())
            }
            (Value::Array(values), Value::Array(known)) => {
                Value::Array(values.iter().zip(known).map(|(v, k)| comparable(v, k)).collect())
            }
            (Value::Number(number), _) if number.is_f64() => {
                Value::from((number.as_f64().unwrap() * 1000.0).round() / 1000.0)
            }
            _ => value.clone(),
        }
    }

    #[test]
    fn writes_the_json_of_the_manual() {
        let mut outcomes = vec![outcome("none", "none", 0..912, 1000)];
        outcomes.push(outcome("contrastive", "pgd", 0..503, 1000));
        outcomes.push(outcome("multi-task", "pgd", 3..512, 1000));
        let evaluation = empty().with_outcomes(&outcomes).unwrap();
        let ours: Value = serde_json::from_str(&evaluation.to_json()).unwrap();
        let mut manual: Value = serde_json::from_str(MANUAL).unwrap();
        manual["version"] = env!("CARGO_PKG_VERSION").into();
        assert_eq!(comparable(&ours, &manual), manual);
        let added: Vec<_> = ours["rows"][0]
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| manual["rows"][0].get(key).is_none())
            .collect();
        assert_eq!(added, ["attack_options", "defence_options"]);
    }

    #[test]
    fn reads_what_the_manual_shows_and_what_it_writes() {
        let manual: Evaluation = serde_json::from_str(MANUAL).unwrap();
        assert_eq!(manual.rows[0].correct, 912);
        let outcomes = [outcome("none", "none", 0..500, 1000), outcome("noise", "none", 1..500, 1000)];
        let evaluation = empty().with_outcomes(&outcomes).unwrap();
        assert_eq!(serde_json::from_str::<Evaluation>(&evaluation.to_json()).unwrap(), evaluation);
    }

    #[test]
    fn counts_that_are_not_whole_stay_so() {
        let mut outcome = outcome("none", "none", 0..1, 1000);
        outcome.cost.forwards_per_image = 1.5;
        let json = empty().with_outcomes(&[outcome]).unwrap().to_json();
        assert!(json.contains("\"forwards_per_image\": 1.5,"), "{json}");
        assert!(json.contains("\"backwards_per_image\": 0,"), "{json}");
    }

    #[test]
    fn pairs_every_two_defences_under_the_same_attack() {
        let outcomes: Vec<_> = ["none", "pgd"]
            .into_iter()
            .flat_map(|attack| {
                ["none", "noise", "rotation"].map(|defence| outcome(defence, attack, 0..9, 1000))
            })
            .collect();
        let evaluation = empty().with_outcomes(&outcomes).unwrap();
        let pairs: Vec<_> = evaluation
            .paired
            .iter()
            .map(|pair| (pair.a.as_str(), pair.b.as_str(), pair.attack.as_str()))
            .collect();
        let under =
            |attack| [("noise", "none", attack), ("rotation", "none", attack), ("rotation", "noise", attack)];
        assert_eq!(pairs, [under("none"), under("pgd")].concat());
    }

    #[test]
    fn refuses_outcomes_that_do_not_fit() {
        let short = empty().with_outcomes(&[outcome("none", "pgd", 0..1, 999)]).unwrap_err();
        assert_eq!(
            short.to_string(),
            "`none` under `pgd` has outcomes for 999 images where the data set has 1000"
        );
        let twice = [outcome("none", "pgd", 0..1, 1000), outcome("none", "pgd", 0..2, 1000)];
        assert_eq!(
            empty().with_outcomes(&twice).unwrap_err().to_string(),
            "`none` under `pgd` was evaluated twice"
        );
    }

    #[test]
    fn an_attack_labels_itself() {
        let attack: crate::attack::Attack = "pgd:steps=50".parse().unwrap();
        let label = Label::from(&attack);
        assert_eq!(label.short, "pgd:steps=50");
        assert_eq!(label.full, "pgd:norm=linf,eps=8/255,step=2/255,steps=50,restarts=1");
    }
}
