//! Results that cannot be kept. That is found out before any work where it can be, and leaves nothing half-written.

use std::fs;
use std::process::Command;

use crate::place::sentence;
use crate::{ATTACK, COMMANDS, EVALUATE, REPAIR, furnished, words};

/// There are no pictures and no nets either, but that is only found out later.
#[test]
fn places_that_cannot_be_written_to_are_refused_before_any_work() {
    let place = furnished();
    let places = [
        ("missing/r", "its folder does not exist"),
        ("file/r", "what should be its folder is a file"),
        ("empty", "it is a folder"),
    ];
    for (path, reason) in places {
        let expected = format!("cannot write `{path}`: {reason}");
        for line in COMMANDS.iter().chain(&["demo --device cpu"]) {
            let line = format!("{} --json {path}", line.replace("--classifier net", "--classifier none"));
            assert_eq!(place.refused(1, &words(&line)), expected);
        }
        let line = ATTACK.replace("--out o.st", &format!("--out {path}"));
        assert_eq!(place.refused(1, &words(&line.replace("--data shapes", "--data none"))), expected);
    }
    for (path, reason) in
        [("file", "a file is in its place"), ("file/below", "what should be its folder is a file")]
    {
        for line in [
            format!("{} --png {path}", ATTACK.replace("--data shapes", "--data none")),
            REPAIR.replace("--out out", &format!("--out {path}")).replace("in.png", "none.png"),
            format!("demo --device cpu --out {path}"),
        ] {
            assert_eq!(place.refused(1, &words(&line)), format!("cannot make the folder `{path}`: {reason}"));
        }
    }
}

/// `/dev/full` is a disk that is always full.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_takes_nothing_and_the_other_result_is_given_all_the_same() {
    let place = furnished();
    for line in COMMANDS {
        let output = place.command(&words(&format!("{line} --json /dev/full"))).output().unwrap();
        assert_eq!(sentence(1, &output), "cannot write `/dev/full`: the disk is full");
        assert!(!output.stdout.is_empty(), "the result is printed");

        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = place.command(&words(&format!("{line} --json result.json")));
        let output = command.stdout(full).output().unwrap();
        assert!(sentence(1, &output).starts_with("cannot write to standard output: "));
        let json = fs::read(place.path("result.json")).unwrap();
        assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok(), "the file is whole");
        fs::remove_file(place.path("result.json")).unwrap();
    }
    let said = place.refused(1, &words(&ATTACK.replace("--out o.st", "--out /dev/full")));
    assert_eq!(said, "cannot keep the attacked pictures: cannot write `/dev/full`: the disk is full");
    // Not even a sentence can be said.
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = place.command(&words(&EVALUATE.replace("--data shapes", "--data none")));
    assert_eq!(command.stderr(full).status().unwrap().code(), Some(1));
}

/// A disk that takes only so much: no file may grow beyond 1 KiB.
#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_has_no_half_file() {
    let place = furnished();
    fs::create_dir(place.path("out")).unwrap();
    // A picture of noise, which makes a file of 3 KB.
    let noise = |x: u32, y: u32| image::Rgb([(x * 89) as u8, (y * 57) as u8, (x * y * 31) as u8]);
    image::RgbImage::from_fn(32, 32, noise).save(place.path("in.png")).unwrap();
    for (line, file) in [(ATTACK, "o.st"), (REPAIR, "out/00000-in.png")] {
        let full = place.command(&words(line));
        let mut limited = Command::new("sh");
        // Without the trap the process would be ended instead of told; blocks are of 512 or 1024 bytes.
        limited.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""]);
        limited.arg(full.get_program()).args(full.get_args()).current_dir(place.path(""));
        let said = place.refuses(1, &mut limited);
        assert!(said.contains(&format!("cannot write `{file}`: File too large")), "{said}");
    }
}
