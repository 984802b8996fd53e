//! `export`: a net for other programs.

use super::args::ExportArgs;
use super::{Error, Global, output};
use crate::export::export;
use crate::report::columns::thousands;

/// Runs the command.
pub fn run(global: &Global, args: &ExportArgs) -> Result<(), Error> {
    output::expect_json(global)?;
    let exported =
        export(args.net.net, &args.net.file, &args.out).map_err(Error::failed("cannot export the net"))?;
    let (tensors, numbers) = (thousands(exported.tensors as u64), thousands(exported.numbers as u64));
    let text = format!("{}: {}, {tensors} tensors, {numbers} numbers\n", args.out.display(), exported.net);
    output::result(global, "export", &text, &exported)
}
