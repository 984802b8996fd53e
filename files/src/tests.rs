//! Writes that succeed, fail, and are cut off.

use super::*;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn writes_and_replaces_and_leaves_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("result.json");
    expect_writable(&path).unwrap();
    assert!(names(folder.path()).is_empty());
    write(&path, b"first").unwrap();
    expect_writable(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"first");
    write(&path, b"second").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"second");
    assert_eq!(names(folder.path()), ["result.json"]);
}

#[test]
fn the_former_file_stands_until_the_new_one_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("result.json");
    write(&path, b"former").unwrap();
    let error = write_with(&path, |file| {
        file.write_all(&[b'x'; 100_000])?;
        assert_eq!(fs::read(&path).unwrap(), b"former");
        Err(ErrorKind::StorageFull.into())
    })
    .unwrap_err();
    assert_eq!(error.to_string(), format!("cannot write `{}`: the disk is full", path.display()));
    assert_eq!(fs::read(&path).unwrap(), b"former");
    assert_eq!(names(folder.path()), ["result.json"]);
}

#[test]
fn says_what_is_wrong_with_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let said = |path: PathBuf| {
        let error = write(&path, b"x").unwrap_err().to_string();
        assert_eq!(expect_writable(&path).unwrap_err().to_string(), error);
        error.strip_prefix(&format!("cannot write `{}`: ", path.display())).expect(&error).to_owned()
    };
    assert_eq!(said(folder.path().to_owned()), "it is a folder");
    assert_eq!(said(folder.path().join("missing/result.json")), "its folder does not exist");
    fs::write(folder.path().join("file"), b"").unwrap();
    assert_eq!(said(folder.path().join("file/result.json")), "what should be its folder is a file");
    assert_eq!(said(PathBuf::from("..")), "it is a folder");
    assert_eq!(said(folder.path().join("n".repeat(300))), "this is no name for a file");
}

#[test]
fn a_file_marked_read_only_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights");
    fs::write(&path, b"former").unwrap();
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let error = write(&path, b"new").unwrap_err();
    assert_eq!(expect_writable(&path).unwrap_err().to_string(), error.to_string());
    assert!(error.to_string().ends_with(": permission denied"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"former");
}

#[cfg(unix)]
#[test]
fn follows_links_and_keeps_them() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    fs::write(&real, b"former").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    write(&link, b"new").unwrap();
    assert_eq!(fs::read(&real).unwrap(), b"new");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[cfg(unix)]
#[test]
fn a_new_file_has_the_permissions_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
    write(&ours, b"").unwrap();
    fs::write(&plain, b"").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&ours), mode(&plain));
}

/// `/dev/full` is a disk that is always full.
#[cfg(target_os = "linux")]
#[test]
fn a_device_is_written_to_and_never_replaced() {
    let error = write(Path::new("/dev/full"), b"x").unwrap_err();
    assert_eq!(error.to_string(), "cannot write `/dev/full`: the disk is full");
    write(Path::new("/dev/null"), b"x").unwrap();
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

/// What a killed program leaves has no lock: here it is one that was never locked.
#[cfg(unix)]
#[test]
fn files_of_killed_writers_go_away_with_the_next_write_to_the_same_place() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let ours = [".net.unperturb-0.tmp", ".net.unperturb-1.tmp"];
    let others = [".net.other.unperturb-0.tmp", ".net.unperturb-x.tmp", ".net.abc123.tmp", "net.tmp"];
    for attempt in [|path: &Path| write(path, b"new").unwrap(), |path: &Path| expect_writable(path).unwrap()]
    {
        for name in ours.iter().chain(&others) {
            fs::write(place(name), b"half").unwrap();
        }
        attempt(&place("net"));
        assert!(ours.iter().all(|name| !place(name).exists()), "{:?}", names(folder.path()));
        assert!(others.iter().all(|name| fs::read(place(name)).unwrap() == b"half"));
    }
    assert_eq!(fs::read(place("net")).unwrap(), b"new");
}

#[cfg(unix)]
#[test]
fn a_writer_at_work_is_left_alone_and_both_writes_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net");
    write_with(&path, |file| {
        file.write_all(b"first, ")?;
        file.flush()?;
        let before = names(folder.path());
        write(&path, b"second").unwrap();
        expect_writable(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert!(before.iter().all(|name| names(folder.path()).contains(name)), "{before:?}");
        file.write_all(b"and last")
    })
    .unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"first, and last");
    assert_eq!(names(folder.path()), ["net"]);
}

#[cfg(unix)]
#[test]
fn many_writers_in_one_place_leave_one_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net");
    std::thread::scope(|scope| {
        for writer in 0..4u8 {
            let path = &path;
            scope.spawn(move || (0..50).for_each(|_| write(path, &[writer; 10_000]).unwrap()));
        }
    });
    let whole = fs::read(&path).unwrap();
    assert!(whole.len() == 10_000 && whole.iter().all(|&byte| byte == whole[0]));
    assert_eq!(names(folder.path()), ["net"]);
}

#[test]
fn folders_are_tried_before_and_made_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b");
    expect_folder(&path).unwrap();
    assert!(names(folder.path()).is_empty());
    make_folder(&path).unwrap();
    expect_folder(&path).unwrap();
    make_folder(&path).unwrap();
    assert!(names(&path).is_empty());
    fs::write(folder.path().join("file"), b"").unwrap();
    for (name, reason) in
        [("file", "a file is in its place"), ("file/below", "what should be its folder is a file")]
    {
        let path = folder.path().join(name);
        for attempt in [expect_folder, make_folder] {
            let said = attempt(&path).unwrap_err().to_string();
            assert_eq!(said, format!("cannot make the folder `{}`: {reason}", path.display()));
        }
    }
}

/// A second process writes half a file and is killed; it is this test with a path to write to in its environment.
#[cfg(unix)]
#[test]
fn the_file_of_another_program_stays_as_long_as_that_lives() {
    use std::time::{Duration, Instant};
    const PATH: &str = "UNPERTURB_TEST_HALF_A_FILE";
    if let Some(path) = std::env::var_os(PATH) {
        let half = write_with(Path::new(&path), |file| {
            file.write_all(&[0; 100_000])?;
            std::thread::sleep(Duration::from_secs(60));
            Ok(())
        });
        panic!("nobody killed the writer: {half:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net");
    let name = "tests::the_file_of_another_program_stays_as_long_as_that_lives";
    let mut writer = std::process::Command::new(std::env::current_exe().unwrap());
    writer.args(["--exact", name]).env(PATH, &path).stdout(std::process::Stdio::null());
    let mut writer = writer.spawn().unwrap();
    let half = folder.path().join(".net.unperturb-0.tmp");
    let started = Instant::now();
    while fs::metadata(&half).map_or(0, |found| found.len()) == 0 {
        assert!(started.elapsed() < Duration::from_secs(30), "nothing is written");
        std::thread::sleep(Duration::from_millis(2));
    }
    write(&path, b"first").unwrap();
    let was_left_alone = half.exists();
    writer.kill().unwrap();
    writer.wait().unwrap();
    assert!(was_left_alone && half.exists(), "the killed program left its file");
    write(&path, b"second").unwrap();
    assert_eq!(
        (names(folder.path()), fs::read(&path).unwrap()),
        (vec!["net".to_owned()], b"second".to_vec())
    );
}
