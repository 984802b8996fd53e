//! What can go wrong below the command line.

use unperturb_data::DataError;
use unperturb_engine::EngineError;
use unperturb_nets::NetError;

/// Anything that stops a training, an attack or a repair.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The engine or the device.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A net or a checkpoint.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The pictures.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A training whose loss is no longer a number.
    #[error("the training diverged: its loss is no longer a number; try a lower learning rate")]
    Diverged,
    /// A classifier whose logits are NaN or infinite.
    #[error(
        "the classifier's answers are no finite numbers: its weights, its normalisation or the pictures are beyond \
         what 32 bits can hold"
    )]
    NotFinite,
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
    /// Not one full batch.
    #[error("there are fewer pictures than the {batch} of a batch; use a smaller batch")]
    TooFewPictures {
        /// Pictures in a batch.
        batch: usize,
    },
    /// Pictures that do not suit the net.
    #[error("{0}")]
    Mismatch(String),
}

impl Failure {
    /// Whether less memory would have been enough.
    pub fn is_out_of_memory(&self) -> bool {
        matches!(self, Failure::Engine(EngineError::OutOfMemory { .. } | EngineError::BufferTooLarge { .. }))
    }
}
