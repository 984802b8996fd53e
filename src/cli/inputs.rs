//! What commands read: pictures, classifiers, task nets.

use std::num::NonZeroUsize;
use std::path::Path;

use unperturb_data::{Dataset, OpenOptions};
use unperturb_nets::{Architecture, NetError, Normalization};

use super::Error;
use super::args::{ImageArgs, NetArgs, Split};
use crate::Failure;
use crate::model::Model;
use crate::task::Task;
use crate::task::nets::TaskNets;

/// Reads the classifier that `--classifier` names.
///
/// # Errors
/// The file cannot be read or does not fit its net; `--normalize` for a file that knows its own.
pub fn model(args: &NetArgs) -> Result<Model, Error> {
    let file = &args.classifier.file;
    let read = match (args.classifier.net, args.normalize) {
        (Some(net), how) => Model::read_foreign(net, how.unwrap_or(Normalization::NONE), file),
        (None, None) => Model::read(file),
        (None, Some(_)) => {
            let problem =
                "`--normalize` goes with a foreign checkpoint, NET:FILE; a file of ours knows its own";
            return Err(Error::Usage(problem.into()));
        }
    };
    read.map_err(Error::failed("cannot use the classifier"))
}

/// The net of a width, if one is given.
///
/// # Errors
/// There is no net of that width.
pub fn widened(net: Architecture, width: Option<NonZeroUsize>) -> Result<Architecture, Error> {
    let usage = |error: NetError| Error::Usage(error.to_string());
    width.map_or(Ok(net), |width| net.with_width(width.get()).map_err(usage))
}

/// Opens the pictures that `--data`, `--split` and `--images` name, and checks that the classifier can
/// tell their classes and that all nets take their size.
///
/// # Errors
/// There are none, they cannot be read, they have more classes than the classifier or a size that a net cannot take.
pub fn pictures(args: &ImageArgs, model: &Model, nets: &TaskNets) -> Result<Dataset, Error> {
    let split = match args.split {
        Split::Train => unperturb_data::Split::Train,
        Split::Test => unperturb_data::Split::Test,
    };
    let limit = args.images.map(|n| n.get());
    let data = unperturb_data::open_with(&args.data, split, OpenOptions { limit, ..Default::default() })
        .map_err(Error::failed("cannot read the pictures"))?;
    let checked = check_classes(&data, model).and_then(|()| {
        model.classifier.architecture.expect_size(data.height(), data.width())?;
        nets.expect_size(data.height(), data.width())
    });
    checked.map_err(Error::failed("cannot use these pictures"))?;
    Ok(data)
}

/// Refuses pictures of more classes than the classifier knows.
///
/// # Errors
/// There are more.
pub fn check_classes(data: &Dataset, model: &Model) -> Result<(), Failure> {
    let (there, known) = (data.classes(), model.classifier.classes);
    if there <= known {
        return Ok(());
    }
    Err(Failure::Mismatch(format!(
        "{} has {there} classes and the classifier {} knows {known}",
        data.name(),
        model.origin
    )))
}

/// Reads the nets of `tasks` from the folder of `--tasks`.
///
/// # Errors
/// One is missing, or does not go with the classifier.
pub fn task_nets(folder: Option<&Path>, tasks: &[Task], model: &Model) -> Result<TaskNets, Error> {
    match folder {
        Some(folder) => {
            TaskNets::read(folder, tasks, model).map_err(Error::failed("cannot use the task nets"))
        }
        None => Ok(TaskNets::default()),
    }
}

/// All pictures as `f32` in [0, 1], `[n, h, w, 3]`, and their labels.
///
/// # Errors
/// What the data set reports.
pub fn all(data: &Dataset) -> Result<(Vec<f32>, Vec<u32>), Error> {
    let indices: Vec<u32> = (0..data.len() as u32).collect();
    let mut images = vec![0.0; data.len() * data.picture_len()];
    let mut labels = vec![0; data.len()];
    data.gather(&indices, &mut images, &mut labels).map_err(Error::failed("cannot use these pictures"))?;
    Ok((images, labels))
}
