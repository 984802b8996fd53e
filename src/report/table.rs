//! The table of an evaluation, for a terminal and for Markdown.

use super::columns::{Columns, thousands};
use super::evaluation::{Evaluation, Paired, Row};

/// The table for a terminal: what was evaluated, one line per defence, the paired tests against the first
/// defence, and the options behind the short names.
///
/// A cell holds the accuracy in per cent and its Wilson 95 % interval. Passes per image, of the classifier and, where
/// any ran, of the task nets, are averages over the attacks of what the defence and its prediction ran; seconds are
/// their sum.
pub fn terminal(evaluation: &Evaluation) -> String {
    let mut text = format!("{}\n\n{}", subject(evaluation), accuracies(evaluation).aligned());
    let pairs = paired(evaluation);
    if !pairs.rows.is_empty() {
        text += &format!("\n{}:\n\n{}", PAIRED_TITLE, pairs.aligned());
    }
    let options = options(evaluation);
    if !options.is_empty() {
        let lines: Vec<_> = options.iter().map(|line| format!("{line}\n")).collect();
        text += &format!("\n{}", lines.concat());
    }
    text
}

/// The same for Markdown.
pub fn markdown(evaluation: &Evaluation) -> String {
    let mut text = format!("{}\n\n{}", subject(evaluation), accuracies(evaluation).markdown());
    let pairs = paired(evaluation);
    if !pairs.rows.is_empty() {
        text += &format!("\n{}:\n\n{}", PAIRED_TITLE, pairs.markdown());
    }
    let options = options(evaluation);
    if !options.is_empty() {
        let lines: Vec<_> = options.iter().map(|line| format!("- `{line}`\n")).collect();
        text += &format!("\n{}", lines.concat());
    }
    text
}

const PAIRED_TITLE: &str = "Images that only one of two defences gets right, with McNemar's exact test";

fn subject(evaluation: &Evaluation) -> String {
    let Evaluation { classifier, dataset, device, seed, .. } = evaluation;
    format!(
        "{} on {} images of {} ({}), {}, seed {seed}",
        classifier.net,
        thousands(dataset.images),
        dataset.name,
        dataset.split,
        device
    )
}

fn accuracies(evaluation: &Evaluation) -> Columns {
    let defences = distinct(&evaluation.rows, |row| &row.defence);
    let attacks = distinct(&evaluation.rows, |row| &row.attack);
    let mut headers = vec!["defence".to_owned()];
    headers.extend(attacks.iter().map(|attack| heading(attack)));
    headers.extend(["forwards", "backwards"].map(str::to_owned));
    // Where no task net ran there is nothing to show of them.
    let has_tasks = evaluation.rows.iter().any(|row| row.task_forwards_per_image > 0.0);
    if has_tasks {
        headers.extend(["task forwards", "task backwards"].map(str::to_owned));
    }
    headers.push("seconds".to_owned());
    let rows = defences.iter().map(|defence| {
        let of_defence: Vec<&Row> = evaluation.rows.iter().filter(|row| row.defence == *defence).collect();
        let mean = |count: fn(&Row) -> f64| {
            let total: f64 = of_defence.iter().map(|row| count(row)).sum();
            total / of_defence.len() as f64
        };
        let mut cells = vec![(*defence).to_owned()];
        cells.extend(attacks.iter().map(|attack| {
            of_defence.iter().find(|row| row.attack == *attack).map_or("–".to_owned(), |row| accuracy(row))
        }));
        cells.push(passes(mean(|row| row.forwards_per_image)));
        cells.push(passes(mean(|row| row.backwards_per_image)));
        if has_tasks {
            cells.push(passes(mean(|row| row.task_forwards_per_image)));
            cells.push(passes(mean(|row| row.task_backwards_per_image)));
        }
        cells.push(format!("{:.1}", of_defence.iter().map(|row| row.seconds).sum::<f64>()));
        cells
    });
    Columns { headers, rows: rows.collect(), left: 1 }
}

/// Every defence against the first: all pairs would bury what matters, and are in the JSON.
fn paired(evaluation: &Evaluation) -> Columns {
    let first = evaluation.rows.first().map(|row| row.defence.as_str());
    let against_first = |pair: &&Paired| Some(pair.b.as_str()) == first;
    let rows = evaluation.paired.iter().filter(against_first).map(|pair| {
        let (only_a, only_b) = (thousands(pair.only_a), thousands(pair.only_b));
        vec![heading(&pair.attack), pair.a.clone(), pair.b.clone(), only_a, only_b, p_value(pair.mcnemar_p)]
    });
    let headers = ["images", "a", "b", "only a", "only b", "p"].map(str::to_owned).to_vec();
    Columns { headers, rows: rows.collect(), left: 3 }
}

