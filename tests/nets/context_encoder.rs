//! The context encoder in both its sizes, on pictures with an erased centre.

use unperturb_nets::{ContextEncoder, Mode};

use crate::case::{Case, Input, Traced, images_of, key_of, pictures};

/// What the centre is filled with, ImageNet's mean colour, in [-1, 1].
const FILL: [f64; 3] = [2.0 * 117.0 / 255.0 - 1.0, 2.0 * 104.0 / 255.0 - 1.0, 2.0 * 123.0 / 255.0 - 1.0];

/// The pass of the net for pictures of `size` over the images of `mode`.
pub fn case(subject: &'static str, size: usize, mode: Mode) -> Case {
    let net = ContextEncoder { size, width: 8, latent: 64 };
    let count = images_of(mode);
    let (start, overlap) = (size / 4, size / 32);
    let centre = start..start + net.centre();
    let erased = centre.start + overlap..centre.end - overlap;
    let is_erased = |pixel: usize| erased.contains(&(pixel / size)) && erased.contains(&(pixel % size));
    let keep = (0..size * size).map(|pixel| if is_erased(pixel) { 0.0 } else { 1.0 }).collect();
    let fill = (0..size * size)
        .flat_map(|pixel| FILL.map(|colour| if is_erased(pixel) { colour as f32 } else { 0.0 }))
        .collect();
    let inputs = vec![
        ("image", pictures(subject, count, size)),
        ("keep", Input::Numbers(keep)),
        ("fill", Input::Numbers(fill)),
    ];
    Case::new(subject, key_of(mode), mode, inputs, move |scope| {
        let g = scope.graph();
        let images = g.state("image", [count, size, size, 3]);
        let pictures = images * 2.0 - 1.0;
        let masked = pictures * g.state("keep", [size, size, 1]) + g.state("fill", [size, size, 3]);
        let output = net.trace(scope, masked);
        let target = pictures.slice(1, centre.clone()).slice(2, centre.clone());
        let loss = (output - target).square().mean(&[1, 2, 3]).reshape([count]);
        Traced {
            outputs: vec![("output", output)],
            losses: vec![("", loss)],
            leaves: vec![("image", images), ("input", masked)],
        }
    })
}

#[test]
fn of_32_pixels_in_evaluation() {
    case("context-encoder-32", 32, Mode::Evaluate).hold();
}

#[test]
fn of_32_pixels_in_a_reversal() {
    case("context-encoder-32", 32, Mode::Evaluate).attack().hold();
}

#[test]
fn of_32_pixels_in_training() {
    case("context-encoder-32", 32, Mode::Train).hold();
}

#[test]
fn of_128_pixels_in_evaluation() {
    case("context-encoder-128", 128, Mode::Evaluate).hold();
}

#[test]
fn of_128_pixels_in_training() {
    case("context-encoder-128", 128, Mode::Train).hold();
}
