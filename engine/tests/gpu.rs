//! The GPU runtime against the CPU runtime, and its own promises: shared states, loops without
//! readback or allocation, memory as planned, errors instead of panics.

use unperturb_engine::runtime::gpu::{AdapterKind, GpuDevice};
use unperturb_engine::{Device, EngineError, Graph, Session, Value};

fn gpu() -> Device {
    Device::gpu(None).expect("GPU tests need an adapter; on Debian `apt install mesa-vulkan-drivers`")
}

/// Numbers that look random and are the same everywhere, in [-1, 1).
fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / 2f32.powi(31) - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// A named input with its shape and data.
type Input<'a> = (&'a str, &'a [usize], Vec<f32>);

/// Runs the program on `device` with `inputs` and tells its results.
fn outputs<F>(device: &Device, inputs: &[Input], build: &F) -> Vec<Vec<f32>>
where
    F: for<'g> Fn(&[Value<'g>]) -> Vec<Value<'g>>,
{
    let graph = Graph::new();
    let values: Vec<Value> =
        inputs.iter().map(|(name, shape, _)| graph.state(*name, shape.to_vec())).collect();
    let results = build(&values);
    for (index, result) in results.iter().enumerate() {
        graph.output(format!("y{index}"), *result);
    }
    let mut session = Session::new(device);
    let program = session.compile(&graph).expect("compiles");
    for (name, _, data) in inputs {
        session.write(name, data).expect("writes");
    }
    session.run(&program, 1).expect("runs");
    (0..results.len()).map(|index| session.read(&format!("y{index}")).expect("reads")).collect()
}

/// Asserts that both runtimes agree, to a normalised mean square of 1e-10.
fn assert_same<F>(inputs: &[Input], build: F)
where
    F: for<'g> Fn(&[Value<'g>]) -> Vec<Value<'g>>,
{
    let expected = outputs(&Device::cpu(), inputs, &build);
    let given = outputs(&gpu(), inputs, &build);
    let squares = |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v).powi(2)).sum::<f64>();
    for (index, (expected, given)) in expected.iter().zip(&given).enumerate() {
        assert_eq!(expected.len(), given.len());
        let norm = squares(&mut expected.iter().copied());
        let error = squares(&mut expected.iter().zip(given).map(|(a, b)| a - b));
        assert!(norm > 0.0, "y{index} is all zeros, which shows nothing");
        assert!(error <= 1e-10 * norm, "y{index} differs: error {error:e} of {norm:e}");
    }
}

#[test]
fn elementwise_chains_with_broadcasting() {
    let inputs: [Input; 4] = [
        ("a", &[5, 7, 3], noise(105, 1)),
        ("row", &[3], noise(3, 2)),
        ("column", &[5, 1, 1], noise(5, 3)),
        ("middle", &[7, 1], noise(7, 4)),
    ];
    assert_same(&inputs, |v| {
        let sum = v[0] + v[1] * v[2] - v[3];
        vec![sum.exp(), sum.tanh() * v[1], (v[2] / (v[3] * v[3] + 1.0)).abs(), sum.relu() + 0.5]
    });
}

#[test]
fn reductions_in_one_and_two_stages() {
    let inputs: [Input; 2] = [("a", &[3, 700, 5], noise(10500, 5)), ("b", &[40, 6], noise(240, 6))];
    assert_same(&inputs, |v| {
        vec![v[0].sum(&[1]), v[0].max(&[0, 2]), v[1].mean(&[1]), v[1].sum(&[0]), (v[0] * v[0]).sum_all()]
    });
}

#[test]
fn products_and_their_gradients() {
    let inputs: [Input; 3] =
        [("a", &[33, 18], noise(594, 7)), ("b", &[18, 21], noise(378, 8)), ("c", &[33, 21], noise(693, 9))];
    assert_same(&inputs, |v| {
        let product = v[0].matmul(v[1]);
        let loss = (product.tanh() * v[2]).sum_all();
        let mut results = v[0].graph().gradient(loss, &[v[0], v[1]]).expect("has a gradient");
        results.push(product);
        results
    });
}

