//! The binary: what goes where, and exit statuses.

use std::process::{Command, Output};

fn unperturb(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_unperturb")).args(arguments).output().unwrap()
}

#[test]
fn wrong_use_is_status_2_and_one_sentence_on_standard_error() {
    for (arguments, sentence) in [
        (
            &["evaluate", "--data", "shapes", "--classifier", "c", "--attack", "pdg"][..],
            "unperturb: invalid value 'pdg' for '--attack <ATTACK>': there is no attack `pdg`: attacks are none, fgsm, \
             bim, pgd, cw, apgd-ce, apgd-dlr, apgd-t, fab, fab-t, square, autoattack.\n",
        ),
        (
            &["repair", "a.png", "--classifier", "c", "--out", "r", "--defence", "rotation:eps=8/255"],
            "unperturb: the defence `rotation:eps=8/255` needs trained tasks: give their folder with `--tasks DIR`.\n",
        ),
    ] {
        let output = unperturb(arguments);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), sentence);
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn help_and_version_are_results() {
    for arguments in [&["--help"][..], &["train", "classifier", "--help"], &["--version"]] {
        let output = unperturb(arguments);
        assert_eq!(output.status.code(), Some(0));
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{arguments:?}");
    }
    assert_eq!(unperturb(&[]).status.code(), Some(2));
}
