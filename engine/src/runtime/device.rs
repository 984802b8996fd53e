//! Where programs run.

use std::fmt;

use super::{Backend, cpu, gpu};
use crate::error::EngineError;

/// Where programs run.
#[derive(Clone)]
pub enum Device {
    /// The CPU runtime.
    Cpu,
    /// A GPU through Vulkan, Metal or DirectX 12.
    Gpu(gpu::GpuDevice),
    /// A device of whose memory a session may take only so many bytes.
    Limited(Box<Device>, u64),
}

impl Device {
    /// The CPU runtime, on all the threads of the global rayon pool.
    pub fn cpu() -> Device {
        Device::Cpu
    }

    /// The GPU adapter of that number, or the best there is, software last.
    ///
    /// # Errors
    /// No such adapter, or what its driver reports.
    pub fn gpu(index: Option<usize>) -> Result<Device, EngineError> {
        gpu::GpuDevice::open(index).map(Device::Gpu)
    }

    /// A hardware GPU if there is one that opens, else the CPU; and a sentence that says why.
    pub fn auto() -> (Device, String) {
        let reports = gpu::GpuDevice::list();
        let best = reports.iter().min_by_key(|report| (report.kind, report.index));
        let reason = match best {
            None => "there is no GPU adapter, so the CPU".into(),
            Some(report) if report.kind == gpu::AdapterKind::Software => {
                format!("{} computes on the CPU, and the CPU runtime does that faster", report.name)
            }
            Some(report) => match Device::gpu(Some(report.index)) {
                Ok(device) => return (device, format!("{} is a {}", report.name, report.kind)),
                Err(error) => format!("{error}, so the CPU"),
            },
        };
        (Device::Cpu, reason)
    }

    pub(super) fn backend(&self) -> Box<dyn Backend> {
        match self {
            Device::Cpu => Box::new(cpu::CpuBackend::default()),
            Device::Gpu(device) => Box::new(gpu::GpuBackend::new(device.clone())),
            Device::Limited(device, _) => device.backend(),
        }
    }

    /// This device, of whose memory a session may take only `bytes`: programs beyond that are refused.
    pub fn within(self, bytes: u64) -> Device {
        Device::Limited(Box::new(self), bytes)
    }

    /// The GPU that it is, if it is one.
    pub fn as_gpu(&self) -> Option<&gpu::GpuDevice> {
        match self {
            Device::Cpu => None,
            Device::Gpu(device) => Some(device),
            Device::Limited(device, _) => device.as_gpu(),
        }
    }

    /// Whether it computes in half precision, see [`GpuDevice::with_half_precision`](gpu::GpuDevice::with_half_precision).
    pub fn has_half_precision(&self) -> bool {
        self.as_gpu().is_some_and(gpu::GpuDevice::has_half_precision)
    }

    /// Bytes that a session may take, if there is a limit.
    pub fn limit(&self) -> Option<u64> {
        match self {
            Device::Cpu | Device::Gpu(_) => None,
            Device::Limited(device, bytes) => Some(device.limit().map_or(*bytes, |other| other.min(*bytes))),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Device::Cpu => write!(f, "cpu ({} threads)", rayon::current_num_threads()),
            Device::Gpu(device) => write!(f, "{device}"),
            Device::Limited(device, _) => write!(f, "{device}"),
        }
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{self}")
    }
}
