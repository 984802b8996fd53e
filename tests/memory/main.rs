//! What programs take against what their plans say, and that runs take nothing more.
//!
//! A target of its own: its allocator watches the heap of the whole process.

mod heap;
mod wide;

use std::sync::{Mutex, MutexGuard, Once};

use rayon::ThreadPoolBuilder;
use unperturb_engine::optim::{Optimizer, Parameter, Sgd};
use unperturb_engine::runtime::gpu::GpuDevice;
use unperturb_engine::{Device, Graph, Program, Session};
use unperturb_nets::weights::specifications;
use unperturb_nets::{Architecture, Classifier, Form, Mode, Normalization, Scope, Weights};

const NET: Classifier = Classifier {
    architecture: Architecture::ResNet { form: Form::Padded, depth: 20, width: 16 },
    classes: 10,
    normalization: Normalization::NONE,
};

/// The tests of this file run one after another, as the heap is everybody's, and on two threads
/// wherever they run, as each thread has a little memory of its own.
fn alone() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    static THREADS: Once = Once::new();
    THREADS.call_once(|| {
        let threads = ThreadPoolBuilder::new().num_threads(2).build_global();
        threads.expect("nothing started the pool before");
    });
    LOCK.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn gpu() -> Device {
    Device::Gpu(GpuDevice::open(None).unwrap_or_else(|e| panic!("{e}")))
}

/// The same in half precision.
fn half() -> Device {
    let gpu = GpuDevice::open(None).and_then(|gpu| gpu.with_half_precision());
    Device::Gpu(gpu.unwrap_or_else(|e| panic!("{e}")))
}

/// The loss of a batch, and what an optimizer of `net` needs.
fn gradients<'g>(g: &'g Graph, net: &Classifier, batch: usize) -> Vec<Parameter<'g>> {
    let scope = Scope::new(g, "net", Mode::Train);
    let logits = net.trace(&scope, g.state("image", [batch, 32, 32, 3])).logits;
    let loss = logits.cross_entropy(g.state_u32("labels", [batch]), 0.0);
    let learned: Vec<_> = scope.parameters().into_iter().filter(|p| p.kind.is_learned()).collect();
    let targets: Vec<_> = learned.iter().map(|p| p.value).collect();
    let gradients = g.gradient(loss.mean_all(), &targets).expect("a differentiable net");
    g.output("loss", loss);
    learned
        .into_iter()
        .zip(gradients)
        .map(|(p, gradient)| Parameter { name: p.name, value: p.value, gradient, decay: true })
        .collect()
}

/// One step of training with momentum.
fn training(batch: usize) -> Graph {
    let g = Graph::new();
    let parameters = gradients(&g, &NET, batch);
    let sgd = Sgd { momentum: 0.9, nesterov: true, weight_decay: 5e-4 };
    Optimizer::Sgd(sgd).trace(&g, &parameters, g.state("learning_rate", []));
    g
}

fn evaluation(batch: usize) -> Graph {
    evaluation_of(&NET, batch)
}

fn evaluation_of(net: &Classifier, batch: usize) -> Graph {
    let g = Graph::new();
    let scope = Scope::new(&g, "net", Mode::Evaluate);
    g.output("logits", net.trace(&scope, g.state("image", [batch, 32, 32, 3])).logits);
    g
}

/// A session with one program, ready to run.
fn prepared(device: &Device, graph: &Graph, batch: usize) -> (Session, Program) {
    let mut session = Session::new(device);
    let program = session.compile(graph).unwrap_or_else(|e| panic!("{device}: {e}"));
    let specifications = specifications(|scope| {
        NET.trace(scope, scope.graph().state("image", [1, 32, 32, 3]));
    });
    let weights = Weights::initial(&specifications, 1);
    weights.load(&mut session, "net", &specifications).unwrap_or_else(|e| panic!("{device}: {e}"));
    let image: Vec<f32> = (0..batch * 32 * 32 * 3).map(|i| (i % 251) as f32 / 251.0).collect();
    session.write("image", &image).unwrap_or_else(|e| panic!("{device}: {e}"));
    (session, program)
}

#[track_caller]
fn within_one_percent(what: &str, found: u64, planned: u64) {
    let ratio = found as f64 / planned as f64;
    assert!((0.99..=1.01).contains(&ratio), "{what}: {found} bytes of {planned} planned");
}

/// Counts of the runtime: what is allocated is what was planned, and 20 runs add nothing.
fn allocates_as_planned(device: &Device) {
    let batch = 2;
    for graph in [training(batch), evaluation(batch)] {
        let (mut session, program) = prepared(device, &graph, batch);
        within_one_percent("allocated", session.counters().allocated_bytes, program.plan().peak_bytes());
        session.run(&program, 1).unwrap_or_else(|e| panic!("{device}: {e}"));
        let before = session.counters();
        session.run(&program, 20).unwrap_or_else(|e| panic!("{device}: {e}"));
        session.wait().unwrap_or_else(|e| panic!("{device}: {e}"));
        let after = session.counters();
        assert_eq!(after.runs, before.runs + 20);
        assert_eq!(after.launches - before.launches, 20 * program.launches() as u64);
        assert_eq!(after.allocations, before.allocations, "{device}: runs allocated");
        assert_eq!(after.allocated_bytes, before.allocated_bytes);
        assert_eq!(after.readbacks, before.readbacks, "{device}: runs read back");
    }
}

