//! What the numbers say, in sentences that follow from them.

use super::{Kind, Measured, Scored, count};
use crate::report::statistics::{mcnemar_exact, wilson95};

/// Below this a difference is not put down to chance.
const SIGNIFICANT: f64 = 0.05;
/// A sweep has ended near 0 % if no more than this share is left.
const NEAR_ZERO: f64 = 0.05;

/// Two defences on the same pictures.
struct Comparison {
    defended: u64,
    undefended: u64,
    images: u64,
    p: f64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Wins,
    Loses,
    Undecided,
}

impl Comparison {
    fn of(scored: &Scored) -> Self {
        let voted = scored.scores.voted();
        let undefended = scored.undefended.clone().unwrap_or_else(|| voted.clone());
        let only = |one: &[bool], other: &[bool]| {
            one.iter().zip(other).filter(|(one, other)| **one && !**other).count() as u64
        };
        Comparison {
            defended: count(&voted),
            undefended: count(&undefended),
            images: voted.len() as u64,
            p: mcnemar_exact(only(&voted, &undefended), only(&undefended, &voted)),
        }
    }

    fn verdict(&self) -> Verdict {
        if self.p >= SIGNIFICANT {
            Verdict::Undecided
        } else if self.defended > self.undefended {
            Verdict::Wins
        } else {
            Verdict::Loses
        }
    }

    fn sentence(&self, against: &str) -> String {
        let points = 100.0 * (self.defended as f64 - self.undefended as f64) / self.images.max(1) as f64;
        let difference = match self.verdict() {
            Verdict::Wins => format!("it wins {points:.1} points"),
            Verdict::Loses => format!("it loses {:.1} points", -points),
            Verdict::Undecided => format!("{points:+.1} points, which may be chance"),
        };
        format!(
            "{against} the defence keeps {} and the undefended net {}: {difference} (McNemar's exact test, p {}).",
            share(self.defended, self.images),
            share(self.undefended, self.images),
            if self.p < 0.001 { "< 0.001".to_string() } else { format!("= {:.3}", self.p) },
        )
    }
}

/// `12.0 % [9.0, 15.0]`
fn share(right: u64, images: u64) -> String {
    let [low, high] = wilson95(right, images).map(|bound| 100.0 * bound);
    format!("{:.1} % [{low:.1}, {high:.1}]", 100.0 * right as f64 / images.max(1) as f64)
}

fn voted(scored: &Scored) -> String {
    let voted = scored.scores.voted();
    share(count(&voted), voted.len() as u64)
}

/// The sentences. `worst` are the worst cases of the static rows and of all rows.
pub(super) fn of(measured: &Measured, worst: &[Scored; 2]) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some(clean) = measured.rows.iter().find(|row| row.kind == Kind::Clean) {
        sentences.push(Comparison::of(clean).sentence("On clean pictures"));
    }
    let [fixed, all] = worst.each_ref().map(Comparison::of);
    let number = |kind: Kind| measured.rows.iter().filter(|row| row.kind == kind).count();
    let (fixed_rows, adaptive_rows) = (number(Kind::Static), number(Kind::Adaptive));
    if fixed_rows > 0 {
        let attacks = if fixed_rows == 1 { "attack" } else { "attacks" };
        sentences.push(fixed.sentence(&format!("Against {fixed_rows} static {attacks}")));
    }
    if adaptive_rows > 0 {
        let rows = measured.rows.len();
        sentences.push(all.sentence(&format!("Against the worst of all {rows} rows for each picture")));
        if fixed_rows > 0 {
            sentences.push(survival(fixed.verdict(), all.verdict()).to_string());
        }
    }
    sentences.push(cost(measured));
    if let Some(last) = measured.sweep.last() {
        let right = count(&last.scores.voted());
        let images = last.scores.voted().len() as u64;
        let ends = right as f64 <= NEAR_ZERO * images as f64;
        sentences.push(format!(
            "At {} {} are left: {}.",
            last.name,
            share(right, images),
            if ends {
                "the sweep ends near 0 %, as it must where attacks work"
            } else {
                "the sweep does not end near 0 %, so the attacks are too weak or gradients are masked, and no number above is a \
                 bound"
            }
        ));
    }
    sentences
}

fn survival(fixed: Verdict, all: Verdict) -> &'static str {
    match (fixed, all) {
        (Verdict::Wins, Verdict::Wins) => {
            "What it wins against static attacks survives an attacker who knows of it."
        }
        (Verdict::Wins, _) => {
            "What it wins against static attacks does not survive an attacker who knows of it."
        }
        (_, Verdict::Loses) => {
            "An attacker who knows of it breaks more pictures than the undefended net would lose."
        }
        (_, Verdict::Wins) => {
            "It shows nothing against the static attacks and wins against the worst case: the undefended net is broken by rows \
             that do not carry over."
        }
        (_, Verdict::Undecided) => {
            "These pictures show no gain, neither against static attacks nor in the worst case."
        }
    }
}

