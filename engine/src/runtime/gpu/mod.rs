//! Replays plans on a GPU through wgpu.

mod adapters;
mod backend;
mod buffers;
mod choices;
mod device;
mod interface;
mod launch;
mod pace;
mod parameters;
mod pipelines;
mod profile;
mod program;
#[cfg(test)]
mod shaders;
mod spirv;
mod staging;
mod store;
mod stored;
mod tuner;
mod unroll;
mod variants;
mod vectors;

pub use adapters::{AdapterKind, AdapterReport};
pub(crate) use backend::GpuBackend;
pub use device::GpuDevice;
pub use launch::{Access, Binding, Launch, Lowered, MAX_WINDOW, Slot, WINDOW_STEP, Window};
pub use stored::{Stored, enabling_halves, typed};
pub use unroll::unroll;
pub use variants::{Abilities, Variant, WINOGRAD};
pub use vectors::Vectors;
