//! `repair`: picture files in, repaired picture files and predictions out.

use std::path::{Path, PathBuf};

use unperturb_data::Picture;

use super::args::RepairArgs;
use super::interrupt::Interrupt;
use super::kept::Kept;
use super::progress::Progress;
use super::{Error, Global, device, inputs, output, pictures};
use crate::Failure;
use crate::evaluate::Defender;

/// Height and width of pictures where no net says which it is made for.
const SIZE: [usize; 2] = [32, 32];

/// Runs the command.
pub fn run(global: &Global, args: &RepairArgs) -> Result<(), Error> {
    output::expect_json(global)?;
    unperturb_files::expect_folder(&args.out)?;
    let device = device::open(global)?;
    let model = inputs::model(&args.net)?;
    let nets = inputs::task_nets(args.tasks.as_deref(), &args.defence.tasks(), &model)?;
    let files = files(&args.inputs)?;
    let size @ [height, width] = model.size.or(nets.size()).unwrap_or(SIZE);
    nets.expect_size(height, width).map_err(Error::failed("cannot use the task nets"))?;
    let images = read(&files, size)?;

    let interrupt = Interrupt::install()?;
    let progress = Progress::new(global.quiet);
    let mut stage = progress.stage(&format!("defence {}", args.defence), files.len() as u64, "images");
    let mut defender = Defender::new(&device, &model, &nets, &args.defence, 64, global.seed);
    let batch = defender.batch();
    let repaired = defender
        .defend(&images, size, |count| {
            stage.advance(count as u64);
            if interrupt.is_requested() { Err(Failure::Stopped) } else { Ok(()) }
        })
        .map_err(Kept::default().stopped("cannot repair the pictures"))?;
    stage.note_some(device::smaller_batches(batch, defender.batch()));
    stage.finish();

    unperturb_files::make_folder(&args.out)?;
    let mut results = Vec::new();
    let mut lines = String::new();
    for (index, (input, &(class, confidence))) in files.iter().zip(&repaired.predictions).enumerate() {
        let stem = input.file_stem().unwrap_or_default().to_string_lossy();
        let path = args.out.join(format!("{index:05}-{stem}.png"));
        let picture = height * width * 3;
        pictures::write_png(&path, &repaired.repaired[index * picture..(index + 1) * picture], size)?;
        lines += &format!(
            "{} -> {}: class {class} ({:.1} %)\n",
            input.display(),
            path.display(),
            100.0 * confidence
        );
        results.push(serde_json::json!({
            "input": input.display().to_string(), "output": path.display().to_string(),
            "class": class, "confidence": confidence,
        }));
    }
    let defence = format!("{:#}", args.defence);
    let result = serde_json::json!({
        "command": "repair", "device": device.to_string(), "seed": global.seed, "defence": defence, "pictures": results,
    });
    output::both(global, &lines, &result)
}

/// The picture files that are named, and those in the folders that are named, in order.
fn files(inputs: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for input in inputs {
        if !input.is_dir() {
            files.push(input.clone());
            continue;
        }
        let cannot = || format!("cannot read the folder {}", input.display());
        let mut inside = std::fs::read_dir(input)
            .and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>())
            .map_err(Error::failed(cannot()))?;
        inside.retain(|path| is_picture(path));
        if inside.is_empty() {
            return Err(Error::failed(cannot())("there is no PNG or JPEG in it"));
        }
        inside.sort();
        files.append(&mut inside);
    }
    Ok(files)
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
    path.is_file() && ["png", "jpg", "jpeg"].contains(&ending.as_str())
}

/// Pictures as `f32` in [0, 1], each brought to the size of the nets.
fn read(files: &[PathBuf], size: [usize; 2]) -> Result<Vec<f32>, Error> {
    let mut images = Vec::new();
    for file in files {
        let picture = Picture::read(file).map_err(Error::failed("cannot repair"))?.resized(size);
        images.extend(picture.pixels.iter().map(|&byte| f32::from(byte) / 255.0));
    }
    Ok(images)
}
