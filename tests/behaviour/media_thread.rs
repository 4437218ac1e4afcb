//! What callbacks on the media thread may do, in C: `tests/c/media.c` against the contact centre.

use contact_center::{ContactCenter, Mode, Party};
use monipy_tests::native;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

#[test]
fn audio_callbacks_keep_the_rules_of_the_media_thread() {
    let program = native::compile(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("behaviour"), "tests/c/media.c");
    let centre = ContactCenter::builder().start_blocking().expect("the centre starts");
    let call = centre.call(Party::agent("agent").tone(440.0), Party::customer("customer").tone(1000.0)).expect("a call");
    let child = Command::new(program).arg(centre.ws_url()).stdin(Stdio::piped()).spawn().expect("it starts");
    let mut child = Ended(child);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let soon = Duration::from_secs(60);
    // Two phones, one after the other.
    for _ in 0..2 {
        runtime.block_on(centre.wait_registered("supervisor", soon)).expect("a phone logs in");
        let leg = call.barge("supervisor", Mode::Barge).expect("a leg");
        runtime.block_on(leg.wait_ended(soon)).expect("the phone ends the call");
        runtime.block_on(centre.wait_unregistered("supervisor", soon)).expect("and logs out");
        // The next may come; after the second nobody reads any more.
        let _ = child.0.stdin.as_mut().expect("it is piped").write_all(b"\n");
    }
    let status = child.0.wait().expect("it can be waited for");
    assert!(status.success(), "it ended with {status}");
}

/// Does not outlive a test that failed.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
