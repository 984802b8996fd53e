//! Windows over images, and which windows cover a pixel.

use std::ops::Range;

use crate::shape::{DType, Pair, Shape, Type};

/// A window and how it slides over an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Its size.
    pub kernel: Pair,
    /// Pixels from one window to the next.
    pub stride: Pair,
    /// Pixels outside the image, on either side, that windows may reach; at most half the kernel.
    pub padding: Pair,
}

/// One axis, rows or columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    pub input: usize,
    pub output: usize,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
}

impl Axis {
    fn new(input: usize, kernel: usize, stride: usize, padding: usize) -> Result<Self, String> {
        if kernel == 0 || stride == 0 {
            return Err("kernel and stride must be at least 1".into());
        }
        if padding > kernel / 2 {
            return Err(format!("the padding {padding} is more than half of the kernel {kernel}"));
        }
        let padded = padding.checked_mul(2).and_then(|both| both.checked_add(input));
        match padded.and_then(|padded| padded.checked_sub(kernel)) {
            Some(room) if input > 0 => Ok(Axis { input, output: room / stride + 1, kernel, stride, padding }),
            _ => Err(format!("a window of {kernel} does not fit {input} pixels padded by {padding}")),
        }
    }

    /// The part of window `output` that lies in the image: its taps (positions within the window), and
    /// the pixel of the first.
    pub fn taps(&self, output: usize) -> (Range<usize>, usize) {
        let start = output * self.stride;
        let first = self.padding.saturating_sub(start);
        let end = self.kernel.min(self.input + self.padding - start);
        (first..end, start + first - self.padding)
    }

    /// The windows that cover pixel `input`.
    pub fn windows(&self, input: usize) -> Range<usize> {
        let position = input + self.padding;
        let first = (position + 1).saturating_sub(self.kernel).div_ceil(self.stride);
        first..self.output.min(position / self.stride + 1)
    }

    /// Which tap of window `output` pixel `input` is.
    pub fn tap(&self, input: usize, output: usize) -> usize {
        input + self.padding - output * self.stride
    }
}

/// Sizes of a pooling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Geometry {
    pub n: usize,
    pub rows: Axis,
    pub columns: Axis,
    pub channels: usize,
}

impl Geometry {
    /// The pooling of an input of type `input`, or why there is none.
    pub fn of_input(window: Window, input: &Type) -> Result<Self, String> {
        let &[n, height, width, channels] = &input.shape[..] else {
            return Err("it pools images of four axes".into());
        };
        if input.dtype != DType::F32 {
            return Err("it computes with f32 only".into());
        }
        let Window { kernel, stride, padding } = window;
        Ok(Geometry {
            n,
            rows: Axis::new(height, kernel.rows, stride.rows, padding.rows)?,
            columns: Axis::new(width, kernel.columns, stride.columns, padding.columns)?,
            channels,
        })
    }

    /// The pooling of an input of these rows and columns whose output is of type `output`, or why there is none.
    pub fn of_output(window: Window, input: Pair, output: &Type) -> Result<Self, String> {
        let &[n, _, _, channels] = &output.shape[..] else {
            return Err("it pools images of four axes".into());
        };
        let g = Self::of_input(window, &Type::f32([n, input.rows, input.columns, channels]))?;
        g.expect_output(output, DType::F32)?;
        Ok(g)
    }

    /// The pooling between types that `infer` has accepted.
    pub fn new(window: Window, input: &Type, output: &Type) -> Self {
        let axis = |axis: usize, kernel, stride, padding| Axis {
            input: input.shape[axis],
            output: output.shape[axis],
            kernel,
            stride,
            padding,
        };
        let Window { kernel, stride, padding } = window;
        Geometry {
            n: input.shape[0],
            rows: axis(1, kernel.rows, stride.rows, padding.rows),
            columns: axis(2, kernel.columns, stride.columns, padding.columns),
            channels: input.shape[3],
        }
    }

    pub fn expect_output(&self, given: &Type, dtype: DType) -> Result<(), String> {
        let shape = Shape::from(self.output_shape());
        let expected = Type { shape, dtype };
        if *given == expected { Ok(()) } else { Err(format!("the output of that pooling is {expected}")) }
    }

    pub fn input_shape(&self) -> [usize; 4] {
        [self.n, self.rows.input, self.columns.input, self.channels]
    }

    pub fn output_shape(&self) -> [usize; 4] {
        [self.n, self.rows.output, self.columns.output, self.channels]
    }

    /// Elements of a window, those in the padding included.
    pub fn window_len(&self) -> usize {
        self.rows.kernel * self.columns.kernel
    }
}
