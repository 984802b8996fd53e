//! Attackers who know of a reversal: their gradients, what they may see, and the whole protocol as a user runs it.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use unperturb::adaptive::defended::{Aware, Defended, Draws, Through};
use unperturb::adaptive::{Piece, Pieces};
use unperturb::attack::loss::Loss;
use unperturb::attack::{Evaluate, GRADIENT, LABELS, LOGITS, LOSS, Objective, POINT, Victim};
use unperturb::passes::Passes;
use unperturb::reversal::descent::{RANDOM, REVERSE};
use unperturb::train::snapshot::Settings;
use unperturb_engine::{Device, Session};

use crate::builtin::{nets, pictures};
use crate::{COUNT, SHAPE, nets_with_simclr, reversal};

const DRAW: [u32; 4] = [7, 0, 0, 0];

/// A victim at work on the built-in pictures, their contrast lowered so that nothing is cut off at 0 and 1.
struct Attacked {
    session: Session,
    evaluate: Box<dyn Evaluate>,
    points: Vec<f32>,
    passes: Passes,
}

impl Attacked {
    fn new(victim: &dyn Victim) -> Self {
        let mut session = Session::new(&Device::cpu());
        let objective = Objective { loss: Loss::CrossEntropy, targeted: false };
        let evaluate = victim.differentiate(&mut session, SHAPE, objective).expect("compiled");
        victim.load(&mut session).expect("loaded");
        let (images, labels) = pictures(COUNT);
        session.write_u32(LABELS, &labels).expect("written");
        if session.has(RANDOM) {
            session.write_u32(RANDOM, &DRAW).expect("written");
        }
        let points = images.iter().map(|x| 0.2 + 0.6 * x).collect();
        Attacked { session, evaluate, points, passes: Passes::default() }
    }

    fn look(&mut self, points: &[f32]) {
        self.session.write(POINT, points).expect("written");
        self.passes = Passes::default();
        self.evaluate.run(&mut self.session, &mut self.passes).expect("run");
    }

    fn read(&mut self, state: &str) -> Vec<f32> {
        self.session.read(state).expect(state)
    }

