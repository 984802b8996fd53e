//! The built-in nets and pictures.

use std::path::Path;

use unperturb::model::Model;
use unperturb::task::Task;
use unperturb::task::nets::TaskNets;
use unperturb_data::{OpenOptions, SHAPES, Split};

pub fn nets() -> (Model, TaskNets) {
    nets_of(Task::ALL)
}

/// The classifier, and the nets of some tasks.
pub fn nets_of(tasks: &[Task]) -> (Model, TaskNets) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("nets/builtin");
    let model = Model::read(&folder.join("classifier.safetensors")).expect("the built-in classifier");
    let nets = TaskNets::read(&folder, tasks, &model).expect("the built-in task nets");
    (model, nets)
}

/// The first `count` pictures, and what they show.
pub fn pictures(count: usize) -> (Vec<f32>, Vec<u32>) {
    let limit = OpenOptions { limit: Some(count), ..Default::default() };
    let data = unperturb_data::open_with(SHAPES, Split::Test, limit).expect("built-in pictures");
    let (mut images, mut labels) = (vec![0.0; count * data.picture_len()], vec![0; count]);
    data.gather(&(0..count as u32).collect::<Vec<_>>(), &mut images, &mut labels).expect("all of them");
    (images, labels)
}
