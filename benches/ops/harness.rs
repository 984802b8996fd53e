//! One description of a case times it on the CPU runtime, on the GPU runtime and in its peer, in one
//! process, and prints the ratios.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use unperturb_engine::{Device, Graph, Program, Session, Value};

/// Short runs: there are many cases, and kernels of milliseconds repeat well.
pub fn config() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
}

type Build<'a> = &'a dyn for<'g> Fn(&'g Graph, &[Value<'g>]) -> Value<'g>;

/// A program to time, and how much work one run of it is.
pub struct Case<'a> {
    /// `family/case`.
    pub name: &'a str,
    /// Shapes of its operands, filled with numbers from [0, 1).
    pub inputs: &'a [&'a [usize]],
    /// Bytes that must cross memory, or multiplications and additions.
    pub work: Throughput,
    /// What is timed.
    pub build: Build<'a>,
}

/// Bytes of `words` words, for cases that are bound by memory.
pub fn moved(words: usize) -> Throughput {
    Throughput::Bytes(4 * words as u64)
}

impl Case<'_> {
    /// Times the case on both runtimes.
    pub fn time(&self, criterion: &mut Criterion) {
        self.time_with(criterion, None);
    }

    /// Times the case on both runtimes, and `peer`, which does the same work another way.
    pub fn time_beside(&self, criterion: &mut Criterion, peer: &str, mut work: impl FnMut()) {
        self.time_with(criterion, Some((peer, &mut work)));
    }

    fn time_with(&self, criterion: &mut Criterion, peer: Option<(&str, &mut dyn FnMut())>) {
        let mut group = criterion.benchmark_group(self.name);
        group.throughput(self.work.clone());
        let cpu = self.time_on(&mut group, "cpu", Some(Device::cpu()));
        let gpu = self.time_on(&mut group, "gpu", gpu());
        let mut others = vec![("gpu", gpu)];
        if let Some((name, work)) = peer {
            let time = time(&mut group, name, |runs| {
                let start = Instant::now();
                (0..runs).for_each(|_| work());
                start.elapsed()
            });
            others.push((name, time));
        }
        for (name, time) in others {
            if let (Some(cpu), Some(time)) = (cpu, time) {
                println!("{}: {name} / cpu = {:.2}\n", self.name, time.as_secs_f64() / cpu.as_secs_f64());
            }
        }
    }

    fn time_on(
        &self,
        group: &mut BenchmarkGroup<WallTime>,
        name: &str,
        device: Option<Device>,
    ) -> Option<Duration> {
        let device = device?;
        // Made in the first sample, so that a case that is filtered out costs nothing.
        let mut made: Option<(Session, Program)> = None;
        time(group, name, |runs| {
            let (session, program) = made.get_or_insert_with(|| self.compile(&device));
            let start = Instant::now();
            session.run(program, runs as usize).and_then(|()| session.wait()).expect("a run");
            start.elapsed()
        })
    }

    fn compile(&self, device: &Device) -> (Session, Program) {
        let g = Graph::new();
        let operands: Vec<Value> =
            self.inputs.iter().enumerate().map(|(i, shape)| g.state(format!("x{i}"), *shape)).collect();
        let result = (self.build)(&g, &operands);
        // One element is enough to keep the operation, and does not cost a copy of the result.
        g.output("first", result.reshape([result.shape().elements()]).slice(0, 0..1));
        let mut session = Session::new(device);
        let program = session.compile(&g).unwrap_or_else(|e| panic!("{} on {device}: {e}", self.name));
        for (i, shape) in self.inputs.iter().enumerate() {
            session.write(&format!("x{i}"), &numbers(shape.iter().product())).expect("the state's size");
        }
        (session, program)
    }
}

/// Times `runs_of`, which is told how often to run, and gives back the shortest time of a run; none if
/// the name is filtered out.
fn time(
    group: &mut BenchmarkGroup<WallTime>,
    name: &str,
    mut runs_of: impl FnMut(u64) -> Duration,
) -> Option<Duration> {
    let mut shortest: Option<Duration> = None;
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|runs| {
            let elapsed = runs_of(runs);
            let each = elapsed.div_f64(runs as f64);
            shortest = Some(shortest.map_or(each, |shortest| shortest.min(each)));
            elapsed
        });
    });
    shortest
}

/// The gradient of `y`, contracted with another tensor, with respect to `x`: for cases that time the
/// way back.
pub fn gradient<'g>(y: Value<'g>, x: Value<'g>) -> Value<'g> {
    let g = y.graph();
    let loss = (y * g.state("cotangent", y.shape())).sum_all();
    g.gradient(loss, &[x]).expect("a differentiable operation")[0]
}

/// `count` numbers from [0, 1).
pub fn numbers(count: usize) -> Vec<f32> {
    (0..count as u32).map(|i| (i.wrapping_mul(0x9e37_79b9) >> 8) as f32 / (1 << 24) as f32).collect()
}

/// The adapter, or a note that there is none and only the CPU is timed.
fn gpu() -> Option<Device> {
    static DEVICE: OnceLock<Option<Device>> = OnceLock::new();
    let open = || Device::gpu(None).map_err(|e| eprintln!("the GPU is not timed: {e}")).ok();
    DEVICE.get_or_init(open).clone()
}
