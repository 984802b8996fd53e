//! Training by the binary and by the library: it learns, it can be stopped at any moment, and it refuses what it
//! cannot work with.

mod input;
mod json;
mod learning;
#[path = "../support/pictures.rs"]
mod pictures;
mod resume;
mod simclr;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// `unperturb train classifier OPTIONS --out OUT`, on the CPU runtime.
fn train(options: &str, out: &Path) -> Command {
    training("classifier", options, out)
}

/// `unperturb train WHAT OPTIONS --out OUT`, on the CPU runtime.
fn training(what: &str, options: &str, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unperturb"));
    command.args(["train", what, "--quiet", "--device", "cpu", "--out"]).arg(out);
    command.args(options.split_whitespace()).stdin(Stdio::null());
    command
}

/// A running program that does not outlive a failed test.
struct Running(Child);

impl Running {
    fn new(command: &mut Command) -> Self {
        Running(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a program said on standard error, where it must have failed with `status` and one sentence.
fn sentence(output: &Output, status: i32) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert!(output.stdout.is_empty());
    let text = said.strip_prefix("unperturb: ").and_then(|text| text.strip_suffix(".\n")).expect(&said);
    assert!(!text.contains('\n'), "{said}");
    text.to_owned()
}

/// Runs a command that must succeed.
fn done(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The files of a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.collect();
    paths.sort();
    paths
}
