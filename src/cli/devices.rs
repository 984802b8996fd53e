//! `devices`: the adapters of this machine, and which one `auto` takes and why.

use serde::Serialize;
use unperturb_engine::Device;
use unperturb_engine::runtime::gpu::{AdapterKind, AdapterReport, GpuDevice};

use super::{Error, Global, output};

/// The result, as JSON.
#[derive(Serialize)]
struct Devices<'a> {
    auto: Auto,
    adapters: Vec<Adapter<'a>>,
}

/// What `--device auto` comes to.
#[derive(Serialize)]
struct Auto {
    /// What to give to `--device` for the same.
    choice: String,
    /// The device, by its name.
    device: String,
    why: String,
}

#[derive(Serialize)]
struct Adapter<'a> {
    /// What to give to `--device`.
    choice: String,
    name: &'a str,
    kind: &'static str,
    api: &'a str,
    driver: &'a str,
    f16: bool,
    subgroups: bool,
    /// Smallest and largest, in invocations.
    subgroup_sizes: [u32; 2],
    cooperative_matrix: bool,
    timestamps: bool,
    max_binding_bytes: u64,
    max_workgroup_bytes: u32,
    max_workgroup_invocations: u32,
    max_workgroups_per_axis: u32,
}

/// Runs the command.
pub fn run(global: &Global) -> Result<(), Error> {
    let reports = GpuDevice::list();
    let (device, why) = Device::auto();
    let choice = device.as_gpu().map_or_else(|| "cpu".to_owned(), |gpu| choice(gpu.report().index));
    let auto = Auto { choice, device: device.to_string(), why };
    let text = text(&reports, &auto);
    let adapters = reports.iter().map(Adapter::new).collect();
    output::result(global, "devices", &text, &Devices { auto, adapters })
}

fn choice(index: usize) -> String {
    format!("gpu:{index}")
}

/// The adapters one below the other, the CPU runtime that is always there, and the choice.
fn text(reports: &[AdapterReport], auto: &Auto) -> String {
    let adapters: String = reports.iter().map(|report| format!("{report}\n\n")).collect();
    format!("{adapters}{}\n\nauto takes {}: {}\n", Device::cpu(), auto.choice, auto.why)
}

impl<'a> Adapter<'a> {
    fn new(report: &'a AdapterReport) -> Self {
        let (smallest, largest) = report.subgroup_sizes;
        Adapter {
            choice: choice(report.index),
            name: &report.name,
            kind: match report.kind {
                AdapterKind::Discrete => "discrete",
                AdapterKind::Integrated => "integrated",
                AdapterKind::Virtual => "virtual",
                AdapterKind::Other => "other",
                AdapterKind::Software => "software",
            },
            api: &report.api,
            driver: &report.driver,
            f16: report.f16,
            subgroups: report.subgroups,
            subgroup_sizes: [smallest, largest],
            cooperative_matrix: report.cooperative_matrix,
            timestamps: report.timestamps,
            max_binding_bytes: report.max_binding_bytes,
            max_workgroup_bytes: report.max_workgroup_bytes,
            max_workgroup_invocations: report.max_workgroup_invocations,
            max_workgroups_per_axis: report.max_workgroups_per_axis,
        }
    }
}
