//! One pass of a net that PyTorch made too: what goes in, how it is traced, what comes out.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use unperturb_engine::runtime::gpu::GpuDevice;
use unperturb_engine::{Device, Graph, Session, Value};
use unperturb_nets::parameter::Specification;
use unperturb_nets::weights::specifications;
use unperturb_nets::{Kind, Mode, Scope, Tensor, Weights};

use crate::golden::{Golden, parameter, signed};

/// Bound on |found - true|^2 / |true|^2 of outputs, losses and running statistics; up to 5e-12 is met.
const FORWARD: f64 = 1e-10;
/// The same of gradients; up to 9e-11 is met, and PyTorch's own f32 strays by up to 1e-10.
const GRADIENT: f64 = 1e-9;

/// What is written into a state before the run.
pub enum Input {
    Numbers(Vec<f32>),
    Labels(Vec<u32>),
}

impl Input {
    /// The numbers, of an input that has some.
    pub fn numbers(self) -> Vec<f32> {
        match self {
            Input::Numbers(numbers) => numbers,
            Input::Labels(_) => panic!("labels are no numbers"),
        }
    }
}

/// A traced pass. Names are those of the golden file, behind the key of the pass.
pub struct Traced<'g> {
    /// What the pass makes, losses left out.
    pub outputs: Vec<(&'static str, Value<'g>)>,
    /// One element an image or row, in `PREFIXloss`; `PREFIXgrad.NAME` are gradients of the mean.
    pub losses: Vec<(&'static str, Value<'g>)>,
    /// What gradients are taken with respect to beside parameters.
    pub leaves: Vec<(&'static str, Value<'g>)>,
}

type Trace = Box<dyn for<'g> Fn(&Scope<'g>) -> Traced<'g>>;

/// One pass of a net.
pub struct Case {
    subject: &'static str,
    key: String,
    mode: Mode,
    inputs: Vec<(&'static str, Input)>,
    trace: Trace,
    hidden: Option<&'static str>,
    attack: bool,
}

/// What a pass made on one device.
pub struct Outcome {
    /// Operations that ran.
    pub steps: usize,
    /// Results in PyTorch's layouts, by their names in the golden file.
    pub tensors: BTreeMap<String, Vec<f32>>,
}

/// Both runtimes; a machine without an adapter fails with what the engine says about it.
pub fn devices() -> [Device; 2] {
    static GPU: OnceLock<GpuDevice> = OnceLock::new();
    let gpu = GPU.get_or_init(|| GpuDevice::open(None).unwrap_or_else(|e| panic!("{e}")));
    [Device::cpu(), Device::Gpu(gpu.clone())]
}

/// The key of a pass over a batch in evaluation or training mode.
pub fn key_of(mode: Mode) -> &'static str {
    if mode == Mode::Train { "train" } else { "eval" }
}

/// How many images the passes of the golden files have.
pub fn images_of(mode: Mode) -> usize {
    if mode == Mode::Train { 4 } else { 2 }
}

/// The first `count` square pictures of `subject`, `[count, size, size, 3]` in [0, 1).
pub fn pictures(subject: &str, count: usize, size: usize) -> Input {
    let torch = signed(&format!("{subject}/image"), count * 3 * size * size);
    let unit: Vec<f32> = torch.iter().map(|x| (x + 1.0) / 2.0).collect();
    Input::Numbers(swap_rows(&unit, count, 3, size * size))
}

impl Case {
    pub fn new(
        subject: &'static str,
        key: impl Into<String>,
        mode: Mode,
        inputs: Vec<(&'static str, Input)>,
        trace: impl for<'g> Fn(&Scope<'g>) -> Traced<'g> + 'static,
    ) -> Self {
        Case { subject, key: key.into(), mode, inputs, trace: Box::new(trace), hidden: None, attack: false }
    }

    /// For what PyTorch's net tells and ours does not.
    pub fn hiding(mut self, name: &'static str) -> Self {
        self.hidden = Some(name);
        self
    }

    /// Without the gradients of parameters: what an attack or a reversal runs, where batch norm folds
    /// into convolutions.
    pub fn attack(mut self) -> Self {
        self.attack = true;
        self
    }

    /// Holds both runtimes to everything that the golden file tells of this pass.
    pub fn hold(&self) {
        let golden = Golden::open(self.subject);
        for device in devices() {
            let found = self.run(&device, true);
            let mut misses = Vec::new();
            for name in self.expected(&golden) {
                let Some(tensor) = found.tensors.get(&name) else {
                    panic!("{}: nothing was computed for {}.{name}", self.subject, self.key);
                };
                let bound = if name.contains("grad.") { GRADIENT } else { FORWARD };
                let error = golden.error(&format!("{}.{name}", self.key), tensor);
                println!("{} {}.{name} on {device}: {error:.1e}", self.subject, self.key);
                if error.is_nan() || error > bound {
                    misses.push(format!("{name}: normalised error {error:.1e} over {bound:.0e}"));
                }
            }
            assert!(misses.is_empty(), "{} {} on {device}:\n{}", self.subject, self.key, misses.join("\n"));
        }
    }