    /// The sum of losses at the points moved by `h` along `direction`.
    fn loss_at(&mut self, direction: &[f32], h: f32) -> f64 {
        let moved: Vec<f32> = self.points.iter().zip(direction).map(|(x, d)| x + h * d).collect();
        self.look(&moved);
        self.read(LOSS).iter().map(|loss| f64::from(*loss)).sum()
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[test]
fn the_identity_is_the_gradient_at_the_repaired_point() {
    let (model, nets) = nets();
    let reversal = reversal("multi-task:steps=3");
    let (through, draws) = (Through::Identity, Draws::Fixed(DRAW));
    let mut defended =
        Attacked::new(&Defended { model: &model, nets: &nets, reversal: &reversal, through, draws });
    let points = defended.points.clone();
    defended.look(&points);
    let reverse = defended.read(REVERSE);
    let found = [LOGITS, LOSS, GRADIENT].map(|state| defended.read(state));
    // A forward pass of each view in each step, and the last look; the rest belongs to the nets of the tasks.
    assert_eq!((defended.passes.forwards, defended.passes.backwards), (2 * 3 + 1, 2 * 3 + 1));
    // The same draw again, the same answer; another, another.
    defended.look(&points);
    assert_eq!(defended.read(GRADIENT), found[2]);
    let mut plain = Attacked::new(&model);
    let repaired: Vec<f32> = points.iter().zip(&reverse).map(|(x, r)| x + r).collect();
    plain.look(&repaired);
    assert_eq!([LOGITS, LOSS, GRADIENT].map(|state| plain.read(state)), found);
    let draws = Draws::Fresh;
    let mut fresh =
        Attacked::new(&Defended { model: &model, nets: &nets, reversal: &reversal, through, draws });
    fresh.look(&points);
    let first = fresh.read(GRADIENT);
    fresh.look(&points);
    assert_ne!(fresh.read(GRADIENT), first);
}

/// Central differences of a program that contains gradients. Steps are short: a gradient of a net of rectifiers jumps
/// where one opens, which differences see and no derivative does.
#[test]
fn unrolled_gradients_are_those_of_the_repaired_loss() {
    let (model, nets) = nets();
    for text in ["multi-task:steps=2,noise=0,step=8/255", "inpainting:steps=2,noise=0,step=1/255"] {
        let reversal = reversal(text);
        let victim = |through| Defended {
            model: &model,
            nets: &nets,
            reversal: &reversal,
            through,
            draws: Draws::Fixed(DRAW),
        };
        let mut unrolled = Attacked::new(&victim(Through::Unrolled(2)));
        let points = unrolled.points.clone();
        unrolled.look(&points);
        let gradient = unrolled.read(GRADIENT);
        let length = dot(&gradient, &gradient).sqrt() as f32;
        let along: Vec<f32> = gradient.iter().map(|g| g / length).collect();
        let h = 2e-3;
        let slope = (unrolled.loss_at(&along, h) - unrolled.loss_at(&along, -h)) / f64::from(2.0 * h);
        let expected = dot(&gradient, &along);
        assert!((slope / expected - 1.0).abs() < 0.15, "{text}: {slope} for {expected}");
        // It is not the gradient that takes the repair for the identity.
        let mut identity = Attacked::new(&victim(Through::Identity));
        identity.look(&points);
        let other = identity.read(GRADIENT);
        let cosine = dot(&other, &along) / dot(&other, &other).sqrt();
        assert!(cosine < 0.999, "{text}: {cosine}");
    }
}

/// The same for the tasks whose nets are all rectifiers, one value of the picture at a time: between two jumps differences
/// are the derivative, but few of them meet no jump.
#[test]
fn unrolled_gradients_are_derivatives_between_jumps() {
    let (model, nets) = nets();
    for text in ["contrastive:steps=1,noise=0,step=8/255", "rotation:steps=1,noise=0,step=8/255"] {
        let reversal = reversal(text);
        let (through, draws) = (Through::Unrolled(1), Draws::Fixed(DRAW));
        let mut unrolled =
            Attacked::new(&Defended { model: &model, nets: &nets, reversal: &reversal, through, draws });
        let points = unrolled.points.clone();
        unrolled.look(&points);
        let gradient = unrolled.read(GRADIENT);
        let mut largest: Vec<usize> = (0..gradient.len()).collect();
        largest.sort_by(|a, b| gradient[*b].abs().total_cmp(&gradient[*a].abs()));
        let mut median_apart = |h: f32| {
            let mut apart: Vec<f64> = largest[..7]
                .iter()
                .map(|&value| {
                    let mut direction = vec![0.0; gradient.len()];
                    direction[value] = 1.0;
                    let change = unrolled.loss_at(&direction, h) - unrolled.loss_at(&direction, -h);
                    (change / f64::from(2.0 * h) / f64::from(gradient[value]) - 1.0).abs()
                })
                .collect();
            apart.sort_by(f64::total_cmp);
            apart[3]
        };
        let (near, far) = (median_apart(1e-4), median_apart(1e-2));
        assert!(near < 0.03, "{text}: apart by {near}");
        assert!(far > 0.3, "{text}: apart by {far} where there are jumps on the way");
    }
}

#[test]
fn trajectories_are_averaged_and_end_where_the_repair_does() {
    let (model, nets) = nets();
    let reversal = reversal("rotation:steps=4");
    let attacked = |through| {
        let draws = Draws::Fixed(DRAW);
        let mut attacked =
            Attacked::new(&Defended { model: &model, nets: &nets, reversal: &reversal, through, draws });
        let points = attacked.points.clone();
        attacked.look(&points);
        (attacked.read(LOGITS), attacked.read(GRADIENT), attacked.passes)
    };
    let (logits, gradient, passes) = attacked(Through::Trajectory(2));
    let (end, of_end, once) = attacked(Through::Identity);
    assert_eq!(logits, end);
    assert_ne!(gradient, of_end);
    // One look more, and not one step.
    assert_eq!((passes.forwards, passes.task_forwards), (once.forwards + 1, once.task_forwards));
}

/// A gradient of the self-supervised losses is part of what an aware attacker follows.
#[test]
fn aware_attackers_keep_the_losses_low() {
    let (model, nets) = nets();
    let reversal = reversal("rotation");
    let loss = |lambda| {
        let mut attacked = Attacked::new(&Aware { model: &model, nets: &nets, reversal: &reversal, lambda });
        let points = attacked.points.clone();
        attacked.look(&points);
        (attacked.read(LOSS), attacked.read(GRADIENT))
    };
    let [(none, _), (one, first), (two, second)] = [0.0, 1.0, 2.0].map(loss);
    for image in 0..COUNT {
        let (task, twice) = (none[image] - one[image], none[image] - two[image]);
        assert!(task > 0.0 && (twice - 2.0 * task).abs() < 1e-4, "{task}, {twice}");
    }
    assert_ne!(first, second);
}

/// Attackers of a repair by a contrastive net of its own differentiate that net, and the classifier at the end alone.
#[test]
fn attackers_differentiate_simclr() {
    let (model, nets) = nets_with_simclr();
    let reversal = reversal("contrastive:steps=2,views=2");
    let seen = |victim: &dyn Victim| {
        let mut attacked = Attacked::new(victim);
        let points = attacked.points.clone();
        attacked.look(&points);
        let Passes { forwards, backwards, task_forwards, task_backwards } = attacked.passes;
        (attacked.read(GRADIENT), [forwards, backwards, task_forwards, task_backwards])
    };
    let (plain, _) = seen(&model);
    let defended = |through| {
        let draws = Draws::Fixed(DRAW);
        seen(&Defended { model: &model, nets: &nets, reversal: &reversal, through, draws })
    };
    let (identity, passes) = defended(Through::Identity);
    assert_eq!(passes, [1, 1, 4, 4]);
    // Backwards through the passes of both steps, those of their gradients included.
    let (unrolled, passes) = defended(Through::Unrolled(2));
    assert_eq!(passes, [1, 1, 4, 4 + 8]);
    let (aware, passes) = seen(&Aware { model: &model, nets: &nets, reversal: &reversal, lambda: 1.0 });
    assert_eq!(passes, [1, 1, 2, 2]);
    assert!(identity != plain && unrolled != identity && aware != plain);
}

#[test]
fn pieces_are_made_once_and_only_for_their_evaluation() {
    let folder = tempfile::tempdir().unwrap();
    let pieces = |seed: u64| {
        let settings = Settings::default().with("seed", seed);
        Pieces::new(Some(folder.path()), "rotation".into(), settings)
    };
    let made = Piece { values: vec![0.5, 1.0], passes: Passes::both(3), seconds: 2.0 };
    assert_eq!(pieces(1).get("a", || Ok(made.clone())).unwrap(), made);
    let again = pieces(1);
    assert_eq!(again.get("a", || panic!("it was kept")).unwrap(), made);
    let error = pieces(2).get("a", || panic!("it is another's")).unwrap_err().to_string();
    assert!(error.ends_with("it belongs to another evaluation: seed 1 instead of 2"), "{error}");
    again.finish();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// The protocol with small budgets, as a user runs it; its result without the wall times.
fn protocol(more: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let builtin = Path::new(env!("CARGO_MANIFEST_DIR")).join("nets/builtin");
    let json = folder.path().join("result.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_unperturb"));
    command.args(["evaluate", "--device", "cpu", "--quiet", "--data", "shapes", "--images", "4"]);
    command.args([
        "--protocol",
        "adaptive",
        "--attack",
        "bim:steps=3",
        "--attack-steps",
        "2",
        "--restarts",
        "2",
    ]);
    command.args(["--eot", "2", "--unroll", "1", "--trajectory-points", "2", "--queries", "2"]);
    command.args(["--defence-seeds", "2"]).args(more);
    command.arg("--classifier").arg(builtin.join("classifier.safetensors")).arg("--tasks").arg(&builtin);
    command.arg("--json").arg(&json);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    fn without_seconds(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.remove("seconds");
                map.values_mut().for_each(without_seconds);
            }
            Value::Array(values) => values.iter_mut().for_each(without_seconds),
            _ => {}
        }
    }
    let mut result = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    without_seconds(&mut result);
    result
}

