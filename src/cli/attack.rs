//! `attack`: writes attacked pictures.

use std::path::Path;

use unperturb_nets::checkpoint::Checkpoint;
use unperturb_nets::{Tensor, Weights};

use super::args::AttackArgs;
use super::interrupt::Interrupt;
use super::kept::Kept;
use super::progress::Progress;
use super::{Error, Global, device, inputs, output, pictures};
use crate::Failure;
use crate::attack::Attack;
use crate::evaluate::{Attacked, Attacker, Defender};
use crate::reversal::Defence;
use crate::task::nets::TaskNets;

/// Runs the command.
pub fn run(global: &Global, args: &AttackArgs) -> Result<(), Error> {
    output::expect_json(global)?;
    unperturb_files::expect_writable(&args.out)?;
    args.png.as_deref().map_or(Ok(()), unperturb_files::expect_folder)?;
    let device = device::open(global)?;
    let model = inputs::model(&args.net)?;
    let nets = TaskNets::default();
    let data = inputs::pictures(&args.images, &model, &nets)?;
    let interrupt = Interrupt::install()?;
    let progress = Progress::new(global.quiet);
    let (images, labels) = inputs::all(&data)?;
    let size = [data.height(), data.width()];
    let batch = args.images.batch.get();
    let mut stage = progress.stage(&format!("attack {}", args.attack), labels.len() as u64, "images");
    let kept = Kept::new(args.resume.as_deref())?;
    let mut attacker = Attacker::new(&device, &model, &args.attack, batch, global.seed).keeping(kept.keep(
        &device,
        &args.attack,
        &model,
        &data,
        global.seed,
    ));
    let attacked = attacker
        .attack(&images, &labels, size, |count| {
            stage.advance(count as u64);
            if interrupt.is_requested() { Err(Failure::Stopped) } else { Ok(()) }
        })
        .map_err(kept.stopped("cannot attack the pictures"))?;
    stage.note_some(device::smaller_batches(batch, attacker.batch()));
    attacked.remarks.iter().for_each(|remark| stage.note(remark));
    stage.finish();
    drop(attacker);
    let predicted = Defender::new(&device, &model, &nets, &Defence::None, batch, global.seed)
        .defend(&attacked.images, size, |_| Ok(()))
        .map_err(Error::failed("cannot classify the attacked pictures"))?
        .predictions;
    let right = predicted.iter().zip(&labels).filter(|(found, label)| found.0 == **label).count();

    let shape = vec![labels.len(), size[0], size[1], 3];
    let mut tensors = Weights::default();
    tensors.tensors.insert("images".into(), Tensor { shape, data: attacked.images.clone() });
    let as_tensor = |values: Vec<f32>| Tensor { shape: vec![values.len()], data: values };
    tensors.tensors.insert("labels".into(), as_tensor(labels.iter().map(|&l| l as f32).collect()));
    tensors.tensors.insert("predictions".into(), as_tensor(predicted.iter().map(|p| p.0 as f32).collect()));
    let metadata = [("attack".to_string(), format!("{:#}", args.attack)), ("layout".into(), "nhwc".into())];
    Checkpoint::new(tensors, metadata.into())
        .write(&args.out)
        .map_err(Error::failed("cannot keep the attacked pictures"))?;
    if let Some(folder) = &args.png {
        write_pngs(folder, &attacked.images, &labels, size)?;
    }
    let attack = &args.attack;
    let total = labels.len() as u64;
    let found: Vec<u32> = predicted.iter().map(|found| found.0).collect();
    let reached = reached(&attacked, &found);
    let stages: Vec<_> = attacked
        .stages
        .iter()
        .map(|stage| serde_json::json!({"attack": stage.name, "unbroken": stage.unbroken}))
        .collect();
    let result = serde_json::json!({
        "command": "attack", "device": device.to_string(), "seed": global.seed, "attack": format!("{attack:#}"),
        "images": total, "correct": right,
        "reached": reached, "stages": stages, "remarks": attacked.remarks,
        "forwards_per_image": attacked.passes.forwards as f64 / total as f64,
        "backwards_per_image": attacked.passes.backwards as f64 / total as f64,
    });
    output::both(global, &text(attack, &attacked, total, right, reached), &result)?;
    kept.finish();
    Ok(())
}

/// How many pictures a targeted attack brought to their targets.
fn reached(attacked: &Attacked, predicted: &[u32]) -> Option<usize> {
    let targets = attacked.targets.as_ref()?;
    Some(predicted.iter().zip(targets).filter(|(found, target)| found == target).count())
}

/// A line for each stage where there are several, and one for the whole.
fn text(attack: &Attack, attacked: &Attacked, total: u64, right: usize, reached: Option<usize>) -> String {
    let mut text = String::new();
    if attacked.stages.len() > 1 {
        for stage in &attacked.stages {
            text += &format!("after {}: {} of {total} unbroken\n", stage.name, stage.unbroken);
        }
    }
    text += &format!("{attack}: {right} of {total} still classified rightly\n");
    if let Some(reached) = reached {
        text += &format!("{reached} of {total} classified as the target\n");
    }
    text
}

fn write_pngs(folder: &Path, images: &[f32], labels: &[u32], size: [usize; 2]) -> Result<(), Error> {
    unperturb_files::make_folder(folder)?;
    for (index, (image, label)) in images.chunks_exact(size[0] * size[1] * 3).zip(labels).enumerate() {
        let path = folder.join(format!("{index:05}-class-{label}.png"));
        pictures::write_png(&path, image, size)?;
    }
    Ok(())
}
