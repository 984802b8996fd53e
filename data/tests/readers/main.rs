//! The readers of this crate on files that the tests write themselves.

mod cifar;
mod describe;
mod files;
mod folder;
mod malformed;
#[path = "../../../tests/support/mutations.rs"]
mod mutations;
