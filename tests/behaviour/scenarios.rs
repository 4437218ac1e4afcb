//! What is done in each scenario; what must happen is in expected.json.

use crate::expected;
use crate::faces::{self, Face};
use crate::phone::{Phone, SOON};
use contact_center::{CallHandle, ContactCenter, LegHandle, Misbehaviour, Mode, Party};
use monipy_tests::ears;
use serde_json::Value;
use std::future::Future;

/// A contact centre, a call of a 440 Hz agent and a 1 kHz customer, and a phone.
pub(crate) struct Stage {
    centre: ContactCenter,
    call: CallHandle,
    phone: Phone,
    runtime: tokio::runtime::Runtime,
}

/// What a scenario does.
type Scenario = fn(&mut Stage);

/// Plays a scenario on a face and compares; gives the events that had to come.
fn play(face: Face, name: &str, scenario: Scenario) -> Vec<Value> {
    let settings: &[&str] = if name == "ringing_timed_out" { &["ring_time=1"] } else { &[] };
    let centre = ContactCenter::builder().start_blocking().expect("the centre starts");
    let call = centre.call(Party::agent("agent").tone(440.0), Party::customer("customer").tone(1000.0)).expect("a call");
    let phone = Phone::start(face.command(), centre.ws_url(), settings);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut stage = Stage { centre, call, phone, runtime };
    scenario(&mut stage);
    let seen = stage.phone.seen();
    stage.phone.quit();
    expected::compare(name, seen).unwrap_or_else(|difference| panic!("{face:?}: {difference}"))
}

/// Runs a scenario for a face and compares.
pub(crate) fn run(face: Face, name: &str, scenario: Scenario) {
    play(face, name, scenario);
}

/// Runs a scenario for every face, side by side, each in a centre of its own; compares with what
/// must happen, and the faces with each other.
pub(crate) fn run_on_all(name: &str, scenario: Scenario) {
    let came: Vec<_> = std::thread::scope(|scope| {
        let playing: Vec<_> = faces::ALL.map(|face| (face, scope.spawn(move || play(face, name, scenario)))).into();
        // Each thread has said already what went wrong in it.
        playing.into_iter().map(|(face, thread)| (face, thread.join().ok())).collect()
    });
    let failed: Vec<_> = came.iter().filter(|(_, events)| events.is_none()).map(|(face, _)| face).collect();
    assert!(failed.is_empty(), "{name} failed on {failed:?}");
    let [(_, first), others @ ..] = came.as_slice() else { unreachable!("there are faces") };
    for (face, events) in others {
        let (first, events) = (first.as_deref().unwrap_or_default(), events.as_deref().unwrap_or_default());
        if let Err(difference) = expected::same(first, events) {
            panic!("{name}: {:?} and {face:?} differ: {difference}", faces::ALL[0]);
        }
    }
}

impl Stage {
    fn wait<T>(&self, what: impl Future<Output = contact_center::Result<T>>) -> T {
        self.runtime.block_on(what).expect("the centre sees it in time")
    }

    fn logged_in(&mut self) {
        self.phone.must("login supervisor secret");
        self.phone.wait("login");
    }

    fn barge(&mut self) -> LegHandle {
        self.call.barge("supervisor", Mode::Barge).expect("a leg")
    }

    fn ringing(&mut self) -> LegHandle {
        self.logged_in();
        let leg = self.barge();
        self.phone.wait("ringing");
        leg
    }

    /// A call that is up, with sound.
    fn talking(&mut self) -> LegHandle {
        let leg = self.ringing();
        self.phone.must("answer");
        self.phone.wait_both("answered", "callStream");
        self.wait(leg.wait_media(SOON));
        leg
    }

    fn terminate(&mut self) {
        self.phone.must("terminate");
        self.phone.wait("hangup");
    }

    fn misbehave(&self, text: &str, times: Option<u32>) {
        self.centre.misbehave(text.parse::<Misbehaviour>().expect("a misbehaviour"), times);
    }
}

pub(crate) fn login(s: &mut Stage) {
    s.logged_in();
    s.phone.must("logout");
    s.phone.wait("disconnected");
    s.wait(s.centre.wait_unregistered("supervisor", SOON));
}

pub(crate) fn wrong_password(s: &mut Stage) {
    // A face that waits for the outcome says 401; one that does not says 200.
    let code = s.phone.command("login supervisor wrong");
    assert!(matches!(code, 200 | 401), "{code}");
    s.phone.wait("disconnected");
}

pub(crate) fn too_many_connections(s: &mut Stage) {
    s.misbehave("unavailable:retry_after=0", Some(1));
    let code = s.phone.command("login supervisor secret");
    assert!(matches!(code, 200 | 405), "{code}");
    // The link stays, and the engine tries again later by itself.
    s.phone.wait("loginFailed");
}

pub(crate) fn already_logged_in(s: &mut Stage) {
    s.logged_in();
    assert_eq!(s.phone.command("login supervisor secret"), 1001);
    s.phone.wait("error");
}

pub(crate) fn logout_before_login(s: &mut Stage) {
    assert_eq!(s.phone.command("logout"), 1002);
    s.phone.wait("error");
}

