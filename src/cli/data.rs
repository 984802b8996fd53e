//! `data fetch` and `data info`.

use std::path::Path;

use serde::Serialize;
use unperturb_data::fetch::{self, OFFICIAL};
use unperturb_data::{Description, SplitDescription, describe};

use super::args::{DataCommand, FetchArgs, InfoArgs};
use super::progress::{Progress, Stage};
use super::{Error, Global, output};

/// Runs either command.
pub fn run(global: &Global, command: &DataCommand) -> Result<(), Error> {
    match command {
        DataCommand::Fetch(args) => fetch(global, args),
        DataCommand::Info(args) => info(global, args),
    }
}

/// The result of `data fetch`, as JSON.
#[derive(Serialize)]
struct Fetched<'a> {
    name: &'a str,
    path: &'a Path,
}

fn fetch(global: &Global, args: &FetchArgs) -> Result<(), Error> {
    let name = args.name.as_str();
    let doing = format!("cannot fetch {name}");
    let archive = fetch::archive(name).map_err(Error::failed(&doing))?;
    let mut shown = Shown { progress: Progress::new(global.quiet), name, stage: None };
    let folder = fetch::fetch(&archive, OFFICIAL, &args.dir, &mut |progress| shown.show(progress))
        .map_err(Error::failed(&doing))?;
    shown.finish();
    let text = format!("{name} is in {}\n", folder.display());
    output::result(global, "data fetch", &text, &Fetched { name, path: &folder })
}

/// The progress of a download as stages of the command line.
struct Shown<'a> {
    progress: Progress,
    name: &'a str,
    stage: Option<(fetch::Stage, Stage)>,
}

impl Shown<'_> {
    fn show(&mut self, progress: fetch::Progress) {
        const MEGABYTE: u64 = 1_000_000;
        if self.stage.as_ref().is_none_or(|(kind, _)| *kind != progress.stage) {
            self.finish();
            let doing = match progress.stage {
                fetch::Stage::Download => "downloading",
                fetch::Stage::Verify => "checking",
                fetch::Stage::Unpack => "unpacking",
            };
            let stage =
                self.progress.stage(&format!("{doing} {}", self.name), progress.total / MEGABYTE, "MB");
            self.stage = Some((progress.stage, stage));
        }
        if let Some((_, stage)) = &mut self.stage {
            stage.set(progress.done / MEGABYTE);
        }
    }

    fn finish(&mut self) {
        if let Some((_, stage)) = self.stage.take() {
            stage.finish();
        }
    }
}

/// The result of `data info`, as JSON.
#[derive(Serialize)]
struct Info<'a> {
    format: String,
    path: &'a Path,
    class_names: &'a [String],
    splits: Vec<Split<'a>>,
    /// The source knows no splits: every picture is in both.
    split_is_nominal: bool,
}

#[derive(Serialize)]
struct Split<'a> {
    split: String,
    /// `null` where there is no end of them.
    pictures: Option<usize>,
    per_class: Option<&'a [usize]>,
    /// Height and width.
    smallest: [usize; 2],
    largest: [usize; 2],
}

fn info(global: &Global, args: &InfoArgs) -> Result<(), Error> {
    let description = describe(&args.path).map_err(Error::failed("cannot describe the data"))?;
    output::result(global, "data info", &format!("{description}\n"), &Info::new(&description))
}

impl<'a> Info<'a> {
    fn new(description: &'a Description) -> Self {
        Info {
            format: description.format.to_string(),
            path: &description.path,
            class_names: &description.class_names,
            splits: description.splits.iter().map(Split::new).collect(),
            split_is_nominal: description.split_is_nominal,
        }
    }
}

impl<'a> Split<'a> {
    fn new(split: &'a SplitDescription) -> Self {
        let [smallest, largest] = split.sizes;
        Split {
            split: split.split.to_string(),
            pictures: split.pictures(),
            per_class: split.per_class.as_deref(),
            smallest,
            largest,
        }
    }
}
