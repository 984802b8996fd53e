//! `demo`: the whole story on built-in pictures and built-in nets.

use unperturb_data::{Dataset, OpenOptions, SHAPES, Split};
use unperturb_nets::checkpoint::Checkpoint;

use super::args::DemoArgs;
use super::evaluate::Study;
use super::interrupt::Interrupt;
use super::kept::Kept;
use super::progress::Progress;
use super::{Error, Global, device, output};
use crate::attack::Attack;
use crate::evaluate::Defended;
use crate::model::Model;
use crate::report::grid::{self, GridRow, Picture, Prediction};
use crate::report::table;
use crate::reversal::Defences;
use crate::task::Task;
use crate::task::nets::TaskNets;

/// Weights that this project trained on its own pictures; the README has the commands.
const CLASSIFIER: &[u8] = include_bytes!("../../nets/builtin/classifier.safetensors");
const TASKS: [(Task, &[u8]); 3] = [
    (Task::Contrastive, include_bytes!("../../nets/builtin/contrastive.safetensors")),
    (Task::Rotation, include_bytes!("../../nets/builtin/rotation.safetensors")),
    (Task::Inpainting, include_bytes!("../../nets/builtin/inpainting.safetensors")),
];
const ATTACK: &str = "pgd:steps=20";
const DEFENCES: &str = "none,noise,contrastive,rotation,inpainting,multi-task";
/// Pictures in the grid.
const SHOWN: usize = 8;

/// Runs the command.
pub fn run(global: &Global, args: &DemoArgs) -> Result<(), Error> {
    output::expect_json(global)?;
    unperturb_files::expect_folder(&args.out)?;
    let device = device::open(global)?;
    let cannot = || Error::failed("cannot use the built-in nets");
    let checkpoint = |bytes: &[u8]| Checkpoint::parse(bytes, "built-in").map_err(cannot());
    let model = Model::from_checkpoint(checkpoint(CLASSIFIER)?, "built-in").map_err(cannot())?;
    let mut nets = TaskNets::default();
    for (task, bytes) in TASKS {
        nets.add(checkpoint(bytes)?, "built-in", task, &model).map_err(cannot())?;
    }
    let limit = Some(args.images.get());
    let data = unperturb_data::open_with(SHAPES, Split::Test, OpenOptions { limit, ..Default::default() })
        .map_err(Error::failed("cannot make the pictures"))?;
    let study = Study {
        device: &device,
        model: &model,
        nets: &nets,
        data: &data,
        batch: 64,
        seed: global.seed,
        progress: Progress::new(global.quiet),
        interrupt: Interrupt::install()?,
        kept: Kept::default(),
    };
    let attack: Attack = ATTACK.parse()?;
    let defences = DEFENCES.parse::<Defences>()?.0;
    let clean = study.attacked(&Attack::None, &defences)?;
    let attacked = study.attacked(&attack, &defences)?;
    let outcomes: Vec<_> = clean.outcomes.iter().chain(&attacked.outcomes).cloned().collect();
    let evaluation = study.evaluation("demo").with_outcomes(&outcomes)?;
    output::both(global, &table::terminal(&evaluation), &evaluation)?;

    // Pictures that the attack broke come first: they are the story.
    let label = |i: usize| data.labels()[i];
    let broken = |i: &usize| attacked.defended[0].predictions[*i].0 != label(*i);
    let mut order: Vec<usize> = (0..data.len()).collect();
    order.sort_by_key(|i| !broken(i));
    let length = data.picture_len();
    let rows: Vec<GridRow> = order
        .iter()
        .take(SHOWN)
        .map(|&i| {
            let truth = data.class_names()[label(i) as usize].clone();
            let shown = |images, defended: &Defended| picture(&data, i, images, defended);
            let repaired = &attacked.defended[attacked.defended.len() - 1];
            GridRow {
                truth,
                clean: shown(&clean.images, &clean.defended[0]),
                attacked: shown(&attacked.images, &attacked.defended[0]),
                repaired: Picture {
                    pixels: &repaired.repaired[i * length..(i + 1) * length],
                    ..shown(&attacked.images, repaired)
                },
            }
        })
        .collect();
    let grid = grid::draw(data.height(), data.width(), &rows)?;
    let path = args.out.join("demo.png");
    unperturb_files::make_folder(&args.out)?;
    unperturb_files::write(&path, &grid::png(&grid)?)?;
    output::print(&format!("\n{} pictures in {}\n", rows.len(), path.display()))
}

/// Picture `i` of `images` and what a defence said of it.
fn picture<'a>(data: &Dataset, i: usize, images: &'a [f32], defended: &Defended) -> Picture<'a> {
    let (class, confidence) = defended.predictions[i];
    let label = data.class_names()[class as usize].clone();
    let prediction = Prediction { label, confidence, right: class == data.labels()[i] };
    let length = data.picture_len();
    Picture { pixels: &images[i * length..(i + 1) * length], prediction }
}
