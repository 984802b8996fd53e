//! What kernels share that work on one row at a time.

use crate::runtime::gpu::{Binding, Launch};
use crate::shape::Shape;

const WORKGROUP: usize = 64;
/// Shortest row that a whole workgroup shares; for shorter ones the barriers cost more than they save.
const LONG: usize = 128;
/// Elements that make a CPU task worth its while.
const TASK: usize = 4096;

/// A tensor as rows along its last axis.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows {
    /// How many there are.
    pub count: usize,
    /// Elements of each.
    pub length: usize,
}

impl Rows {
    /// The rows of a tensor of this shape.
    pub fn new(shape: &Shape) -> Rows {
        let length = shape.last().copied().unwrap_or(1);
        Rows { count: shape.elements() / length.max(1), length }
    }

    /// Least rows of a CPU task.
    pub fn per_task(&self) -> usize {
        TASK.div_ceil(self.length.max(1))
    }

    /// A launch of `shader`, written with `LANES` invocations for each row and the reductions of
    /// `shaders/lib/rows.wgsl`: one invocation for a short row, a workgroup for a long one.
    /// The shader sees the number and length of the rows as its first two `params`.
    pub fn launch(&self, label: &'static str, shader: &str, bindings: Vec<Binding>, more: &[u32]) -> Launch {
        let (lanes, shared) = match self.length < LONG {
            true => (1, include_str!("../../../shaders/lib/rows_single.wgsl")),
            false => (WORKGROUP, include_str!("../../../shaders/lib/rows.wgsl")),
        };
        let mut params = vec![self.count as u32, self.length as u32];
        params.extend(more);
        Launch {
            label,
            source: format!("const LANES = {lanes}u;\n{shared}{shader}").into(),
            bindings,
            params,
            workgroups: (self.count * lanes).div_ceil(WORKGROUP),
        }
    }
}
