//! Trainings that are stopped, by force or by request, and go on.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use unperturb::attack::IMAGES;
use unperturb::train::parts::Update;
use unperturb::train::snapshot::{Position, Settings, beside};
use unperturb::train::trainer::{Course, Keep, LEARNING_RATE, Next, Trainer, observe};
use unperturb_data::{Batches, OpenOptions, Split, open_with};
use unperturb_engine::ops::random::Random;
use unperturb_engine::optim::Schedule;
use unperturb_engine::{Device, Graph, Session};
use unperturb_nets::checkpoint::Checkpoint;

use crate::{Running, done, sentence, train, training};

/// Six updates an epoch, forty-eight in all, and a snapshot after every second.
const SMALL: &str = "--data shapes --images 192 --net resnet8x2 --recipe fgsm --batch 32 --epochs 8 --ema 0.99 \
                     --schedule one-cycle --checkpoint-every 2 --seed 5";
/// One that does not end by itself.
const ENDLESS: &str = "--data shapes --images 64 --net resnet8x2 --recipe fgsm --batch 16 --epochs 100000 \
                       --checkpoint-every 1";

fn small(out: &Path) -> Command {
    train(SMALL, out)
}

fn resumed(mut command: Command, snapshot: &Path) -> Command {
    command.arg("--resume").arg(snapshot);
    command
}

/// What the small training ends in when nothing happens to it, and how long that takes.
fn undisturbed() -> &'static (Vec<u8>, Duration) {
    static RESULT: OnceLock<(Vec<u8>, Duration)> = OnceLock::new();
    RESULT.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("net.safetensors");
        let started = Instant::now();
        done(&mut small(&out));
        assert_eq!(crate::files(folder.path()), std::slice::from_ref(&out), "nothing but the result is left");
        (fs::read(out).unwrap(), started.elapsed())
    })
}

/// Waits until there is a snapshot other than `before`, or the program has ended.
fn await_progress(running: &mut Running, snapshot: &Path, before: Option<&[u8]>) {
    let started = Instant::now();
    while !running.has_ended() && fs::read(snapshot).ok().as_deref().is_none_or(|now| Some(now) == before) {
        assert!(started.elapsed() < Duration::from_secs(120), "no snapshot is written");
        sleep(Duration::from_millis(2));
    }
}

/// A folder with the snapshot of an endless training that was killed.
fn killed() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("net.safetensors");
    let snapshot = beside(&out);
    let mut running = Running::new(&mut train(ENDLESS, &out));
    await_progress(&mut running, &snapshot, None);
    assert!(!running.has_ended());
    drop(running);
    (folder, out)
}

#[test]
fn killed_at_ten_random_moments_a_training_ends_in_the_same_bytes() {
    let (whole, duration) = undisturbed();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("net.safetensors");
    let snapshot = beside(&out);
    let go = || if snapshot.exists() { resumed(small(&out), &snapshot) } else { small(&out) };
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let (mut kills, mut continued) = (0, 0);
    while kills < 10 {
        let before = fs::read(&snapshot).ok();
        let mut running = Running::new(&mut go());
        if kills % 3 == 0 {
            // Anywhere: while it starts, most likely.
            sleep(duration.mul_f64(random.random()));
        } else {
            await_progress(&mut running, &snapshot, before.as_deref());
            sleep(duration.mul_f64(0.2 * random.random::<f64>()));
        }
        // SIGKILL, where the system knows signals.
        running.0.kill().unwrap();
        if running.0.wait().unwrap().success() {
            // It came to its end before that; the next one starts anew.
            assert!(fs::read(&out).unwrap() == *whole);
            fs::remove_file(&out).unwrap();
            continue;
        }
        kills += 1;
        continued += usize::from(before.is_some());
    }
    assert!(continued >= 3, "only {continued} of the killed trainings had something to go on with");
    done(&mut go());
    assert!(fs::read(&out).unwrap() == *whole, "another result after ten kills");
    assert!(!snapshot.exists());
}

