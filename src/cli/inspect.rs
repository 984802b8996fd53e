//! `inspect`: what a checkpoint holds.

use std::fmt::Write;

use super::args::InspectArgs;
use super::{Error, Global, output};
use crate::inspect::{Contents, Inspection, TensorReport, inspect};
use crate::model::METADATA;
use crate::report::columns::{Columns, thousands};

/// Runs the command.
pub fn run(global: &Global, args: &InspectArgs) -> Result<(), Error> {
    let inspection = inspect(&args.file).map_err(Error::failed("cannot inspect the checkpoint"))?;
    output::result(global, "inspect", &text(&inspection), &inspection)
}

fn text(inspection: &Inspection) -> String {
    let mut lines = vec![
        ("file", inspection.file.clone()),
        ("size", format!("{} bytes", thousands(inspection.bytes as u64))),
        ("tensors", tensors(inspection)),
    ];
    lines.extend(contents(&inspection.contents));
    // Ours is told in words already.
    let told = |key: &str| key == METADATA && inspection.contents != Contents::Unknown;
    let metadata = inspection.metadata.iter().filter(|(key, _)| !told(key));
    lines.extend(metadata.map(|(key, value)| ("metadata", format!("{key} = {value}"))));
    let mut text = String::new();
    for (key, value) in lines {
        writeln!(text, "{key:<13}  {value}").expect("a string takes everything");
    }
    let headers = ["tensor", "type", "shape", "numbers", "not finite"].map(str::to_owned).to_vec();
    let rows = inspection.tensors.iter().map(row).collect();
    text + "\n" + &Columns { headers, rows, left: 3 }.aligned()
}

fn tensors(inspection: &Inspection) -> String {
    let finite = if inspection.finite { "all finite" } else { "NOT all finite" };
    let (count, numbers) = (inspection.tensors.len() as u64, inspection.numbers as u64);
    format!("{}, {} numbers, {finite}", thousands(count), thousands(numbers))
}

fn contents(contents: &Contents) -> Vec<(&'static str, String)> {
    match contents {
        Contents::Classifier { net, twin, classes, parameters, normalization, recipe, problem, unused } => {
            let said = if recipe.is_some() { "the file says" } else { "by names and shapes" };
            let mut lines = vec![("classifier", format!("{net}, {classes} classes ({said})"))];
            lines.extend(
                twin.as_ref().map(|twin| ("or", format!("{twin}, whose tensors are called the same"))),
            );
            lines.extend(parameters.map(|count| ("parameters", thousands(count))));
            lines.extend(normalization.as_ref().map(|text| ("normalisation", text.clone())));
            lines.extend(recipe.as_ref().map(|text| ("recipe", text.clone())));
            lines.extend(problem.as_ref().map(|text| ("problem", text.clone())));
            if !unused.is_empty() {
                lines.push(("unused", unused.join(", ")));
            }
            lines
        }
        Contents::Task { task, net, parameters, problem } => {
            let mut lines = vec![("task", task.clone()), ("net", net.clone())];
            lines.extend(parameters.map(|count| ("parameters", thousands(count))));
            lines.extend(problem.as_ref().map(|text| ("problem", text.clone())));
            lines
        }
        Contents::Net { net, parameters, unused } => {
            let mut lines = vec![("net", format!("{net} (by names and shapes)"))];
            lines.push(("parameters", thousands(*parameters)));
            if !unused.is_empty() {
                lines.push(("unused", unused.join(", ")));
            }
            lines
        }
        Contents::Training { updates, settings } => vec![
            ("training", format!("unfinished, after {} updates", thousands(*updates))),
            ("settings", settings.clone()),
        ],
        Contents::Unknown => vec![("fits", "no net that is known here".to_owned())],
    }
}

fn row(tensor: &TensorReport) -> Vec<String> {
    vec![
        tensor.name.clone(),
        tensor.dtype.clone(),
        format!("{:?}", tensor.shape),
        thousands(tensor.numbers as u64),
        tensor.not_finite.map_or("–".to_owned(), |count| thousands(count as u64)),
    ]
}
