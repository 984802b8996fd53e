//! Views of images for the contrastive task: a crop, perhaps mirrored, its colours shaken, perhaps grey.
//!
//! The parameters of a view are tensors, one number per image, so that they can be drawn inside a
//! program or given; gradients flow through a view to its images.

use unperturb_engine::Value;
use unperturb_engine::ops::random::Random;

/// How views are drawn: torchvision's `RandomResizedCrop`, `RandomHorizontalFlip`, `ColorJitter` and
/// `RandomGrayscale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Augmentation {
    /// Share of the image's area that a crop has, least and most.
    pub area: [f32; 2],
    /// Width over height of a crop, least and most; drawn evenly in its logarithm.
    pub ratio: [f32; 2],
    /// Probability of a mirrored crop.
    pub mirror: f32,
    /// Probability that the colours are shaken.
    pub jitter: f32,
    /// Brightness, contrast and saturation are multiplied by 1 plus or minus up to this.
    pub strength: f32,
    /// Hues are turned by up to this share of the circle, either way.
    pub hue: f32,
    /// Probability of a grey view.
    pub grey: f32,
}

impl Augmentation {
    /// The augmentation of SimCLR's CIFAR recipes, which Mao et al. (2021) use: crops of 20 to 100 %
    /// of the area, half of them mirrored, colours shaken in 80 % of the views, 20 % of them grey.
    pub const CONTRASTIVE: Augmentation = Augmentation {
        area: [0.2, 1.0],
        ratio: [3.0 / 4.0, 4.0 / 3.0],
        mirror: 0.5,
        jitter: 0.8,
        strength: 0.4,
        hue: 0.1,
        grey: 0.2,
    };
}

/// Parameters of one view of each of n images.
#[derive(Clone, Copy, Debug)]
pub struct View<'g> {
    /// `[n, 4]`: (top, left, height, width) of the crop in pixels; a negative width mirrors it.
    pub boxes: Value<'g>,
    /// `[n]`: what brightness is multiplied by.
    pub brightness: Value<'g>,
    /// `[n]`: what contrast is multiplied by.
    pub contrast: Value<'g>,
    /// `[n]`: what saturation is multiplied by.
    pub saturation: Value<'g>,
    /// `[n]`: what hues are turned by, in [-0.5, 0.5].
    pub hue: Value<'g>,
    /// `[n]`: 1 for a grey view, else 0.
    pub grey: Value<'g>,
}

