//! `evaluate`: every defence on clean and attacked pictures.

use std::time::Instant;

use unperturb_data::Dataset;
use unperturb_engine::Device;

use super::args::{EvaluateArgs, Protocol};
use super::interrupt::Interrupt;
use super::kept::Kept;
use super::progress::Progress;
use super::{Error, Global, adaptive, device, inputs, output};
use crate::Failure;
use crate::attack::Attack;
use crate::evaluate::{Attacker, Defended, Defender};
use crate::model::Model;
use crate::passes::Passes;
use crate::report::evaluation::{ClassifierInfo, Cost, DatasetInfo, Evaluation, Label, Outcome};
use crate::report::table;
use crate::reversal::Defence;
use crate::task::nets::TaskNets;

/// Runs the command.
pub fn run(global: &Global, args: &EvaluateArgs) -> Result<(), Error> {
    output::expect_json(global)?;
    let device = device::open(global)?;
    let model = inputs::model(&args.net)?;
    let mut tasks: Vec<_> = args.defence.0.iter().flat_map(Defence::tasks).collect();
    tasks.sort_by_key(|&task| task as usize);
    tasks.dedup();
    let nets = inputs::task_nets(args.tasks.as_deref(), &tasks, &model)?;
    let data = inputs::pictures(&args.images, &model, &nets)?;
    let study = Study {
        device: &device,
        model: &model,
        nets: &nets,
        data: &data,
        batch: args.images.batch.get(),
        seed: global.seed,
        progress: Progress::new(global.quiet),
        interrupt: Interrupt::install()?,
        kept: Kept::new(args.resume.as_deref())?,
    };
    if args.protocol == Protocol::Adaptive {
        return adaptive::run(global, args, &study);
    }
    let (mut outcomes, mut remarks) = (Vec::new(), Vec::new());
    for attack in args.attacks() {
        let under = study.attacked(&attack, &args.defence.0)?;
        outcomes.extend(under.outcomes);
        remarks.extend(under.remarks);
    }
    let evaluation = Evaluation { remarks, ..study.evaluation("evaluate").with_outcomes(&outcomes)? };
    output::both(global, &table::terminal(&evaluation), &evaluation)?;
    study.kept.finish();
    Ok(())
}

/// What stays the same for all rows of a table.
pub struct Study<'a> {
    /// Where it runs.
    pub device: &'a Device,
    /// The classifier.
    pub model: &'a Model,
    /// The task nets.
    pub nets: &'a TaskNets,
    /// The pictures.
    pub data: &'a Dataset,
    /// Pictures attacked or classified at a time.
    pub batch: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Where progress is shown.
    pub progress: Progress,
    /// Whether to stop.
    pub interrupt: Interrupt,
    /// Where attacks keep what they have reached.
    pub kept: Kept,
}

/// All defences under one attack.
pub struct UnderAttack {
    /// The attacked pictures, `[n, h, w, 3]`.
    pub images: Vec<f32>,
    /// What the attack cost, summed over the pictures.
    pub passes: Passes,
    /// How long it took.
    pub seconds: f64,
    /// What each defence made of them.
    pub defended: Vec<Defended>,
    /// The rows of the table.
    pub outcomes: Vec<Outcome>,
    /// What a reader of the numbers should know, with the attack's name in front.
    pub remarks: Vec<String>,
}

impl Study<'_> {
    /// Attacks the pictures once and runs every defence on them.
    ///
    /// # Errors
    /// What the device reports; a stop that was asked for.
    pub fn attacked(&self, attack: &Attack, defences: &[Defence]) -> Result<UnderAttack, Error> {
        let (images, labels) = inputs::all(self.data)?;
        let size = [self.data.height(), self.data.width()];
        let mut stage = self.progress.stage(&format!("attack {attack}"), labels.len() as u64, "images");
        let started = Instant::now();
        let mut attacker = Attacker::new(self.device, self.model, attack, self.batch, self.seed)
            .keeping(self.kept.keep(self.device, attack, self.model, self.data, self.seed));
        let batch = attacker.batch();
        let attacked = attacker
            .attack(&images, &labels, size, |count| {
                stage.advance(count as u64);
                self.go_on()
            })
            .map_err(self.kept.stopped("cannot attack the pictures"))?;
        stage.note_some(device::smaller_batches(batch, attacker.batch()));
        let remarks: Vec<String> =
            attacked.remarks.iter().map(|remark| format!("{attack}: {remark}")).collect();
        remarks.iter().for_each(|remark| stage.note(remark));
        stage.finish();
        let mut under = UnderAttack {
            images: attacked.images,
            passes: attacked.passes,
            seconds: started.elapsed().as_secs_f64(),
            defended: Vec::new(),
            outcomes: Vec::new(),
            remarks,
        };
        for defence in defences {
            let what = format!("defence {defence} under attack {attack}");
            let mut stage = self.progress.stage(&what, labels.len() as u64, "images");
            let started = Instant::now();
            let mut defender =
                Defender::new(self.device, self.model, self.nets, defence, self.batch, self.seed);
            let batch = defender.batch();
            let defended = defender
                .defend(&under.images, size, |count| {
                    stage.advance(count as u64);
                    self.go_on()
                })
                .map_err(self.kept.stopped("cannot repair the pictures"))?;
            stage.note_some(device::smaller_batches(batch, defender.batch()));
            stage.finish();
            let correct =
                defended.predictions.iter().zip(&labels).map(|(found, &label)| found.0 == label).collect();
            let per_image = |passes: u64| passes as f64 / labels.len() as f64;
            under.outcomes.push(Outcome {
                defence: Label::from(defence),
                attack: Label::from(attack),
                correct,
                cost: Cost {
                    forwards_per_image: per_image(defended.passes.forwards),
                    backwards_per_image: per_image(defended.passes.backwards),
                    task_forwards_per_image: per_image(defended.passes.task_forwards),
                    task_backwards_per_image: per_image(defended.passes.task_backwards),
                    seconds: started.elapsed().as_secs_f64(),
                },
            });
            under.defended.push(defended);
        }
        Ok(under)
    }

    /// The report's head.
    pub fn evaluation(&self, command: &str) -> Evaluation {
        let (dataset, classifier) = (DatasetInfo::from(self.data), ClassifierInfo::from(self.model));
        Evaluation::new(command, &self.device.to_string(), self.seed, dataset, classifier)
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// A stop was asked for.
    pub fn go_on(&self) -> Result<(), Failure> {
        if self.interrupt.is_requested() { Err(Failure::Stopped) } else { Ok(()) }
    }
}
