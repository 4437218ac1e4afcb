//! JsSIP and SIP.js in headless Chromium, through kamailio: who calls, who holds, who hangs up, and
//! what is heard on both sides.

use crate::proof::Proof;
use crate::supervisor::{config, logged_in, names, until};
use monipy_core::{CallId, Detail, Event, EventKind, EventStream, Supervisor, Whom};
use monipy_tests::browser::{Browser, MICROPHONE, Page};
use monipy_tests::ears;
use monipy_tests::kamailio::{DOMAIN, Kamailio, PASSWORD};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the supervisor says, Hz.
const SUPERVISOR: f64 = 440.0;

/// A supervisor at kamailio and a phone in a page, both registered.
struct Scene {
    browser: Arc<Browser>,
    peer: &'static str,
    supervisor: Supervisor,
    events: EventStream,
    proof: Proof,
    kamailio: Kamailio,
}

impl Scene {
    async fn set(peer: &'static str, scenario: &'static str) -> Scene {
        let proof = Proof::begin(peer, scenario);
        let kamailio = Kamailio::start(&[]).leaving(&proof.folder);
        let (supervisor, events) = logged_in(config(kamailio.ws_url()), "1001").await;
        let browser = Browser::start(&proof.folder).await;
        Scene { browser, peer, supervisor, events, proof, kamailio }
    }

    async fn phone(&self) -> Page {
        let page = self.browser.open(self.peer).await;
        assert_eq!(page.start(&self.kamailio.ws_url(), "1002", DOMAIN, PASSWORD).await, "registered");
        page
    }
}

impl Scene {
    fn finish(self) {
        self.proof.done();
    }
}

/// The supervisor speaks for the rest of the call.
fn speak(supervisor: &Supervisor) {
    let mut mouth = supervisor.current_call().expect("a call").audio_writer(48_000).expect("a writer");
    tokio::spawn(async move {
        let sound = ears::sine(48_000, SUPERVISOR, -12.0, 1000);
        while mouth.write_all(&sound).await == sound.len() {}
    });
}

async fn supervisor_hears(supervisor: &Supervisor) {
    let mut sound = supervisor.current_call().expect("a call").audio(48_000, 20).expect("a stream");
    assert!(ears::hears(&mut sound, MICROPHONE, -25.0, Duration::from_secs(20)).await, "the supervisor does not hear the page");
}

/// The page calls, the supervisor answers, both are heard.
async fn call_from_page(scene: &mut Scene, page: &Page, order: &str) -> Vec<Event> {
    let began = Instant::now();
    page.eval(order).await;
    let mut seen = until(&mut scene.events, EventKind::Ringing).await;
    scene.supervisor.answer(CallId::CURRENT).await.expect("answer");
    seen.extend(until(&mut scene.events, EventKind::CallStream).await);
    both_hear(scene, page, began).await;
    seen
}

async fn both_hear(scene: &mut Scene, page: &Page, began: Instant) {
    let _ = scene.supervisor.record(CallId::CURRENT, scene.proof.folder.join("supervisor.wav"), 16_000).expect("a recording");
    speak(&scene.supervisor);
    supervisor_hears(&scene.supervisor).await;
    scene.proof.first_sound(began.elapsed());
    scene.proof.heard(format!("supervisor: {MICROPHONE} Hz"));
    assert!(page.hears(SUPERVISOR, -25.0).await, "the page does not hear the supervisor: {}", page.stats().await);
    scene.proof.heard(format!("page: {SUPERVISOR} Hz"));
}

async fn whom(events: &mut EventStream, kind: EventKind) -> Whom {
    let seen = until(events, kind).await;
    match seen.last().map(|event| event.detail.clone()) {
        Some(Detail::Whom(whom)) => whom,
        other => panic!("{other:?}"),
    }
}

