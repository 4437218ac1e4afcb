//! The C and C++ tests of `tests/c`. `tests/c/run.sh` runs them against the static library, under
//! AddressSanitizer and under valgrind too.

use crate::{library_folder, run, scratch, top};
use std::process::Command;

/// Runs some of the tests in one of the modes of `tests/c/suite.sh`.
fn suite(mode: &str, tests: &[&str]) {
    let mut command = Command::new(top().join("tests/c/suite.sh"));
    run(command.arg(mode).arg(library_folder()).args(tests).env("OUT", scratch("c")));
}

#[test]
fn handles_arguments_and_structs() {
    suite("plain", &["handles", "arguments", "structs"]);
}

#[test]
fn events_and_the_log() {
    suite("plain", &["events", "logging"]);
}

#[test]
fn the_end_of_handles_and_of_the_process() {
    suite("plain", &["destroy", "process"]);
}

#[test]
fn a_thousand_cycles_leave_nothing() {
    suite("plain", &["cycles"]);
}

#[test]
fn eight_threads_use_one_handle() {
    suite("plain", &["hammer"]);
}

#[test]
fn the_cpp_face() {
    suite("plain", &["cpp"]);
}
