//! Optimisers, clipping, schedules and averages, against PyTorch's values and on both runtimes.

#[path = "../golden/reader.rs"]
mod golden;
mod optimizers;
mod schedules;

use unperturb_engine::Device;
use unperturb_engine::runtime::gpu::GpuDevice;

/// Both runtimes.
fn devices() -> [Device; 2] {
    [Device::cpu(), Device::Gpu(GpuDevice::open(None).unwrap_or_else(|e| panic!("{e}")))]
}