async fn keys(events: &mut EventStream, count: usize) -> String {
    let mut digits = String::new();
    while digits.len() < count {
        if let Some(Detail::Dtmf { digit, .. }) = until(events, EventKind::Dtmf).await.last().map(|event| event.detail.clone()) {
            digits.push(digit);
        }
    }
    digits
}

/// Everything that a call of a page lives through: keys, hold from each side, mute, ICE restart, the end.
async fn a_page_calls(peer: &'static str) {
    let mut scene = Scene::set(peer, "calls monipy").await;
    let page = scene.phone().await;
    let seen = call_from_page(&mut scene, &page, "phone.call('1001', ['X-cmi-uuid: uuid-7', 'X-Team-Name: Sales'])").await;
    assert_eq!(names(&seen)[..3], ["trying 100", "inComingCall 200", "ringing 183"]);
    let Detail::Incoming(info) = &seen[1].detail else { panic!("no detail") };
    assert_eq!((info.call_id.as_str(), info.team_name.as_deref()), ("uuid-7", Some("Sales")));

    page.eval("phone.dtmf('12#', false)").await;
    assert_eq!(keys(&mut scene.events, 3).await, "12#");
    page.eval("phone.dtmf('5', true)").await;
    assert_eq!(keys(&mut scene.events, 1).await, "5");
    scene.proof.heard("keys by RFC 4733 and INFO");

    page.eval("phone.hold()").await;
    assert_eq!(whom(&mut scene.events, EventKind::Hold).await, Whom::Other);
    page.eval("phone.unhold()").await;
    assert_eq!(whom(&mut scene.events, EventKind::Unhold).await, Whom::Other);
    supervisor_hears(&scene.supervisor).await;

    scene.supervisor.hold(CallId::CURRENT).await.expect("hold");
    assert!(page.misses(SUPERVISOR, -60.0).await, "held, and still heard");
    scene.supervisor.unhold(CallId::CURRENT).await.expect("unhold");
    assert!(page.hears(SUPERVISOR, -25.0).await, "not heard after the hold");

    scene.supervisor.mute(CallId::CURRENT).await.expect("mute");
    assert!(page.misses(SUPERVISOR, -60.0).await, "muted, and still heard");
    scene.supervisor.unmute(CallId::CURRENT).await.expect("unmute");
    assert!(page.hears(SUPERVISOR, -25.0).await, "not heard after the mute");
    scene.proof.heard("page: silence while held and while muted");

    page.eval("phone.restartIce()").await;
    scene.supervisor.settled().await.expect("settled");
    supervisor_hears(&scene.supervisor).await;
    assert!(page.hears(SUPERVISOR, -25.0).await, "not heard after the ICE restart");
    scene.proof.heard("both after an ICE restart");

    let stats = page.stats().await;
    assert_eq!((stats["codec"].as_str(), stats["dtls"].as_str()), (Some("audio/opus"), Some("connected")), "{stats}");
    assert!(stats["received"].as_u64() > Some(50) && stats["sent"].as_u64() > Some(50), "{stats}");

    page.eval("phone.hangUp()").await;
    until(&mut scene.events, EventKind::Ended).await;
    scene.finish();
}

/// monipy calls the page, which answers; monipy hangs up.
async fn a_page_is_called(peer: &'static str) {
    let mut scene = Scene::set(peer, "is called by monipy").await;
    let page = scene.phone().await;
    let began = Instant::now();
    scene.supervisor.call("1002").await.expect("call");
    page.until("incoming").await;
    page.eval("phone.answer()").await;
    until(&mut scene.events, EventKind::CallStream).await;
    both_hear(&mut scene, &page, began).await;
    scene.supervisor.terminate(CallId::CURRENT).await.expect("terminate");
    page.until("ended").await;
    scene.finish();
}

