//! Ctrl-C, sent to this process; so it has a test binary of its own.
#![cfg(unix)]

use std::process::{Command, id};
use std::time::{Duration, Instant};

use unperturb::cli::interrupt::Interrupt;

#[test]
fn ctrl_c_asks_loops_to_stop_and_only_one_may_listen() {
    let interrupt = Interrupt::install().unwrap();
    assert!(!interrupt.is_requested());
    let second = Interrupt::install().unwrap_err();
    assert_eq!(second.exit_status(), 1);

    let sent = Command::new("kill").args(["-INT", &id().to_string()]).status().unwrap();
    assert!(sent.success());
    let begun = Instant::now();
    while !interrupt.is_requested() {
        assert!(begun.elapsed() < Duration::from_secs(10), "the signal was not heard");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(interrupt.check().is_err());
}