#[test]
fn a_grid_beyond_one_axis_is_folded() {
    // 65,535 workgroups of 64 are the most that one axis holds everywhere.
    let count = 65_535 * 64 + 1000;
    let graph = Graph::new();
    let x = graph.state("x", [count]);
    graph.assign(x, x * 2.0 + 1.0);
    let mut session = Session::new(&gpu());
    let program = session.compile(&graph).expect("compiles");
    let data: Vec<f32> = (0..count).map(|i| (i % 1_000_003) as f32).collect();
    session.write("x", &data).expect("writes");
    session.run(&program, 1).expect("runs");
    let result = session.read("x").expect("reads");
    assert!(result.iter().zip(&data).all(|(y, x)| *y == x * 2.0 + 1.0));
}

#[test]
fn programs_share_states() {
    let (grow, copy) = (Graph::new(), Graph::new());
    let x = grow.state("x", [3]);
    grow.assign(x, x * 2.0);
    copy.output("y", copy.state("x", [3]) + 1.0);
    let mut session = Session::new(&gpu());
    let grow = session.compile(&grow).expect("compiles");
    let copy = session.compile(&copy).expect("compiles");
    session.write("x", &[1.0, 2.0, 3.0]).expect("writes");
    session.run(&grow, 3).expect("runs");
    session.run(&copy, 1).expect("runs");
    session.run(&grow, 1).expect("runs");
    assert_eq!(session.read("y").expect("reads"), [9.0, 17.0, 25.0]);
    assert_eq!(session.read("x").expect("reads"), [16.0, 32.0, 48.0]);
}

#[test]
fn states_swap() {
    let graph = Graph::new();
    let (a, b) = (graph.state("a", [2]), graph.state("b", [2]));
    graph.assign(a, b);
    graph.assign(b, a);
    let mut session = Session::new(&gpu());
    let program = session.compile(&graph).expect("compiles");
    session.write("a", &[1.0, 2.0]).expect("writes");
    session.write("b", &[3.0, 4.0]).expect("writes");
    session.run(&program, 3).expect("runs");
    assert_eq!(session.read("a").expect("reads"), [3.0, 4.0]);
    assert_eq!(session.read("b").expect("reads"), [1.0, 2.0]);
}

#[test]
fn states_start_as_zeros_and_empty_tensors_are_no_trouble() {
    let graph = Graph::new();
    let (x, none) = (graph.state("x", [4]), graph.state("none", [0, 3]));
    graph.output("y", x + 1.0);
    graph.output("also none", none * 2.0);
    graph.output("sum", none.sum_all());
    let mut session = Session::new(&gpu());
    let program = session.compile(&graph).expect("compiles");
    session.write("none", &[]).expect("writes");
    session.run(&program, 1).expect("runs");
    assert_eq!(session.read("y").expect("reads"), [1.0; 4]);
    assert_eq!(session.read("also none").expect("reads"), [] as [f32; 0]);
    assert_eq!(session.read("sum").expect("reads"), [0.0]);
}

#[test]
fn integers_keep_their_bits() {
    let graph = Graph::new();
    let x = graph.state("x", [3, 4]);
    graph.output("y", x.argmax(1));
    graph.state_u32("labels", [3]);
    let mut session = Session::new(&gpu());
    let program = session.compile(&graph).expect("compiles");
    session.write("x", &[0., 3., 1., 3., 9., 1., 1., 1., 0., 0., 0., 1.]).expect("writes");
    session.run(&program, 1).expect("runs");
    assert_eq!(session.read_u32("y").expect("reads"), [1, 0, 3]);
    session.write_u32("labels", &[u32::MAX, 0x7f80_0001, 7]).expect("writes");
    assert_eq!(session.read_u32("labels").expect("reads"), [u32::MAX, 0x7f80_0001, 7]);
}