/// Calls that are refused or taken back, from each side, and a second call while one goes on.
async fn calls_that_come_to_nothing(peer: &'static str) {
    let mut scene = Scene::set(peer, "rejects, cancels, finds monipy busy").await;
    let page = scene.phone().await;
    let called = |code: &str| format!("failed remote {code}");

    page.eval("phone.call('1001')").await;
    until(&mut scene.events, EventKind::Ringing).await;
    scene.supervisor.reject(CallId::CURRENT).await.expect("reject");
    page.until(&called("480")).await;
    until(&mut scene.events, EventKind::Hangup).await;

    page.eval("phone.call('1001')").await;
    until(&mut scene.events, EventKind::Ringing).await;
    page.eval("phone.hangUp()").await;
    let seen = until(&mut scene.events, EventKind::Ended).await;
    assert_eq!(seen.last().map(|event| event.status.as_str()), Some("Canceled"));

    page.eval("phone.log.length = 0").await;
    scene.supervisor.call("1002").await.expect("call");
    page.until("incoming").await;
    page.eval("phone.reject(486)").await;
    let seen = until(&mut scene.events, EventKind::Ended).await;
    assert_eq!(seen.last().map(|event| event.status.as_str()), Some("Busy"));

    page.eval("phone.log.length = 0").await;
    scene.supervisor.call("1002").await.expect("call");
    page.until("incoming").await;
    scene.supervisor.terminate(CallId::CURRENT).await.expect("terminate");
    until(&mut scene.events, EventKind::Hangup).await;
    page.until(if scene.peer == "jssip" { "failed remote" } else { "ended" }).await;

    page.eval("phone.log.length = 0").await;
    call_from_page(&mut scene, &page, "phone.call('1001')").await;
    page.eval("phone.call('1001')").await;
    page.until(&called("486")).await;
    until(&mut scene.events, EventKind::Missed).await;
    supervisor_hears(&scene.supervisor).await;
    scene.finish();
}

/// Both sides offer at once: both holds come through, and the call lives.
async fn offers_cross(peer: &'static str) {
    let mut scene = Scene::set(peer, "offers that cross").await;
    let page = scene.phone().await;
    call_from_page(&mut scene, &page, "phone.call('1001')").await;
    let (ours, _) = tokio::join!(scene.supervisor.hold(CallId::CURRENT), page.eval("void phone.hold()"));
    ours.expect("hold");
    let ours = scene.supervisor.unhold(CallId::CURRENT).await;
    page.eval("void phone.unhold()").await;
    scene.supervisor.settled().await.expect("settled");
    drop(ours);
    assert!(scene.supervisor.current_call().is_some(), "the call lives");
    page.eval("phone.hangUp()").await;
    until(&mut scene.events, EventKind::Ended).await;
    scene.finish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio, Node and Chromium"]
async fn jssip_calls_monipy() {
    a_page_calls("jssip").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio, Node and Chromium"]
async fn sipjs_calls_monipy() {
    a_page_calls("sipjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio, Node and Chromium"]
async fn jssip_is_called_by_monipy() {
    a_page_is_called("jssip").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio, Node and Chromium"]
async fn sipjs_is_called_by_monipy() {
    a_page_is_called("sipjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio, Node and Chromium"]
async fn jssip_rejects_cancels_and_finds_monipy_busy() {
    calls_that_come_to_nothing("jssip").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio, Node and Chromium"]
async fn sipjs_rejects_cancels_and_finds_monipy_busy() {
    calls_that_come_to_nothing("sipjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio, Node and Chromium"]
async fn jssip_and_monipy_offer_at_once() {
    offers_cross("jssip").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio, Node and Chromium"]
async fn sipjs_and_monipy_offer_at_once() {
    offers_cross("sipjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio, Node and Chromium"]
async fn sipjs_calls_without_an_offer() {
    let mut scene = Scene::set("sipjs", "calls without an offer").await;
    let page = scene.phone().await;
    call_from_page(&mut scene, &page, "phone.call('1001', [], true)").await;
    page.eval("phone.hangUp()").await;
    until(&mut scene.events, EventKind::Ended).await;
    scene.finish();
}
