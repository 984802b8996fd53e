//! The command line: what a user types, and everything that is printed.
//!
//! Results go to standard output, all else to standard error; exit status 0 is done, 1 failed, 2 wrong use.

mod adaptive;
pub mod args;
mod attack;
mod bench;
mod data;
mod demo;
mod device;
mod devices;
pub mod error;
mod evaluate;
mod export;
mod inputs;
mod inspect;
pub mod interrupt;
mod kept;
pub mod output;
mod pictures;
pub mod progress;
mod repair;
mod resumable;
mod train;
mod train_tasks;
mod training_result;
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
        Command::Devices => devices::run(global),
        Command::Data(command) => data::run(global, command),
        Command::Inspect(args) => inspect::run(global, args),
        Command::Export(args) => export::run(global, args),
        Command::Bench(args) => bench::run(global, args),
        Command::Train(command) => train::run(global, command),
        Command::Demo(args) => demo::run(global, args),
        Command::Evaluate(args) => evaluate::run(global, args),
        Command::Attack(args) => attack::run(global, args),
        Command::Repair(args) => repair::run(global, args),
    }
}
