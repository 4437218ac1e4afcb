//! Recordings, sound files and sound cards in C: `tests/c/sound.c` against the contact centre.

use contact_center::{ContactCenter, Mode, Party};
use monipy_tests::native;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

#[test]
fn c_records_pauses_reports_and_plays() {
    let program = native::compile(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("sound"), "tests/c/sound.c");
    let folder = tempfile::tempdir().expect("a folder");
    let centre = ContactCenter::builder().start_blocking().expect("the centre starts");
    let call = centre.call(Party::agent("agent").tone(440.0), Party::customer("customer").tone(1000.0)).expect("a call");
    let child = Command::new(program).arg(centre.ws_url()).arg(folder.path()).spawn().expect("it starts");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(centre.wait_registered("supervisor", Duration::from_secs(60))).expect("a phone logs in");
    call.barge("supervisor", Mode::Barge).expect("a leg");
    let output = child.wait_with_output().expect("it can be waited for");
    assert!(output.status.success(), "it ended with {}", output.status);
}
