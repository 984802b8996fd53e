//! The nets of unperturb: classifiers, the nets of the self-supervised tasks, and their checkpoints.
//!
//! A net is a small description (depth, width, classes) with a `trace` method that records its layers
//! in a [`Scope`](scope::Scope). Tracing also lists its parameters, so that there is one place where a
//! net is written down. Inside, tensors are NHWC; checkpoints keep PyTorch's names and layouts.

pub mod alexnet;
pub mod checkpoint;
pub mod classifier;
pub mod context_encoder;
pub mod contrastive_head;
pub mod error;
mod init;
pub mod layers;
pub mod normalization;
pub mod parameter;
pub mod recognise;
pub mod resnet;
pub mod rotation;
pub mod scope;
pub mod simclr;
pub mod weights;
pub mod wide_resnet;

pub use alexnet::AlexNet;
pub use classifier::{Architecture, Classifier, Features};
pub use context_encoder::ContextEncoder;
pub use contrastive_head::ContrastiveHead;
pub use error::NetError;
pub use normalization::Normalization;
pub use parameter::{Kind, Parameter};
pub use recognise::{Known, recognise};
pub use resnet::{Form, ResNet};
pub use rotation::RotationNet;
pub use scope::{Mode, Scope};
pub use simclr::SimClr;
pub use weights::{Tensor, Weights};
pub use wide_resnet::WideResNet;
