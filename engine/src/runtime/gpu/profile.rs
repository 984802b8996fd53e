//! How long each launch of a program takes, by the device's own clock.

use wgpu::{
    BufferDescriptor, BufferUsages, CommandEncoderDescriptor, QUERY_SET_MAX_QUERIES, QuerySetDescriptor,
    QueryType,
};

use super::device::GpuDevice;
use super::program::Program;
use super::staging::Span;
use crate::error::EngineError;

/// Runs `program` once, after its preparation if asked, and tells the seconds that each of its dispatches took.
///
/// # Errors
/// The adapter has no clock that can be read within a pass, or what the device reports.
pub(super) fn seconds(device: &GpuDevice, program: &Program, prepare: bool) -> Result<Vec<f64>, EngineError> {
    if !device.report().timestamps {
        return Err(EngineError::Gpu(format!("{} cannot time launches", device.report().name)));
    }
    let piece = QUERY_SET_MAX_QUERIES as usize - 1;
    let dispatches = program.dispatches(prepare);
    let mut seconds = Vec::with_capacity(dispatches.len());
    for first in dispatches.clone().step_by(piece) {
        let range = first..dispatches.end.min(first + piece);
        let ticks = boundaries(device, program, range)?;
        let period = f64::from(device.queue().get_timestamp_period()) * 1e-9;
        seconds.extend(ticks.windows(2).map(|pair| pair[1].saturating_sub(pair[0]) as f64 * period));
    }
    Ok(seconds)
}

/// Ticks before each dispatch of the range and after the last.
fn boundaries(
    device: &GpuDevice,
    program: &Program,
    range: std::ops::Range<usize>,
) -> Result<Vec<u64>, EngineError> {
    let count = range.len() as u32 + 1;
    let size = u64::from(count) * 8;
    let last = range.end == program.dispatches(true).end;
    let resolved = device.guarded(size, || {
        let label = Some("timestamps");
        let queries = QuerySetDescriptor { label, ty: QueryType::Timestamp, count };
        let queries = device.wgpu().create_query_set(&queries);
        let usage = BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC;
        let resolved = BufferDescriptor { label, size, usage, mapped_at_creation: false };
        let resolved = device.wgpu().create_buffer(&resolved);
        let mut encoder = device.wgpu().create_command_encoder(&CommandEncoderDescriptor { label });
        program.encode(range, &mut encoder, |pass, number| pass.write_timestamp(&queries, number));
        if last {
            program.encode_assigns(&mut encoder);
        }
        encoder.resolve_query_set(&queries, 0..count, &resolved, 0);
        device.queue().submit([encoder.finish()]);
        resolved
    })?;
    let words =
        device.staging().read(device, &[Span { buffer: &resolved, first: 0, words: 2 * count as usize }])?;
    Ok(words.chunks_exact(2).map(|half| u64::from(half[0]) | u64::from(half[1]) << 32).collect())
}
