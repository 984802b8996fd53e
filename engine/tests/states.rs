//! Random programs over a few states against a naive interpreter: whatever is made in place of what, and whatever is kept of
//! parameters, every read sees the state as it was when the run began.

use proptest::prelude::*;
use unperturb_engine::runtime::gpu::GpuDevice;
use unperturb_engine::{Device, Graph, Session, Value};

const STATES: usize = 4;
/// The first of them are parameters.
const PARAMETERS: usize = 2;
const RUNS: usize = 3;

/// What is made of two earlier values.
#[derive(Clone, Copy, Debug)]
enum Made {
    Mean,
    Negative,
    /// Another view of the first.
    View,
    /// A sum over an axis, which no other operation takes into itself.
    Total,
}

#[derive(Clone, Debug)]
struct Program {
    made: Vec<(Made, usize, usize)>,
    /// For each state the number of the value that it gets, if any.
    assigned: Vec<Option<usize>>,
}

fn programs() -> impl Strategy<Value = Program> {
    let kind = prop_oneof![Just(Made::Mean), Just(Made::Negative), Just(Made::View), Just(Made::Total)];
    let made = proptest::collection::vec((kind, any::<usize>(), any::<usize>()), 0..12);
    let assigned = proptest::collection::vec(proptest::option::weighted(0.8, any::<usize>()), STATES);
    (made, assigned).prop_map(|(made, assigned)| Program { made, assigned })
}

impl Program {
    fn trace(&self) -> Graph {
        let g = Graph::new();
        let declared = |i: usize| match i {
            0..PARAMETERS => g.parameter(format!("s{i}"), [2, 3]),
            _ => g.state(format!("s{i}"), [2, 3]),
        };
        let states: Vec<Value> = (0..STATES).map(declared).collect();
        let mut values = states.clone();
        for &(made, a, b) in &self.made {
            let (a, b) = (values[a % values.len()], values[b % values.len()]);
            values.push(match made {
                Made::Mean => (a + b) * 0.5,
                Made::Negative => -a,
                Made::View => a.reshape([6]).reshape([2, 3]),
                Made::Total => (a.sum(&[0]).broadcast_to([2, 3]) + b) * 0.25,
            });
        }
        for (&state, value) in states.iter().zip(&self.assigned) {
            if let Some(value) = value {
                g.assign(state, values[value % values.len()]);
            }
        }
        g
    }

    fn interpret(&self, states: &mut [[f32; 6]]) {
        let mut values = states.to_vec();
        for &(made, a, b) in &self.made {
            let (a, b) = (values[a % values.len()], values[b % values.len()]);
            values.push(std::array::from_fn(|i| match made {
                Made::Mean => (a[i] + b[i]) * 0.5,
                Made::Negative => -a[i],
                Made::View => a[i],
                Made::Total => (a[i % 3] + a[3 + i % 3] + b[i]) * 0.25,
            }));
        }
        for (state, value) in states.iter_mut().zip(&self.assigned) {
            if let Some(value) = value {
                *state = values[value % values.len()];
            }
        }
    }

    fn check(&self, device: &Device, optimized: bool) {
        let mut session = Session::new(device);
        let g = self.trace();
        let compiled = match optimized {
            true => session.compile(&g),
            false => session.compile_trace(&g.trace().expect("traces")),
        };
        let compiled = compiled.expect("compiles");
        let mut expected: Vec<[f32; 6]> =
            (0..STATES).map(|s| std::array::from_fn(|i| (s * 6 + i) as f32 - 11.0)).collect();
        let names: Vec<String> = (0..STATES).map(|s| format!("s{s}")).collect();
        // A state that the program has no use for is not there.
        // At first all are written, then one after another, each followed by some runs.
        for written in [0..STATES, 0..1, 1..2, 2..3, 3..4] {
            for state in written {
                expected[state].iter_mut().for_each(|x| *x = 1.0 - *x);
                if session.has(&names[state]) {
                    session.write(&names[state], &expected[state]).expect("writes");
                }
            }
            session.poison();
            session.run(&compiled, RUNS).expect("runs");
            (0..RUNS).for_each(|_| self.interpret(&mut expected));
            for (name, expected) in names.iter().zip(&expected) {
                if session.has(name) {
                    assert_eq!(session.read(name).expect("reads"), expected, "{name} on {device}");
                }
            }
        }
        session.check_guards().expect("nothing is written elsewhere");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_read_sees_the_state_of_before(program in programs()) {
        program.check(&Device::cpu(), true);
        program.check(&Device::cpu(), false);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_read_sees_the_state_of_before_on_a_gpu(program in programs()) {
        let device = Device::Gpu(GpuDevice::open(None).unwrap_or_else(|e| panic!("{e}")));
        program.check(&device, true);
    }
}

/// What is only written takes no memory beside its state, and no copy.
#[test]
fn results_are_made_where_they_are_kept() {
    let g = Graph::new();
    let x = g.state("x", [64]);
    g.output("doubled", x * 2.0);
    g.assign(x, x + 1.0);
    let plan = Session::new(&Device::cpu()).plan(&g).expect("plans");
    assert_eq!(plan.slab_bytes(), 4 * 64, "x is read by what makes it anew");
    assert_eq!(plan.assigns.len(), 1);
    let mut assigned: Vec<_> = plan.assigned().map(|state| state.name.as_str()).collect();
    assigned.sort_unstable();
    assert_eq!(assigned, ["doubled", "x"]);
}
