//! The three self-supervised losses of given images, per image, and gradients of which flow to them.

use unperturb_engine::ops::nt_xent::Positives;
use unperturb_engine::ops::random::Random;
use unperturb_engine::{Graph, Value};
use unperturb_nets::{ContextEncoder, Mode, Normalization, RotationNet, Scope};

use super::views::{self, Augmentation, View};

/// Options of the contrastive loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contrast {
    /// Views of each image.
    pub views: usize,
    /// Temperature of the similarities.
    pub temperature: f32,
    /// Which views count as positives.
    pub positives: Positives,
}

/// NT-Xent of fresh views of each image, `[n]`: the mean over its views, of which `embed` makes embeddings.
pub fn contrastive<'g>(
    embed: impl FnOnce(Value<'g>) -> Value<'g>,
    images: Value<'g>,
    random: &Random<'g>,
    contrast: Contrast,
) -> Value<'g> {
    let drawn: Vec<View> =
        (0..contrast.views).map(|_| views::draw(images, random, &Augmentation::CONTRASTIVE)).collect();
    // All views at once: a kernel for the batch of views, and not one for each.
    let repeated = Value::concatenate(&vec![images; contrast.views], 0);
    embed(views::apply(repeated, &View::concatenate(&drawn)))
        .nt_xent(contrast.views, contrast.temperature, contrast.positives)
        .mean_over_views(contrast.views)
}

/// Mean cross-entropy over the four rotations of each image, `[n]`.
pub fn rotation<'g>(
    net: &RotationNet,
    normalization: &Normalization,
    scope: &Scope<'g>,
    images: Value<'g>,
) -> Value<'g> {
    let count = images.shape()[0];
    let rotated: Vec<Value> = (0..4).map(|quarters| images.rotate90(quarters)).collect();
    let logits = net.trace(scope, normalization.apply(Value::concatenate(&rotated, 0)));
    let labels = rotation_labels(images.graph(), count);
    logits.cross_entropy(labels, 0.0).reshape([4, count]).mean(&[0]).reshape([count])
}

/// The state of the labels of four rotations of `count` images, rotation by rotation.
pub const ROTATION_LABELS: &str = "rotation/labels";

fn rotation_labels(graph: &Graph, count: usize) -> Value<'_> {
    graph.state_u32(ROTATION_LABELS, [4 * count])
}

/// What the state [`ROTATION_LABELS`] must hold.
pub fn rotation_label_values(count: usize) -> Vec<u32> {
    (0..4).flat_map(|quarters| std::iter::repeat_n(quarters, count)).collect()
}

/// Mean squared error of the filled centre of each image, `[n]`, in units where pictures span [-1, 1].
///
/// The net sees a hole of grey where the centre was, but for a border of a 32nd of the picture's size
/// that it sees and predicts too (Pathak et al. 2016: 4 pixels of 128).
pub fn inpainting<'g>(net: &ContextEncoder, scope: &Scope<'g>, images: Value<'g>) -> Value<'g> {
    let (count, size) = (images.shape()[0], net.size);
    let pictures = images.resize_bilinear(size, size) * 2.0 - 1.0;
    let border = size / 4;
    let overlap = size / 32;
    let outside = border + overlap;
    let hole = size - 2 * outside;
    let keep = images
        .graph()
        .full([1, hole, hole, 1], 0.0)
        .pad_with(&[(0, 0), (outside, outside), (outside, outside), (0, 0)], 1.0);
    let filled = net.trace(scope, pictures * keep);
    let centre = border..border + net.centre();
    let truth = pictures.slice(1, centre.clone()).slice(2, centre);
    (filled - truth).square().mean(&[1, 2, 3]).reshape([count])
}

/// The scope of a task net in use.
pub fn scope<'g>(graph: &'g Graph, name: &str) -> Scope<'g> {
    Scope::new(graph, name, Mode::Evaluate)
}
