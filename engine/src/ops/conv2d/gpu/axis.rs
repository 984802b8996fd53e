//! How the passes that make pixels walk along an axis.

/// An axis of a correlation. For grid position g of phase f (below `step`) and tap number t:
///
/// ```text
/// destination g * step + f + destination_offset
/// source      g * source_step + source_offset + t * direction
/// tap         f + t * step
/// ```
///
/// Forward, the destination is the output and there is one phase. For the input gradient it is the input, of
/// whose pixels those of a phase meet the same taps; the direction is -1.
pub struct Axis {
    /// Grid positions of a phase.
    pub grid: usize,
    /// Destinations from one grid position to the next, and phases.
    pub step: usize,
    /// Sources from one grid position to the next.
    pub source_step: usize,
    /// Source of the first tap at the first position.
    pub source_offset: isize,
    /// Destination of the first position.
    pub destination_offset: isize,
}

impl Axis {
    /// The axis of the forward pass that makes so many outputs.
    pub fn forward(output: usize, stride: usize, pad: usize) -> Self {
        let source_offset = -(pad as isize);
        Axis { grid: output, step: 1, source_step: stride, source_offset, destination_offset: 0 }
    }

    /// The axis of the gradient of so many inputs.
    pub fn input_gradient(input: usize, stride: usize, pad: usize) -> Self {
        let first = pad / stride;
        Axis {
            grid: (input + pad - 1) / stride - first + 1,
            step: stride,
            source_step: 1,
            source_offset: first as isize,
            destination_offset: (first * stride) as isize - pad as isize,
        }
    }
}
