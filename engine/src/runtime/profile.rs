//! Where the time of runs went.

/// The time that one kind of kernel took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KernelTime {
    /// Its name.
    pub label: &'static str,
    /// How many ran.
    pub launches: usize,
    /// Seconds of all of them.
    pub seconds: f64,
}

/// Where the time of some runs went.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// Kinds of kernel, slowest first, by the device's own clock.
    pub kernels: Vec<KernelTime>,
    /// Seconds from the first run to the end of the last, by the host's clock.
    pub wall_seconds: f64,
}

impl Profile {
    /// Seconds within kernels.
    pub fn kernel_seconds(&self) -> f64 {
        self.kernels.iter().map(|kernel| kernel.seconds).sum()
    }

    pub(super) fn add(&mut self, label: &'static str, seconds: f64) {
        match self.kernels.iter_mut().find(|kernel| kernel.label == label) {
            Some(kernel) => {
                kernel.launches += 1;
                kernel.seconds += seconds;
            }
            None => self.kernels.push(KernelTime { label, launches: 1, seconds }),
        }
    }
}
