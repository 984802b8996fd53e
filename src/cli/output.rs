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

/// Finds out whether there could be the file of `--json`: no long work should end in a result that cannot be kept.
///
/// # Errors
/// Why not.
pub fn expect_json(global: &Global) -> Result<(), Error> {
    global.json.as_deref().map_or(Ok(()), |path| Ok(unperturb_files::expect_writable(path)?))
}

/// Prints `text`, and writes `document` to the file of `--json` as it is. Where one of the two is impossible the other
/// is done all the same.
///
/// # Errors
/// As [`print()`] and [`json`].
pub fn both<T: Serialize>(global: &Global, text: &str, document: &T) -> Result<(), Error> {
    let printed = print(text);
    json(global, document)?;
    printed
}

/// Prints `text`, and writes `result` to the file of `--json` with the command's name and our version in front.
/// The rest is as in [`both`].
///
/// # Errors
/// As [`both`].
pub fn result<T: Serialize>(
    global: &Global,
    command: &'static str,
    text: &str,
    result: &T,
) -> Result<(), Error> {
    both(global, text, &document(command, result))
}

/// `result` with the command's name and our version in front.
pub fn document<'a, T: Serialize>(command: &'static str, result: &'a T) -> impl Serialize + use<'a, T> {
    Document { command, version: env!("CARGO_PKG_VERSION"), result }
}

/// A result with what every result has in front.
#[derive(Serialize)]
struct Document<'a, T> {
    command: &'static str,
    version: &'static str,
    #[serde(flatten)]
    result: &'a T,
}
