//! What a device keeps on disk from one process to the next: compiled kernels, and which variants are fastest.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use unperturb_files::WriteError;

use super::GpuDevice;
use super::adapters::AdapterReport;

/// The files of one adapter and driver.
pub(super) struct Store {
    pipelines: Kept,
    choices: Kept,
    /// How many kernels and choices there were when both were last written.
    things: AtomicUsize,
}

impl Store {
    /// In `folder`, which is made unless it is there.
    pub fn new(folder: &Path, report: &AdapterReport) -> Result<Store, WriteError> {
        unperturb_files::make_folder(folder)?;
        let AdapterReport { name, api, driver, .. } = report;
        let readable = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
        let readable: String = readable.take(40).collect();
        // Shaders with and without checks are not the same.
        let adapter = format!("{readable}-{:016x}", hash(&(name, api, driver, cfg!(debug_assertions))));
        let file = |kind: &str| Kept::new(folder.join(format!("{adapter}.{kind}")));
        let store =
            Store { pipelines: file("pipelines"), choices: file("choices"), things: AtomicUsize::new(0) };
        unperturb_files::expect_writable(&store.choices.path)?;
        Ok(store)
    }
}

impl GpuDevice {
    /// Takes what an earlier process kept.
    pub(super) fn recall(&self) {
        let Some(store) = self.store() else { return };
        self.choices().add(&store.choices.text());
        let kept = store.pipelines.read();
        // SAFETY: the seal says that these are the whole bytes that were kept, and the file's name that they are for this
        // adapter and driver, which wgpu checks once more.
        if let Err(error) = unsafe { self.pipelines().keep(self, kept.as_deref()) } {
            tracing::warn!(%error, "the driver keeps no kernels");
        }
    }

    /// Writes what is new. That a disk is full must not stop a computation: the next process compiles and measures
    /// again.
    pub(super) fn remember(&self) {
        let Some(store) = self.store() else { return };
        let things = self.pipelines().count() + self.choices().count();
        if store.things.swap(things, Ordering::Relaxed) == things {
            return;
        }
        // Another process may have added choices meanwhile.
        self.choices().add(&store.choices.text());
        let choices = store.choices.write(self.choices().to_text().into_bytes());
        let pipelines = self.pipelines().kept().map_or(Ok(()), |kept| store.pipelines.write(kept));
        for error in [choices, pipelines].into_iter().filter_map(Result::err) {
            tracing::warn!(%error, "kernels are not kept");
        }
    }
}

/// A file that ends with the hash of what stands before, so that one which was cut off or changed is as good as none.
struct Kept {
    path: PathBuf,
    /// Of what was last read or written.
    hash: AtomicU64,
}

impl Kept {
    fn new(path: PathBuf) -> Kept {
        Kept { path, hash: AtomicU64::new(0) }
    }

    fn read(&self) -> Option<Vec<u8>> {
        let mut bytes = fs::read(&self.path).ok()?;
        let seal = bytes.split_off(bytes.len().checked_sub(8)?);
        let hash = hash(&bytes);
        self.hash.store(hash, Ordering::Relaxed);
        (seal == hash.to_le_bytes()).then_some(bytes)
    }

    fn text(&self) -> String {
        self.read().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// Unless it holds these bytes already.
    fn write(&self, mut bytes: Vec<u8>) -> Result<(), WriteError> {
        let hash = hash(&bytes);
        if self.hash.swap(hash, Ordering::Relaxed) == hash {
            return Ok(());
        }
        bytes.extend(hash.to_le_bytes());
        unperturb_files::write(&self.path, &bytes)
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::runtime::gpu::adapters;
    use crate::runtime::{Device, Session};

    #[test]
    fn what_was_changed_is_not_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = Kept::new(folder.path().join("kept"));
        assert_eq!(kept.read(), None);
        kept.write(vec![1, 2, 3]).expect("writes");
        assert_eq!(kept.read(), Some(vec![1, 2, 3]));
        let whole = fs::read(&kept.path).expect("reads");
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 16;
            for bytes in [&changed[..], &whole[..at]] {
                fs::write(&kept.path, bytes).expect("writes");
                assert_eq!(kept.read(), None);
            }
        }
        kept.write(vec![1, 2, 3]).expect("a changed file is written anew");
        assert_eq!(kept.read(), Some(vec![1, 2, 3]));
    }

    /// A device of its own, as another process has it.
    fn device(folder: &Path) -> GpuDevice {
        let (adapter, report) = adapters::find(None).expect("GPU tests need an adapter");
        let device = GpuDevice::request(adapter, report.clone()).expect("opens").tuned();
        device.keep_in(folder).expect("keeps");
        device
    }

    fn run(device: &GpuDevice) -> Vec<f32> {
        let g = Graph::new();
        g.output("y", g.full([1, 6, 6, 4], 0.5).conv2d(g.full([3, 3, 4, 8], 0.25), None, 1, 1));
        let mut session = Session::new(&Device::Gpu(device.clone()));
        let program = session.compile(&g).expect("compiles");
        session.run(&program, 1).expect("runs");
        session.read("y").expect("reads")
    }

    #[test]
    fn another_process_takes_what_was_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = device(folder.path());
        let expected = run(&first);
        let text = first.choices().to_text();
        let second = device(folder.path());
        assert_eq!(second.choices().to_text(), text);
        assert_eq!(run(&second), expected);
        // What was damaged costs only time.
        for file in fs::read_dir(folder.path()).expect("lists") {
            fs::write(file.expect("is listed").path(), b"damaged").expect("writes");
        }
        let third = device(folder.path());
        assert_eq!(third.choices().to_text(), "");
        assert_eq!(run(&third), expected);
        assert!(GpuDevice::open(None).expect("opens").keep_in(Path::new("/dev/null/folder")).is_err());
    }
}
