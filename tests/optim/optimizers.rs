use unperturb_engine::optim::{Adam, Optimizer, Parameter, Sgd, WeightAverage, clip_norm, clip_value};
use unperturb_engine::{Graph, Session};

use crate::devices;
use crate::golden::{Golden, signed};

const PLAIN: Sgd = Sgd { momentum: 0.0, nesterov: false, weight_decay: 0.0 };
const HEAVY: Sgd = Sgd { momentum: 0.9, nesterov: false, weight_decay: 5e-4 };

/// One parameter of 17 elements, its gradient a state.
fn program(optimizer: Optimizer) -> (Graph, Vec<String>) {
    let g = Graph::new();
    let parameter = Parameter {
        name: "w".into(),
        value: g.state("w", [17]),
        gradient: g.state("gradient", [17]),
        decay: true,
    };
    let states = optimizer.trace(&g, &[parameter], g.state("learning_rate", [])).states;
    (g, states)
}

fn step(session: &mut Session, program: &unperturb_engine::Program, number: usize) {
    let gradient = signed(&format!("optimizers/gradients/{number}"), 17);
    session.write("gradient", &gradient).expect("a state");
    session.run(program, 1).expect("runs");
}

#[test]
fn five_steps_are_those_of_pytorch() {
    let golden = Golden::open("optimizers");
    let decayed = Adam { beta1: 0.5, beta2: 0.99, epsilon: 1e-6, weight_decay: 1e-2 };
    let cases = [
        ("sgd", 0.1, Optimizer::Sgd(PLAIN)),
        ("sgd-momentum", 0.1, Optimizer::Sgd(HEAVY)),
        ("sgd-nesterov", 0.1, Optimizer::Sgd(Sgd { nesterov: true, ..HEAVY })),
        ("adam", 1e-3, Optimizer::Adam(Adam::default())),
        ("adam-decayed", 1e-2, Optimizer::Adam(decayed)),
    ];
    for device in devices() {
        for (name, rate, optimizer) in cases {
            let (g, states) = program(optimizer);
            let mut session = Session::new(&device);
            let compiled = session.compile(&g).expect("compiles");
            session.write("w", &signed("optimizers/parameters", 17)).expect("a state");
            session.write("learning_rate", &[rate]).expect("a state");
            let mut after = Vec::new();
            for number in 0..5 {
                step(&mut session, &compiled, number);
                after.extend(session.read("w").expect("a state"));
            }
            golden.expect(&format!("{name}.parameters"), &after, 1e-12);
            for (ours, theirs) in
                [("momentum", "momentum_buffer"), ("mean", "exp_avg"), ("square", "exp_avg_sq")]
            {
                let state = format!("optimizer.w.{ours}");
                if states.contains(&state) {
                    let found = session.read(&state).expect("a state");
                    golden.expect(&format!("{name}.{theirs}"), &found, 1e-12);
                }
            }
        }
    }
}

/// Weights and the listed states are all that a checkpoint needs.
#[test]
fn a_training_resumes_to_the_bit() {
    let sgd = Optimizer::Sgd(Sgd { nesterov: true, ..HEAVY });
    for optimizer in [sgd, Optimizer::Adam(Adam::default())] {
        let (g, states) = program(optimizer);
        for device in devices() {
            let start = |kept: &[(String, Vec<f32>)]| {
                let mut session = Session::new(&device);
                let compiled = session.compile(&g).expect("compiles");
                session.write("learning_rate", &[0.01]).expect("a state");
                kept.iter().for_each(|(name, data)| session.write(name, data).expect("a state"));
                (session, compiled)
            };
            let (mut whole, compiled) = start(&[("w".into(), signed("optimizers/parameters", 17))]);
            (0..3).for_each(|number| step(&mut whole, &compiled, number));
            let names = states.iter().cloned().chain(["w".to_string()]);
            let kept: Vec<_> = names.map(|n| (n.clone(), whole.read(&n).expect("a state"))).collect();
            let (mut resumed, compiled_again) = start(&kept);
            for number in 3..5 {
                step(&mut whole, &compiled, number);
                step(&mut resumed, &compiled_again, number);
            }
            for (name, _) in &kept {
                let (a, b) = (whole.read(name).expect("a state"), resumed.read(name).expect("a state"));
                assert_eq!(a, b, "{name} of {optimizer:?} on {device}");
            }
        }
    }
}

