//! Reversals, on the built-in nets and the CPU runtime.

mod adaptive;
mod steps;

use std::path::Path;

use unperturb::model::Model;
use unperturb::reversal::{Defence, Reversal};
use unperturb::task::Task;
use unperturb::task::nets::TaskNets;
use unperturb_data::{OpenOptions, SHAPES, Split};

const COUNT: usize = 4;
const SIZE: [usize; 2] = [32, 32];
const SHAPE: [usize; 4] = [COUNT, SIZE[0], SIZE[1], 3];

fn nets() -> (Model, TaskNets) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("nets/builtin");
    let model = Model::read(&folder.join("classifier.safetensors")).expect("the built-in classifier");
    let nets = TaskNets::read(&folder, Task::ALL, &model).expect("the built-in task nets");
    (model, nets)
}

/// The first built-in pictures, and what they show.
fn pictures() -> (Vec<f32>, Vec<u32>) {
    let limit = OpenOptions { limit: Some(COUNT), ..Default::default() };
    let data = unperturb_data::open_with(SHAPES, Split::Test, limit).expect("built-in pictures");
    let (mut images, mut labels) = (vec![0.0; COUNT * data.picture_len()], vec![0; COUNT]);
    data.gather(&(0..COUNT as u32).collect::<Vec<_>>(), &mut images, &mut labels).expect("all of them");
    (images, labels)
}

fn reversal(text: &str) -> Reversal {
    match text.parse().unwrap_or_else(|error| panic!("{text}: {error}")) {
        Defence::Reversal(reversal) => reversal,
        other => panic!("{other} is no reversal"),
    }
}