fn cost(measured: &Measured) -> String {
    let cost = measured.cost;
    let mut sentence = format!(
        "A repair and its prediction cost each picture {} forward and {} backward passes of the classifier, and {} and {} of \
         the task nets, where one forward pass classifies it undefended",
        cost.forwards, cost.backwards, cost.task_forwards, cost.task_backwards
    );
    let ensembles: Vec<String> = measured
        .controls
        .iter()
        .filter(|control| control.name.starts_with("ensemble"))
        .filter_map(|control| Some(format!("{} on {}", voted(control), control.name.split_once(" on ")?.1)))
        .collect();
    if !ensembles.is_empty() {
        sentence += &format!("; as many plain forward passes of noisy copies keep {}", ensembles.join(", "));
    }
    sentence + "."
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adaptive::Scores;
    use crate::passes::Passes;
    use crate::report::evaluation::Label;

    const IMAGES: usize = 100;

    /// A row of which the first so many pictures are right, with a defence and without.
    fn row(name: &str, kind: Kind, defended: usize, undefended: usize) -> Scored {
        let first = |n: usize| (0..IMAGES).map(|i| i < n).collect::<Vec<_>>();
        Scored {
            name: name.into(),
            kind,
            options: String::new(),
            scores: Scores { correct: vec![first(defended); 5], ..Scores::default() },
            undefended: Some(first(undefended)),
            passes: Passes::both(3),
            seconds: 1.0,
        }
    }

    fn measured(fixed: [usize; 2], adaptive: [usize; 2], end: usize) -> Measured {
        Measured {
            defence: Label { short: "multi-task".into(), full: "multi-task".into() },
            cost: Passes { task_forwards: 7, ..Passes::both(4) },
            rows: vec![
                row("none", Kind::Clean, 90, 92),
                row("pgd", Kind::Static, fixed[0], fixed[1]),
                row("bpda-ce", Kind::Adaptive, adaptive[0], adaptive[1]),
            ],
            company: vec![],
            controls: vec![row("ensemble on pgd", Kind::Control, 33, 0)],
            sweep: vec![row("eps = 64/255", Kind::Sweep, end, 0)],
            remarks: vec![],
        }
    }

    #[test]
    fn a_gain_that_does_not_survive_is_said_so() {
        let report = measured([50, 30], [20, 40], 0).report();
        assert_eq!(report.worst.iter().map(|line| line.voted).collect::<Vec<_>>(), [50, 20]);
        assert_eq!(report.worst[1].undefended, Some(30));
        assert_eq!(
            report.statement,
            [
                "On clean pictures the defence keeps 90.0 % [82.6, 94.5] and the undefended net 92.0 % [85.0, 95.9]: -2.0 points, \
             which may be chance (McNemar's exact test, p = 0.500).",
                "Against 1 static attack the defence keeps 50.0 % [40.4, 59.6] and the undefended net 30.0 % [21.9, 39.6]: it wins \
             20.0 points (McNemar's exact test, p < 0.001).",
                "Against the worst of all 3 rows for each picture the defence keeps 20.0 % [13.3, 28.9] and the undefended net \
             30.0 % [21.9, 39.6]: it loses 10.0 points (McNemar's exact test, p = 0.002).",
                "What it wins against static attacks does not survive an attacker who knows of it.",
                "A repair and its prediction cost each picture 4 forward and 4 backward passes of the classifier, and 7 and 0 of the \
             task nets, where one forward pass classifies it undefended; as many plain forward passes of noisy copies keep \
             33.0 % [24.6, 42.7] on pgd.",
                "At eps = 64/255 0.0 % [0.0, 3.7] are left: the sweep ends near 0 %, as it must where attacks work.",
            ]
        );
    }

    #[test]
    fn other_numbers_make_other_sentences() {
        let said = |fixed, adaptive, end| measured(fixed, adaptive, end).report().statement.join(" ");
        assert!(said([50, 30], [50, 40], 0).contains("survives an attacker"));
        assert!(said([31, 30], [31, 30], 0).contains("show no gain"));
        assert!(said([31, 30], [10, 30], 0).contains("breaks more pictures"));
        assert!(said([31, 30], [10, 30], 20).contains("does not end near 0 %"));
    }
}
