//! Whole command lines.

use clap::CommandFactory;
use proptest::prelude::*;

use super::*;
use crate::task::Task;

fn parse(line: &str) -> Result<Arguments, String> {
    let arguments = Arguments::try_parse_from(line.split(' ')).map_err(|error| sentence(&error))?;
    arguments.checked().map_err(|error| error.to_string())
}

fn refusal(line: &str) -> String {
    parse(line).expect_err(line)
}

const EVALUATE: &str = "unperturb evaluate --data shapes --classifier a.safetensors";

#[test]
fn the_definitions_are_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn global_options_stand_before_or_after_the_command() {
    for line in [
        "unperturb --device gpu:1 --seed 7 --json r.json --quiet --precision f16 --memory 2GiB devices",
        "unperturb devices --device gpu:1 --seed 7 --json r.json --quiet --precision f16 --memory 2GiB",
        "unperturb --device gpu:1 --seed 7 data --quiet --precision f16 fetch cifar10 --json r.json --memory 2GiB",
    ] {
        let Global { device, seed, json, quiet, memory, precision } = parse(line).unwrap().global;
        assert_eq!((device, seed, quiet, precision), (DeviceChoice::Gpu(Some(1)), 7, true, Precision::F16));
        assert_eq!((json, memory), (Some(PathBuf::from("r.json")), Some(MemorySize(2 << 30))));
    }
    let global = parse("unperturb devices").unwrap().global;
    assert_eq!((global.device, global.seed, global.quiet), (DeviceChoice::Auto, 0, false));
}

#[test]
fn attacks_come_after_the_clean_images_once_each() {
    let attacks = |rest: &str| match parse(&format!("{EVALUATE}{rest}")).unwrap().command {
        Command::Evaluate(evaluate) => evaluate.attacks().iter().map(ToString::to_string).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(attacks(""), ["none", "pgd"]);
    assert_eq!(
        attacks(" --attack pgd:steps=50,restarts=2,fgsm --attack none --attack fgsm"),
        ["none", "pgd:steps=50,restarts=2", "fgsm"]
    );
}

#[test]
fn every_command_of_the_manual_is_understood() {
    for line in [
        "unperturb demo --images 8 --out d",
        "unperturb devices",
        "unperturb data fetch cifar100 --dir d",
        "unperturb data info shapes",
        "unperturb train classifier --data shapes --net wrn-10-2 --recipe fgsm --out c.safetensors --epochs 3 \
         --batch 64 --learning-rate 1/5 --weight-decay 0 --momentum 0.9 --width 8 --schedule cosine --eps 4/255 \
         --step 5/255 --attack-steps 1 --checkpoint-every 100 --resume r --label-smoothing 0.1 --ema 0.999 --images 9",
        "unperturb train tasks --data d --classifier resnet20:c.pt --normalize cifar10 --tasks rotation,contrastive \
         --out t --epochs 20,rotation=30 --batch 256 --learning-rate contrastive=3/10000 --width rotation=48 --resume --images 9",
        "unperturb evaluate --data d --split train --classifier c --normalize 1,1,1/2,2,2 --tasks t --attack pgd \
         --defence none,multi-task:steps=10,contrastive=2,rotation --images 1000 --batch 50",
        "unperturb attack --data d --classifier c --attack fgsm --out a.safetensors --png p",
        "unperturb repair a.png b --classifier c --tasks t --defence multi-task --out r",
        "unperturb inspect c.pt",
        "unperturb bench conv2d --batch 8 --profile",
    ] {
        parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn training_takes_the_attack_of_its_recipe() {
    let training = |rest: &str| {
        let line = format!("unperturb train classifier --data shapes --out c --recipe {rest}");
        match parse(&line).unwrap().command {
            Command::Train(TrainCommand::Classifier(training)) => {
                (training.attack_step().to_string(), training.attack_steps())
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(training("fgsm"), ("10/255".to_owned(), 1));
    assert_eq!(training("pgd"), ("2/255".to_owned(), 10));
    assert_eq!(training("pgd --step 3/255 --attack-steps 7"), ("3/255".to_owned(), 7));
}

#[test]
fn tasks_default_to_all() {
    let line = "unperturb train tasks --data shapes --classifier c --out t --epochs rotation=3";
    let Command::Train(TrainCommand::Tasks(training)) = parse(line).unwrap().command else {
        panic!("{line}")
    };
    assert_eq!(training.tasks, Task::ALL);
    let epochs = training.epochs.unwrap();
    assert_eq!((epochs.get(Task::Rotation).map(|n| n.get()), epochs.get(Task::Inpainting)), (Some(3), None));
}

#[test]
fn wrong_use_is_one_line_that_says_what_to_do() {
    for (line, said) in [
        (
            "unperturb evaluate --data shapes",
            "the following required arguments were not provided: --classifier <FILE>",
        ),
        (
            "unperturb devices --sede 3",
            "unexpected argument '--sede' found (tip: a similar argument exists: '--seed')",
        ),
        (
            "unperturb evalute",
            "unrecognized subcommand 'evalute' (tip: a similar subcommand exists: 'evaluate')",
        ),
        (
            "unperturb devices --device cuda",
            "invalid value 'cuda' for '--device <DEVICE>': expected auto, gpu, gpu:N or cpu",
        ),
        (
            "unperturb attack --data d --classifier c --out o --attack pgd:iters=3",
            "invalid value 'pgd:iters=3' for '--attack <ATTACK>': `pgd` has no option `iters`: it has norm, eps, \
             step, steps, restarts, loss, target",
        ),
        (
            "unperturb train classifier --data d --out o --recipe trades",
            "invalid value 'trades' for '--recipe <RECIPE>' [possible values: standard, fgsm, pgd]",
        ),
        (
            "unperturb demo --images 0",
            "invalid value '0' for '--images <N>': number would be zero for non-zero type",
        ),
        (
            "unperturb repair a.png --classifier c --out r",
            "the defence `multi-task` needs trained tasks: give their folder with `--tasks DIR`",
        ),
    ] {
        assert_eq!(refusal(line), said, "{line}");
    }
    assert_eq!(
        refusal(&format!("{EVALUATE} --defence none,noise,rotation:steps=3")),
        "the defence `rotation:steps=3` needs trained tasks: give their folder with `--tasks DIR`"
    );
}

#[test]
fn the_controls_need_no_tasks() {
    assert!(parse(&format!("{EVALUATE} --defence none,noise")).is_ok());
}

proptest! {
    #[test]
    fn any_line_is_understood_or_refused_in_one_line(words in prop::collection::vec(
        "(evaluate|train|tasks|data|--data|--attack|--seed|--defence|pgd:|=|[ -~]{0,9})", 0..8,
    )) {
        let line = std::iter::once("unperturb".to_owned()).chain(words);
        if let Err(error) = Arguments::try_parse_from(line) {
            prop_assert!(error.exit_code() == 0 || !sentence(&error).contains('\n'));
        }
    }
}

#[test]
fn sizes_of_memory_have_a_unit() {
    let size = |text: &str| text.parse::<MemorySize>().map(|size| size.0);
    assert_eq!(size("512MiB"), Ok(512 << 20));
    assert_eq!(size("1.5 GiB"), Ok(3 << 29));
    assert_eq!(size("2gb"), Ok(2_000_000_000));
    assert_eq!(size("64KiB"), Ok(1 << 16));
    for wrong in ["", "512", "MiB", "0GiB", "-1GiB", "1e9GB", "1.2.3GB", "NaNGB", "99999999999GiB"] {
        assert!(size(wrong).is_err(), "{wrong}");
    }
}