/// The nets of the tasks, whose updates draw random numbers, keep running means and follow Adam.
#[test]
fn killed_trainings_of_tasks_end_in_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let classifier = folder.path().join("net.safetensors");
    fs::write(&classifier, &undisturbed().0).unwrap();
    let tasks = |name: &str| {
        let options = "--data shapes --images 40 --epochs 2 --batch 8 --checkpoint-every 1 \
                       --width contrastive=16,rotation=6,inpainting=4 --resume --classifier";
        let mut command = training("tasks", options, &folder.path().join(name));
        command.arg(&classifier);
        command
    };
    done(&mut tasks("whole"));
    let nets = crate::files(&folder.path().join("whole"));
    let names: Vec<_> = nets.iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["contrastive.safetensors", "inpainting.safetensors", "rotation.safetensors"]);

    let killed = folder.path().join("killed");
    // Once in each task, in the order in which they are trained, in no matter which update.
    for task in ["contrastive", "rotation", "inpainting"] {
        let snapshot = beside(&killed.join(format!("{task}.safetensors")));
        let mut running = Running::new(&mut tasks("killed"));
        await_progress(&mut running, &snapshot, None);
    }
    done(&mut tasks("killed"));
    for (name, net) in names.iter().zip(&nets) {
        assert!(fs::read(killed.join(name)).unwrap() == fs::read(net).unwrap(), "another {}", name.display());
    }
    // A kill within a write leaves a hidden file, which goes away with the next write to the same place.
    assert!(crate::files(&killed).iter().all(|path| names.iter().any(|name| path.ends_with(name))));
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_a_snapshot_and_says_how_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("net.safetensors");
    let snapshot = beside(&out);
    let mut before = None;
    let mut steps = vec![];
    for command in [train(ENDLESS, &out), resumed(train(ENDLESS, &out), &snapshot)] {
        let mut command = command;
        let mut running = Running::new(&mut command);
        await_progress(&mut running, &snapshot, before.as_deref());
        done(Command::new("kill").args(["-INT", &running.0.id().to_string()]));
        let started = Instant::now();
        while !running.has_ended() {
            assert!(started.elapsed() < Duration::from_secs(60), "it does not stop");
            sleep(Duration::from_millis(5));
        }
        let mut said = String::new();
        std::io::Read::read_to_string(running.0.stderr.as_mut().unwrap(), &mut said).unwrap();
        assert_eq!(running.0.wait().unwrap().code(), Some(1), "{said}");
        let way = format!("go on with `--resume {}`", snapshot.display());
        assert_eq!(said, format!("unperturb: stopped by an interrupt; {way}.\n"));
        assert_eq!(crate::files(folder.path()), std::slice::from_ref(&snapshot));
        before = fs::read(&snapshot).ok();
        let position = &Checkpoint::read(&snapshot).unwrap().metadata["unperturb"];
        steps.push(serde_json::from_str::<Position>(position).unwrap().step);
    }
    assert!(0 < steps[0] && steps[0] < steps[1], "{steps:?}");
}

#[test]
fn a_snapshot_is_not_taken_up_by_another_training() {
    let (_folder, out) = killed();
    let snapshot = beside(&out);
    let kept = fs::read(&snapshot).unwrap();
    for (option, other, difference) in [
        ("--epochs 100000", "--epochs 3", "epochs 100000 instead of 3"),
        ("--images 64", "--images 65", "pictures 64 of shapes ("),
        ("--recipe fgsm", "--recipe standard", "training attack ProjectedGradient {"),
        ("--batch 16", "--batch 32 --seed 7", "batch 16 instead of 32, seed 0 instead of 7"),
        ("--batch 16", "--batch 16 --ema 0.5", "ema none instead of 0.5"),
    ] {
        let options = ENDLESS.replace(option, other);
        assert_ne!(options, ENDLESS);
        let said = sentence(&resumed(train(&options, &out), &snapshot).output().unwrap(), 1);
        let expected = format!(
            "cannot train the classifier: {}: it belongs to another training: {difference}",
            snapshot.display()
        );
        assert!(said.starts_with(&expected), "{said}\n{expected}");
    }
    assert!(fs::read(&snapshot).unwrap() == kept);
    // Nor is it replaced by one that does not know of it.
    let said = sentence(&train(ENDLESS, &out).output().unwrap(), 2);
    let name = snapshot.display();
    assert_eq!(
        said,
        format!(
            "`{name}` is left from an unfinished training: go on with `--resume {name}`, or remove it to start anew"
        )
    );
    assert!(fs::read(&snapshot).unwrap() == kept);
}