    /// Runs the pass once, with its program as traced or optimized.
    pub fn run(&self, device: &Device, optimized: bool) -> Outcome {
        let g = Graph::new();
        let scope = Scope::new(&g, self.subject, self.mode);
        let traced = (self.trace)(&scope);
        let results = self.results(&scope, &traced);
        results.iter().for_each(|result| g.output(format!("result/{}", result.name), result.value));

        let fail = |e: unperturb_engine::EngineError| -> ! { panic!("{} on {device}: {e}", self.subject) };
        let mut session = Session::new(device);
        let compiled = if optimized {
            session.compile(&g)
        } else {
            g.trace().and_then(|trace| session.compile_trace(&trace))
        };
        let program = compiled.unwrap_or_else(|e| fail(e));
        let specifications = specifications(|scope| {
            (self.trace)(scope);
        });
        let weights = hashed_weights(self.subject, &specifications);
        weights.load(&mut session, self.subject, &specifications).unwrap_or_else(|e| panic!("{e}"));
        for (name, input) in &self.inputs {
            let written = match input {
                Input::Numbers(data) => session.write(name, data),
                Input::Labels(data) => session.write_u32(name, data),
            };
            written.unwrap_or_else(|e| fail(e));
        }
        session.poison();
        session.run(&program, 1).unwrap_or_else(|e| fail(e));
        session.check_guards().unwrap_or_else(|e| fail(e));

        let mut tensors = BTreeMap::new();
        for result in &results {
            let data = session.read(&format!("result/{}", result.name)).unwrap_or_else(|e| fail(e));
            tensors.insert(result.name.clone(), result.in_torch_layout(&data));
        }
        for statistic in scope.parameters().iter().filter(|parameter| !parameter.kind.is_learned()) {
            let data = session.read(&statistic.state).unwrap_or_else(|e| fail(e));
            tensors.insert(statistic.name.clone(), data);
        }
        Outcome { steps: program.plan().steps.len(), tensors }
    }

    /// Everything that the golden file tells of this pass and that it makes.
    fn expected(&self, golden: &Golden) -> Vec<String> {
        let names = golden.keys(&format!("{}.", self.key));
        assert!(!names.is_empty(), "{}: there is no {}", self.subject, self.key);
        // Parameters have dots in their names, and images have none.
        let of_parameter = |name: &str| name.split_once("grad.").is_some_and(|(_, of)| of.contains('.'));
        let left_out = |name: &str| self.hidden == Some(name) || self.attack && of_parameter(name);
        names.into_iter().filter(|name| !left_out(name)).collect()
    }

    /// Outputs, losses, and the gradients that the golden file has.
    fn results<'g>(&self, scope: &Scope<'g>, traced: &Traced<'g>) -> Vec<Output<'g>> {
        let names = self.expected(&Golden::open(self.subject));
        let parameters = scope.parameters();
        let plain = |name: &str, value| Output { name: name.into(), value, kind: None };
        let mut results: Vec<Output> = traced.outputs.iter().map(|&(n, value)| plain(n, value)).collect();
        for &(prefix, loss) in &traced.losses {
            results.push(plain(&format!("{prefix}loss"), loss));
            let mut gradients: Vec<Output> = Vec::new();
            for name in &names {
                let Some(target) = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix("grad."))
                else {
                    continue;
                };
                let leaf = traced.leaves.iter().find(|(leaf, _)| *leaf == target);
                let parameter = parameters.iter().find(|parameter| parameter.name == target);
                gradients.push(match (leaf, parameter) {
                    (Some(&(_, leaf)), _) => plain(name, leaf),
                    (None, Some(p)) => Output { name: name.clone(), value: p.value, kind: Some(p.kind) },
                    (None, None) => panic!("{}: the net has no {target}", self.subject),
                });
            }
            let targets: Vec<Value> = gradients.iter().map(|output| output.value).collect();
            let found = scope
                .graph()
                .gradient(loss.mean_all(), &targets)
                .unwrap_or_else(|e| panic!("{}: {e}", self.subject));
            gradients.iter_mut().zip(found).for_each(|(output, gradient)| output.value = gradient);
            results.extend(gradients);
        }
        results
    }
}

/// A result of a pass; `kind` is of the parameter that it is the gradient of.
struct Output<'g> {
    name: String,
    value: Value<'g>,
    kind: Option<Kind>,
}

impl Output<'_> {
    fn in_torch_layout(&self, data: &[f32]) -> Vec<f32> {
        let shape = self.value.shape();
        match (self.kind, &shape[..]) {
            (Some(kind), shape) => kind.to_torch(data, shape),
            (None, &[n, h, w, c]) => swap_rows(data, n, h * w, c),
            (None, _) => data.to_vec(),
        }
    }
}

/// The parameters that PyTorch's net had.
fn hashed_weights(subject: &str, specifications: &[Specification]) -> Weights {
    let tensor = |spec: &Specification| {
        let shape = spec.kind.torch_shape(&spec.shape);
        let data = parameter(subject, &spec.name, &shape);
        (spec.name.clone(), Tensor { shape, data })
    };
    Weights { tensors: specifications.iter().map(tensor).collect() }
}

/// `[n, rows, columns] -> [n, columns, rows]`.
pub fn swap_rows(data: &[f32], n: usize, rows: usize, columns: usize) -> Vec<f32> {
    let at = |i: usize, column: usize, row: usize| data[(i * rows + row) * columns + column];
    (0..n)
        .flat_map(|i| (0..columns).flat_map(move |c| (0..rows).map(move |r| (i, c, r))))
        .map(|(i, c, r)| at(i, c, r))
        .collect()
}
