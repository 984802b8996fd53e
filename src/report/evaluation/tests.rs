//! The JSON of the manual, pairs, and outcomes that do not fit.

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
        cost: Cost {
            forwards_per_image,
            backwards_per_image: forwards_per_image - 1.0,
            task_forwards_per_image: 3.5 * (forwards_per_image - 1.0),
            task_backwards_per_image: 2.25 * (forwards_per_image - 1.0),
            seconds: 1.2,
        },
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
            let kept = known
                .iter()
                .filter_map(|(key, inner)| map.get(key).map(|value| (key.clone(), comparable(value, inner))));
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
    let known = ["attack_options", "defence_options", "task_backwards_per_image", "task_forwards_per_image"];
    assert_eq!(added, known);
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
        .flat_map(|attack| ["none", "noise", "rotation"].map(|defence| outcome(defence, attack, 0..9, 1000)))
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
    assert_eq!(label.full, "pgd:norm=linf,eps=8/255,step=2/255,steps=50,restarts=1,loss=ce,target=any");
}
