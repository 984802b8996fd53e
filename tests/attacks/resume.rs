//! Attacks that are stopped go on where they were.

use tempfile::TempDir;
use unperturb::Failure;
use unperturb::evaluate::{Attacker, Keep};
use unperturb::train::snapshot::Settings;
use unperturb_engine::Device;

use crate::toys::{Manner, SIZE, Toy};
use crate::{attack, attacked};

#[test]
fn a_stopped_attack_goes_on_to_the_same_points() {
    let folder = TempDir::new().unwrap();
    let device = Device::cpu();
    let toy = Toy::new(5, Manner::Curved);
    let pictures = toy.pictures();
    for text in ["autoattack:eps=8/255,steps=6,queries=350", "pgd:steps=3,restarts=4", "square:queries=400"] {
        let whole = attacked(text, &toy, &pictures);
        let name = text.replace(['/', ':'], "-");
        let settings = Settings::default().with("attack", text);
        let keep = Keep { path: folder.path().join(name), settings };
        let attack = attack(text);
        let (mut stops, mut after) = (0, 1);
        let resumed = loop {
            let mut batches = 0;
            // Another batch size each time.
            let mut attacker =
                Attacker::new(&device, &toy, &attack, 3 + stops % 4, 5).keeping(Some(keep.clone()));
            let made = attacker.attack(&pictures.images, &pictures.labels, SIZE, |_| {
                batches += 1;
                if batches > after { Err(Failure::Stopped) } else { Ok(()) }
            });
            match made {
                Err(Failure::Stopped) => (stops, after) = (stops + 1, after + 1),
                other => break other.unwrap(),
            }
        };
        assert!(stops > 1, "{text} was hardly stopped");
        assert_eq!(resumed.images, whole.images, "{text}");
        assert_eq!((resumed.stages, resumed.remarks), (whole.stages, whole.remarks), "{text}");
    }
}

#[test]
fn what_is_kept_of_another_attack_is_refused() {
    let folder = TempDir::new().unwrap();
    let device = Device::cpu();
    let toy = Toy::new(5, Manner::Curved);
    let pictures = toy.pictures();
    let run = |seed: u64, path: &std::path::Path| {
        let keep = Keep { path: path.to_owned(), settings: Settings::default().with("seed", seed) };
        let attack = attack("bim:steps=2");
        let mut attacker = Attacker::new(&device, &toy, &attack, 8, seed).keeping(Some(keep));
        attacker.attack(&pictures.images, &pictures.labels, SIZE, |_| Ok(())).map(drop)
    };
    let path = folder.path().join("kept");
    run(1, &path).unwrap();
    run(1, &path).unwrap();
    let error = run(2, &path).unwrap_err().to_string();
    assert!(error.ends_with("it belongs to another attack: seed 1 instead of 2"), "{error}");
    std::fs::write(&path, b"neither").unwrap();
    assert!(run(1, &path).is_err());
}
