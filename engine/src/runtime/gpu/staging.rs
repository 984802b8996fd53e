//! The way back to the host: one mapped buffer per device, reused.

use std::sync::Mutex;

use wgpu::{Buffer, BufferDescriptor, BufferUsages, CommandEncoderDescriptor, MapMode};

use super::device::{GpuDevice, PATIENCE, lock};
use crate::error::EngineError;

/// More than this comes back in pieces.
const BYTES: u64 = 4 << 20;

/// A buffer that the host can map. It belongs to the device, not to a program.
#[derive(Default)]
pub(super) struct Staging {
    buffer: Mutex<Option<Buffer>>,
}

/// Words of a buffer, from `first` on.
pub(super) struct Span<'a> {
    pub buffer: &'a Buffer,
    pub first: usize,
    pub words: usize,
}

impl Staging {
    /// Copies `spans` to the host, one after another, after all work submitted so far.
    pub fn read(&self, device: &GpuDevice, spans: &[Span]) -> Result<Vec<u32>, EngineError> {
        let mut slot = lock(&self.buffer);
        let staging = match slot.take() {
            Some(buffer) => buffer,
            None => make(device)?,
        };
        let mut result = Vec::with_capacity(spans.iter().map(|span| span.words).sum());
        for batch in batches(spans, BYTES as usize / 4) {
            read_batch(device, &batch, &staging, &mut result)?;
        }
        // After an error the buffer may still be mapped, so that only a good one is kept.
        *slot = Some(staging);
        Ok(result)
    }
}

/// Cuts `spans` into batches of at most `room` words.
fn batches<'a>(spans: &[Span<'a>], room: usize) -> Vec<Vec<Span<'a>>> {
    let mut batches: Vec<Vec<Span>> = Vec::new();
    let mut left = 0;
    for span in spans {
        let (mut first, end) = (span.first, span.first + span.words);
        while first < end {
            if left == 0 {
                batches.push(Vec::new());
                left = room;
            }
            let words = left.min(end - first);
            let piece = Span { buffer: span.buffer, first, words };
            batches.last_mut().expect("pushed above").push(piece);
            first += words;
            left -= words;
        }
    }
    batches
}

fn make(device: &GpuDevice) -> Result<Buffer, EngineError> {
    let descriptor = BufferDescriptor {
        label: Some("staging"),
        size: BYTES,
        usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
        mapped_at_creation: false,
    };
    device.guarded(BYTES, || device.wgpu().create_buffer(&descriptor))
}

fn read_batch(
    device: &GpuDevice,
    batch: &[Span],
    staging: &Buffer,
    result: &mut Vec<u32>,
) -> Result<(), EngineError> {
    let (sender, mapped) = std::sync::mpsc::channel();
    let bytes = 4 * batch.iter().map(|span| span.words as u64).sum::<u64>();
    let submission = device.guarded(bytes, || {
        let mut encoder = device.wgpu().create_command_encoder(&CommandEncoderDescriptor::default());
        let mut offset = 0;
        for span in batch {
            let size = 4 * span.words as u64;
            encoder.copy_buffer_to_buffer(span.buffer, 4 * span.first as u64, staging, offset, size);
            offset += size;
        }
        let submission = device.queue().submit([encoder.finish()]);
        staging.slice(..bytes).map_async(MapMode::Read, move |outcome| {
            // The receiver is gone only if waiting failed already.
            let _ = sender.send(outcome);
        });
        submission
    })?;
    device.wait(submission)?;
    let failed = |message: String| EngineError::Gpu(format!("reading back failed: {message}"));
    // Another thread that polls the device may be the one to bring the news, a little later.
    let outcome = mapped.recv_timeout(PATIENCE).map_err(|error| failed(error.to_string()))?;
    outcome.map_err(|error| failed(error.to_string()))?;
    let view = staging.slice(..bytes).get_mapped_range().map_err(|error| failed(error.to_string()))?;
    let start = result.len();
    result.resize(start + bytes as usize / 4, 0);
    bytemuck::cast_slice_mut(&mut result[start..]).copy_from_slice(&view);
    drop(view);
    staging.unmap();
    Ok(())
}
