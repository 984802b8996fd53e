//! GPU kernels: partial results of chunks of rows, then one merge for each channel.

use super::Extent;
use crate::runtime::gpu::{
    Abilities, Binding, Launch, Lowered, MAX_WINDOW, Slot, Variant, WINDOW_STEP, Window, unroll,
};

const WORKGROUP: usize = 64;
const LANES: usize = 8;

/// A reduction over rows in two stages.
pub(super) struct Reduction {
    label: &'static str,
    /// First stage.
    chunk: &'static str,
    /// First stage for software drivers whose subgroups are 8 lanes, which read windows of uniform memory many times
    /// faster than storage.
    lanes: &'static str,
    /// Operands of that size of the whole, which the first stage reads.
    tensors: usize,
    /// Whether the first stage reads the statistics, too, the operand after those.
    statistics: bool,
    /// Second stage.
    merge: &'static str,
    /// What it binds.
    merged: Vec<Binding>,
    epsilon: f32,
}

pub(super) fn statistics() -> Reduction {
    Reduction {
        label: "batch_norm_statistics",
        chunk: include_str!("../../../../shaders/batch_norm/chunk_statistics.wgsl"),
        lanes: include_str!("../../../../shaders/batch_norm/lanes_statistics.wgsl"),
        tensors: 1,
        statistics: false,
        merge: include_str!("../../../../shaders/batch_norm/merge_statistics.wgsl"),
        merged: vec![Binding::read_scratch(0), Binding::write_output()],
        epsilon: 0.0,
    }
}

pub(super) fn gradient_sums(epsilon: f32) -> Reduction {
    Reduction {
        label: "batch_norm_gradient_sums",
        chunk: include_str!("../../../../shaders/batch_norm/chunk_gradient_sums.wgsl"),
        lanes: include_str!("../../../../shaders/batch_norm/lanes_gradient_sums.wgsl"),
        tensors: 2,
        statistics: true,
        merge: include_str!("../../../../shaders/batch_norm/merge_gradient_sums.wgsl"),
        merged: vec![Binding::read_scratch(0), Binding::read_input(2), Binding::write_output()],
        epsilon,
    }
}

/// Rows of a chunk. The square root balances the two stages, and keeps both sums short.
fn chunk_rows(extent: Extent) -> usize {
    extent.rows.isqrt().max(32)
}

impl Reduction {
    /// On any adapter.
    pub fn lower(&self, extent: Extent) -> Lowered {
        let size = chunk_rows(extent);
        let chunks = extent.rows.div_ceil(size);
        let operands = self.tensors + usize::from(self.statistics);
        let bindings = (0..operands).map(Binding::read_input).chain([Binding::write_scratch(0)]).collect();
        self.stages(
            extent,
            size,
            vec![self.launch(self.chunk, extent, size, bindings, chunks * extent.channels)],
        )
    }

    /// All ways to run it, the likely best first.
    pub fn variants(&self, extent: Extent, abilities: &Abilities) -> Vec<Variant> {
        let lanes = abilities.lanes(extent.rows * extent.channels, || self.lanes(extent));
        Variant::all(lanes, vec![], self.lower(extent), abilities)
    }

    /// For software drivers whose subgroups are 8 lanes, unless there is little to do or channels are so many that
    /// hardly a row fits into a window.
    fn lanes(&self, extent: Extent) -> Option<Lowered> {
        let Extent { rows, channels } = extent;
        let words = rows * channels;
        if words < MAX_WINDOW / 4 || channels > MAX_WINDOW / 16 {
            return None;
        }
        // Windows that begin between two steps reach less far.
        let fit = |capacity: usize| {
            let most = (capacity / channels).min(rows);
            let pieces = most.div_ceil(chunk_rows(extent)).next_power_of_two();
            (most / pieces, pieces)
        };
        let (size, pieces) = Some(fit(MAX_WINDOW))
            .filter(|(size, pieces)| (size * pieces * channels).is_multiple_of(WINDOW_STEP))
            .unwrap_or_else(|| fit(MAX_WINDOW - WINDOW_STEP + 1));
        let chunks = rows.div_ceil(size);
        let blocks = channels.div_ceil(LANES);
        let vectors = |window: Window| (window.words / 4).to_string();
        let of_statistics = Window::around(0, 2 * channels);
        let source = self.lanes.replace("S_VECTORS", &vectors(of_statistics));
        let source = unroll(&source.replace("VECTORS", &vectors(Window::around(0, words))));
        let launch = |first: usize| {
            let window = Window::around(first * size * channels, words);
            let mut bindings: Vec<Binding> =
                (0..self.tensors).map(|input| Binding::uniform(Slot::Input(input), window)).collect();
            bindings
                .extend(self.statistics.then(|| Binding::uniform(Slot::Input(self.tensors), of_statistics)));
            bindings.push(Binding::write_scratch(0));
            let these = pieces.min(chunks - first);
            let params = [rows, channels, size, these, first, window.first, blocks, 0];
            Launch {
                label: self.label,
                source: source.clone().into(),
                bindings,
                params: params.map(|word| word as u32).to_vec(),
                workgroups: these * blocks,
            }
        };
        Some(self.stages(extent, size, (0..chunks).step_by(pieces).map(launch).collect()))
    }

    /// Both stages, the first of them by those launches on chunks of `size` rows.
    fn stages(&self, extent: Extent, size: usize, mut launches: Vec<Launch>) -> Lowered {
        launches.push(self.launch(self.merge, extent, size, self.merged.clone(), extent.channels));
        Lowered { scratch: vec![extent.rows.div_ceil(size) * 2 * extent.channels], launches }
    }

    /// A launch with an invocation for each result.
    fn launch(
        &self,
        source: &'static str,
        Extent { rows, channels }: Extent,
        size: usize,
        bindings: Vec<Binding>,
        invocations: usize,
    ) -> Launch {
        let sizes = [rows, channels, size, rows.div_ceil(size)].map(|size| size as u32);
        Launch {
            label: self.label,
            source: source.into(),
            bindings,
            params: sizes.into_iter().chain([self.epsilon.to_bits()]).collect(),
            workgroups: invocations.div_ceil(WORKGROUP),
        }
    }
}
