//! Picture sets for unperturb: CIFAR-10 and CIFAR-100, image folders, and `shapes`, a procedural set that
//! needs no download.
//!
//! [`open`] recognises what is at a path and gives a [`Dataset`]; [`Batches`] cuts it into batches of `f32`
//! in [0, 1], `[batch, height, width, 3]`, shuffled and augmented if wanted, each a function of the seed and
//! its position alone.
//!
//! # The order of pictures
//! "The first 1,000 pictures" is a fair sample and always the same one. CIFAR's files are mixed as published
//! and keep their order. An image folder is shuffled within each class with a fixed seed, and the classes
//! are spread evenly over the set. In `shapes` the class of picture i is i mod 10.
//!
//! # Numbers
//! All randomness is counter-based (Philox4x32-10): no state is carried from one batch or picture to the
//! next, and the number of threads changes nothing.

mod augment;
mod batches;
pub mod cifar;
mod dataset;
mod describe;
mod error;
pub mod fetch;
mod folder;
mod open;
mod picture;
mod random;
pub mod shapes;
#[cfg(test)]
mod testing;

pub use augment::Augmentation;
pub use batches::Batches;
pub use dataset::{Dataset, Split};
pub use describe::{Description, SplitDescription, describe};
pub use error::{DataError, Result};
pub use open::{Format, OpenOptions, SHAPES, open, open_with};
pub use picture::Picture;
