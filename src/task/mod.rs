//! The self-supervised tasks whose losses guide the repair.

pub mod losses;
pub mod nets;
pub mod views;

use crate::spec::words;

words! {
    /// A self-supervised task. Its loss needs no label, so it can be lowered at test time.
    pub enum Task {
        /// Views of one image shall be nearer to each other than to views of other images (NT-Xent).
        Contrastive = "contrastive",
        /// By which quarter turn was the image rotated? (Gidaris et al. 2018.)
        Rotation = "rotation",
        /// What was in the hole in the middle? (Pathak et al. 2016.)
        Inpainting = "inpainting",
    }
}
