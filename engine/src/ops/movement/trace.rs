//! The methods that trace movements.

use std::ops::Range;
use std::panic::Location;

use super::{Axis, Concatenate, Gather, Movement, Scatter};
use crate::error::EngineError;
use crate::graph::Value;
use crate::shape::Shape;

impl<'g> Value<'g> {
    /// Exchanges axes: axis i of the result is axis `axes[i]` of this.
    #[track_caller]
    pub fn transpose(self, axes: &[usize]) -> Value<'g> {
        self.moved("transpose", |shape| {
            let whole = |&axis: &usize| Some(Axis::whole(axis, *shape.get(axis)?));
            axes.iter().map(whole).collect::<Option<_>>().ok_or("there are not so many axes".into())
        })
    }

    /// Positions `range` along `axis`.
    #[track_caller]
    pub fn slice(self, axis: usize, range: Range<usize>) -> Value<'g> {
        self.slice_by(axis, range, 1)
    }

    /// Every `step`-th position of `range` along `axis`, from its start on.
    #[track_caller]
    pub fn slice_by(self, axis: usize, range: Range<usize>, step: usize) -> Value<'g> {
        self.moved_axis("slice", axis, |size| {
            if range.start > range.end || range.end > size {
                return Err(format!("axis {axis} has no positions {}..{}", range.start, range.end));
            }
            if step == 0 {
                return Err("a step of zero never ends".into());
            }
            let size = range.len().div_ceil(step);
            Ok(Axis { size, start: range.start as i64, step: step as i64, ..Axis::whole(axis, 0) })
        })
    }

    /// Puts `(before, after)` positions of zeros around each axis.
    #[track_caller]
    pub fn pad(self, widths: &[(usize, usize)]) -> Value<'g> {
        self.pad_with(widths, 0.0)
    }

    /// Puts `(before, after)` positions that hold `fill` around each axis; `u32` gets zeros.
    #[track_caller]
    pub fn pad_with(self, widths: &[(usize, usize)], fill: f32) -> Value<'g> {
        let pad = |shape: &Shape| {
            if widths.len() != shape.rank() {
                return Err(format!("it needs a width for each axis, not {}", widths.len()));
            }
            let padded = |(axis, &(before, after)): (usize, &(usize, usize))| Axis {
                size: before + shape[axis] + after,
                start: -(before as i64),
                ..Axis::whole(axis, 0)
            };
            Ok(widths.iter().enumerate().map(padded).collect())
        };
        self.moved_with("pad", fill, pad)
    }

    /// Reverses `axis`.
    #[track_caller]
    pub fn flip(self, axis: usize) -> Value<'g> {
        self.moved_axis("flip", axis, |size| {
            Ok(Axis { start: size as i64 - 1, step: -1, ..Axis::whole(axis, size) })
        })
    }

    /// Turns images `[n, h, w, c]` by `quarters` times 90 degrees, counter-clockwise (clockwise if
    /// negative): `torch.rot90` over height and width.
    #[track_caller]
    pub fn rotate90(self, quarters: i32) -> Value<'g> {
        self.moved("rotate90", |shape| {
            let &[n, h, w, c] = &shape[..] else { return Err("it turns images [n, h, w, c]".into()) };
            let forward = |axis, size| Axis::whole(axis, size);
            let backward = |axis, size| Axis { start: size as i64 - 1, step: -1, ..Axis::whole(axis, size) };
            let (rows, columns) = match quarters.rem_euclid(4) {
                0 => (forward(1, h), forward(2, w)),
                1 => (backward(2, w), forward(1, h)),
                2 => (backward(1, h), backward(2, w)),
                _ => (forward(2, w), backward(1, h)),
            };
            Ok(vec![forward(0, n), rows, columns, forward(3, c)])
        })
    }

    /// Joins tensors along `axis`; their other axes are equal.
    ///
    /// # Panics
    /// If there are none: a mistake in the program, not in its data.
    #[track_caller]
    pub fn concatenate(values: &[Value<'g>], axis: usize) -> Value<'g> {
        let graph = values.first().expect("it takes at least one operand").graph;
        graph.apply(Concatenate { axis }, values)
    }

    /// Rows of this tensor by number: `[rows, ...]` and `index`, `u32 [m]`, give `[m, ...]`. A number
    /// past the last row gives zeros.
    #[track_caller]
    pub fn gather(self, index: Value<'g>) -> Value<'g> {
        self.graph.apply(Gather, &[self, index])
    }

    /// Adds row i of this tensor `[m, ...]` to row `index[i]` of a tensor of `rows` rows of zeros.
    #[track_caller]
    pub fn scatter(self, index: Value<'g>, rows: usize) -> Value<'g> {
        self.graph.apply(Scatter { rows }, &[self, index])
    }

    /// A move of one axis only.
    #[track_caller]
    fn moved_axis(
        self,
        name: &'static str,
        axis: usize,
        change: impl FnOnce(usize) -> Result<Axis, String>,
    ) -> Value<'g> {
        self.moved(name, |shape| {
            let size = *shape.get(axis).ok_or_else(|| format!("there is no axis {axis}"))?;
            let mut axes: Vec<Axis> = (0..shape.rank()).map(|axis| Axis::whole(axis, shape[axis])).collect();
            axes[axis] = change(size)?;
            Ok(axes)
        })
    }

    #[track_caller]
    fn moved(self, name: &'static str, axes: impl FnOnce(&Shape) -> Result<Vec<Axis>, String>) -> Value<'g> {
        self.moved_with(name, 0.0, axes)
    }

    #[track_caller]
    fn moved_with(
        self,
        name: &'static str,
        fill: f32,
        axes: impl FnOnce(&Shape) -> Result<Vec<Axis>, String>,
    ) -> Value<'g> {
        match axes(&self.shape()) {
            Ok(axes) => self.graph.apply(Movement { name, axes, fill }, &[self]),
            Err(message) => {
                let (inputs, location) = (vec![self.ty()], Location::caller());
                self.graph.fail(EngineError::Operands { op: name, inputs, message, location });
                self
            }
        }
    }
}
