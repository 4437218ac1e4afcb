//! What callbacks on the media thread may do, in C: `tests/c/media.c` against the contact centre.

use contact_center::{ContactCenter, Mode, Party};
use monipy_tests::native;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

#[test]
fn audio_callbacks_keep_the_rules_of_the_media_thread() {
    let program = native::compile(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("behaviour"), "tests/c/media.c");
    let centre = ContactCenter::builder().start_blocking().expect("the centre starts");
    let call = centre.call(Party::agent("agent").tone(440.0), Party::customer("customer").tone(1000.0)).expect("a call");
    let child = Command::new(program).arg(centre.ws_url()).spawn().expect("it starts");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let soon = Duration::from_secs(60);
    // Two phones, one after the other.
    for _ in 0..2 {
        runtime.block_on(centre.wait_registered("supervisor", soon)).expect("a phone logs in");
        let leg = call.barge("supervisor", Mode::Barge).expect("a leg");
        runtime.block_on(leg.wait_ended(soon)).expect("the phone ends the call");
        runtime.block_on(centre.wait_unregistered("supervisor", soon)).expect("and logs out");
    }
    let output = child.wait_with_output().expect("it can be waited for");
    assert!(output.status.success(), "it ended with {}", output.status);
}
