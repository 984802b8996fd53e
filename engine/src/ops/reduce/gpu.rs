//! GPU kernels: one launch, or two where few results come from many elements.

use super::{Extent, Kind, Reduce};
use crate::runtime::gpu::{Binding, Launch, Lowered, Stored};

const WORKGROUP: usize = 64;
/// Longest run of elements that one invocation combines; also keeps rounding errors small.
const PART: usize = 256;

pub(super) fn lower(reduce: &Reduce, extent: Extent, stored: Stored) -> Lowered {
    let results = extent.outer * extent.inner;
    if reduce.kind == Kind::Argmax {
        let source = include_str!("../../../../shaders/reduce/argmax.wgsl");
        let params = vec![results as u32, extent.count as u32, extent.inner as u32];
        let bindings = vec![Binding::read_input(0), Binding::write_output()];
        return Lowered::single(launch(source.into(), bindings, params, results));
    }
    let source = stage(reduce.kind, stored);
    // Sizes of a stage: results, elements of each, elements of each part, parts, inner.
    let params = |count: usize, parts: usize| {
        let part = count.div_ceil(parts.max(1));
        [results * parts, count, part, parts, extent.inner].map(|size| size as u32).to_vec()
    };
    let parts = extent.count.div_ceil(PART);
    if parts <= 1 {
        let bindings = vec![Binding::read_input(0), Binding::write_output()];
        return Lowered::single(launch(source, bindings, params(extent.count, 1), results));
    }
    let first = vec![Binding::read_input(0), Binding::write_scratch(0)];
    let second = vec![Binding::read_scratch(0), Binding::write_output()];
    Lowered {
        scratch: vec![results * parts],
        launches: vec![
            launch(source, first, params(extent.count, parts), results * parts),
            launch(stage(reduce.kind, Stored::Single), second, params(parts, 1), results),
        ],
    }
}

/// Ends an operation with the launch that makes its `length` results, or, where their sums are split, that makes a slab of
/// sums for each of the parts and another that adds them in their order. `launch` writes to the given binding.
pub(crate) fn end_in_parts(
    mut lowered: Lowered,
    parts: usize,
    length: usize,
    launch: impl FnOnce(Binding) -> Launch,
) -> Lowered {
    if parts == 1 {
        lowered.launches.push(launch(Binding::write_output()));
    } else {
        let slabs = lowered.scratch.len();
        let (from, to) = (Binding::read_scratch(slabs), Binding::write_output());
        lowered.scratch.push(parts * length);
        lowered.launches.push(launch(Binding::write_scratch(slabs)));
        lowered.launches.push(sum_slabs(parts, length, from, to));
    }
    lowered
}

/// Adds `slabs` runs of `length` numbers that lie one behind another in `from`, in their order.
fn sum_slabs(slabs: usize, length: usize, from: Binding, to: Binding) -> Launch {
    let params = [length, slabs, slabs, 1, length].map(|size| size as u32).to_vec();
    launch(stage(Kind::Sum, Stored::Single), vec![from, to], params, length)
}

/// The shader of one stage of a sum or a maximum of what is `stored` so.
fn stage(kind: Kind, stored: Stored) -> String {
    let template = include_str!("../../../../shaders/reduce/reduce.wgsl");
    let (neutral, combine) = match kind {
        Kind::Sum => ("0.0", "a + b"),
        _ => ("-3.40282347e+38", "max(a, b)"),
    };
    template.replace("NEUTRAL", neutral).replace("COMBINE", combine).replace("ELEMENT", stored.scalar())
}

fn launch(source: String, bindings: Vec<Binding>, params: Vec<u32>, invocations: usize) -> Launch {
    let workgroups = invocations.div_ceil(WORKGROUP);
    Launch { label: "reduce", source: source.into(), bindings, params, workgroups }
}
