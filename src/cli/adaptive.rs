//! `evaluate --protocol adaptive`: reversals against attackers who know of them.

use unperturb_engine::EngineError;

use super::args::{AdaptiveArgs, EvaluateArgs, reversals};
use super::evaluate::Study;
use super::progress::Progress;
use super::{Error, Global, inputs, output};
use crate::Failure;
use crate::adaptive::scores::{Company, alone};
use crate::adaptive::{Attacks, Budget, Found, Pieces, Row, Scorer, Scores, Subject};
use crate::attack::Attack;
use crate::passes::Passes;
use crate::report::adaptive::{AdaptiveEvaluation, Kind, Measured, Scored, terminal};
use crate::report::evaluation::Label;
use crate::reversal::{Defence, Direction, Reversal};
use crate::spec::Magnitude;
use crate::train::snapshot::Settings;

/// Runs the protocol for every defence.
pub(super) fn run(global: &Global, args: &EvaluateArgs, study: &Study) -> Result<(), Error> {
    let (images, labels) = inputs::all(study.data)?;
    let mut pictures = Vec::new();
    for attack in args.attacks() {
        pictures.push(Pictures::by(&attack, study)?);
    }
    let budget = args.adaptive.budget();
    let (mut defences, mut kept) = (Vec::new(), Vec::new());
    for (defence, reversal) in reversals(&args.defence.0)? {
        let subject = Subject {
            device: study.device,
            model: study.model,
            nets: study.nets,
            reversal,
            images: &images,
            labels: &labels,
            size: [study.data.height(), study.data.width()],
            seed: study.seed,
        };
        let settings = Settings::default()
            .with("defence", format!("{defence:#}"))
            .with("seed", study.seed)
            .with("classifier", study.model.weights.digest())
            .with("tasks", study.nets.digest())
            .with_precision(study.device)
            .with("eps", args.adaptive.epsilon())
            .with("budget", &budget)
            .with_pictures(study.data);
        let pieces = Pieces::new(study.kept.folder(), defence.to_string(), settings);
        let protocol =
            Protocol { study, subject, defence, budget: &budget, pieces: &pieces, args: &args.adaptive };
        let measured = protocol.run(&pictures).map_err(study.kept.stopped("cannot evaluate the defence"))?;
        defences.push(measured.report());
        kept.push(pieces);
    }
    let head = study.evaluation("evaluate");
    let evaluation = AdaptiveEvaluation {
        command: head.command,
        protocol: args.protocol.to_string(),
        version: head.version,
        device: head.device,
        seed: head.seed,
        dataset: head.dataset,
        classifier: head.classifier,
        seeds: args.adaptive.seeds(),
        defences,
    };
    output::both(global, &terminal(&evaluation), &evaluation)?;
    kept.iter().for_each(Pieces::finish);
    study.kept.finish();
    Ok(())
}

/// Clean pictures, or what a static attack made of them.
struct Pictures {
    name: String,
    kind: Kind,
    options: String,
    found: Found,
}

impl Pictures {
    fn by(attack: &Attack, study: &Study) -> Result<Self, Error> {
        let under = study.attacked(attack, &[])?;
        let count = (study.data.len() as u64).max(1);
        let Passes { forwards, backwards, .. } = under.passes;
        let passes = Passes { forwards: forwards / count, backwards: backwards / count, ..Passes::default() };
        let kind = if *attack == Attack::None { Kind::Clean } else { Kind::Static };
        Ok(Pictures {
            name: if kind == Kind::Clean { "clean".to_string() } else { attack.to_string() },
            kind,
            options: if kind == Kind::Clean { String::new() } else { format!("{attack:#}") },
            found: Found { points: under.images, passes, seconds: under.seconds, remarks: under.remarks },
        })
    }
}

/// The row that leaves the fewest pictures right, by the mean over seeds.
struct Strongest {
    name: String,
    points: Vec<f32>,
    scores: Scores,
}

/// The protocol on one defence.
struct Protocol<'a> {
    study: &'a Study<'a>,
    subject: Subject<'a>,
    defence: &'a Defence,
    budget: &'a Budget,
    pieces: &'a Pieces,
    args: &'a AdaptiveArgs,
}