const ROWS: [&str; 15] = [
    "clean",
    "bim:steps=3",
    "transfer-ce",
    "transfer-dlr",
    "bpda-ce",
    "bpda-dlr",
    "bpda-eot-ce",
    "bpda-eot-dlr",
    "unrolled",
    "aware-0",
    "aware-0.1",
    "aware-1",
    "aware-10",
    "trajectory",
    "square",
];

fn names(lines: &Value) -> Vec<&str> {
    lines.as_array().unwrap().iter().map(|line| line["name"].as_str().unwrap()).collect()
}

#[test]
fn every_row_is_there_and_costs_what_it_should() {
    let result = protocol(&["--defence", "multi-task:steps=2,batch=3", "--sweep", "64/255"]);
    let report = &result["defences"][0];
    assert_eq!(names(&report["rows"]), ROWS);
    assert_eq!(report["remarks"].as_array().unwrap().len(), 0, "{}", report["remarks"]);
    let forwards: Vec<u64> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["passes_per_image"]["forwards"].as_u64().unwrap())
        .collect();
    // Auto-PGD of two steps looks three times; a repair makes two steps of two views, and a look one pass more. The
    // trajectory looks twice on its way, and Square looks at its start and two queries, of a repair each.
    let (looks, repair) = (3, 5);
    assert_eq!(
        forwards[2..],
        [
            2 * looks,
            2 * looks,
            looks * repair,
            looks * repair,
            2 * looks * repair,
            2 * looks * repair,
            looks * 3,
            looks,
            looks * 3,
            looks * 3,
            looks * 3,
            looks * (repair + 1),
            3 * repair,
        ]
    );
    for line in report["rows"].as_array().unwrap().iter().chain(report["sweep"].as_array().unwrap()) {
        assert!(line["correct"].as_array().unwrap().len() == 2 && line["images"] == 4);
    }
    // No row is stronger than all of them together.
    let worst = &report["worst"][1];
    for seed in 0..2 {
        let least =
            report["rows"].as_array().unwrap().iter().map(|line| line["correct"][seed].as_u64()).min();
        assert!(worst["correct"][seed].as_u64() <= least.unwrap());
    }
    assert_eq!(report["company"].as_array().unwrap().len(), 3);
    assert_eq!(report["controls"].as_array().unwrap().len(), 3 * 3);
    assert!(report["statement"].as_array().unwrap().len() >= 5);
}

/// Where nothing may be changed every row is the clean one, for every seed of the defence.
#[test]
fn without_a_bound_every_row_is_clean() {
    let result = protocol(&[
        "--defence",
        "multi-task:steps=2,combine=authors",
        "--eps",
        "0",
        "--sweep",
        "0",
        "--rows",
        "transfer-ce,bpda-ce,unrolled,square",
    ]);
    let report = &result["defences"][0];
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(names(&report["rows"]), ["clean", "bim:steps=3", "transfer-ce", "bpda-ce", "square"]);
    for row in rows[2..].iter().chain(report["sweep"].as_array().unwrap()) {
        assert_eq!((&row["correct"], &row["undefended"]), (&rows[0]["correct"], &rows[0]["undefended"]));
    }
    // What cannot be run is said.
    let remark = report["remarks"][0].as_str().unwrap();
    assert!(remark.starts_with("unrolled was left out: the steps of combine=authors"), "{remark}");
}
