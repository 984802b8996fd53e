//! `shapes`: an endless set of 32x32 colour pictures that are computed, not stored.
//!
//! Ten kinds of things with a natural way up ([`CLASS_NAMES`]) stand before a textured background, among
//! clutter and often half behind something, in varying place, size, proportions, colours and slight
//! rotation. The light always comes from above: the upper edges are bright, shadows fall below. So a
//! classifier has to find the form (colour and place tell nothing), a quarter turn can be told, and the
//! middle of a picture follows in part from what surrounds it.
//!
//! Picture i is a function of (seed, split, i) alone, to the bit, on every machine; its label is i mod 10.

mod canvas;
mod classes;
mod geometry;
mod scene;
mod texture;

pub use classes::CLASS_NAMES;

use rayon::prelude::*;

use crate::random::{Purpose, Random};
use crate::{DataError, Dataset, Result, Split};

/// Height and width of every picture, in pixels.
pub const SIDE: usize = canvas::SIDE;

/// Values per picture.
const PICTURE: usize = SIDE * SIDE * 3;

/// The seed of the set that the word `shapes` names.
pub const DEFAULT_SEED: u64 = 0;

/// How many training pictures are made when nobody says.
pub const DEFAULT_TRAIN: usize = 20_000;

/// How many test pictures are made when nobody says.
pub const DEFAULT_TEST: usize = 4_000;

/// One picture, `[32, 32, 3]` (RGB), and its label, `index` mod 10.
pub fn picture(seed: u64, split: Split, index: u64) -> (Vec<u8>, u32) {
    let label = (index % CLASS_NAMES.len() as u64) as u32;
    let half = match split {
        Split::Train => 0,
        Split::Test => 1,
    };
    (scene::paint(label, &mut Random::new(seed, Purpose::Shapes, half, index)), label)
}

/// The first `count` pictures, or the usual number without one.
///
/// # Errors
/// [`DataError::TooLarge`] if they do not fit into memory, [`DataError::Inconsistent`] if `count` is 0.
pub fn dataset(seed: u64, split: Split, count: Option<usize>) -> Result<Dataset> {
    let usual = match split {
        Split::Train => DEFAULT_TRAIN,
        Split::Test => DEFAULT_TEST,
    };
    let count = count.unwrap_or(usual);
    let too_large = || DataError::TooLarge { pictures: count, width: SIDE, height: SIDE };
    let total = count.checked_mul(PICTURE).ok_or_else(too_large)?;
    let mut pictures = Vec::new();
    pictures.try_reserve_exact(total).map_err(|_| too_large())?;
    pictures.resize(total, 0);
    let mut labels = vec![0; count];
    pictures.par_chunks_exact_mut(PICTURE).zip(&mut labels).enumerate().for_each(|(index, (room, label))| {
        let (pixels, its_label) = picture(seed, split, index as u64);
        room.copy_from_slice(&pixels);
        *label = its_label;
    });
    let names = CLASS_NAMES.iter().map(|&name| name.into()).collect();
    Dataset::new("shapes", split, names, [SIDE, SIDE], pictures, labels)
}
