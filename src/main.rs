//! The command line of unperturb.

use std::process::ExitCode;

use unperturb::cli::{self, Arguments};

fn main() -> ExitCode {
    match Arguments::from_command_line().and_then(cli::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}
