//! Replays plans on a GPU through wgpu.

mod backend;
mod device;
mod launch;

pub(crate) use backend::GpuBackend;
pub use device::GpuDevice;
pub use launch::{Access, Binding, Launch, Lowered, Slot};
