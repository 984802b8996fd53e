//! What can go wrong with nets and their checkpoints, each as one sentence.

use std::path::PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The name of a net could not be understood.
    #[error(
        "there is no net '{0}'; known are resnet20, resnet32, resnet44, resnet56 (with -projection behind them for \
         convolved shortcuts), resnet18, resnet34, resnet50 (with -imagenet behind them for torchvision's), \
         preact-resnet18 (with -plain behind it for shortcuts that read the plain input, and -normalised for a last batch \
         norm) and wrn-DEPTH-WIDTH with a depth of 6n+4"
    )]
    UnknownNet(String),
    /// A checkpoint lacks a tensor.
    #[error("{file}: the tensor '{name}' of shape {shape:?} is missing")]
    MissingTensor {
        /// The checkpoint.
        file: String,
        /// Name of the tensor.
        name: String,
        /// The shape that the net has, in PyTorch's layout.
        shape: Vec<usize>,
    },
    /// A tensor of a checkpoint does not fit the net.
    #[error("{file}: the tensor '{name}' has the shape {found:?}, and the net needs {expected:?}")]
    WrongShape {
        /// The checkpoint.
        file: String,
        /// Name of the tensor.
        name: String,
        /// Its shape in the checkpoint.
        found: Vec<usize>,
        /// The shape that the net has, in PyTorch's layout.
        expected: Vec<usize>,
    },
    /// A tensor holds NaN or infinity.
    #[error("{file}: the tensor '{name}' holds a value that is not a finite number")]
    NotFinite {
        /// The checkpoint.
        file: String,
        /// Name of the tensor.
        name: String,
    },
    /// A tensor's element type is not one that a net can use.
    #[error("{file}: the tensor '{name}' has elements of type {dtype}, which cannot be weights")]
    ElementType {
        /// The checkpoint.
        file: String,
        /// Name of the tensor.
        name: String,
        /// Its element type.
        dtype: String,
    },
    /// A checkpoint does not fit the net that was asked for, and is of another one.
    #[error("{problem}; the file fits another net: {net}")]
    FitsAnother {
        /// Why it does not fit.
        problem: Box<NetError>,
        /// The net that it fits.
        net: String,
    },
    /// The file is not a checkpoint that can be read.
    #[error("{file}: {problem}")]
    Malformed {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The file could not be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file could not be written; a previous one is untouched.
    #[error(transparent)]
    Write(#[from] unperturb_files::WriteError),
    /// Pictures from which the net would make nothing.
    #[error("{net} needs pictures of at least {smallest}x{smallest} pixels, and these are {width}x{height}")]
    PictureTooSmall {
        /// The net.
        net: String,
        /// The smallest height and width.
        smallest: usize,
        /// Width of the pictures.
        width: usize,
        /// Their height.
        height: usize,
    },
    /// Normalisation constants could not be understood.
    #[error(
        "'{0}' is no normalisation: write none, cifar10, imagenet, or three means and three deviations as m,m,m/s,s,s"
    )]
    Normalization(String),
    /// The engine refused the net.
    #[error(transparent)]
    Engine(#[from] unperturb_engine::EngineError),
}
