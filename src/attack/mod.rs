//! Attacks: how a classifier's images are perturbed against it.
//!
//! An attack knows its victim by a few states alone: it writes points to [`POINT`], asks for an evaluation, and finds
//! logits, a loss and its gradient in [`LOGITS`], [`LOSS`] and [`GRADIENT`]. Whoever answers is a [`Victim`]: a plain
//! classifier in one program, or a defended one in as many as it takes.

pub mod apgd;
pub mod ball;
pub mod fab;
pub mod loss;
mod plane;
pub mod projected_gradient;
pub mod seeds;
mod spec;
pub mod square;
pub mod stage;
pub mod victim;

pub use loss::Objective;
pub use spec::{
    Aim, Apgd, Attack, Attacks, AutoAttack, Bim, Cw, Fab, Fgsm, Norm, Pgd, PgdLoss, ProjectedGradient,
    Square, TargetedApgd, Version,
};
pub use victim::{Evaluate, Victim};

/// The state of images to attack, `[n, h, w, 3]` in [0, 1].
pub const IMAGES: &str = "images";
/// The state of their labels, `u32 [n]`.
pub const LABELS: &str = "labels";
/// The state of the classes that a targeted attack aims at, `u32 [n]`.
pub const TARGETS: &str = "targets";
/// The state of the points under evaluation, `[n, h, w, 3]` in [0, 1].
pub const POINT: &str = "point";
/// The state of the victim's answer to them, `[n, classes]`.
pub const LOGITS: &str = "logits";
/// The state of the loss to raise, `[n]`.
pub const LOSS: &str = "loss";
/// The state of its gradient by the points, `[n, h, w, 3]`.
pub const GRADIENT: &str = "gradient";
/// The state of what an attack made of the images, `[n, h, w, 3]` in [0, 1].
pub const ATTACKED: &str = "attacked";
/// The state that starts and proposals are drawn from.
pub const RANDOM: &str = "attack/random";