#[test]
fn loops_neither_allocate_nor_read_back_and_take_the_planned_memory() {
    let graph = Graph::new();
    let (x, w) = (graph.state("x", [64, 32]), graph.state("w", [32, 32]));
    let loss = x.matmul(w).tanh().sum_all();
    let gradient = graph.gradient(loss, &[w]).expect("has a gradient")[0];
    graph.assign(w, w - gradient * 0.01);
    graph.output("loss", loss);
    let mut session = Session::new(&gpu());
    let program = session.compile(&graph).expect("compiles");
    session.write("x", &noise(64 * 32, 10)).expect("writes");
    session.write("w", &noise(32 * 32, 11)).expect("writes");
    session.run(&program, 1).expect("runs");
    let first = session.read("loss").expect("reads")[0];

    let before = session.counters();
    session.run(&program, 40).expect("runs");
    let after = session.counters();
    assert_eq!(after.allocations, before.allocations);
    assert_eq!(after.allocated_bytes, before.allocated_bytes);
    assert_eq!(after.readbacks, before.readbacks);
    assert_eq!(after.runs - before.runs, 40);
    assert_eq!((after.launches - before.launches) % 40, 0);
    assert!(after.launches > before.launches);

    assert_eq!(after.allocated_bytes, program.plan().peak_bytes());
    assert!(session.read("loss").expect("reads")[0] < first);
    assert_eq!(session.counters().readbacks, after.readbacks + 1);
}

#[test]
fn long_loops_are_cut_and_stay_in_order() {
    let graph = Graph::new();
    let x = graph.state("x", [8]);
    // Products are not fused with their neighbours, so that there are many launches.
    let w = graph.state("w", [1, 1]);
    let value = (0..30).fold(x, |value, _| value.reshape([8, 1]).matmul(w).reshape([8]) + 1.0);
    graph.assign(x, value);
    let mut session = Session::new(&gpu());
    let program = session.compile(&graph).expect("compiles");
    session.write("w", &[1.0]).expect("writes");
    session.run(&program, 300).expect("runs");
    assert_eq!(session.read("x").expect("reads"), [9000.0; 8]);
    assert_eq!(session.counters().launches, 300 * 60);
}

#[test]
fn profiles_name_every_launch() {
    let graph = Graph::new();
    // So small that every device multiplies in one launch.
    let (x, w) = (graph.state("x", [16, 32]), graph.state("w", [32, 32]));
    let product = x.matmul(w).matmul(w);
    graph.output("y", product.tanh());
    for device in [gpu(), Device::cpu()] {
        let mut session = Session::new(&device);
        let program = session.compile(&graph).expect("compiles");
        session.write("x", &noise(16 * 32, 12)).expect("writes");
        session.write("w", &noise(32 * 32, 13)).expect("writes");
        assert_eq!(program.launches(), 3);
        let profile = session.profile(|session| session.run(&program, 2)).expect("is timed");
        let kernels = &profile.kernels;
        let matmul = kernels.iter().find(|kernel| kernel.label == "matmul").expect("there are products");
        assert_eq!(kernels.len(), 2, "{kernels:?}");
        assert_eq!(kernels.iter().map(|kernel| kernel.launches).sum::<usize>(), 2 * 3);
        assert_eq!(matmul.launches, 2 * 2);
        assert!(kernels.iter().all(|kernel| kernel.seconds > 0.0), "{kernels:?}");
        assert!(profile.kernel_seconds() <= profile.wall_seconds, "{profile:?}");
        // A profiled run is a run.
        assert!(session.read("y").expect("reads").iter().any(|&y| y != 0.0));
        assert_eq!(session.counters().runs, 2);
    }
}