#[test]
fn decay_is_per_parameter() {
    for optimizer in [Optimizer::Sgd(HEAVY), Optimizer::Adam(Adam { weight_decay: 0.5, ..Adam::default() })] {
        let g = Graph::new();
        let zero = g.full([2], 0.0);
        let parameter = |name: &str, decay| Parameter {
            name: name.into(),
            value: g.state(name, [2]),
            gradient: zero,
            decay,
        };
        optimizer.trace(&g, &[parameter("weight", true), parameter("bias", false)], g.full([], 0.1));
        for device in devices() {
            let mut session = Session::new(&device);
            let program = session.compile(&g).expect("compiles");
            session.write("weight", &[1.0, -2.0]).expect("a state");
            session.write("bias", &[1.0, -2.0]).expect("a state");
            session.run(&program, 1).expect("runs");
            assert_eq!(session.read("bias").expect("a state"), [1.0, -2.0], "on {device}");
            let weight = session.read("weight").expect("a state");
            assert!(weight[0] < 1.0 && weight[1] > -2.0, "{weight:?} on {device}");
        }
    }
}

#[test]
fn the_joint_norm_is_clipped_as_in_pytorch() {
    let golden = Golden::open("optimizers");
    for device in devices() {
        for (key, limit) in [("clipped", 1.0), ("unclipped", 1e9)] {
            let g = Graph::new();
            let (clipped, norm) = clip_norm(&g, &[g.state("a", [17]), g.state("b", [5])], limit);
            g.output("clipped a", clipped[0]);
            g.output("clipped b", clipped[1]);
            g.output("norm", norm);
            let mut session = Session::new(&device);
            let program = session.compile(&g).expect("compiles");
            session.write("a", &signed("optimizers/clip/a", 17)).expect("a state");
            session.write("b", &signed("optimizers/clip/b", 5)).expect("a state");
            session.run(&program, 1).expect("runs");
            golden.expect(&format!("{key}.norm"), &session.read("norm").expect("a state"), 1e-12);
            golden.expect(&format!("{key}.a"), &session.read("clipped a").expect("a state"), 1e-12);
            golden.expect(&format!("{key}.b"), &session.read("clipped b").expect("a state"), 1e-12);
        }
    }
}

#[test]
fn values_are_clipped() {
    for device in devices() {
        let g = Graph::new();
        g.output("clipped", clip_value(&[g.state("a", [4])], 0.5)[0]);
        let mut session = Session::new(&device);
        let program = session.compile(&g).expect("compiles");
        session.write("a", &[-2.0, -0.25, 0.5, 0.75]).expect("a state");
        session.run(&program, 1).expect("runs");
        assert_eq!(session.read("clipped").expect("a state"), [-0.5, -0.25, 0.5, 0.5], "on {device}");
    }
}

/// The average after t steps is the mean of the weights, the last weighing 1, the one before `decay`
/// and so on.
#[test]
fn averages_weigh_the_past_geometrically() {
    let decay = 0.9;
    let history = [[1.0f32, -2.0], [3.0, 0.5], [-1.0, 4.0]];
    for device in devices() {
        let g = Graph::new();
        let states = WeightAverage { decay }.trace(&g, &[("w", g.state("w", [2]))]).states;
        assert_eq!(states, ["average.correction", "average.w"]);
        let mut session = Session::new(&device);
        let program = session.compile(&g).expect("compiles");
        for (t, weights) in history.iter().enumerate() {
            session.write("w", weights).expect("a state");
            session.run(&program, 1).expect("runs");
            let found = session.read("average.w").expect("a state");
            for (i, &found) in found.iter().enumerate() {
                let share = |age: usize| decay.powi(age as i32);
                let total: f64 = (0..=t).map(share).sum();
                let expected = (0..=t).map(|a| share(a) * f64::from(history[t - a][i])).sum::<f64>() / total;
                assert!(
                    (f64::from(found) - expected).abs() < 1e-6,
                    "{found}, expected {expected}, on {device}"
                );
            }
        }
    }
}
