//! Where results go: standard output, and the file of `--json`.

use std::io::{self, Write};

use serde::Serialize;

use super::{Error, Global};

/// Prints a result, which brings its own newlines.
///
/// # Errors
/// Where standard output is closed or full.
pub fn print(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Error::Output)
}

/// Writes `result` to the file of `--json`, if there is one.
///
/// # Errors
/// Where the file cannot be written; then nothing of it is left.
pub fn json<T: Serialize>(global: &Global, result: &T) -> Result<(), Error> {
    let Some(path) = &global.json else { return Ok(()) };
    let mut text =
        serde_json::to_vec_pretty(result).map_err(Error::failed("cannot write the result as JSON"))?;
    text.push(b'\n');
    Ok(unperturb_files::write(path, &text)?)
}

/// Prints `text`, and writes `result` to the file of `--json` with the command's name and our version in front.
/// Where one of the two is impossible the other is done all the same.
///
/// # Errors
/// As [`print()`] and [`json`].
pub fn result<T: Serialize>(
    global: &Global,
    command: &'static str,
    text: &str,
    result: &T,
) -> Result<(), Error> {
    #[derive(Serialize)]
    struct Document<'a, T> {
        command: &'static str,
        version: &'static str,
        #[serde(flatten)]
        result: &'a T,
    }
    let printed = print(text);
    json(global, &Document { command, version: env!("CARGO_PKG_VERSION"), result })?;
    printed
}
