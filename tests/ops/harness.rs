//! One description of a case yields all its checks, on the CPU and on every variant of the GPU's kernels.
//!
//! The operation sits in the middle of a graph: its operands are computed, its result is scaled and
//! contracted with a random tensor, so that a kernel which only works on plain inputs, or a gradient
//! rule which ignores the gradient it is handed, shows.

use std::sync::OnceLock;

use unperturb_engine::runtime::gpu::GpuDevice;
use unperturb_engine::{DType, Device, Graph, Session, Type, Value};

/// A tensor of the reference.
#[derive(Clone, Debug)]
pub struct Array {
    pub shape: Vec<usize>,
    pub data: Vec<f64>,
}

impl Array {
    pub fn new(shape: impl Into<Vec<usize>>, data: Vec<f64>) -> Self {
        let shape = shape.into();
        assert_eq!(shape.iter().product::<usize>(), data.len(), "reference shape {shape:?}");
        Array { shape, data }
    }

    /// Computes every element from its index along each axis.
    pub fn from_fn(shape: impl Into<Vec<usize>>, mut f: impl FnMut(&[usize]) -> f64) -> Self {
        let shape = shape.into();
        let count: usize = shape.iter().product();
        let mut index = vec![0; shape.len()];
        let mut data = Vec::with_capacity(count);
        for _ in 0..count {
            data.push(f(&index));
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Array { shape, data }
    }

    /// The element at `index`, one number an axis.
    pub fn at(&self, index: &[usize]) -> f64 {
        let offset = index.iter().zip(&self.shape).fold(0, |offset, (i, size)| {
            assert!(i < size, "index {index:?} in {:?}", self.shape);
            offset * size + i
        });
        self.data[offset]
    }

    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Array { shape: self.shape.clone(), data: self.data.iter().map(|&x| f(x)).collect() }
    }
}

/// Numbers from a hash of (seed, index): independent of any library's generator.
pub fn uniform(seed: u64, count: usize, low: f64, high: f64) -> Vec<f64> {
    (0..count as u64)
        .map(|index| {
            let mut z = (seed << 32 ^ index).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let unit = ((z ^ (z >> 31)) >> 40) as f64 / (1u64 << 24) as f64;
            // Rounded to f32, so that every runtime sees the same operand, and to so few bits that `SCALE` of it is
            // exact: devices that round a product and its sum once get the same, too.
            f64::from(f32::from_bits(((low + unit * (high - low)) as f32).to_bits() & !0xf))
        })
        .collect()
}

/// An operand of a case.
#[derive(Clone)]
pub struct Input {
    shape: Vec<usize>,
    data: Vec<f64>,
    dtype: DType,
}

impl Input {
    /// Uniform numbers from [low, high).
    pub fn uniform(shape: impl Into<Vec<usize>>, low: f64, high: f64) -> Self {
        let shape = shape.into();
        let count: usize = shape.iter().product();
        let seed = shape.iter().fold(17, |seed, &size| seed * 31 + size as u64);
        Input { data: uniform(seed & 0xffff_ffff, count, low, high), shape, dtype: DType::F32 }
    }

    /// Given numbers.
    pub fn values(shape: impl Into<Vec<usize>>, data: &[f32]) -> Self {
        let data = data.iter().map(|&x| f64::from(x)).collect();
        Input { shape: shape.into(), data, dtype: DType::F32 }
    }

    /// Integers from 0 to `classes` - 1.
    #[allow(dead_code, reason = "not every family has integer operands")]
    pub fn labels(shape: impl Into<Vec<usize>>, classes: u32) -> Self {
        let mut input = Self::uniform(shape, 0.0, f64::from(classes));
        input.data.iter_mut().for_each(|x| *x = x.floor());
        Input { dtype: DType::U32, ..input }
    }

    /// Given integers.
    #[allow(dead_code, reason = "not every family has integer operands")]
    pub fn integers(shape: impl Into<Vec<usize>>, data: &[u32]) -> Self {
        let data = data.iter().map(|&x| f64::from(x)).collect();
        Input { shape: shape.into(), data, dtype: DType::U32 }
    }
}

