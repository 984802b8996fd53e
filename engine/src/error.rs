//! Everything that can go wrong in the engine, each as one sentence.

use std::panic::Location;

use crate::shape::Type;

/// An error of the engine.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EngineError {
    /// An operation got operands that it cannot take. Recorded while tracing, reported by
    /// [`Graph::gradient`](crate::Graph::gradient) and [`Session::compile`](crate::Session::compile).
    #[error("{op} of {} at {location}: {message}", list(.inputs))]
    Operands {
        /// The operation.
        op: &'static str,
        /// What it was given.
        inputs: Vec<Type>,
        /// What is wrong with that.
        message: String,
        /// Where it was called.
        location: &'static Location<'static>,
    },
    /// A state is declared twice with different types.
    #[error("the state '{name}' is declared as {first} and as {second}")]
    StateConflict {
        /// Its name.
        name: String,
        /// The earlier type.
        first: Type,
        /// The later type.
        second: Type,
    },
    /// No program of the session declares this state.
    #[error("there is no state named '{0}' in this session")]
    UnknownState(String),
    /// Data written to a state has the wrong length or type.
    #[error("the state '{name}' holds {expected}, not {given}")]
    StateData {
        /// Its name.
        name: String,
        /// What it holds.
        expected: Type,
        /// What was given.
        given: String,
    },
    /// A gradient was asked of something that is not one number.
    #[error("a gradient needs a loss of one element, and this one has the shape {0}")]
    LossNotScalar(crate::Shape),
    /// The device cannot hold the program.
    #[error("the program needs {needed} and {device} has {available}; use a smaller batch")]
    OutOfMemory {
        /// What is short of memory.
        device: String,
        /// Planned size.
        needed: String,
        /// What there is.
        available: String,
    },
    /// A single buffer is larger than the device can bind.
    #[error("one tensor needs {needed} and {device} binds at most {limit}; use a smaller batch")]
    BufferTooLarge {
        /// The device.
        device: String,
        /// Size of the buffer.
        needed: String,
        /// Limit of the device.
        limit: String,
    },
    /// There is no adapter, or not the one asked for.
    #[error("{0}")]
    NoAdapter(String),
    /// A kernel wrote beyond the end of a buffer: a mistake in the engine.
    #[error("a kernel wrote past the end of {0}")]
    Overrun(String),
    /// The driver or the device failed.
    #[error("the GPU failed: {0}")]
    Gpu(String),
}

fn list(types: &[Type]) -> String {
    types.iter().map(Type::to_string).collect::<Vec<_>>().join(" and ")
}

/// `bytes` as a person reads them.
pub(crate) fn readable_bytes(bytes: u64) -> String {
    match bytes {
        0..0x400 => format!("{bytes} bytes"),
        0x400..0x10_0000 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        0x10_0000..0x4000_0000 => format!("{:.1} MiB", bytes as f64 / 1024f64.powi(2)),
        _ => format!("{:.2} GiB", bytes as f64 / 1024f64.powi(3)),
    }
}