/// One line for every attack and defence of which the short name does not say everything.
fn options(evaluation: &Evaluation) -> Vec<String> {
    let mut lines = Vec::new();
    let attacks = evaluation.rows.iter().map(|row| (&row.attack, &row.attack_options));
    let defences = evaluation.rows.iter().map(|row| (&row.defence, &row.defence_options));
    for (short, full) in attacks.chain(defences) {
        if !full.is_empty() && full != short && !lines.contains(full) {
            lines.push(full.clone());
        }
    }
    lines
}

fn heading(attack: &str) -> String {
    if attack == "none" { "clean".to_owned() } else { attack.to_owned() }
}

fn distinct(rows: &[Row], key: fn(&Row) -> &String) -> Vec<&str> {
    let mut keys: Vec<&str> = Vec::new();
    for row in rows {
        if !keys.contains(&key(row).as_str()) {
            keys.push(key(row));
        }
    }
    keys
}

fn accuracy(row: &Row) -> String {
    let [low, high] = row.ci95.map(|bound| 100.0 * bound);
    // Padded, so that the brackets of a column stand under each other.
    format!("{:.1} % [{low:>4.1}, {high:>4.1}]", 100.0 * row.accuracy)
}

fn passes(count: f64) -> String {
    if count.fract() == 0.0 { format!("{count:.0}") } else { format!("{count:.1}") }
}

fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

#[cfg(test)]
mod tests {
    use super::super::evaluation::tests::{empty, outcome};
    use super::*;

    fn evaluation() -> Evaluation {
        let mut attacked = outcome("multi-task", "pgd", 8..407, 1000);
        attacked.attack.full = "pgd:norm=linf,eps=8/255".to_owned();
        attacked.cost.seconds = 61.04;
        let mut undefended = outcome("none", "pgd", 0..52, 1000);
        undefended.attack.full = attacked.attack.full.clone();
        let outcomes = [
            outcome("none", "none", 0..912, 1000),
            undefended,
            outcome("multi-task", "none", 3..880, 1000),
            attacked,
        ];
        empty().with_outcomes(&outcomes).unwrap()
    }

    #[test]
    fn a_terminal_sees_aligned_columns() {
        let expected = "\
resnet20 on 1,000 images of cifar10 (test), ..., seed 0

defence                   clean                  pgd  forwards  backwards  task forwards  task backwards  seconds
─────────────────────────────────────────────────────────────────────────────────────────────────────────────────
none        91.2 % [89.3, 92.8]   5.2 % [ 4.0,  6.8]         1          0              0               0      2.4
multi-task  87.7 % [85.5, 89.6]  39.9 % [36.9, 43.0]        81         80            280             180     62.2

Images that only one of two defences gets right, with McNemar's exact test:

images  a           b     only a  only b        p
─────────────────────────────────────────────────
clean   multi-task  none       0      35  < 0.001
pgd     multi-task  none     355       8  < 0.001

pgd:norm=linf,eps=8/255
";
        assert_eq!(terminal(&evaluation()), expected);
    }

    #[test]
    fn markdown_is_a_table() {
        let expected = "\
resnet20 on 1,000 images of cifar10 (test), ..., seed 0

| defence | clean | pgd | forwards | backwards | task forwards | task backwards | seconds |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| none | 91.2 % [89.3, 92.8] | 5.2 % [ 4.0,  6.8] | 1 | 0 | 0 | 0 | 2.4 |
| multi-task | 87.7 % [85.5, 89.6] | 39.9 % [36.9, 43.0] | 81 | 80 | 280 | 180 | 62.2 |

Images that only one of two defences gets right, with McNemar's exact test:

| images | a | b | only a | only b | p |
| --- | --- | --- | ---: | ---: | ---: |
| clean | multi-task | none | 0 | 35 | < 0.001 |
| pgd | multi-task | none | 355 | 8 | < 0.001 |

- `pgd:norm=linf,eps=8/255`
";
        assert_eq!(markdown(&evaluation()), expected);
    }

    #[test]
    fn a_missing_cell_is_a_dash_and_no_rows_are_no_trouble() {
        let outcomes = [outcome("none", "none", 0..9, 1000), outcome("noise", "pgd", 0..9, 1000)];
        let text = terminal(&empty().with_outcomes(&outcomes).unwrap());
        let noise = text.lines().find(|line| line.starts_with("noise")).unwrap();
        assert!(noise.split_whitespace().nth(1) == Some("–"), "{noise}");
        assert!(!text.contains("McNemar"));
        assert!(terminal(&empty()).contains("defence"));
        // No task net ran for these.
        let controls = [outcome("none", "none", 0..9, 1000), outcome("none", "pgd", 0..9, 1000)];
        assert!(!terminal(&empty().with_outcomes(&controls).unwrap()).contains("task"));
    }

    #[test]
    fn numbers_are_written_for_readers() {
        assert_eq!((passes(81.0), passes(40.25)), ("81".to_owned(), "40.2".to_owned()));
        assert_eq!(
            (p_value(0.000_99), p_value(0.001), p_value(1.0)),
            ("< 0.001".to_owned(), "0.001".to_owned(), "1.000".to_owned())
        );
    }
}
