//! A folder to work in, and the program that is run there as a user runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use unperturb::model::{Model, classifier_specifications};
use unperturb_nets::{Classifier, Normalization, Weights};

/// A folder to work in, and the program that is run there.
pub struct Place {
    folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    /// What is, or will be, called `name`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_unperturb"));
        // A layer of Mesa complains on standard error where there is no desktop. Kernels are shared by all tests.
        let cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/kernels");
        command.envs([("NODEVICE_SELECT", "1"), ("UNPERTURB_CACHE", cache)]);
        command.current_dir(self.folder.path()).args(arguments);
        command
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// A small classifier of ten classes as `train classifier` writes it.
    pub fn classifier(&self, name: &str) -> PathBuf {
        let classifier = Classifier {
            architecture: "resnet8x4".parse().unwrap(),
            classes: 10,
            normalization: Normalization::CIFAR10,
        };
        let weights = Weights::initial(&classifier_specifications(&classifier), 0);
        let path = self.path(name);
        Model::new(classifier, weights, "test").unwrap().write(&path, "standard, 3 epochs").unwrap();
        path
    }

    /// Everything in the folder and those below, in order.
    pub fn names(&self) -> Vec<String> {
        let mut names = vec![];
        collect(self.folder.path(), "", &mut names);
        names.sort();
        names
    }

    /// Standard output of a run that does what it is asked to.
    pub fn done(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same, and the JSON.
    pub fn done_with_json(&self, arguments: &[&str]) -> (String, Value) {
        let text = self.done(&[arguments, &["--json", "result.json"]].concat());
        let json = serde_json::from_slice(&fs::read(self.path("result.json")).unwrap());
        (text, json.unwrap())
    }

    /// The sentence of a run that ends with `status`, prints no result and leaves the folder as it was.
    pub fn refused(&self, status: i32, arguments: &[&str]) -> String {
        self.refuses(status, &mut self.command(arguments))
    }

    /// The same of a command that was made by hand.
    pub fn refuses(&self, status: i32, command: &mut Command) -> String {
        let before = self.names();
        let output = command.output().unwrap();
        assert!(output.stdout.is_empty(), "{command:?}: {output:?}");
        assert_eq!(self.names(), before, "{command:?}");
        sentence(status, &output)
    }
}

fn collect(folder: &Path, prefix: &str, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = format!("{prefix}{}", entry.file_name().display());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{name}/"), names);
        }
        names.push(name);
    }
}

/// The one sentence on standard error.
pub fn sentence(status: i32, output: &Output) -> String {
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    let sentence = said.strip_prefix("unperturb: ").and_then(|said| said.strip_suffix(".\n"));
    let sentence = sentence.unwrap_or_else(|| panic!("{said:?}"));
    assert!(!sentence.contains(['\n', '\r']) && !sentence.contains("panicked"), "{said:?}");
    sentence.to_owned()
}