pub(crate) fn answer_without_call(s: &mut Stage) {
    s.logged_in();
    for command in ["answer", "reject", "terminate"] {
        assert_eq!(s.phone.command(command), 1002, "{command}");
        s.phone.wait("error");
    }
}

pub(crate) fn barge_answered(s: &mut Stage) {
    s.logged_in();
    s.phone.must("on_incoming answer");
    let leg = s.barge();
    let incoming = s.phone.wait("inComingCall");
    assert_eq!(incoming["headers"]["X-Call-ID"], incoming["call_id"]);
    s.phone.wait_both("answered", "callStream");
    s.wait(leg.wait_media(SOON));
    s.wait(s.call.wait_heard("supervisor", &["agent", "customer"], SOON));
    leg.hang_up().expect("the centre hangs up");
    s.phone.wait("ended");
}

pub(crate) fn barge_rejected(s: &mut Stage) {
    let leg = s.ringing();
    s.phone.must("reject");
    s.phone.wait("hangup");
    s.wait(leg.wait_ended(SOON));
}

pub(crate) fn ringing_timed_out(s: &mut Stage) {
    s.logged_in();
    s.barge();
    s.phone.wait("hangup");
}

pub(crate) fn caller_gives_up(s: &mut Stage) {
    s.logged_in();
    s.misbehave("cancel-before-answer", Some(1));
    s.barge();
    s.phone.wait("ended");
}

pub(crate) fn terminate(s: &mut Stage) {
    let leg = s.talking();
    s.terminate();
    s.wait(leg.wait_ended(SOON));
    assert_eq!(s.phone.command("terminate"), 1002);
    s.phone.wait("error");
}

pub(crate) fn terminate_in_incoming(s: &mut Stage) {
    s.logged_in();
    s.phone.must("on_incoming terminate");
    let leg = s.barge();
    s.phone.wait("hangup");
    s.wait(leg.wait_ended(SOON));
}

pub(crate) fn hold_near(s: &mut Stage) {
    s.talking();
    s.phone.must("hold");
    s.phone.wait("hold");
    assert_eq!(s.phone.command("hold"), 1002);
    s.phone.wait("error");
    s.phone.must("unhold");
    s.phone.wait("unhold");
}

pub(crate) fn hold_far(s: &mut Stage) {
    let leg = s.talking();
    leg.hold().expect("the centre holds");
    s.phone.wait("hold");
    // The phone knows before the centre does: its ACK is on the way.
    s.wait(leg.wait_until("held", SOON, |info| info.held_by_centre));
    leg.unhold().expect("the centre takes back");
    s.phone.wait("unhold");
    s.terminate();
}

pub(crate) fn mute(s: &mut Stage) {
    s.talking();
    s.phone.must("mute");
    s.phone.must("unmute");
    s.terminate();
}

pub(crate) fn dtmf(s: &mut Stage) {
    let leg = s.talking();
    assert_eq!(s.phone.command("dtmf 12x"), 1005);
    s.phone.wait("error");
    leg.send_dtmf("24*").expect("the centre presses keys");
    for digit in ["2", "4", "*"] {
        assert_eq!(s.phone.wait("dtmf")["dtmf"], digit);
    }
    s.phone.must("dtmf 159#");
    s.wait(leg.wait_until("digits 159#", SOON, |info| info.digits == "159#"));
    s.terminate();
}

pub(crate) fn second_call(s: &mut Stage) {
    s.talking();
    s.barge();
    s.phone.wait("missed");
    s.terminate();
}

pub(crate) fn server_lost(s: &mut Stage) {
    s.logged_in();
    s.misbehave("server-gone:seconds=0.2", None);
    s.phone.wait("disconnected");
    s.phone.wait("login");
    s.wait(s.centre.wait_registered("supervisor", SOON));
}

pub(crate) fn outgoing(s: &mut Stage) {
    s.logged_in();
    s.phone.must("call *80");
    s.phone.wait_both("answered", "callStream");
    s.terminate();
}

pub(crate) fn audio(s: &mut Stage) {
    s.talking();
    let folder = tempfile::tempdir().expect("a folder");
    let (heard, spoken) = (folder.path().join("heard"), folder.path().join("spoken"));
    s.phone.must(&format!("hear 1500 {}", heard.display()));
    let bytes = std::fs::read(heard).expect("the phone has written what it heard");
    let pcm: Vec<i16> = bytes.chunks_exact(2).map(|b| i16::from_ne_bytes([b[0], b[1]])).collect();
    assert!(pcm.len() >= 24_000, "{} samples", pcm.len());
    let report = s.call.observe("supervisor", 16_000, &pcm).expect("the centre knows its own tones");
    for party in ["agent", "customer"] {
        assert!(report.speakers.get(party).is_some_and(|h| h.heard), "{party} is not heard: {report:?}");
    }
    let tone = ears::sine(16_000, 2500.0, -12.0, 3000);
    std::fs::write(&spoken, tone.iter().flat_map(|s| s.to_ne_bytes()).collect::<Vec<u8>>()).expect("the folder is writable");
    s.phone.must(&format!("speak {}", spoken.display()));
    s.wait(s.call.wait_tone("agent", 2500.0, -30.0, SOON));
    s.terminate();
}