#[test]
fn the_cpu_allocates_as_planned_and_runs_add_nothing() {
    let _alone = alone();
    allocates_as_planned(&Device::cpu());
}

#[test]
fn the_gpu_allocates_as_planned_and_runs_add_nothing() {
    let _alone = alone();
    allocates_as_planned(&gpu());
    allocates_as_planned(&half());
}

/// Not the runtime's own count but the heap's, at its highest in a run, kernels included.
#[test]
fn the_heap_of_the_cpu_holds_what_was_planned() {
    let _alone = alone();
    let batch = 16;
    // The threads that kernels run on, and what these keep, are not the program's.
    let (mut session, program) = prepared(&Device::cpu(), &evaluation(2), 2);
    session.run(&program, 1).expect("a run");
    for (what, graph) in [("training", training(batch)), ("evaluation", evaluation(batch))] {
        let before = heap::in_use();
        let (mut session, program) = prepared(&Device::cpu(), &graph, batch);
        heap::forget_peak();
        session.run(&program, 1).expect("a run");
        let peak = heap::peak() - before;
        // The list of operations, whose size does not depend on the batch: one copy in the session,
        // one in the program.
        let before = heap::in_use();
        let copy = program.plan().clone();
        let lists = 2 * (heap::in_use() - before);
        eprintln!("{what}: peak {peak} lists {lists} planned {}", copy.peak_bytes());
        within_one_percent(what, (peak - lists) as u64, copy.peak_bytes());
    }
}

/// Programs run one after another, so the second of a kind needs nothing, and a smaller one nothing but its states.
#[test]
fn programs_of_a_session_share_their_slabs() {
    let _alone = alone();
    for device in [Device::cpu(), gpu()] {
        let (mut session, first) = prepared(&device, &training(4), 4);
        let before = session.counters().allocated_bytes;
        let second = session.compile(&training(4)).unwrap_or_else(|e| panic!("{device}: {e}"));
        let parameters = second.plan().parameter_bytes();
        assert_eq!(session.counters().allocated_bytes, before + parameters, "{device}");
        // Both do the same work.
        let mut losses = Vec::new();
        for program in [&first, &second] {
            session.poison();
            session.run(program, 1).unwrap_or_else(|e| panic!("{device}: {e}"));
            losses.push(session.read("loss").unwrap_or_else(|e| panic!("{device}: {e}"))[0]);
        }
        assert!(losses[0].is_finite() && losses[0] == losses[1], "{device}: {losses:?}");
    }
}

#[test]
fn a_session_keeps_to_its_limit() {
    let _alone = alone();
    for device in [Device::cpu(), gpu()] {
        let plan = Session::new(&device).plan(&evaluation(8)).unwrap_or_else(|e| panic!("{device}: {e}"));
        let room = |bytes: u64| Session::new(&device.clone().within(bytes)).compile(&evaluation(8));
        assert!(room(plan.peak_bytes()).is_ok(), "{device}");
        let error = room(plan.peak_bytes() - 1).expect_err("one byte is missing").to_string();
        assert!(error.contains("memory budget") && error.contains("smaller batch"), "{error}");
    }
}

/// A training that does not fit computes activations twice, and comes to the same.
#[test]
fn a_training_that_does_not_fit_keeps_fewer_activations() {
    let _alone = alone();
    let batch = 16;
    // Gradients, which wait for nothing, are the larger part in half precision.
    for (device, percent) in [(Device::cpu(), 80), (gpu(), 80), (half(), 85)] {
        let (mut roomy, whole) = prepared(&device, &training(batch), batch);
        let limit = whole.plan().peak_bytes() * percent / 100;
        let (mut tight, thrifty) = prepared(&device.clone().within(limit), &training(batch), batch);
        assert!(tight.counters().allocated_bytes <= limit, "{device}");
        assert!(thrifty.plan().steps.len() > whole.plan().steps.len(), "{device}");
        let mut losses = Vec::new();
        for (session, program) in [(&mut roomy, &whole), (&mut tight, &thrifty)] {
            session.write("learning_rate", &[0.1]).unwrap_or_else(|e| panic!("{device}: {e}"));
            session.poison();
            session.run(program, 3).unwrap_or_else(|e| panic!("{device}: {e}"));
            losses.push(session.read("loss").unwrap_or_else(|e| panic!("{device}: {e}"))[0]);
        }
        assert!(losses[0].is_finite() && losses[0] == losses[1], "{device}: {losses:?}");
    }
}
