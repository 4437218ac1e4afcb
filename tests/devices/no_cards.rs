//! A machine without a sound server and without cards: a sentence, and nothing on stderr.

use std::process::Command;

/// Run by the test below, in a process of its own.
#[test]
#[ignore = "the body of the test below"]
fn body() {
    match monipy_core::device::devices() {
        Ok(devices) => println!("{devices:?}"),
        Err(error) => assert_eq!(error.code, monipy_core::vocabulary::code::MEDIA),
    }
}

#[test]
fn without_a_sound_server_nothing_is_printed() {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "no_cards::body", "--ignored", "--nocapture"])
        .env("PULSE_SERVER", "unix:/nowhere/at/all")
        .output()
        .expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "stderr is the program's");
}
