//! GPU kernels: partial results of chunks of rows, then one merge for each channel.

use std::borrow::Cow;

use super::Extent;
use crate::ops::Signature;
use crate::runtime::gpu::{Abilities, Binding, Launch, Lowered, Slot, Stored, Variant, Vectors};

const WORKGROUP: usize = 64;
const LANES: usize = 8;
/// Fewer words are not worth another shader.
const FEWEST: usize = 4096;

/// A reduction over rows in two stages.
pub(super) struct Reduction {
    label: &'static str,
    /// First stage.
    chunk: &'static str,
    /// First stage for software drivers whose subgroups are 8 lanes.
    lanes: &'static str,
    /// The operands that the first stage reads, as shaders name them. All but statistics are rows.
    operands: &'static [&'static str],
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
        operands: &["x"],
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
        operands: &["x", "dy", "statistics"],
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
    /// On any adapter. The first operand is x.
    pub fn lower(&self, signature: &Signature) -> Lowered {
        let extent = Extent::new(&signature.inputs[0].shape);
        let chunks = extent.rows.div_ceil(chunk_rows(extent));
        let operands = (0..self.operands.len()).map(Binding::read_input);
        let bindings = operands.chain([Binding::write_scratch(0)]).collect();
        let x = Stored::of(signature.inputs[0].dtype);
        let chunk = self.chunk.replace("ELEMENT", x.scalar());
        self.stages(extent, chunk.into(), bindings, (chunks * extent.channels).div_ceil(WORKGROUP))
    }

    /// All ways to run it, the likely best first.
    pub fn variants(&self, signature: &Signature, abilities: &Abilities) -> Vec<Variant> {
        let lanes = abilities.lanes(|| self.lanes(Extent::new(&signature.inputs[0].shape), abilities));
        Variant::all(lanes, vec![], self.lower(signature), abilities)
    }

    /// For software drivers whose subgroups are 8 lanes, unless there is little to do or channels are no vectors of
    /// four.
    fn lanes(&self, extent: Extent, abilities: &Abilities) -> Option<Lowered> {
        let Extent { rows, channels } = extent;
        if rows * channels < FEWEST || !channels.is_multiple_of(4) {
            return None;
        }
        let seen = |(index, &name): (usize, &&'static str)| match name {
            "statistics" => (name, Vectors::uniform_if_small(Slot::Input(index), 2 * channels, abilities)),
            _ => (name, Vectors::input(index, abilities)),
        };
        let mut buffers: Vec<(&str, Vectors)> = self.operands.iter().enumerate().map(seen).collect();
        buffers.push(("parts", Vectors::scratch(0, abilities)));
        let numbered = buffers.iter().zip(1..);
        let declared: String =
            numbered.map(|((name, buffer), number)| buffer.declare(name, number)).collect();
        let source = self.lanes.replace("//BINDINGS", &declared);
        let bindings = buffers.iter().map(|(_, buffer)| buffer.binding()).collect();
        let vectors = rows.div_ceil(chunk_rows(extent)) * channels / 4;
        Some(self.stages(extent, source.into(), bindings, vectors.div_ceil(LANES)))
    }

    /// Both stages, the first of them by that shader.
    fn stages(
        &self,
        extent: Extent,
        source: Cow<'static, str>,
        bindings: Vec<Binding>,
        workgroups: usize,
    ) -> Lowered {
        let Extent { rows, channels } = extent;
        let (size, chunks) = (chunk_rows(extent), rows.div_ceil(chunk_rows(extent)));
        let sizes = [rows, channels, size, chunks].map(|size| size as u32);
        let launch = |source, bindings, workgroups| Launch {
            label: self.label,
            source,
            bindings,
            params: sizes.into_iter().chain([self.epsilon.to_bits()]).collect(),
            workgroups,
        };
        let first = launch(source, bindings, workgroups);
        let second = launch(self.merge.into(), self.merged.clone(), channels.div_ceil(WORKGROUP));
        Lowered { scratch: vec![chunks * 2 * channels], launches: vec![first, second] }
    }
}
