//! Replays plans on a GPU through wgpu.

mod adapters;
mod backend;
mod buffers;
mod device;
mod launch;
mod pace;
mod pipelines;
mod program;
mod staging;
mod unroll;

pub use adapters::{AdapterKind, AdapterReport};
pub(crate) use backend::GpuBackend;
pub use device::GpuDevice;
pub use launch::{Access, Binding, Launch, Lowered, Slot};
pub use unroll::unroll;
