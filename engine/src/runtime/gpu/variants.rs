//! The ways in which an operation can run, and the one that a device takes.

use super::adapters::AdapterKind;
use super::choices::Subject;
use super::device::GpuDevice;
use super::launch::Lowered;
use crate::error::EngineError;
use crate::graph::Graph;
use crate::ops::{Op, Signature, blocks};
use crate::optimize::optimize_for;
use crate::plan::{Plan, Step};

/// One way to run an operation.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its name, the same for all operations that run in the same manner.
    pub name: &'static str,
    /// What it launches.
    pub lowered: Lowered,
    /// Whether it may be the fastest on such an adapter, so that it is worth measuring. Others run only where they
    /// are asked for by name, as tests do.
    pub contends: bool,
}

/// Which variant of each operation a device takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pick {
    /// The one that is likely best.
    First,
    /// The one of that name where there is one.
    Named(&'static str),
    /// The one that was measured to be the fastest.
    Fastest,
}

/// The variant that runs on every adapter.
pub const PORTABLE: &str = "portable";

/// The variant for software drivers whose subgroups are 8 lanes of a vector.
pub const LANES: &str = "lanes";

/// The variant of convolutions by Winograd's tiles.
pub const WINOGRAD: &str = "winograd";

impl Variant {
    /// The names of all variants that operations have on some adapter.
    pub fn names() -> impl Iterator<Item = &'static str> {
        [PORTABLE, LANES, WINOGRAD].into_iter().chain(blocks::names())
    }

    /// The variant that runs everywhere.
    pub fn portable(lowered: Lowered) -> Self {
        Variant { name: PORTABLE, lowered, contends: true }
    }

    /// The variant for adapters that have lanes, see [`Abilities::lanes`].
    pub fn lanes(lowered: Lowered) -> Self {
        Variant { name: LANES, lowered, contends: true }
    }

    /// All ways to run an operation, the likely best first: lanes, which only software drivers have, or workgroup
    /// `blocks`, from which those gain nothing. Beside lanes the portable kernel is not worth measuring.
    pub fn all(
        lanes: Option<Lowered>,
        mut blocks: Vec<Variant>,
        portable: Lowered,
        abilities: &Abilities,
    ) -> Vec<Variant> {
        let portable = Variant { contends: lanes.is_none(), ..Variant::portable(portable) };
        if !abilities.software {
            blocks.push(portable);
            return blocks;
        }
        blocks.iter_mut().for_each(|block| block.contends = false);
        lanes.map(Variant::lanes).into_iter().chain([portable]).chain(blocks).collect()
    }
}

/// What kernels may use of an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// A driver that computes on the CPU: neighbours in a workgroup are lanes of one vector, and workgroup
    /// memory and barriers cost more than they bring.
    pub software: bool,
    /// Whether a software driver is to run kernels of hardware, too. They never win there; tests ask for them by name.
    pub emulating: bool,
    /// Whether a workgroup of 8 is one vector of a CPU.
    pub has_lanes: bool,
    /// Invocations in every subgroup, where that is one number and shaders may exchange values within it.
    pub subgroup: Option<u32>,
    /// Shaders may compute with 16-bit floats and store them.
    pub f16: bool,
    /// Shaders may compute with 64-bit integers and store them.
    pub int64: bool,
    /// Shaders may multiply 16x16 matrices of 16-bit floats with sums in `f32` on matrix units.
    pub cooperative_matrix: bool,
    /// Factors of products may be rounded to 16-bit floats.
    pub half_products: bool,
    /// Workgroup memory, in bytes.
    pub workgroup_bytes: u32,
    /// Largest workgroup, in invocations.
    pub workgroup_invocations: u32,
}

impl Abilities {
    /// What `make` makes for software drivers that have lanes, which exchange values for next to nothing; None on other
    /// adapters.
    pub fn lanes(&self, make: impl FnOnce() -> Option<Lowered>) -> Option<Lowered> {
        if self.has_lanes { make() } else { None }
    }

    /// What a device can do.
    pub(super) fn of(device: &GpuDevice) -> Self {
        let report = device.report();
        let (low, high) = report.subgroup_sizes;
        let subgroup = (report.subgroups && low == high).then_some(low);
        let software = report.kind == AdapterKind::Software;
        Abilities {
            software,
            emulating: matches!(device.pick(), Pick::Named(_)),
            has_lanes: software && subgroup == Some(8),
            subgroup,
            f16: report.f16,
            int64: report.int64,
            cooperative_matrix: report.cooperative_matrix,
            half_products: device.has_half_precision(),
            workgroup_bytes: report.max_workgroup_bytes,
            workgroup_invocations: report.max_workgroup_invocations,
        }
    }
}

impl GpuDevice {
    /// The names of all variants that the operations of a program have on this device.
    ///
    /// # Errors
    /// The first error met while tracing.
    pub fn variants(&self, graph: &Graph) -> Result<Vec<&'static str>, EngineError> {
        let plan = Plan::new(&optimize_for(graph.trace()?, self.has_half_precision()), |_, _| vec![]);
        let abilities = Abilities { emulating: true, ..Abilities::of(self) };
        let of = |step: &Step| step.op.gpu_variants(&step.signature, &abilities);
        let mut names: Vec<_> = plan.steps.iter().flat_map(of).map(|variant| variant.name).collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// What `op` launches on this device.
    pub(super) fn lower(&self, op: &Op, signature: &Signature) -> Lowered {
        let mut variants = op.gpu_variants(signature, &Abilities::of(self));
        let picked = match self.pick() {
            // Most operations have one, whose sources need not be hashed.
            _ if variants.len() == 1 => None,
            Pick::First => None,
            Pick::Named(name) => Some(name.to_owned()),
            Pick::Fastest => self.choices().get(&Subject::new(op.operation().name(), &variants)),
        };
        let picked = picked.and_then(|name| variants.iter().position(|variant| variant.name == name));
        variants.swap_remove(picked.unwrap_or(0)).lowered
    }
}
