//! The whole pipeline on the built-in pictures and nets: both runtimes agree, loops stay on the device.

#[path = "support/builtin.rs"]
mod builtin;

use unperturb::attack::loss::Loss;
use unperturb::attack::projected_gradient::Ascent;
use unperturb::attack::seeds::{self, Seeds};
use unperturb::attack::{Attack, IMAGES, LABELS, Objective, POINT, ProjectedGradient, RANDOM, Victim};
use unperturb::evaluate::{Attacker, Defended, Defender};
use unperturb::passes::Passes;
use unperturb::reversal::Defence;
use unperturb::reversal::descent::{self, Descent, REVERSE};
use unperturb_engine::ops::random::Random;
use unperturb_engine::runtime::gpu::GpuDevice;
use unperturb_engine::{Device, Session};

use builtin::{nets, pictures};

const COUNT: usize = 12;
const SIZE: [usize; 2] = [32, 32];
const SHAPE: [usize; 4] = [COUNT, 32, 32, 3];

fn gpu() -> Device {
    Device::Gpu(GpuDevice::open(None).unwrap_or_else(|error| panic!("{error}")))
}

/// The share of values of two sets of images that are within 1e-4.
fn agreement(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).filter(|(a, b)| (**a - **b).abs() < 1e-4).count() as f64 / a.len() as f64
}

