//! GPU kernels: partial results of chunks of rows, then one merge for each channel.

use super::Extent;
use crate::runtime::gpu::{Binding, Launch, Lowered};

const WORKGROUP: usize = 64;

/// Rows of a chunk. The square root balances the two launches, and keeps both sums short.
fn chunk_rows(extent: Extent) -> usize {
    extent.rows.isqrt().max(32)
}

pub(super) fn statistics(extent: Extent) -> Lowered {
    lower(
        extent,
        "batch_norm_statistics",
        include_str!("../../../../shaders/batch_norm/chunk_statistics.wgsl"),
        vec![Binding::read_input(0), Binding::write_scratch(0)],
        include_str!("../../../../shaders/batch_norm/merge_statistics.wgsl"),
        vec![Binding::read_scratch(0), Binding::write_output()],
        0.0,
    )
}

pub(super) fn gradient_sums(epsilon: f32, extent: Extent) -> Lowered {
    lower(
        extent,
        "batch_norm_gradient_sums",
        include_str!("../../../../shaders/batch_norm/chunk_gradient_sums.wgsl"),
        vec![
            Binding::read_input(0),
            Binding::read_input(1),
            Binding::read_input(2),
            Binding::write_scratch(0),
        ],
        include_str!("../../../../shaders/batch_norm/merge_gradient_sums.wgsl"),
        vec![Binding::read_scratch(0), Binding::read_input(2), Binding::write_output()],
        epsilon,
    )
}

fn lower(
    extent: Extent,
    label: &'static str,
    chunk: &'static str,
    chunk_bindings: Vec<Binding>,
    merge: &'static str,
    merge_bindings: Vec<Binding>,
    epsilon: f32,
) -> Lowered {
    let Extent { rows, channels } = extent;
    let size = chunk_rows(extent);
    let chunks = rows.div_ceil(size);
    let params = vec![rows as u32, channels as u32, size as u32, chunks as u32, epsilon.to_bits()];
    let launch = |source: &'static str, bindings, invocations: usize| Launch {
        label,
        source: source.into(),
        bindings,
        params: params.clone(),
        workgroups: invocations.div_ceil(WORKGROUP),
    };
    Lowered {
        scratch: vec![chunks * 2 * channels],
        launches: vec![
            launch(chunk, chunk_bindings, chunks * channels),
            launch(merge, merge_bindings, channels),
        ],
    }
}
