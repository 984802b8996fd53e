//! Images at another size, whole or cropped: nearest and bilinear, with PyTorch's pixel centres
//! (`align_corners=False`) and without antialiasing.
//!
//! Linear in the image, so the gradient is the transposed map and its gradient the map again.

mod cpu;
mod gpu;
mod sampling;

use super::{Operation, Signature};
use crate::autodiff::Differentiated;
use crate::graph::Value;
use crate::runtime::cpu::Buffers;
use crate::runtime::gpu::Lowered;
use crate::shape::{DType, Shape, Type};

/// What is read between pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// The pixel that PyTorch's `nearest` picks: position ⌊i · size / count⌋.
    Nearest,
    /// The weighted mean of the four pixels around.
    Bilinear,
}

/// `x [n, h, w, c] -> [n, height, width, c]`, or `x` and `boxes [n, 4]` for a crop of each image.
#[derive(Clone, Debug, PartialEq)]
pub struct Resample {
    /// What is read between pixels.
    pub filter: Filter,
    /// Rows of the result.
    pub height: usize,
    /// Columns of the result.
    pub width: usize,
}

/// The transpose of [`Resample`]: `dy [n, p, q, c] -> [n, height, width, c]`, with the same boxes.
/// Every pixel gathers from the results that read it, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct ResampleGradient {
    /// What was read between pixels.
    pub filter: Filter,
    /// Rows of the image.
    pub height: usize,
    /// Columns of the image.
    pub width: usize,
}

/// Sizes of both sides.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    images: usize,
    channels: usize,
    /// Height and width of the image that is read.
    image: [usize; 2],
    /// Height and width of what is made of it.
    result: [usize; 2],
}

impl<'g> Value<'g> {
    /// Images `[n, h, w, c]` at the size `[n, height, width, c]`, each pixel the one that PyTorch's
    /// `interpolate(mode="nearest")` picks.
    #[track_caller]
    pub fn resize_nearest(self, height: usize, width: usize) -> Value<'g> {
        self.graph.apply(Resample { filter: Filter::Nearest, height, width }, &[self])
    }

    /// Images `[n, h, w, c]` at the size `[n, height, width, c]`, as PyTorch's
    /// `interpolate(mode="bilinear", align_corners=False)`.
    #[track_caller]
    pub fn resize_bilinear(self, height: usize, width: usize) -> Value<'g> {
        self.graph.apply(Resample { filter: Filter::Bilinear, height, width }, &[self])
    }

    /// A crop of each image `[n, h, w, c]`, resized bilinearly to `[n, height, width, c]`: torchvision's
    /// `resized_crop` without antialiasing. `boxes` is `[n, 4]`, each (top, left, height, width) in
    /// pixels, whole or not; a negative width mirrors the crop of that width left to right. Crops are
    /// clamped to their own edges and to the image's. The gradient goes to the images alone.
    #[track_caller]
    pub fn crop_resize(self, boxes: Value<'g>, height: usize, width: usize) -> Value<'g> {
        self.graph.apply(Resample { filter: Filter::Bilinear, height, width }, &[self, boxes])
    }
}

/// The type `[n, height, width, c]`, once the operands are found to be images and boxes.
fn infer(inputs: &[Type], height: usize, width: usize) -> Result<Type, String> {
    super::expect_inputs(inputs, inputs.len().clamp(1, 2))?;
    let &[n, h, w, c] = &inputs[0].shape[..] else {
        return Err("it takes images [n, h, w, c]".into());
    };
    if inputs[0].dtype != DType::F32 {
        return Err("it computes with f32 only".into());
    }
    if [h, w, height, width].contains(&0) {
        return Err("there is no image without pixels".into());
    }
    if inputs.get(1).is_some_and(|boxes| *boxes != Type::f32([n, 4])) {
        return Err(format!("it takes boxes of the shape [{n}, 4]"));
    }
    Ok(Type::f32([n, height, width, c]))
}

impl Sizes {
    /// Sizes for a signature whose operand and result are `image` and `result`, either way round.
    fn new(image: &Shape, result: &Shape) -> Sizes {
        Sizes {
            images: image[0],
            channels: image[3],
            image: [image[1], image[2]],
            result: [result[1], result[2]],
        }
    }
}

/// The operands of the transposed map: `gradient`, and the boxes if there are any.
fn transposed<'g>(of: &Differentiated<'_, 'g>, name: &'static str) -> Vec<Value<'g>> {
    if of.wanted.get(1) == Some(&true) {
        of.fail(name, "it has no derivative by its boxes");
    }
    [of.gradient].into_iter().chain(of.inputs.get(1).copied()).collect()
}

impl Operation for Resample {
    fn name(&self) -> &'static str {
        "resample"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        infer(inputs, self.height, self.width)
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let image = of.inputs[0].shape();
        let back = ResampleGradient { filter: self.filter, height: image[1], width: image[2] };
        let operands = transposed(of, self.name());
        vec![of.wanted[0].then(|| of.gradient.graph().apply(back, &operands)), None]
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        let sizes = Sizes::new(&signature.inputs[0].shape, &signature.output.shape);
        cpu::forward(self.filter, sizes, buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        let sizes = Sizes::new(&signature.inputs[0].shape, &signature.output.shape);
        gpu::forward(self.filter, sizes, signature.inputs.len() == 2)
    }
}

impl Operation for ResampleGradient {
    fn name(&self) -> &'static str {
        "resample gradient"
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        infer(inputs, self.height, self.width)
    }

    fn gradient<'g>(&self, of: &Differentiated<'_, 'g>) -> Vec<Option<Value<'g>>> {
        let result = of.inputs[0].shape();
        let forward = Resample { filter: self.filter, height: result[1], width: result[2] };
        let operands = transposed(of, self.name());
        vec![of.wanted[0].then(|| of.gradient.graph().apply(forward, &operands)), None]
    }

    fn cpu(&self, signature: &Signature, buffers: Buffers) {
        let sizes = Sizes::new(&signature.output.shape, &signature.inputs[0].shape);
        cpu::backward(self.filter, sizes, buffers);
    }

    fn gpu(&self, signature: &Signature) -> Lowered {
        let sizes = Sizes::new(&signature.output.shape, &signature.inputs[0].shape);
        gpu::backward(self.filter, sizes, signature.inputs.len() == 2)
    }
}
