//! `repair`: picture files in, repaired picture files and predictions out.

use std::path::{Path, PathBuf};

use unperturb_data::Picture;

use super::args::RepairArgs;
use super::evaluate::stopped;
use super::interrupt::Interrupt;
use super::progress::Progress;
use super::{Error, Global, device, inputs, output, pictures};
use crate::Failure;
use crate::evaluate::Defender;

/// Side of the pictures that the nets are made for.
const SIDE: usize = 32;

/// Runs the command.
pub fn run(global: &Global, args: &RepairArgs) -> Result<(), Error> {
    let device = device::open(global)?;
    let model = inputs::model(&args.net)?;
    let nets = inputs::task_nets(args.tasks.as_deref(), &args.defence.tasks(), &model)?;
    let files = files(&args.inputs)?;
    let images = read(&files)?;
    std::fs::create_dir_all(&args.out)
        .map_err(Error::failed(format!("cannot make the folder {}", args.out.display())))?;

    let interrupt = Interrupt::install()?;
    let progress = Progress::new(global.quiet);
    let mut stage = progress.stage(&format!("defence {}", args.defence), files.len() as u64, "images");
    let mut defender = Defender::new(&device, &model, &nets, &args.defence, 64, global.seed);
    let repaired = defender
        .defend(&images, [SIDE, SIDE], |count| {
            stage.advance(count as u64);
            if interrupt.is_requested() { Err(Failure::Stopped) } else { Ok(()) }
        })
        .map_err(stopped("cannot repair the pictures"))?;
    stage.finish();

    let mut results = Vec::new();
    let mut lines = String::new();
    for (index, (input, &(class, confidence))) in files.iter().zip(&repaired.predictions).enumerate() {
        let stem = input.file_stem().unwrap_or_default().to_string_lossy();
        let path = args.out.join(format!("{index:05}-{stem}.png"));
        let picture = SIDE * SIDE * 3;
        pictures::write_png(&path, &repaired.repaired[index * picture..(index + 1) * picture], [SIDE, SIDE])?;
        lines += &format!(
            "{} -> {}: class {class} ({:.1} %)\n",
            input.display(),
            path.display(),
            100.0 * confidence
        );
        results.push(serde_json::json!({
            "input": input, "output": path, "class": class, "confidence": confidence,
        }));
    }
    output::print(&lines)?;
    let defence = format!("{:#}", args.defence);
    output::json(global, &serde_json::json!({ "command": "repair", "defence": defence, "pictures": results }))
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
fn read(files: &[PathBuf]) -> Result<Vec<f32>, Error> {
    let mut images = Vec::new();
    for file in files {
        let picture = Picture::read(file).map_err(Error::failed("cannot repair"))?.resized([SIDE, SIDE]);
        images.extend(picture.pixels.iter().map(|&byte| f32::from(byte) / 255.0));
    }
    Ok(images)
}
