//! The command line: what a user types, and everything that is printed.
//!
//! Results go to standard output, all else to standard error; exit status 0 is done, 1 failed, 2 wrong use.

pub mod args;
mod device;
pub mod error;
pub mod interrupt;
pub mod output;
pub mod progress;
mod train;
pub mod values;

pub use args::{Arguments, Command, Global};
pub use error::Error;

/// Does what the arguments ask for.
///
/// # Errors
/// Whatever stopped it; [`Error::report`] says it to the user.
pub fn run(arguments: Arguments) -> Result<(), Error> {
    let global = &arguments.global;
    match &arguments.command {
        Command::Train(command) => train::run(global, command),
        other => Err(Error::Usage(format!("`{}` is not part of this version", other.name()))),
    }
}
