//! Two-dimensional convolution.

pub mod cpu;
pub mod geometry;
