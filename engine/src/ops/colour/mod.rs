//! Colours of images `[n, h, w, c]` in [0, 1], with the semantics of torchvision's functional
//! ColorJitter on tensors, each image with its own factor.

mod adjust;
mod cpu;
mod gpu;
mod hue;
mod mix;

pub use hue::TurnHue;
pub use mix::MixChannels;

/// How much of grey red, green and blue are (ITU-R BT.601, as torchvision rounds it).
pub const LUMA: [f32; 3] = [0.2989, 0.587, 0.114];
