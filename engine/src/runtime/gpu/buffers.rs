//! Memory of the device, counted.

use wgpu::{Buffer, BufferDescriptor, BufferUsages};

use super::device::GpuDevice;
use super::launch::WINDOW_STEP;
use super::staging::Span;
use crate::error::EngineError;
use crate::runtime::Counters;

/// Words behind every tensor that no kernel may touch, where debug assertions are on. Shaders see
/// them, so that a write past the end lands there instead of being dropped by bounds checks.
const GUARD: &[u32] = if cfg!(debug_assertions) { &[0x6775_6172; 4] } else { &[] };
/// Poison is written in pieces of so many words.
const PIECE: usize = 1 << 20;

/// A buffer that shaders see as an array.
pub(super) struct Tensor {
    /// At least one word, the guard, and as much as whole windows take.
    pub buffer: Buffer,
    /// Its elements, without padding and guard.
    pub words: usize,
}

/// Makes the buffers of a session.
pub(super) struct Allocator {
    pub device: GpuDevice,
    pub counters: Counters,
}

impl Allocator {
    /// A tensor of `words` zeros.
    ///
    /// # Errors
    /// Larger than the device can bind, or out of memory.
    pub fn tensor(&mut self, label: &str, words: usize) -> Result<Tensor, EngineError> {
        let bytes = 4 * words.max(1) as u64;
        self.device.expect_room(&[bytes + guard_bytes()])?;
        let usage =
            BufferUsages::STORAGE | BufferUsages::UNIFORM | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        let size = (bytes + guard_bytes()).next_multiple_of(4 * WINDOW_STEP as u64);
        let buffer = self.make(label, size, usage)?;
        self.count(bytes);
        if !GUARD.is_empty() {
            let write = || self.device.queue().write_buffer(&buffer, bytes, bytemuck::cast_slice(GUARD));
            self.device.guarded(guard_bytes(), write)?;
        }
        Ok(Tensor { buffer, words })
    }

    /// A buffer that shaders see as parameters, holding `words`.
    pub fn uniform(&mut self, label: &str, words: &[u32]) -> Result<Buffer, EngineError> {
        let bytes = 4 * words.len() as u64;
        let buffer = self.make(label, bytes.max(4), BufferUsages::UNIFORM | BufferUsages::COPY_DST)?;
        self.count(bytes);
        let write = || self.device.queue().write_buffer(&buffer, 0, bytemuck::cast_slice(words));
        self.device.guarded(bytes, write)?;
        Ok(buffer)
    }

    fn make(&self, label: &str, size: u64, usage: BufferUsages) -> Result<Buffer, EngineError> {
        let descriptor = BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false };
        self.device.guarded(size, || self.device.wgpu().create_buffer(&descriptor))
    }

    /// Guards are left out, so that the count is that of a release build.
    fn count(&mut self, bytes: u64) {
        self.counters.allocations += 1;
        self.counters.allocated_bytes += bytes;
    }
}

fn guard_bytes() -> u64 {
    4 * GUARD.len() as u64
}

impl Tensor {
    /// All its elements.
    pub fn span(&self) -> Span<'_> {
        Span { buffer: &self.buffer, first: 0, words: self.words }
    }

    fn guard(&self) -> Span<'_> {
        Span { buffer: &self.buffer, first: self.words.max(1), words: GUARD.len() }
    }

    /// Fills it with NaN patterns.
    pub fn poison(&self, queue: &wgpu::Queue) {
        let pattern = vec![f32::NAN.to_bits(); self.words.min(PIECE)];
        for first in (0..self.words).step_by(PIECE) {
            let words = (self.words - first).min(PIECE);
            queue.write_buffer(&self.buffer, 4 * first as u64, bytemuck::cast_slice(&pattern[..words]));
        }
    }
}

/// The first of `tensors` whose guard was written over.
pub(super) fn overrun(device: &GpuDevice, tensors: &[&Tensor]) -> Result<Option<usize>, EngineError> {
    if GUARD.is_empty() {
        return Ok(None);
    }
    let guards = tensors.iter().map(|tensor| tensor.guard()).collect::<Vec<_>>();
    let words = device.staging().read(device, &guards)?;
    Ok(words.chunks(GUARD.len()).position(|words| words != GUARD))
}
