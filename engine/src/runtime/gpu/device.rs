//! An open GPU: its queue, its pipelines, and what went wrong with it.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use wgpu::{
    DeviceDescriptor, ErrorFilter, ExperimentalFeatures, Features, MemoryHints, PollError, PollType,
    SubmissionIndex,
};

use super::adapters::{self, AdapterKind, AdapterReport};
use super::choices::Choices;
use super::pipelines::Pipelines;
use super::staging::Staging;
use super::store::Store;
use super::variants::Pick;
use crate::error::{EngineError, readable_bytes};
use crate::runtime::memory::{expect_available, out_of_memory};

/// How long one submission may take before the device counts as hung. Submissions are cut to a
/// small part of a second; this leaves room for slow devices and for compilers that run late.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);

/// A GPU. Clones share it.
#[derive(Clone)]
pub struct GpuDevice {
    shared: Arc<Shared>,
    pick: Pick,
    half_precision: bool,
}

struct Shared {
    report: AdapterReport,
    device: wgpu::Device,
    queue: wgpu::Queue,
    limits: wgpu::Limits,
    pipelines: Pipelines,
    choices: Choices,
    store: OnceLock<Store>,
    staging: Staging,
    fault: Arc<Mutex<Option<String>>>,
}

/// A lock that goes on after a panic of another holder: what it guards is whole between operations.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl GpuDevice {
    /// All adapters, by number.
    pub fn list() -> Vec<AdapterReport> {
        adapters::adapters().iter().map(|(_, report)| report.clone()).collect()
    }

    /// Opens the adapter of that number, or the best there is: hardware before software. Opening the
    /// same adapter again shares the device that is open already.
    ///
    /// # Errors
    /// No such adapter, or what its driver reports.
    pub fn open(index: Option<usize>) -> Result<GpuDevice, EngineError> {
        static OPEN: OnceLock<Mutex<HashMap<usize, GpuDevice>>> = OnceLock::new();
        let (adapter, report) = adapters::find(index)?;
        let mut open = lock(OPEN.get_or_init(Mutex::default));
        // A device that broke down is replaced.
        if let Some(known) = open.get(&report.index).filter(|device| device.check().is_ok()) {
            return Ok(known.clone());
        }
        let device = GpuDevice::request(adapter, report.clone())?;
        open.insert(report.index, device.clone());
        Ok(device)
    }

    pub(super) fn request(adapter: &wgpu::Adapter, report: AdapterReport) -> Result<GpuDevice, EngineError> {
        let limits = adapter.limits();
        let mut required_features = adapter.features()
            & (Features::TIMESTAMP_QUERY
                | Features::TIMESTAMP_QUERY_INSIDE_PASSES
                | Features::SUBGROUP
                | Features::SHADER_F16
                | Features::SHADER_INT64
                | Features::PIPELINE_CACHE);
        let mut experimental_features = ExperimentalFeatures::disabled();
        if report.cooperative_matrix {
            required_features |= Features::EXPERIMENTAL_COOPERATIVE_MATRIX | Features::PASSTHROUGH_SHADERS;
            // SAFETY: wgpu asks for care with what it calls experimental. Of that only matrix units are used, by
            // shaders of this crate that load and store whole fragments within their workgroup's memory.
            experimental_features = unsafe { ExperimentalFeatures::enabled() };
        }
        let descriptor = DeviceDescriptor {
            label: Some("unperturb"),
            required_features,
            experimental_features,
            required_limits: limits.clone(),
            // Few large buffers: large shared blocks would only be waste.
            memory_hints: MemoryHints::MemoryUsage,
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|error| EngineError::Gpu(format!("{} does not open: {error}", report.name)))?;
        let fault = Arc::new(Mutex::new(None));
        let record = fault.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            lock(&record).get_or_insert(error.to_string());
        }));
        let record = fault.clone();
        device.set_device_lost_callback(move |_, message| {
            lock(&record).get_or_insert(format!("the device was lost: {message}"));
        });
        let shared = Shared {
            report,
            device,
            queue,
            limits,
            pipelines: Pipelines::default(),
            choices: Choices::default(),
            store: OnceLock::new(),
            staging: Staging::default(),
            fault,
        };
        Ok(GpuDevice { shared: Arc::new(shared), pick: Pick::First, half_precision: false })
    }

    /// What there is to know of its adapter.
    pub fn report(&self) -> &AdapterReport {
        &self.shared.report
    }

    /// The same device, which takes the variant of that name wherever an operation has it.
    pub fn preferring(&self, name: &'static str) -> GpuDevice {
        GpuDevice { pick: Pick::Named(name), ..self.clone() }
    }

    /// The same device, which measures the variants of operations when a program is compiled, in at most a few
    /// seconds, and takes the fastest from then on.
    pub fn tuned(&self) -> GpuDevice {
        GpuDevice { pick: Pick::Fastest, ..self.clone() }
    }

    /// The same device, which may round the factors of convolutions and matrix products to 16-bit floats, where it has
    /// matrix units for them, and stores activations as such, with sums in f32: about three decimal digits. Gradients,
    /// images, weights and states stay in f32.
    ///
    /// # Errors
    /// Its shaders have no 16-bit floats.
    pub fn with_half_precision(&self) -> Result<GpuDevice, EngineError> {
        if self.report().f16 {
            Ok(GpuDevice { half_precision: true, ..self.clone() })
        } else {
            Err(EngineError::Gpu(format!("{} has no 16-bit floats", self.report().name)))
        }
    }

    /// Whether it computes in half precision.
    pub fn has_half_precision(&self) -> bool {
        self.half_precision
    }

    /// Keeps compiled kernels and the choices of [`tuned`](GpuDevice::tuned) devices in `folder` from now on, and takes
    /// what an earlier process kept there. A process keeps them in one folder: later calls change nothing.
    ///
    /// # Errors
    /// The folder cannot be made or written to.
    pub fn keep_in(&self, folder: &Path) -> Result<(), unperturb_files::WriteError> {
        let store = Store::new(folder, self.report())?;
        if self.shared.store.set(store).is_ok() {
            self.recall();
        }
        Ok(())
    }

    pub(super) fn pick(&self) -> Pick {
        self.pick
    }

    pub(super) fn choices(&self) -> &Choices {
        &self.shared.choices
    }

    pub(super) fn store(&self) -> Option<&Store> {
        self.shared.store.get()
    }

    pub(super) fn wgpu(&self) -> &wgpu::Device {
        &self.shared.device
    }

    pub(super) fn queue(&self) -> &wgpu::Queue {
        &self.shared.queue
    }

    pub(super) fn limits(&self) -> &wgpu::Limits {
        &self.shared.limits
    }

    pub(super) fn pipelines(&self) -> &Pipelines {
        &self.shared.pipelines
    }

    pub(super) fn staging(&self) -> &Staging {
        &self.shared.staging
    }

    /// Refuses buffers of these sizes in bytes if that can be told beforehand: one is more than a
    /// shader can see, or all are more than the machine has left, where the device uses the
    /// machine's own memory.
    pub(super) fn expect_room(&self, sizes: &[u64]) -> Result<(), EngineError> {
        let AdapterReport { name, kind, max_binding_bytes, .. } = self.report();
        if let Some(&bytes) = sizes.iter().max().filter(|bytes| *bytes > max_binding_bytes) {
            return Err(EngineError::BufferTooLarge {
                device: name.clone(),
                needed: readable_bytes(bytes),
                limit: readable_bytes(*max_binding_bytes),
            });
        }
        match kind {
            AdapterKind::Software | AdapterKind::Integrated => expect_available(sizes.iter().sum()),
            _ => Ok(()),
        }
    }

    /// The error of a device that broke down, now or earlier.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        lock(&self.shared.fault).clone().map_or(Ok(()), |fault| Err(EngineError::Gpu(fault)))
    }

    /// Runs `work` and turns what the device reports meanwhile into an error. `bytes` is what the
    /// work wants of memory.
    pub(super) fn guarded<T>(&self, bytes: u64, work: impl FnOnce() -> T) -> Result<T, EngineError> {
        self.check()?;
        let device = self.wgpu();
        let memory = device.push_error_scope(ErrorFilter::OutOfMemory);
        let internal = device.push_error_scope(ErrorFilter::Internal);
        let validation = device.push_error_scope(ErrorFilter::Validation);
        let result = work();
        let errors = [validation.pop(), internal.pop()].map(pollster::block_on);
        if pollster::block_on(memory.pop()).is_some() {
            return Err(out_of_memory(&self.report().name, bytes, None));
        }
        if let Some(error) = errors.into_iter().flatten().next() {
            return Err(EngineError::Gpu(error.to_string()));
        }
        self.check()?;
        Ok(result)
    }

    /// Waits until a submission is done, but not for ever.
    pub(super) fn wait(&self, submission: SubmissionIndex) -> Result<(), EngineError> {
        if self.poll(submission, PATIENCE)? {
            return Ok(());
        }
        let (name, seconds) = (&self.report().name, PATIENCE.as_secs());
        Err(EngineError::Gpu(format!("{name} did not answer within {seconds} s")))
    }

    /// Whether a submission is done.
    pub(super) fn is_done(&self, submission: &SubmissionIndex) -> Result<bool, EngineError> {
        self.poll(submission.clone(), Duration::ZERO)
    }

    fn poll(&self, submission: SubmissionIndex, timeout: Duration) -> Result<bool, EngineError> {
        let wait = PollType::Wait { submission_index: Some(submission), timeout: Some(timeout) };
        // wgpu panics when it finds the device lost while waiting.
        let polled = catch_unwind(AssertUnwindSafe(|| self.wgpu().poll(wait)));
        self.check()?;
        match polled {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(PollError::Timeout)) => Ok(false),
            // A lost device accepts no submission, so that there is none to wait for.
            Ok(Err(PollError::WrongSubmissionIndex(..))) | Err(_) => {
                Err(EngineError::Gpu("the device was lost".into()))
            }
        }
    }
}

impl fmt::Display for GpuDevice {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let AdapterReport { index, name, api, .. } = self.report();
        write!(f, "gpu:{index} {name} ({api})")?;
        if self.half_precision {
            f.write_str(", half precision")?;
        }
        match self.pick {
            Pick::Named(variant) => write!(f, ", {variant} kernels"),
            Pick::First | Pick::Fastest => Ok(()),
        }
    }
}