#[test]
fn profiles_end_with_the_work() {
    let graph = Graph::new();
    let x = graph.state("x", [8]);
    graph.assign(x, x + 1.0);
    let mut session = Session::new(&Device::cpu());
    let program = session.compile(&graph).expect("compiles");
    let failed = session.profile(|session| {
        session.run(&program, 1)?;
        session.write("missing", &[])
    });
    assert!(matches!(failed, Err(EngineError::UnknownState(_))), "{failed:?}");
    let nothing = session.profile(|_| Ok::<_, EngineError>(())).expect("is timed");
    assert_eq!((nothing.kernels.len(), nothing.kernel_seconds()), (0, 0.0));
    session.run(&program, 1).expect("runs");
    assert_eq!(session.read("x").expect("reads"), [2.0; 8]);
}

#[test]
fn a_program_beyond_memory_is_refused() {
    // Many tensors, each small enough to bind, more than any machine holds.
    let Device::Gpu(device) = gpu() else { unreachable!("asked for a GPU") };
    let words = device.report().max_binding_bytes as usize / 8;
    let tensors = (1 << 40) / (4 * words);
    let graph = Graph::new();
    for index in 0..tensors {
        graph.state(format!("x{index}"), [words]);
    }
    graph.output("y", graph.state("x0", [words]) + 1.0);
    let mut session = Session::new(&gpu());
    let error = session.compile(&graph).expect_err("does not fit");
    assert!(matches!(error, EngineError::OutOfMemory { .. }), "{error}");
    assert!(error.to_string().contains("use a smaller batch"), "{error}");
    // Where the device uses the machine's memory, that is known before anything is made.
    if device.report().kind == AdapterKind::Software {
        assert_eq!(session.counters().allocations, 0);
    }
}

#[test]
fn a_tensor_beyond_the_binding_limit_is_refused() {
    let Device::Gpu(device) = gpu() else { unreachable!("asked for a GPU") };
    let words = device.report().max_binding_bytes as usize / 4 + 1;
    let graph = Graph::new();
    graph.output("y", graph.state("x", [words]) + 1.0);
    let mut session = Session::new(&gpu());
    let error = session.compile(&graph).expect_err("is too large");
    assert_eq!(session.counters().allocations, 0);
    assert!(matches!(error, EngineError::BufferTooLarge { .. }), "{error}");
    assert!(error.to_string().contains("use a smaller batch"), "{error}");
}

#[test]
fn an_adapter_that_is_not_there_is_named() {
    let error = Device::gpu(Some(99)).expect_err("there are not that many");
    assert!(matches!(error, EngineError::NoAdapter(_)), "{error}");
    assert!(error.to_string().contains("gpu:99"), "{error}");
}

#[test]
fn auto_takes_hardware_or_the_cpu_and_says_why() {
    let (device, reason) = Device::auto();
    assert!(!reason.is_empty());
    match device.as_gpu() {
        None => {
            let hardware = GpuDevice::list().into_iter().find(|report| report.kind != AdapterKind::Software);
            assert!(hardware.is_none(), "{reason}, yet there is {hardware:?}");
        }
        Some(device) => assert_ne!(device.report().kind, AdapterKind::Software, "{reason}"),
    }
}

#[test]
fn reports_say_what_matters() {
    let reports = GpuDevice::list();
    for (index, report) in reports.iter().enumerate() {
        assert_eq!(report.index, index);
        let text = report.to_string();
        for word in [&format!("gpu:{index}"), &report.name, "f16", "subgroups", "cooperative matrix"] {
            assert!(text.contains(word), "{word} is not in: {text}");
        }
    }
    assert!(!reports.is_empty());
}

#[test]
fn sessions_on_several_threads_do_not_meet() {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                let graph = Graph::new();
                let x = graph.state("x", [1000]);
                graph.assign(x, x + thread as f32);
                let mut session = Session::new(&gpu());
                let program = session.compile(&graph).expect("compiles");
                for round in 1..=10 {
                    session.run(&program, 10).expect("runs");
                    let expected = (10 * round * thread) as f32;
                    assert_eq!(session.read("x").expect("reads"), [expected; 1000]);
                }
            });
        }
    });
}
