//! The result of `evaluate --protocol adaptive`: rows, worst case, company, controls, sweep, and what they say.

mod statement;
mod table;

pub use table::terminal;

use serde::{Deserialize, Serialize};

use super::evaluation::{ClassifierInfo, DatasetInfo, Label};
use super::statistics::wilson95;
use crate::adaptive::Scores;
use crate::passes::Passes;
use crate::spec::words;

words! {
    /// What a line tells of.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Kind {
        /// Clean pictures.
        Clean = "clean",
        /// An attack on the undefended net that knows of no defence.
        Static = "static",
        /// An attack of the protocol.
        Adaptive = "adaptive",
        /// The worst of several rows, picture by picture.
        Worst = "worst",
        /// The strongest row in other company.
        Company = "company",
        /// Another defence on the same pictures.
        Control = "control",
        /// A larger bound.
        Sweep = "sweep",
    }
}

/// Everything that one run of the protocol found out, and on what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdaptiveEvaluation {
    /// `evaluate`
    pub command: String,
    /// `adaptive`
    pub protocol: String,
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
    /// Fresh seeds of the defence for every score.
    pub seeds: usize,
    /// One for each defence.
    pub defences: Vec<DefenceReport>,
}

/// One defence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DefenceReport {
    /// As short as it can be said.
    pub defence: String,
    /// With every option.
    pub defence_options: String,
    /// What one repair and its prediction cost, for each picture.
    pub cost: Passes,
    /// Clean pictures, static attacks, attacks of the protocol.
    pub rows: Vec<Line>,
    /// The worst of the static rows, and of all rows, picture by picture.
    pub worst: Vec<Line>,
    /// The strongest row in other company.
    pub company: Vec<Line>,
    /// Other defences.
    pub controls: Vec<Line>,
    /// Larger bounds.
    pub sweep: Vec<Line>,
    /// What the numbers say.
    pub statement: Vec<String>,
    /// What a reader of the numbers should know.
    pub remarks: Vec<String>,
}

/// One line of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// What it tells of.
    pub kind: Kind,
    /// The attack with its options, where there is one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub options: String,
    /// How many images.
    pub images: u64,
    /// Images that were right, for each seed of the defence.
    pub correct: Vec<u64>,
    /// The mean accuracy over seeds.
    pub accuracy: f64,
    /// Its standard deviation over seeds.
    pub deviation: f64,
    /// Images that most seeds get right.
    pub voted: u64,
    /// Wilson's 95 % interval of `voted / images`.
    pub ci95: [f64; 2],
    /// Images that the undefended net gets right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undefended: Option<u64>,
    /// What an attack cost each picture; of company and controls, what the defence did.
    pub passes_per_image: Passes,
    /// Wall time of that, for all pictures.
    pub seconds: f64,
}

/// What a line is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Its name.
    pub name: String,
    /// What it tells of.
    pub kind: Kind,
    /// The attack with its options.
    pub options: String,
    /// How the defence fared.
    pub scores: Scores,
    /// How the undefended net fared.
    pub undefended: Option<Vec<bool>>,
    /// What it cost each picture.
    pub passes: Passes,
    /// How long it took.
    pub seconds: f64,
}

/// What was measured of one defence.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The defence.
    pub defence: Label,
    /// What one repair and its prediction cost, for each picture.
    pub cost: Passes,
    /// Clean pictures first, then static attacks, then those of the protocol.
    pub rows: Vec<Scored>,
    /// The strongest row in other company.
    pub company: Vec<Scored>,
    /// Other defences on the same pictures.
    pub controls: Vec<Scored>,
    /// Larger bounds, growing.
    pub sweep: Vec<Scored>,
    /// What a reader of the numbers should know.
    pub remarks: Vec<String>,
}

impl Scored {
    fn line(&self) -> Line {
        let correct = self.scores.counts();
        let voted = self.scores.voted();
        let (images, right) = (voted.len() as u64, count(&voted));
        let shares: Vec<f64> = correct.iter().map(|n| *n as f64 / images.max(1) as f64).collect();
        let (accuracy, deviation) = mean_and_deviation(&shares);
        Line {
            name: self.name.clone(),
            kind: self.kind,
            options: self.options.clone(),
            images,
            correct,
            accuracy,
            deviation,
            voted: right,
            ci95: wilson95(right, images),
            undefended: self.undefended.as_deref().map(count),
            passes_per_image: self.passes,
            seconds: self.seconds,
        }
    }
}

impl Measured {
    /// The worst of the rows that `counts` lets pass, picture by picture; clean pictures count with every set.
    fn worst(&self, name: &str, counts: impl Fn(Kind) -> bool) -> Scored {
        let rows: Vec<&Scored> = self.rows.iter().filter(|row| counts(row.kind)).collect();
        let undefended = rows
            .iter()
            .filter_map(|row| row.undefended.clone())
            .reduce(|worst, row| worst.iter().zip(&row).map(|(a, b)| *a && *b).collect());
        Scored {
            name: name.to_string(),
            kind: Kind::Worst,
            options: String::new(),
            scores: Scores::worst(rows.iter().map(|row| &row.scores)),
            undefended,
            passes: rows.iter().fold(Passes::default(), |sum, row| sum + row.passes),
            seconds: rows.iter().map(|row| row.seconds).sum(),
        }
    }

    /// The report.
    pub fn report(&self) -> DefenceReport {
        let lines = |scored: &[Scored]| scored.iter().map(Scored::line).collect();
        let worst = [
            self.worst("worst of clean and static", |kind| kind != Kind::Adaptive),
            self.worst("worst of all rows", |_| true),
        ];
        DefenceReport {
            defence: self.defence.short.clone(),
            defence_options: self.defence.full.clone(),
            cost: self.cost,
            rows: lines(&self.rows),
            statement: statement::of(self, &worst),
            worst: lines(&worst),
            company: lines(&self.company),
            controls: lines(&self.controls),
            sweep: lines(&self.sweep),
            remarks: self.remarks.clone(),
        }
    }
}

fn count(right: &[bool]) -> u64 {
    right.iter().filter(|right| **right).count() as u64
}

/// The mean, and the deviation of a sample: none of one.
fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, if values.len() > 1 { (squares / (n - 1.0)).sqrt() } else { 0.0 })
}
