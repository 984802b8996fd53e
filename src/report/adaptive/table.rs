//! The tables of the adaptive protocol, for a terminal.

use super::{AdaptiveEvaluation, DefenceReport, Line};
use crate::report::columns::{Columns, thousands};

/// What was evaluated, and for each defence its tables, its statement and its remarks.
pub fn terminal(evaluation: &AdaptiveEvaluation) -> String {
    let AdaptiveEvaluation { classifier, dataset, device, seed, seeds, .. } = evaluation;
    let mut text = format!(
        "{} on {} images of {} ({}), {device}, seed {seed}; defended: mean ± deviation over {seeds} fresh seeds of the defence; \
         by vote: what most of them get right\n",
        classifier.net,
        thousands(dataset.images),
        dataset.name,
        dataset.split,
    );
    for defence in &evaluation.defences {
        text += &of_defence(defence);
    }
    text
}

fn of_defence(report: &DefenceReport) -> String {
    let mut text = format!("\n{}\n", report.defence_options);
    let sections = [
        ("Attacks, and the passes that they cost each picture", "row", &report.rows),
        ("The worst of them, picture by picture", "rows", &report.worst),
        ("The strongest of them in other company, and the passes of the defence", "company", &report.company),
        ("Controls, and their passes", "control", &report.controls),
        ("Larger bounds, by bpda-ce", "bound", &report.sweep),
    ];
    for (title, heading, lines) in sections.into_iter().filter(|(.., lines)| !lines.is_empty()) {
        text += &format!("\n{title}:\n\n{}", columns(heading, lines).aligned());
    }
    text += "\n";
    for sentence in &report.statement {
        text += &format!("{sentence}\n");
    }
    for remark in &report.remarks {
        text += &format!("Remark: {remark}\n");
    }
    text
}

fn columns(heading: &str, lines: &[Line]) -> Columns {
    let headers = [
        heading,
        "defended",
        "by vote",
        "undefended",
        "forwards",
        "backwards",
        "task forwards",
        "task backwards",
        "seconds",
    ];
    let rows = lines.iter().map(|line| {
        let percent = |share: f64| format!("{:.1}", 100.0 * share);
        let of_images = |count: u64| percent(count as f64 / line.images.max(1) as f64);
        let [low, high] = line.ci95.map(|bound| 100.0 * bound);
        let passes = line.passes_per_image;
        vec![
            line.name.clone(),
            format!("{} ± {} %", percent(line.accuracy), percent(line.deviation)),
            format!("{} % [{low:>4.1}, {high:>4.1}]", of_images(line.voted)),
            line.undefended.map_or("–".to_string(), |right| format!("{} %", of_images(right))),
            thousands(passes.forwards),
            thousands(passes.backwards),
            thousands(passes.task_forwards),
            thousands(passes.task_backwards),
            format!("{:.1}", line.seconds),
        ]
    });
    Columns { headers: headers.map(str::to_owned).to_vec(), rows: rows.collect(), left: 1 }
}
