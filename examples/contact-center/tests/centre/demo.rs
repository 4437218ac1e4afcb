//! The demo is run as `make demo` runs it, over wss and in listen mode, and must have heard.

use std::process::Command;

#[test]
fn the_demo_hears_and_leaves_its_recording_and_picture() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_demo"))
        .args(["--tls", "--mode", "listen", "--listen", "8", "--out"])
        .arg(folder.path())
        .output()
        .unwrap();
    let (told, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{wrong}");
    // The events in the order that the contract promises, with their codes.
    let mut rest = &*told;
    for event in [
        "login          200",
        "trying         100",
        "inComingCall   200",
        "ringing        183",
        "callStream     200",
        "hangup         200",
        "logout         200",
    ] {
        let at = rest.find(event).unwrap_or_else(|| panic!("{event} is missing, or out of order:\n{told}"));
        rest = &rest[at..];
    }
    assert!(told.contains("heard by nobody, as it should be"), "{told}");
    let wav = hound::WavReader::open(folder.path().join("heard.wav")).unwrap();
    assert_eq!((wav.spec().channels, wav.spec().sample_rate), (2, 48_000));
    assert!(wav.duration() > 10 * 48_000);
    let svg = std::fs::read_to_string(folder.path().join("call.svg")).unwrap();
    assert!(svg.contains("supervisor: callStream") && svg.trim_end().ends_with("</svg>"));
}
