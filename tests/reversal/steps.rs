//! Where steps lead, and what the three ways to join losses do.

use unperturb::attack::IMAGES;
use unperturb::model::Model;
use unperturb::passes::Passes;
use unperturb::reversal::descent::{Descent, RANDOM, REVERSE};
use unperturb::reversal::step::{Losses, total};
use unperturb::task::nets::TaskNets;
use unperturb_engine::ops::random::Random;
use unperturb_engine::{Device, Graph, Session};

use crate::builtin::{nets, pictures};
use crate::{COUNT, SHAPE, SIZE, nets_with_simclr, reversal};

/// A reversal of the built-in pictures after its steps.
struct Repaired {
    model: Model,
    nets: TaskNets,
    session: Session,
    passes: Passes,
}

impl Repaired {
    fn by(text: &str) -> Self {
        Self::with(nets(), text)
    }

    fn with((model, nets): (Model, TaskNets), text: &str) -> Self {
        let mut session = Session::new(&Device::cpu());
        let descent =
            Descent::compile(&mut session, &reversal(text), &model, &nets, IMAGES, SHAPE).expect("compiled");
        // The classifier has states to load even where no task uses it.
        let g = Graph::new();
        g.output("logits", model.trace(&g, g.state(IMAGES, SHAPE)).logits);
        session.compile(&g).expect("compiled");
        model.load(&mut session).expect("loaded");
        session.write(IMAGES, &pictures(COUNT).0).expect("written");
        session.write_u32(RANDOM, &Random::seeded(3)).expect("written");
        let mut passes = Passes::default();
        descent.run(&mut session, &mut passes).expect("run");
        Repaired { model, nets, session, passes }
    }

    fn read(&mut self, state: &str) -> Vec<f32> {
        self.session.read(state).expect(state)
    }

    /// The mean of the losses, weighted, of the repaired pictures.
    fn loss(&mut self, text: &str) -> f32 {
        let reversal = reversal(text);
        let g = Graph::new();
        let losses = Losses {
            graph: &g,
            reversal: &reversal,
            model: &self.model,
            nets: &self.nets,
            random: Random::new(&g, "views"),
        };
        let repaired = g.state(IMAGES, SHAPE) + g.state(REVERSE, SHAPE);
        g.output("loss", total(&losses.of(repaired)).mean_all());
        let program = self.session.compile(&g).expect("compiled");
        if self.session.has("views") {
            self.session.write_u32("views", &Random::seeded(9)).expect("written");
        }
        self.session.run(&program, 1).expect("run");
        self.session.read("loss").expect("read")[0]
    }
}

#[test]
fn directions_lead_losses_down_and_up() {
    for (task, nets) in [
        ("rotation", nets as fn() -> (Model, TaskNets)),
        ("inpainting", nets),
        ("contrastive", nets),
        ("contrastive", nets_with_simclr),
    ] {
        let repaired =
            |options: &str| Repaired::with(nets(), &format!("{task}:noise=0,{options}")).loss(task);
        let after = |direction: &str| repaired(&format!("steps=6,direction={direction}"));
        let still = repaired("steps=1,step=0");
        let (down, up) = (after("descend"), after("ascend"));
        assert!(down < still && still < up, "{task}: {down}, {still}, {up}");
    }
}

/// A contrastive net of its own leaves the classifier alone: its passes are those of a task net.
#[test]
fn simclr_costs_no_pass_of_the_classifier() {
    let passes = |text: &str| {
        let Passes { forwards, backwards, task_forwards, task_backwards } =
            Repaired::with(nets_with_simclr(), text).passes;
        [forwards, backwards, task_forwards, task_backwards]
    };
    assert_eq!(passes("contrastive:steps=3,views=2"), [0, 0, 6, 6]);
    assert_eq!(passes("multi-task:steps=2,views=2,combine=sum"), [0, 0, 14, 14]);
    for combine in ["alternate", "authors"] {
        let text = format!("multi-task:steps=2,views=2,combine={combine}");
        assert_eq!(passes(&text), [0, 0, 14, 2 * 2 + 4 + 1], "{combine}");
    }
}

/// The published code raises the losses that the paper lowers, unless it is told otherwise.
#[test]
fn the_authors_code_ascends() {
    let tasks = "multi-task:contrastive=0,inpainting=0,rotation=1";
    let after = |more: &str| Repaired::by(&format!("{tasks},noise=0,steps=8,{more}")).loss(tasks);
    let still = Repaired::by(&format!("{tasks},noise=0,steps=1,step=0")).loss(tasks);
    let (authors, turned) = (after("combine=authors"), after("combine=authors,direction=descend"));
    assert!(after("combine=alternate") < still && authors > still && turned < still, "{authors}, {turned}");
}

/// Of three perturbations the contrastive one is the result; of the others only that of the last turn follows.
#[test]
fn the_authors_perturbations_follow_when_used() {
    let enlarged = |small: &[f32]| -> Vec<f32> {
        let [n, h, w] = [COUNT, SIZE[0], SIZE[1]];
        let at = |i: usize| {
            let (channel, x, y, image) = (i % 3, i / 3 % (4 * w), i / (12 * w) % (4 * h), i / (48 * h * w));
            small[((image * h + y / 4) * w + x / 4) * 3 + channel]
        };
        (0..n * 16 * h * w * 3).map(at).collect()
    };
    for (steps, turn) in [(1, "inpainting"), (2, "rotation"), (3, "inpainting")] {
        let mut repaired = Repaired::by(&format!("multi-task:combine=authors,steps={steps},eps=8/255"));
        let reverse = repaired.read(REVERSE);
        assert!(reverse.iter().all(|x| x.abs() <= 8.0 / 255.0 + 1e-6), "beyond its bound");
        let rotation = repaired.read("reverse/rotation") == reverse;
        let inpainting = repaired.read("reverse/inpainting") == enlarged(&reverse);
        assert_eq!((rotation, inpainting), (turn == "rotation", turn == "inpainting"), "{steps} steps");
        // All losses forwards, two of them backwards; each picture is turned four times and seen twice.
        let steps = steps as u64;
        let backwards = (2 * steps) + steps.div_ceil(2) + 4 * (steps / 2);
        let expected = Passes {
            forwards: 2 * steps,
            backwards: 2 * steps,
            task_forwards: (2 + 4 + 1) * steps,
            task_backwards: backwards,
        };
        assert_eq!(repaired.passes, expected);
    }
}