#[test]
fn a_damaged_or_foreign_snapshot_is_refused() {
    let (folder, out) = killed();
    let whole = fs::read(beside(&out)).unwrap();
    let file = folder.path().join("other.training");
    let no_training = "it is no training to go on with; these end in .training";
    let truncated = "it is not a whole safetensors file (";
    for (bytes, problem) in [
        (&whole[..whole.len() - 1], truncated),
        (&whole[..whole.len() / 2], truncated),
        (&whole[..100], truncated),
        (&[], truncated),
        (b"PK\x03\x04 is how another format begins", "it is not a whole PyTorch checkpoint ("),
        (&undisturbed().0, no_training),
    ] {
        fs::write(&file, bytes).unwrap();
        let said = sentence(&resumed(train(ENDLESS, &out), &file).output().unwrap(), 1);
        let expected = format!("cannot train the classifier: {}: {problem}", file.display());
        assert!(said.starts_with(&expected), "{said}");
        assert!(fs::read(&file).unwrap() == bytes);
    }
}

/// A disk that takes only so much: files of this process may not grow beyond 4 KiB.
#[cfg(unix)]
#[test]
fn a_snapshot_that_cannot_be_written_leaves_the_last_one() {
    let (folder, out) = killed();
    let snapshot = beside(&out);
    let kept = fs::read(&snapshot).unwrap();
    assert!(kept.len() > 8192);
    let full = resumed(train(ENDLESS, &out), &snapshot);
    let mut limited = Command::new("sh");
    // Without the trap the process would be ended instead of told; blocks are of 512 or 1024 bytes.
    limited.args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$0\" \"$@\""]);
    limited.arg(full.get_program()).args(full.get_args());
    let left = crate::files(folder.path());
    let said = sentence(&limited.output().unwrap(), 1);
    let name = snapshot.display();
    let expected =
        format!("the training stopped, go on with `--resume {name}`: cannot write `{name}`: File too large");
    assert!(said.starts_with(&expected), "{said}");
    assert!(fs::read(&snapshot).unwrap() == kept);
    assert_eq!(crate::files(folder.path()), left, "nothing half-written is left");
    // With room again it goes on.
    let mut running = Running::new(&mut resumed(train(ENDLESS, &out), &snapshot));
    await_progress(&mut running, &snapshot, Some(&kept));
    assert!(!running.has_ended());
}

/// Updates that draw random numbers on the device and count them there: what the snapshot leaves out is made anew.
#[test]
fn stopped_after_any_update_the_states_are_the_same() {
    let options = OpenOptions { limit: Some(20), ..Default::default() };
    let data = open_with("shapes", Split::Train, options).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let keep = |resume| Keep { path: folder.path().join("any.training"), every: 1000, resume };
    let course = Course {
        epochs: 3,
        learning_rate: 0.1,
        schedule: Schedule::one_cycle(),
        seed: 3,
        settings: Settings::default().with("seed", 3),
    };
    // Trains up to the given update; the weights and the reports of the epochs.
    let run = |resume: bool, stop: u64| {
        let g = Graph::new();
        let images = g.state(IMAGES, [4, 32, 32, 3]);
        let random = Random::new(&g, "random");
        let weights = g.state("weights", [32, 32, 3]);
        let noisy = images * random.uniform([4, 32, 32, 3]) + random.normal([4, 32, 32, 3]);
        let mean = noisy.mean(&[0]).reshape([32, 32, 3]);
        g.assign(weights, weights * 0.9 + mean * g.state(LEARNING_RATE, []));
        random.advance();
        observe(&g, mean.mean_all(), mean.square().mean_all());
        let mut session = Session::new(&Device::cpu());
        let update = Update { parts: 1, accumulate: None, apply: session.compile(&g).unwrap() };
        let mut trainer = Trainer {
            session,
            update,
            before: Box::new(|_| Ok(())),
            random: vec!["random".into()],
            batches: Batches::new(&data, 4).unwrap().shuffled(3).drop_last(),
            picture_len: data.picture_len(),
        };
        let reports = Cell::new(vec![]);
        let ended = trainer
            .run(&course, &keep(resume), |report| {
                let mut all = reports.take();
                all.extend(report.epoch.map(|epoch| (report.step, epoch)));
                reports.set(all);
                if report.step == stop { Next::Stop } else { Next::GoOn }
            })
            .unwrap();
        assert_eq!(ended, stop >= 15);
        (trainer.session.read("weights").unwrap(), reports.take())
    };
    let (whole, reports) = run(false, u64::MAX);
    assert_eq!(reports.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [5, 10, 15]);
    for stop in 1..15 {
        run(false, stop);
        let (weights, rest) = run(true, u64::MAX);
        assert!(weights == whole, "stopped after {stop}");
        // The means of an epoch count what was before the stop, too.
        assert!(reports.ends_with(&rest) && rest.len() as u64 == 3 - stop / 5, "{rest:?} of {reports:?}");
    }
}