impl Protocol<'_> {
    fn run(&self, fixed: &[Pictures]) -> Result<Measured, Failure> {
        let mut remarks: Vec<String> =
            fixed.iter().flat_map(|pictures| pictures.found.remarks.clone()).collect();
        let mut strongest: Option<Strongest> = None;
        let mut rows = Vec::new();
        for pictures in fixed {
            rows.push(self.row(&pictures.name, pictures.kind, pictures.options.clone(), &pictures.found)?);
        }
        let cost = rows.first().map_or(Passes::default(), |clean| clean.scores.passes);
        let epsilon = self.args.epsilon();
        for row in self.args.rows() {
            match self.attack(row, &epsilon) {
                Ok(found) => {
                    let options = row.options(&epsilon, self.budget);
                    let scored = self.row(row.as_str(), Kind::Adaptive, options, &found)?;
                    remarks.extend(found.remarks);
                    if strongest.as_ref().is_none_or(|so_far| scored.scores.right() < so_far.scores.right()) {
                        let (name, scores) = (scored.name.clone(), scored.scores.clone());
                        strongest = Some(Strongest { name, points: found.points, scores });
                    }
                    rows.push(scored);
                }
                // Better said than left out in silence: no derivative of a derivative, or no steps to unroll.
                Err(failure @ (Failure::Mismatch(_) | Failure::Engine(EngineError::Operands { .. })))
                    if row == Row::Unrolled =>
                {
                    let remark = format!("{row} was left out: {failure}");
                    self.study.progress.note(&remark);
                    remarks.push(remark);
                }
                Err(failure) => return Err(failure),
            }
        }
        let company = strongest.as_ref().map_or(Ok(vec![]), |strongest| self.company(strongest))?;
        let mut shown: Vec<(&str, &[f32])> =
            fixed.iter().map(|pictures| (pictures.name.as_str(), pictures.found.points.as_slice())).collect();
        shown.extend(strongest.as_ref().map(|row| (row.name.as_str(), row.points.as_slice())));
        let controls = self.controls(&shown, cost)?;
        let mut sweep = Vec::new();
        for epsilon in self.args.sweep() {
            let found = self.attack(Row::BpdaCe, &epsilon)?;
            let options = Row::BpdaCe.options(&epsilon, self.budget);
            sweep.push(self.row(&format!("eps = {epsilon}"), Kind::Sweep, options, &found)?);
        }
        Ok(Measured { defence: Label::from(self.defence), cost, rows, company, controls, sweep, remarks })
    }

    fn attack(&self, row: Row, epsilon: &Magnitude) -> Result<Found, Failure> {
        let Protocol { subject, budget, pieces, .. } = *self;
        let images = subject.labels.len() as u64;
        let mut stage = self.progress().stage(&format!("attack {row}, eps {epsilon}"), images, "images");
        let found = Attacks { subject, budget, pieces }.run(row, epsilon, |count| {
            stage.advance(count as u64);
            self.study.go_on()
        })?;
        found.remarks.iter().for_each(|remark| stage.note(remark));
        stage.finish();
        Ok(found)
    }

    /// A row of the table, with the cost of its attack.
    fn row(&self, name: &str, kind: Kind, options: String, found: &Found) -> Result<Scored, Failure> {
        let scores = self.score(name, &found.points, self.defence, Company::Attacked)?;
        let undefended = Some(self.scorer().undefended(&found.points)?);
        let (passes, seconds) = (found.passes, found.seconds);
        Ok(Scored { name: name.to_string(), kind, options, scores, undefended, passes, seconds })
    }

    fn company(&self, strongest: &Strongest) -> Result<Vec<Scored>, Failure> {
        let Strongest { name, points, scores } = strongest;
        let few = alone(self.subject.reversal);
        let together = if few.batch == 1 { "alone" } else { "in pairs" };
        let few = Defence::Reversal(few);
        let mixed = self.score(&format!("{name}, half clean"), points, self.defence, Company::Mixed)?;
        let few = self.score(&format!("{name}, {together}"), points, &few, Company::Attacked)?;
        let batch = self.subject.reversal.batch;
        Ok(vec![
            line(&format!("{name}, batches of {batch}"), Kind::Company, scores.clone()),
            line(&format!("{name}, every other picture clean"), Kind::Company, mixed),
            line(&format!("{name}, {together}"), Kind::Company, few),
        ])
    }

    /// Noise of the same size, the other direction, and as many plain forward passes as the repair makes passes.
    fn controls(&self, shown: &[(&str, &[f32])], cost: Passes) -> Result<Vec<Scored>, Failure> {
        let reversal = self.subject.reversal;
        let noise = Defence::Noise { epsilon: reversal.epsilon };
        let (direction, turned) = match reversal.direction {
            Direction::Descend => ("ascent", Direction::Ascend),
            Direction::Ascend => ("descent", Direction::Descend),
        };
        let turned = Defence::Reversal(Reversal { direction: turned, ..reversal.clone() });
        let forwards = cost.forwards + cost.backwards + cost.task_forwards + cost.task_backwards;
        let mut controls = Vec::new();
        for (name, points) in shown {
            for (control, defence) in [("noise", &noise), (direction, &turned)] {
                let name = format!("{control} on {name}");
                let scores = self.score(&name, points, defence, Company::Attacked)?;
                controls.push(line(&name, Kind::Control, scores));
            }
            let name = format!("ensemble on {name}");
            let mut stage =
                self.progress().stage(&format!("score {name}"), self.args.seeds() as u64, "seeds");
            let noise = reversal.noise.value();
            let scores = self.scorer().ensemble(&name, points, forwards as usize, noise, |count| {
                stage.advance(count as u64);
                self.study.go_on()
            })?;
            stage.finish();
            controls.push(line(&name, Kind::Control, scores));
        }
        Ok(controls)
    }

    fn score(
        &self,
        name: &str,
        points: &[f32],
        defence: &Defence,
        company: Company,
    ) -> Result<Scores, Failure> {
        let mut stage = self.progress().stage(&format!("score {name}"), self.args.seeds() as u64, "seeds");
        let scores = self.scorer().score(name, points, defence, company, |count| {
            stage.advance(count as u64);
            self.study.go_on()
        })?;
        stage.finish();
        Ok(scores)
    }

    fn scorer(&self) -> Scorer<'_> {
        Scorer { subject: self.subject, seeds: self.args.seeds(), pieces: self.pieces }
    }

    fn progress(&self) -> &Progress {
        &self.study.progress
    }
}

/// A line whose cost is that of the defence.
fn line(name: &str, kind: Kind, scores: Scores) -> Scored {
    let (passes, seconds) = (scores.passes, scores.seconds);
    Scored { name: name.to_string(), kind, options: String::new(), scores, undefended: None, passes, seconds }
}
