//! Which device a command runs on.

use unperturb_engine::Device;
use unperturb_engine::runtime::gpu::GpuDevice;

use super::values::{DeviceChoice, Precision};
use super::{Error, Global};

/// Opens the device that `--device` names.
///
/// # Errors
/// There is no such adapter, or it cannot compute with the precision asked for.
pub fn open(global: &Global) -> Result<Device, Error> {
    if global.precision == Precision::F16 {
        return Err(Error::Usage(
            "`--precision f16` is not part of this version: everything runs in f32".into(),
        ));
    }
    let gpu = |number| GpuDevice::open(number).map(Device::Gpu).map_err(Error::failed("cannot use a GPU"));
    match global.device {
        DeviceChoice::Cpu => Ok(Device::cpu()),
        DeviceChoice::Gpu(number) => gpu(number),
        DeviceChoice::Auto => Ok(Device::auto().0),
    }
}
