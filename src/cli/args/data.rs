//! `data fetch` and `data info`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::spec::words;

words! {
    /// A data set that can be fetched from its official address.
    pub enum DatasetName {
        /// CIFAR-10.
        Cifar10 = "cifar10",
        /// CIFAR-100.
        Cifar100 = "cifar100",
    }
}

/// What to do about data.
#[derive(Debug, Clone, Subcommand)]
pub enum DataCommand {
    /// Download a data set, with checksum; goes on where it was stopped
    Fetch(FetchArgs),
    /// Describe the data set at a path
    Info(InfoArgs),
}

/// `data fetch NAME [--dir DIR]`.
#[derive(Debug, Clone, Args)]
pub struct FetchArgs {
    /// The data set
    #[arg(value_name = "NAME")]
    pub name: DatasetName,

    /// Where to put it
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub dir: PathBuf,
}

/// `data info PATH`.
#[derive(Debug, Clone, Args)]
pub struct InfoArgs {
    /// A folder of CIFAR batches or of images, or the word `shapes`
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
}
