//! Two moves in a row as one.

use super::{Axis, Movement};
use crate::shape::Shape;

impl Movement {
    /// This move of what `inner` makes, as one move of the operand of that one, whose shape is `operand`. None where no
    /// move is both.
    pub fn after(&self, inner: &Movement, operand: &Shape) -> Option<Movement> {
        let has_gaps = |axis: &Axis| axis.has_gaps(operand[axis.source]);
        if self.fill != inner.fill && inner.axes.iter().any(has_gaps) {
            return None;
        }
        let both = |axis: &Axis| {
            let inner = &inner.axes[axis.source];
            axis.after(inner, operand[inner.source])
        };
        let axes = self.axes.iter().map(both).collect::<Option<_>>()?;
        Some(Movement { name: "move", axes, fill: self.fill })
    }
}

impl Axis {
    /// Whether there are positions that read nothing of an axis of that many.
    fn has_gaps(&self, limit: usize) -> bool {
        (0..self.size).any(|i| self.position(i, limit).is_none())
    }

    /// This axis over `inner`, which is over an operand's axis of `limit` positions:
    /// (start + (start' + i step') / dilation' step) / dilation, where what `inner` leaves out does not come back.
    fn after(&self, inner: &Axis, limit: usize) -> Option<Axis> {
        let start = inner.start * self.dilation + self.start * inner.step;
        let (step, dilation) = (inner.step * self.step, inner.dilation * self.dilation);
        let common = greatest_common_divisor(dilation, greatest_common_divisor(start, step));
        let both = Axis {
            source: inner.source,
            size: self.size,
            start: start / common,
            step: step / common,
            dilation: dilation / common,
        };
        let reads_alike = |i| {
            let in_turn = self.position(i, inner.size).and_then(|between| inner.position(between, limit));
            both.position(i, limit) == in_turn
        };
        (0..self.size).all(reads_alike).then_some(both)
    }
}

/// Not negative, and 0 only for zeros.
fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a.abs() } else { greatest_common_divisor(b, a % b) }
}
