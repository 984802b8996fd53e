//! The sizes of a two-dimensional convolution, shared by the shape rule and by every kernel.

/// Sizes of a two-dimensional convolution (cross-correlation, as every deep-learning library means it).
///
/// The input is `[n, height, width, in_channels]`, the weights `[kernel_h, kernel_w, in_channels,
/// out_channels]` and the output `[n, out_height(), out_width(), out_channels]`, all row-major:
///
/// ```text
/// y[n, p, q, k] = sum over r, s, c of x[n, p * stride_h + r - pad_h, q * stride_w + s - pad_w, c] * w[r, s, c, k]
/// ```
///
/// Positions of `x` outside the image count as zero. A transposed convolution is the input gradient
/// of the geometry whose *input* is what the transposed convolution produces, so an output padding is
/// said by a larger `height` and `width`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Images in the batch.
    pub n: usize,
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Rows of the kernel.
    pub kernel_h: usize,
    /// Columns of the kernel.
    pub kernel_w: usize,
    /// Input rows from one output row to the next.
    pub stride_h: usize,
    /// Input columns from one output column to the next.
    pub stride_w: usize,
    /// Rows of zeros above, and as many below, the input.
    pub pad_h: usize,
    /// Columns of zeros left, and as many right, of the input.
    pub pad_w: usize,
    /// Channels of the output.
    pub out_channels: usize,
}

impl Geometry {
    /// Rows of the output. Meaningful for a geometry that [`validate`](Self::validate)s.
    pub fn out_height(&self) -> usize {
        output_length(self.height, self.kernel_h, self.stride_h, self.pad_h)
    }

    /// Columns of the output. Meaningful for a geometry that [`validate`](Self::validate)s.
    pub fn out_width(&self) -> usize {
        output_length(self.width, self.kernel_w, self.stride_w, self.pad_w)
    }

    /// `[n, height, width, in_channels]`.
    pub fn input_shape(&self) -> [usize; 4] {
        [self.n, self.height, self.width, self.in_channels]
    }

    /// `[kernel_h, kernel_w, in_channels, out_channels]`.
    pub fn weight_shape(&self) -> [usize; 4] {
        [self.kernel_h, self.kernel_w, self.in_channels, self.out_channels]
    }

    /// `[n, out_height, out_width, out_channels]`.
    pub fn output_shape(&self) -> [usize; 4] {
        [self.n, self.out_height(), self.out_width(), self.out_channels]
    }

    /// Elements of the input.
    pub fn input_len(&self) -> usize {
        self.input_shape().iter().product()
    }

    /// Elements of the weights.
    pub fn weight_len(&self) -> usize {
        self.weight_shape().iter().product()
    }

    /// Elements of the output.
    pub fn output_len(&self) -> usize {
        self.output_shape().iter().product()
    }

    /// Floating-point operations of the forward pass, and of either gradient, a multiplication and an
    /// addition counted as two; taps that fall into the padding are counted too.
    pub fn flops(&self) -> u64 {
        2 * self.output_len() as u64 * (self.kernel_h * self.kernel_w * self.in_channels) as u64
    }

    /// Checks that every size is positive, that the kernel fits into the padded input, and that no
    /// element count overflows.
    ///
    /// # Errors
    ///
    /// A sentence that names the size at fault.
    pub fn validate(&self) -> Result<(), String> {
        let positive = [
            ("batch", self.n),
            ("input height", self.height),
            ("input width", self.width),
            ("input channels", self.in_channels),
            ("kernel height", self.kernel_h),
            ("kernel width", self.kernel_w),
            ("vertical stride", self.stride_h),
            ("horizontal stride", self.stride_w),
            ("output channels", self.out_channels),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, size)| *size == 0) {
            return Err(format!("the {name} of a convolution must be at least 1"));
        }
        for (axis, length, pad, kernel) in [
            ("height", self.height, self.pad_h, self.kernel_h),
            ("width", self.width, self.pad_w, self.kernel_w),
        ] {
            let padded = pad.checked_mul(2).and_then(|pads| pads.checked_add(length));
            let padded =
                padded.ok_or_else(|| format!("the padded {axis} {length} + 2 * {pad} is too large"))?;
            if kernel > padded {
                return Err(format!(
                    "a kernel of {axis} {kernel} does not fit into an input of {axis} {length} padded by {pad} on both sides"
                ));
            }
        }
        // Kernels copy a zero-padded window of the input or of the output, so that must be countable too.
        let padded = [self.n, self.height + 2 * self.pad_h, self.width + 2 * self.pad_w, self.in_channels];
        for (name, shape) in [
            ("input", self.input_shape()),
            ("padded input", padded),
            ("weights", self.weight_shape()),
            ("output", self.output_shape()),
        ] {
            let bytes = shape.iter().try_fold(size_of::<f32>(), |product, &size| product.checked_mul(size));
            if bytes.is_none_or(|bytes| bytes > isize::MAX as usize) {
                return Err(format!("the {name} {shape:?} of a convolution is too large to address"));
            }
        }
        Ok(())
    }
}

fn output_length(length: usize, kernel: usize, stride: usize, pad: usize) -> usize {
    (length + 2 * pad - kernel) / stride + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stem() -> Geometry {
        Geometry {
            n: 2,
            height: 32,
            width: 31,
            in_channels: 3,
            kernel_h: 3,
            kernel_w: 5,
            stride_h: 2,
            stride_w: 3,
            pad_h: 1,
            pad_w: 0,
            out_channels: 16,
        }
    }

    #[test]
    fn output_counts_whole_steps_of_the_kernel_inside_the_padded_input() {
        // Rows start at -1, 1, .., 29; columns at 0, 3, .., 24, and 27 + 5 would pass the edge at 31.
        assert_eq!(stem().output_shape(), [2, 16, 9, 16]);
        assert_eq!(stem().validate(), Ok(()));
        assert_eq!(stem().flops(), 2 * (2 * 16 * 9 * 16) * (3 * 5 * 3));
    }

    #[test]
    fn impossible_sizes_are_named() {
        let message = |g: Geometry| g.validate().expect_err("an impossible geometry");
        assert!(message(Geometry { stride_w: 0, ..stem() }).contains("horizontal stride"));
        assert!(message(Geometry { in_channels: 0, ..stem() }).contains("input channels"));
        assert!(message(Geometry { kernel_h: 35, ..stem() }).contains("height 35"));
        assert!(Geometry { kernel_h: 34, ..stem() }.validate().is_ok());
        assert!(message(Geometry { pad_w: usize::MAX, ..stem() }).contains("width"));
        assert!(message(Geometry { n: usize::MAX / 8, ..stem() }).contains("too large"));
        assert!(message(Geometry { in_channels: usize::MAX / 64, n: 1, ..stem() }).contains("too large"));
    }
}
