//! Which device a command runs on.

use std::env;
use std::fmt::Display;
use std::path::PathBuf;

use etcetera::BaseStrategy;
use unperturb_engine::Device;
use unperturb_engine::runtime::gpu::{GpuDevice, Variant};

use super::progress::Progress;
use super::values::{DeviceChoice, MemorySize, Precision};
use super::{Error, Global};

/// Opens the device that `--device` names.
///
/// # Errors
/// There is no such adapter, or it cannot compute with the precision asked for.
pub fn open(global: &Global) -> Result<Device, Error> {
    let device = match global.device {
        DeviceChoice::Cpu => Device::cpu(),
        DeviceChoice::Gpu(number) => {
            prepared(&GpuDevice::open(number).map_err(Error::failed("cannot use a GPU"))?, global)
        }
        DeviceChoice::Auto => {
            let device = Device::auto().0;
            device.as_gpu().map_or(Device::cpu(), |gpu| prepared(gpu, global))
        }
    };
    let device = in_precision(device, global.precision)?;
    Ok(match global.memory {
        Some(MemorySize(bytes)) => device.within(bytes),
        None => device,
    })
}

/// The device, if it computes in that precision.
fn in_precision(device: Device, precision: Precision) -> Result<Device, Error> {
    fn refused(why: impl Display) -> Error {
        Error::Usage(format!("`--precision f16` needs a GPU with 16-bit floats: {why}"))
    }
    match (precision, device.as_gpu()) {
        (Precision::F32, _) => Ok(device),
        (Precision::F16, Some(gpu)) => gpu.with_half_precision().map(Device::Gpu).map_err(refused),
        (Precision::F16, None) => Err(refused(format!("{device} is not one"))),
    }
}

/// Opens the GPU that `--device` names, for kernels of that name wherever there are such.
///
/// # Errors
/// There is no GPU, or none of that number.
pub fn open_with_kernels(global: &Global, name: &str) -> Result<Device, Error> {
    let device = open(global)?;
    let name = Variant::names().find(|&known| known == name);
    match (device.as_gpu(), name) {
        (Some(gpu), Some(name)) => Ok(Device::Gpu(gpu.preferring(name))),
        _ => Err(Error::Usage("`--variant` chooses among kernels of a GPU, and this is none".into())),
    }
}

/// The device with its fastest kernels, which are kept for the next run.
fn prepared(device: &GpuDevice, global: &Global) -> Device {
    let kept = match cache_folder() {
        Some(folder) => device.keep_in(&folder).map_err(|error| error.to_string()),
        None => Err(format!("there is no home folder, and {CACHE} is not set")),
    };
    if let Err(reason) = kept {
        Progress::new(global.quiet)
            .note(&format!("compiled kernels are not kept for the next run: {reason}"));
    }
    Device::Gpu(device.tuned())
}

/// Names the folder for what can be computed again.
const CACHE: &str = "UNPERTURB_CACHE";

/// The folder of `UNPERTURB_CACHE`, or `unperturb` in the user's folder for such things.
fn cache_folder() -> Option<PathBuf> {
    let named = env::var_os(CACHE).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    named.or_else(|| Some(etcetera::choose_base_strategy().ok()?.cache_dir().join("unperturb")))
}

/// What to say where batches were made smaller than asked for.
pub fn smaller_batches(asked: usize, taken: usize) -> Option<String> {
    (taken < asked)
        .then(|| format!("batches of {taken} pictures instead of {asked}, to stay within `--memory`"))
}

/// What to say where batches of a training are divided.
pub fn divided_batches(batch: usize, parts: usize) -> Option<String> {
    let part = batch / parts;
    (parts > 1).then(|| {
        format!(
            "each batch of {batch} is taken in {parts} parts of {part} pictures, to stay within `--memory`; what nets \
             compute over a batch, such as the statistics of batch normalisation, they compute over a part"
        )
    })
}
