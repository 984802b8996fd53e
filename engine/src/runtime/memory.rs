//! What the system tells about memory, for runtimes that live in the machine's own.

use crate::error::{EngineError, readable_bytes};

/// Refuses a program that needs more memory than this machine can still give, before the machine
/// starts to swap or to end processes.
pub(super) fn expect_available(needed: u64) -> Result<(), EngineError> {
    let available = available_bytes();
    match available {
        Some(bytes) if needed > bytes => Err(out_of_memory("this machine", needed, available)),
        _ => Ok(()),
    }
}

/// The error of a device that cannot give `needed` bytes.
pub(super) fn out_of_memory(device: &str, needed: u64, available: Option<u64>) -> EngineError {
    EngineError::OutOfMemory {
        device: device.into(),
        needed: readable_bytes(needed),
        available: available.map_or("less".into(), readable_bytes),
    }
}

/// Memory that a new program may take, where the system tells.
fn available_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}
