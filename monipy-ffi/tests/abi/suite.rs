//! The C and C++ tests of `tests/c`, plain, against the static library, under AddressSanitizer and
//! under valgrind.

use crate::{cc, library_folder, run, scratch, top};
use std::process::Command;

/// Runs some of the tests in one of the modes of `tests/c/run.sh`.
fn suite(mode: &str, tests: &[&str]) {
    let mut command = Command::new(top().join("tests/c/run.sh"));
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

#[test]
fn all_with_the_static_library() {
    suite("static", &[]);
}

#[test]
fn all_under_address_sanitizer() {
    let probe = scratch("c").join("probe.c");
    std::fs::write(&probe, "int main(void) { return 0; }\n").expect("the target folder is writable");
    let able = cc().arg("-fsanitize=address").arg(&probe).arg("-o").arg(scratch("c").join("probe")).status().is_ok_and(|s| s.success());
    if !able {
        eprintln!("skipped: the C compiler has no AddressSanitizer");
        return;
    }
    suite("asan", &[]);
}

#[test]
fn all_under_valgrind() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("skipped: no valgrind");
        return;
    }
    suite("valgrind", &[]);
}
