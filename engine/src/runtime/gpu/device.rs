//! Adapters and devices.
use std::fmt;
/// A GPU.
#[derive(Clone)]
pub struct GpuDevice;
impl fmt::Display for GpuDevice {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "gpu")
    }
}
impl GpuDevice {
    /// Opens.
    pub fn open(_: Option<usize>) -> Result<Self, crate::EngineError> {
        Ok(GpuDevice)
    }
}