fn largest_change(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn attacked(device: &Device, attack: &str) -> Vec<f32> {
    let (model, _) = nets();
    let (images, labels) = pictures(COUNT);
    let attack: Attack = attack.parse().expect("an attack");
    let attacked =
        Attacker::new(device, &model, &attack, COUNT, 5).attack(&images, &labels, SIZE, |_| Ok(()));
    attacked.expect("attacked").images
}

fn defended(device: &Device, defence: &str, images: &[f32]) -> Defended {
    let (model, nets) = nets();
    let defence: Defence = defence.parse().expect("a defence");
    let defended = Defender::new(device, &model, &nets, &defence, COUNT, 5).defend(images, SIZE, |_| Ok(()));
    defended.expect("defended")
}

#[test]
fn ten_steps_of_pgd_are_the_same_images_on_both_runtimes() {
    for attack in ["pgd:steps=10", "pgd:norm=l2,steps=10", "bim:steps=10", "fgsm"] {
        let (cpu, gpu) = (attacked(&Device::cpu(), attack), attacked(&gpu(), attack));
        let share = agreement(&cpu, &gpu);
        assert!(share >= 0.95, "{attack}: {:.2} % of the values agree", 100.0 * share);
        let classes = |device: &Device, images: &[f32]| -> Vec<u32> {
            defended(device, "none", images).predictions.iter().map(|p| p.0).collect()
        };
        assert_eq!(classes(&Device::cpu(), &cpu), classes(&self::gpu(), &gpu), "{attack}");
    }
}

#[test]
fn ten_steps_of_reversal_are_the_same_images_on_both_runtimes() {
    let images = attacked(&Device::cpu(), "bim:steps=10");
    for defence in [
        "noise",
        "contrastive:steps=10",
        "rotation:steps=10",
        "inpainting:steps=10",
        "multi-task:steps=10,combine=sum",
        "multi-task:steps=10,combine=alternate,views=4",
        "multi-task:steps=10,combine=authors",
    ] {
        let (cpu, gpu) = (defended(&Device::cpu(), defence, &images), defended(&gpu(), defence, &images));
        let share = agreement(&cpu.repaired, &gpu.repaired);
        assert!(share >= 0.95, "{defence}: {:.2} % of the values agree", 100.0 * share);
        let classes = |defended: &Defended| defended.predictions.iter().map(|p| p.0).collect::<Vec<_>>();
        assert_eq!(classes(&cpu), classes(&gpu), "{defence}");
        assert_eq!(cpu.passes, gpu.passes, "{defence}");
    }
}

#[test]
fn results_stay_in_the_ball_and_in_range() {
    let (images, _) = pictures(COUNT);
    let attacked = attacked(&Device::cpu(), "pgd:steps=5,eps=8/255");
    let inside = |x: &f32| (0.0..=1.0).contains(x);
    let epsilon = 8.0 / 255.0;
    let within = |(x, a): (&f32, &f32)| (x - epsilon..=x + epsilon).contains(a);
    assert!(images.iter().zip(&attacked).all(within) && attacked.iter().all(inside));
    let repaired = defended(&Device::cpu(), "multi-task:steps=5,eps=4/255", &attacked).repaired;
    assert!(
        largest_change(&attacked, &repaired) <= 4.0 / 255.0 + f32::EPSILON && repaired.iter().all(inside)
    );
    assert!(largest_change(&attacked, &repaired) > 1.0 / 255.0, "nothing was repaired");
}

#[test]
fn an_attack_of_size_zero_changes_nothing() {
    assert_eq!(attacked(&Device::cpu(), "pgd:steps=3,eps=0"), pictures(COUNT).0);
}

#[test]
fn attacks_work_and_more_restarts_never_help_the_classifier() {
    let (_, labels) = pictures(COUNT);
    let right = |attack: &str| {
        let images = attacked(&Device::cpu(), attack);
        let predictions = defended(&Device::cpu(), "none", &images).predictions;
        predictions.iter().zip(&labels).filter(|(found, label)| found.0 == **label).count()
    };
    let (clean, one, three) = (right("none"), right("pgd:steps=10"), right("pgd:steps=10,restarts=3"));
    assert!(one < clean, "PGD breaks none of {clean}");
    assert!(three <= one, "{three} right after three restarts, {one} after one");
}

/// Passes are counted where programs run: two views are two passes, and the prediction is one more. Of the task nets
/// the head sees every view, the rotation net four rotations, the context encoder one picture.
#[test]
fn passes_are_those_that_were_run() {
    let (images, _) = pictures(COUNT);
    let per_image = |defence: &str| {
        let Passes { forwards, backwards, task_forwards, task_backwards } =
            defended(&Device::cpu(), defence, &images).passes;
        [forwards, backwards, task_forwards, task_backwards].map(|passes| passes / COUNT as u64)
    };
    assert_eq!(per_image("none"), [1, 0, 0, 0]);
    assert_eq!(per_image("noise"), [1, 0, 0, 0]);
    assert_eq!(per_image("contrastive:steps=3,views=2"), [7, 6, 6, 6]);
    assert_eq!(per_image("rotation:steps=3"), [1, 0, 12, 12]);
    assert_eq!(per_image("inpainting:steps=3"), [1, 0, 3, 3]);
    assert_eq!(per_image("multi-task:steps=3,combine=sum"), [7, 6, 21, 21]);
    // Every step evaluates all three losses, for their shares, and takes the gradients of two: rotation first.
    assert_eq!(per_image("multi-task:steps=3,views=4"), [13, 12, 27, 12 + 4 + 1 + 4]);
}

/// The perturbations live on the device: forty steps allocate nothing and read nothing back.
#[test]
fn loops_neither_allocate_nor_read_back() {
    let (model, nets) = nets();
    let (images, labels) = pictures(COUNT);
    for device in [Device::cpu(), gpu()] {
        let mut session = Session::new(&device);
        let attack =
            ProjectedGradient { steps: 40, .."pgd".parse::<Attack>().unwrap().projected_gradient().unwrap() };
        let objective = Objective { loss: Loss::CrossEntropy, targeted: false };
        let evaluate = model.differentiate(&mut session, SHAPE, objective).expect("compiled");
        let ascent = Ascent::compile(&mut session, &attack, SHAPE, Seeds::Image, evaluate).expect("compiled");
        let Defence::Reversal(reversal) = "multi-task:steps=40".parse().unwrap() else { unreachable!() };
        let reversal =
            Descent::compile(&mut session, &reversal, &model, &nets, IMAGES, SHAPE).expect("compiled");
        model.load(&mut session).expect("loaded");
        session.write(IMAGES, &images).expect("written");
        session.write_u32(LABELS, &labels).expect("written");
        let starts: Vec<u32> = (0..COUNT as u32).flat_map(|i| seeds::of_image(1, 0, 0, 0, i)).collect();
        session.write_u32(RANDOM, &starts).expect("seeded");
        session.write_u32(descent::RANDOM, &Random::seeded(1)).expect("seeded");
        let before = session.counters();
        ascent.run(&mut session, &mut Passes::default()).expect("run");
        reversal.run(&mut session, &mut Passes::default()).expect("run");
        let after = session.counters();
        assert_eq!(after.runs - before.runs, 1 + 2 * 40 + 1 + 40, "{device}");
        assert_eq!(after.allocations, before.allocations, "{device}");
        assert_eq!(after.readbacks, before.readbacks, "{device}");
        assert_ne!(session.read(POINT).expect("read"), images, "{device}");
        assert!(session.read(REVERSE).expect("read").iter().any(|&x| x != 0.0), "{device}");
    }
}