type Build = Box<dyn for<'g> Fn(&'g Graph, &[Value<'g>]) -> Value<'g>>;
type Reference = Box<dyn Fn(&[Array]) -> Array>;

/// What is checked of one operation on one set of operands.
pub struct Case {
    name: String,
    inputs: Vec<Input>,
    build: Option<Build>,
    reference: Option<Reference>,
    tolerance: f64,
    gradient: bool,
    exact: bool,
    excepted: Option<&'static str>,
}

/// Each f32 operand is multiplied by this and shifted by [`SHIFT`] in front of the operation.
const SCALE: f64 = 1.25;
const SHIFT: f64 = 0.0625;
/// The result is multiplied by this before it is contracted.
const AFTER: f64 = 0.75;
/// At most so many elements of each operand are checked against central differences.
const DIFFERENCES: usize = 48;

impl Case {
    pub fn new(name: impl Into<String>) -> Self {
        Case {
            name: name.into(),
            inputs: vec![],
            build: None,
            reference: None,
            tolerance: 1e-11,
            gradient: true,
            exact: false,
            excepted: None,
        }
    }

    pub fn input(mut self, input: Input) -> Self {
        self.inputs.push(input);
        self
    }

    pub fn build(mut self, f: impl for<'g> Fn(&'g Graph, &[Value<'g>]) -> Value<'g> + 'static) -> Self {
        self.build = Some(Box::new(f));
        self
    }

    pub fn reference(mut self, f: impl Fn(&[Array]) -> Array + 'static) -> Self {
        self.reference = Some(Box::new(f));
        self
    }

    /// Bound on the normalised mean square error.
    #[allow(dead_code, reason = "most families keep the default")]
    pub fn tolerance(mut self, bound: f64) -> Self {
        self.tolerance = bound;
        self
    }

    /// For operations that have no gradient.
    pub fn without_gradient(mut self) -> Self {
        self.gradient = false;
        self
    }

    /// For what the variant of that name does in a way of its own, which another test is for.
    pub fn except(mut self, variant: &'static str) -> Self {
        self.excepted = Some(variant);
        self
    }

    /// Both runtimes must agree to the bit.
    #[allow(dead_code, reason = "most families differ in the last bits")]
    pub fn exact(mut self) -> Self {
        self.exact = true;
        self
    }

    pub fn check(self) {
        let operands: Vec<Array> =
            self.inputs.iter().map(|i| Array::new(i.shape.clone(), i.data.clone())).collect();
        let truth = self.truth(&operands);
        let cpu = self.run(&Device::cpu(), truth.data.len());
        assert_eq!(cpu.shape, truth.shape, "{}: shape", self.name);

        self.close("CPU against f64", &cpu.result, &truth.data);
        self.check_cpu_gradients(&cpu, &operands, &contraction(truth.data.len()));
        for device in self.every_variant() {
            self.check_gpu(&self.run(&device, truth.data.len()), &cpu, &device.to_string());
        }
    }

    /// The GPU, once for each manner in which it can run the operations of this case.
    fn every_variant(&self) -> Vec<Device> {
        let Device::Gpu(device) = gpu() else { unreachable!("it opens a GPU") };
        let g = Graph::new();
        self.trace(&g);
        let names = device.variants(&g).unwrap_or_else(|e| panic!("{}: {e}", self.name));
        let checked = names.into_iter().filter(|&name| Some(name) != self.excepted);
        checked.map(|name| Device::Gpu(device.preferring(name))).collect()
    }

    fn check_gpu(&self, gpu: &Run, cpu: &Run, device: &str) {
        self.close(&format!("{device} against CPU"), &gpu.result, &cpu.result);
        if self.exact {
            assert_eq!(gpu.result, cpu.result, "{}: {device} and CPU differ in bits", self.name);
        }
        for (index, (of_gpu, of_cpu)) in gpu.gradients.iter().zip(&cpu.gradients).enumerate() {
            self.close(&format!("{device}: gradient of operand {index}"), of_gpu, of_cpu);
        }
    }

    fn check_cpu_gradients(&self, cpu: &Run, operands: &[Array], weights: &[f64]) {
        if !self.gradient {
            return;
        }
        for (index, input) in self.inputs.iter().enumerate().filter(|(_, i)| i.dtype == DType::F32) {
            let stride = input.data.len().div_ceil(DIFFERENCES).max(1);
            let sampled: Vec<usize> = (0..input.data.len()).step_by(stride).collect();
            let truth: Vec<f64> =
                sampled.iter().map(|&i| self.difference(operands, index, i, weights)).collect();
            let found: Vec<f64> = sampled.iter().map(|&i| cpu.gradients[index][i]).collect();
            self.close(&format!("CPU gradient of operand {index}"), &found, &truth);
        }
    }

    /// The reference on the operands as the operation sees them.
    fn truth(&self, operands: &[Array]) -> Array {
        let seen: Vec<Array> = operands
            .iter()
            .zip(&self.inputs)
            .map(
                |(x, input)| if input.dtype == DType::F32 { x.map(|x| x * SCALE + SHIFT) } else { x.clone() },
            )
            .collect();
        self.reference.as_ref().expect("a case needs a reference")(&seen)
    }

    /// Central difference of the contracted reference along one element of one operand.
    fn difference(&self, operands: &[Array], operand: usize, element: usize, weights: &[f64]) -> f64 {
        let step = 1e-5;
        let at = |offset: f64| {
            let mut moved = operands.to_vec();
            moved[operand].data[element] += offset;
            let result = self.truth(&moved);
            result.data.iter().zip(weights).map(|(y, r)| AFTER * y * r).sum::<f64>()
        };
        (at(step) - at(-step)) / (2.0 * step)
    }

    /// Records the case: its result, and the operands that have a gradient.
    fn trace(&self, g: &Graph) -> (Type, Vec<usize>) {
        let states: Vec<Value> = self
            .inputs
            .iter()
            .enumerate()
            .map(|(i, input)| match input.dtype {
                DType::U32 => g.state_u32(format!("x{i}"), input.shape.clone()),
                _ => g.state(format!("x{i}"), input.shape.clone()),
            })
            .collect();
        let seen: Vec<Value> = states
            .iter()
            .map(|&x| if x.dtype() == DType::F32 { x * SCALE as f32 + SHIFT as f32 } else { x })
            .collect();
        let result = self.build.as_ref().expect("a case needs an operation")(g, &seen);
        g.output("result", result);
        let differentiable: Vec<usize> =
            (0..states.len()).filter(|&i| self.gradient && states[i].dtype() == DType::F32).collect();
        if !differentiable.is_empty() {
            let weights = g.state("weights", result.shape());
            let loss = (result * AFTER as f32 * weights).sum_all();
            let targets: Vec<Value> = differentiable.iter().map(|&i| states[i]).collect();
            let gradients = g.gradient(loss, &targets).unwrap_or_else(|e| panic!("{}: {e}", self.name));
            for (&i, gradient) in differentiable.iter().zip(gradients) {
                g.output(format!("dx{i}"), gradient);
            }
        }
        (result.ty(), differentiable)
    }

    fn run(&self, device: &Device, outputs: usize) -> Run {
        let g = Graph::new();
        let (result, differentiable) = self.trace(&g);
        let fail = |e: unperturb_engine::EngineError| -> ! { panic!("{} on {device}: {e}", self.name) };
        let mut session = Session::new(device);
        let program = session.compile(&g).unwrap_or_else(|e| fail(e));
        for (i, input) in self.inputs.iter().enumerate() {
            let name = format!("x{i}");
            let written = match input.dtype {
                DType::U32 => {
                    session.write_u32(&name, &input.data.iter().map(|&x| x as u32).collect::<Vec<_>>())
                }
                _ => session.write(&name, &input.data.iter().map(|&x| x as f32).collect::<Vec<_>>()),
            };
            written.unwrap_or_else(|e| fail(e));
        }
        if !differentiable.is_empty() {
            let weights: Vec<f32> = contraction(outputs).iter().map(|&x| x as f32).collect();
            session.write("weights", &weights).unwrap_or_else(|e| fail(e));
        }
        session.poison();
        session.run(&program, 1).unwrap_or_else(|e| fail(e));
        session.check_guards().unwrap_or_else(|e| panic!("{} on {device}: {e}", self.name));
        let read = |session: &mut Session, name: &str| -> Vec<f64> {
            session.read(name).unwrap_or_else(|e| fail(e)).into_iter().map(f64::from).collect()
        };
        let values = if result.dtype == DType::U32 {
            session.read_u32("result").unwrap_or_else(|e| fail(e)).into_iter().map(f64::from).collect()
        } else {
            read(&mut session, "result")
        };
        let mut gradients = vec![vec![]; self.inputs.len()];
        for &i in &differentiable {
            gradients[i] = read(&mut session, &format!("dx{i}"));
        }
        Run { shape: result.shape.to_vec(), result: values, gradients }
    }

    fn close(&self, what: &str, got: &[f64], expected: &[f64]) {
        assert_eq!(got.len(), expected.len(), "{}: {what}: length", self.name);
        for (i, (g, e)) in got.iter().zip(expected).enumerate() {
            let same_kind = g.is_nan() == e.is_nan()
                && (!e.is_infinite() || g == e)
                && (e.is_infinite() || !g.is_infinite());
            assert!(same_kind, "{}: {what}: element {i} is {g}, expected {e}", self.name);
        }
        let finite = || got.iter().zip(expected).filter(|(_, e)| e.is_finite());
        let error: f64 = finite().map(|(g, e)| (g - e).powi(2)).sum();
        let size: f64 = finite().map(|(_, e)| e * e).sum();
        // All-zero truth: the error itself is held to the bound.
        let normalised = if size > 0.0 { error / size } else { error };
        let worst =
            finite().enumerate().max_by(|a, b| (a.1.0 - a.1.1).abs().total_cmp(&(b.1.0 - b.1.1).abs()));
        assert!(
            normalised <= self.tolerance,
            "{}: {what}: normalised error {normalised:.2e} over {:.0e}; worst {worst:?}",
            self.name,
            self.tolerance
        );
    }
}

struct Run {
    shape: Vec<usize>,
    result: Vec<f64>,
    gradients: Vec<Vec<f64>>,
}

fn contraction(count: usize) -> Vec<f64> {
    uniform(999, count, -1.0, 1.0)
}

/// The adapter that the tests run on.
pub fn gpu() -> Device {
    static DEVICE: OnceLock<Device> = OnceLock::new();
    let open = || Device::Gpu(GpuDevice::open(None).unwrap_or_else(|e| panic!("{e}")));
    DEVICE.get_or_init(open).clone()
}
