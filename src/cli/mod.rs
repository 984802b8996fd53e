//! The command line: what a user types, and everything that is printed.
//!
//! Results go to standard output, all else to standard error; exit status 0 is done, 1 failed, 2 wrong use.

pub mod args;
pub mod error;
pub mod interrupt;
pub mod output;
pub mod progress;
pub mod values;

pub use args::{Arguments, Command, Global};
pub use error::Error;

/// Does what the arguments ask for.
///
/// # Errors
/// Whatever stopped it; [`Error::report`] says it to the user.
pub fn run(arguments: Arguments) -> Result<(), Error> {
    // Each command gets an arm here, `Command::Devices => devices::run(&arguments.global)`, and a module beside
    // this one; what has none yet is refused.
    let name = arguments.command.name();
    Err(Error::Usage(format!("`{name}` is not part of this version")))
}