impl<'g> View<'g> {
    /// The parameters of `views`, those of the first before those of the second and so on.
    pub fn concatenate(views: &[View<'g>]) -> View<'g> {
        let of = |field: fn(&View<'g>) -> Value<'g>| {
            Value::concatenate(&views.iter().map(field).collect::<Vec<_>>(), 0)
        };
        View {
            boxes: of(|view| view.boxes),
            brightness: of(|view| view.brightness),
            contrast: of(|view| view.contrast),
            saturation: of(|view| view.saturation),
            hue: of(|view| view.hue),
            grey: of(|view| view.grey),
        }
    }
}

/// Draws one view of each of `images` `[n, h, w, 3]`.
///
/// Crops have whole pixels, as torchvision's; where a drawn crop is taller or wider than the image it
/// is cut to it, where torchvision draws again.
pub fn draw<'g>(images: Value<'g>, random: &Random<'g>, how: &Augmentation) -> View<'g> {
    let shape = images.shape();
    let (n, height, width) = (shape[0], shape[1] as f32, shape[2] as f32);
    let between = |low: f32, high: f32| random.uniform([n]) * (high - low) + low;
    // 1 with the given probability, else 0.
    let chance = |probability: f32| (probability - random.uniform([n])).greater(0.0);

    let area = between(how.area[0], how.area[1]) * (height * width);
    let ratio = between(how.ratio[0].ln(), how.ratio[1].ln()).exp();
    let side = |square: Value<'g>, most: f32| (square.sqrt() + 0.5).floor().clamp(1.0, most);
    let (tall, wide) = (side(area / ratio, height), side(area * ratio, width));
    let top = (random.uniform([n]) * (height + 1.0 - tall)).floor();
    let left = (random.uniform([n]) * (width + 1.0 - wide)).floor();
    let mirrored = wide * (1.0 - 2.0 * chance(how.mirror));
    let boxes = Value::concatenate(&[top, left, tall, mirrored].map(|x| x.reshape([n, 1])), 1);

    let shaken = chance(how.jitter);
    let factor = || 1.0 + shaken * between(-how.strength, how.strength);
    View {
        boxes,
        brightness: factor(),
        contrast: factor(),
        saturation: factor(),
        hue: shaken * between(-how.hue, how.hue),
        grey: chance(how.grey),
    }
}

/// A view of each of `images` `[n, h, w, 3]`, of the same size. Colours are shaken in the order
/// brightness, contrast, saturation, hue, where torchvision draws an order.
pub fn apply<'g>(images: Value<'g>, view: &View<'g>) -> Value<'g> {
    let shape = images.shape();
    images
        .crop_resize(view.boxes, shape[1], shape[2])
        .adjust_brightness(view.brightness)
        .adjust_contrast(view.contrast)
        .adjust_saturation(view.saturation)
        .adjust_hue(view.hue)
        .turn_grey(view.grey)
}

#[cfg(test)]
mod tests {
    use unperturb_engine::{Device, Graph, Session};

    use super::*;

    const IMAGES: usize = 4000;

    /// Draws views of images of 24 x 32 and hands over their parameters, in the order of the fields.
    fn drawn(how: &Augmentation) -> [Vec<f32>; 6] {
        let g = Graph::new();
        let random = Random::new(&g, "random");
        let view = draw(g.state("images", [IMAGES, 24, 32, 3]), &random, how);
        let fields = [view.boxes, view.brightness, view.contrast, view.saturation, view.hue, view.grey];
        for (i, field) in fields.into_iter().enumerate() {
            g.output(i.to_string(), field);
        }
        let mut session = Session::new(&Device::cpu());
        let program = session.compile(&g).expect("a program");
        session.write_u32("random", &Random::seeded(3)).expect("a seed");
        session.run(&program, 1).expect("a run");
        [0, 1, 2, 3, 4, 5].map(|i| session.read(&i.to_string()).expect("a field"))
    }

    fn share(values: &[f32], what: impl Fn(f32) -> bool) -> f32 {
        values.iter().filter(|&&x| what(x)).count() as f32 / values.len() as f32
    }

    #[test]
    fn views_are_drawn_as_described() {
        let [boxes, brightness, contrast, saturation, hue, grey] = drawn(&Augmentation::CONTRASTIVE);
        let mut mean_area = 0.0;
        for crop in boxes.chunks_exact(4) {
            let [top, left, tall, wide] = [crop[0], crop[1], crop[2], crop[3].abs()];
            assert!(crop.iter().all(|x| x.fract() == 0.0), "{crop:?} is not whole");
            assert!(top >= 0.0 && top + tall <= 24.0 && left >= 0.0 && left + wide <= 32.0, "{crop:?}");
            mean_area += tall * wide / (24.0 * 32.0) / IMAGES as f32;
            // Rounding may go a little past either end, being cut to the image too.
            assert!(tall * wide > 0.17 * 24.0 * 32.0 && wide / tall < 1.5, "{crop:?}");
        }
        // Even from 0.2 to 1, less what is cut.
        assert!((0.5..0.61).contains(&mean_area), "{mean_area}");
        let mirrored: Vec<f32> = boxes.chunks_exact(4).map(|crop| crop[3]).collect();
        assert!((share(&mirrored, |x| x < 0.0) - 0.5).abs() < 0.04);
        assert!((share(&grey, |x| x == 1.0) - 0.2).abs() < 0.03);
        for factors in [&brightness, &contrast, &saturation] {
            assert!((share(factors, |x| x == 1.0) - 0.2).abs() < 0.03);
            assert!(factors.iter().all(|x| (0.6..=1.4).contains(x)));
            assert!((share(factors, |x| x > 1.2) - 0.2).abs() < 0.03);
        }
        assert_ne!(brightness, contrast);
        assert!(hue.iter().all(|x| x.abs() <= 0.1) && share(&hue, |x| x > 0.05) > 0.15);
    }

    #[test]
    fn the_view_of_everything_unchanged_is_the_image() {
        let whole = Augmentation {
            area: [1.0, 1.0],
            ratio: [1.0, 1.0],
            mirror: 0.0,
            jitter: 0.0,
            strength: 0.4,
            hue: 0.1,
            grey: 0.0,
        };
        let g = Graph::new();
        let random = Random::new(&g, "random");
        let images = g.state("images", [2, 8, 8, 3]);
        let view = apply(images, &draw(images, &random, &whole));
        let gradient = g.gradient(view.sum_all(), &[images]).expect("a differentiable view")[0];
        g.output("view", view);
        g.output("gradient", gradient);
        let mut session = Session::new(&Device::cpu());
        let program = session.compile(&g).expect("a program");
        let pixels: Vec<f32> = (0..2 * 8 * 8 * 3).map(|i| (i * 37 % 251) as f32 / 251.0).collect();
        session.write("images", &pixels).expect("pixels");
        session.run(&program, 1).expect("a run");
        let close = |found: Vec<f32>, expected: &[f32]| {
            let worst = found.iter().zip(expected).map(|(f, e)| (f - e).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "{worst}");
        };
        close(session.read("view").expect("a view"), &pixels);
        close(session.read("gradient").expect("a gradient"), &vec![1.0; pixels.len()]);
    }
}
