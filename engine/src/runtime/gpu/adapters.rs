//! Which GPUs there are.

use std::fmt;
use std::sync::OnceLock;

use wgpu::{
    Adapter, Backend, Backends, CooperativeMatrixProperties, CooperativeScalarType, DeviceType, Features,
    Instance, InstanceDescriptor, MemoryBudgetThresholds,
};

use crate::error::{EngineError, readable_bytes};

/// What there is to know of an adapter before using it.
#[derive(Clone, Debug)]
pub struct AdapterReport {
    /// Its number, as in `--device gpu:N`.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Vulkan, Metal or DirectX 12.
    pub api: String,
    /// Driver and its version.
    pub driver: String,
    /// What kind of device it is.
    pub kind: AdapterKind,
    /// Shaders may compute with 16-bit floats.
    pub f16: bool,
    /// Shaders may compute with 64-bit integers.
    pub int64: bool,
    /// Shaders may exchange values within a subgroup.
    pub subgroups: bool,
    /// Smallest and largest subgroup, in invocations.
    pub subgroup_sizes: (u32, u32),
    /// Shaders may multiply 16x16 matrices of 16-bit floats with sums in `f32` on matrix units.
    pub cooperative_matrix: bool,
    /// Launches can be timed one by one.
    pub timestamps: bool,
    /// Largest tensor that a shader can see, in bytes.
    pub max_binding_bytes: u64,
    /// Workgroup memory, in bytes.
    pub max_workgroup_bytes: u32,
    /// Largest workgroup, in invocations.
    pub max_workgroup_invocations: u32,
    /// Most workgroups along an axis of a grid.
    pub max_workgroups_per_axis: u32,
}

/// Kinds of adapter, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AdapterKind {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the machine's memory.
    Integrated,
    /// A GPU lent by a hypervisor.
    Virtual,
    /// Hardware of an unknown kind.
    Other,
    /// A driver that computes on the CPU, such as lavapipe or WARP.
    Software,
}

impl fmt::Display for AdapterKind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            AdapterKind::Discrete => "discrete GPU",
            AdapterKind::Integrated => "integrated GPU",
            AdapterKind::Virtual => "virtual GPU",
            AdapterKind::Other => "GPU",
            AdapterKind::Software => "software",
        })
    }
}

impl AdapterReport {
    fn new(index: usize, adapter: &Adapter) -> Self {
        let (info, features, limits) = (adapter.get_info(), adapter.features(), adapter.limits());
        AdapterReport {
            index,
            name: info.name,
            api: format!("{:?}", info.backend),
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
            kind: match info.device_type {
                DeviceType::DiscreteGpu => AdapterKind::Discrete,
                DeviceType::IntegratedGpu => AdapterKind::Integrated,
                DeviceType::VirtualGpu => AdapterKind::Virtual,
                DeviceType::Cpu => AdapterKind::Software,
                DeviceType::Other => AdapterKind::Other,
            },
            f16: features.contains(Features::SHADER_F16),
            int64: features.contains(Features::SHADER_INT64),
            subgroups: features.contains(Features::SUBGROUP),
            subgroup_sizes: (info.subgroup_min_size, info.subgroup_max_size),
            cooperative_matrix: info.backend == Backend::Vulkan
                && features
                    .contains(Features::EXPERIMENTAL_COOPERATIVE_MATRIX | Features::PASSTHROUGH_SHADERS)
                && adapter.cooperative_matrix_properties().iter().any(is_16_by_16),
            timestamps: features.contains(Features::TIMESTAMP_QUERY_INSIDE_PASSES),
            max_binding_bytes: limits.max_storage_buffer_binding_size.min(limits.max_buffer_size),
            max_workgroup_bytes: limits.max_compute_workgroup_storage_size,
            max_workgroup_invocations: limits.max_compute_invocations_per_workgroup,
            max_workgroups_per_axis: limits.max_compute_workgroups_per_dimension,
        }
    }
}

impl fmt::Display for AdapterReport {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let has = |name: &str, there: bool| format!("{name} {}", if there { "yes" } else { "no" });
        let (low, high) = self.subgroup_sizes;
        writeln!(f, "gpu:{} {} ({}, {})", self.index, self.name, self.kind, self.api)?;
        writeln!(f, "  driver    {}", self.driver)?;
        writeln!(
            f,
            "  features  {}, {} of {low} to {high}, {}, {}",
            has("f16", self.f16),
            has("subgroups", self.subgroups),
            has("cooperative matrix", self.cooperative_matrix),
            has("timestamps", self.timestamps),
        )?;
        write!(
            f,
            "  limits    {} per tensor, {} per workgroup, {} invocations per workgroup",
            readable_bytes(self.max_binding_bytes),
            readable_bytes(self.max_workgroup_bytes.into()),
            self.max_workgroup_invocations,
        )
    }
}

/// Whether matrix units multiply 16x16 matrices of 16-bit floats with sums in f32.
fn is_16_by_16(units: &CooperativeMatrixProperties) -> bool {
    [units.m_size, units.n_size, units.k_size] == [16; 3]
        && units.ab_type == CooperativeScalarType::F16
        && units.cr_type == CooperativeScalarType::F32
}

/// All adapters, in the order of their numbers. Drivers are asked once.
pub(super) fn adapters() -> &'static [(Adapter, AdapterReport)] {
    static FOUND: OnceLock<Vec<(Adapter, AdapterReport)>> = OnceLock::new();
    FOUND.get_or_init(|| {
        // OpenGL is left out: its compute limits are too small for the kernels.
        let backends = Backends::VULKAN | Backends::METAL | Backends::DX12;
        let descriptor = InstanceDescriptor {
            backends,
            // Where the driver tells its budget, running out of it is an error and not slow swapping.
            memory_budget_thresholds: MemoryBudgetThresholds {
                for_resource_creation: Some(95),
                for_device_loss: None,
            },
            ..InstanceDescriptor::new_without_display_handle()
        };
        let found = pollster::block_on(Instance::new(descriptor).enumerate_adapters(backends));
        let numbered = found.into_iter().enumerate();
        numbered.map(|(index, adapter)| (adapter.clone(), AdapterReport::new(index, &adapter))).collect()
    })
}

/// The adapter of that number, or the best kind there is.
pub(super) fn find(index: Option<usize>) -> Result<&'static (Adapter, AdapterReport), EngineError> {
    let found = adapters();
    let best = found.iter().min_by_key(|(_, report)| (report.kind, report.index));
    let Some(best) = best else {
        return Err(EngineError::NoAdapter(
            "there is no GPU adapter; install a Vulkan driver (on Debian a software one is \
             `apt install mesa-vulkan-drivers`) or use `--device cpu`"
                .into(),
        ));
    };
    let Some(index) = index else { return Ok(best) };
    found.get(index).ok_or_else(|| {
        let last = found.len() - 1;
        EngineError::NoAdapter(format!("there is no adapter gpu:{index}; the last is gpu:{last}"))
    })
}
