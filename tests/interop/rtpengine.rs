//! A plain-RTP phone (baresip) behind rtpengine, which speaks ICE and DTLS-SRTP to monipy.

use crate::proof::Proof;
use crate::supervisor::{config, logged_in, names, until};
use monipy_core::audio::tone;
use monipy_core::event::Detail;
use monipy_core::{CallId, EventKind, EventStream, Supervisor};
use monipy_tests::ears;
use monipy_tests::kamailio::Kamailio;
use monipy_tests::rtpengine::{Baresip, Rtpengine};
use std::sync::Arc;
use std::time::{Duration, Instant};

const BARESIP: f64 = 700.0;
const SUPERVISOR: f64 = 440.0;

/// The servers, baresip, and a supervisor in a call with it.
struct Scene {
    proof: Proof,
    supervisor: Supervisor,
    events: EventStream,
    phone: Baresip,
    began: Instant,
    kamailio: Kamailio,
    _rtpengine: Rtpengine,
}

impl Scene {
    fn servers(scenario: &'static str, defines: &[&str]) -> (Proof, Rtpengine, Kamailio) {
        let proof = Proof::begin("rtpengine and baresip", scenario);
        let rtpengine = Rtpengine::start(&proof.folder);
        let defines: Vec<&str> = defines.iter().copied().chain(["RTPENGINE"]).collect();
        let kamailio = Kamailio::start_with(&defines, rtpengine.control_port()).leaving(&proof.folder);
        (proof, rtpengine, kamailio)
    }

    /// baresip calls.
    async fn called(scenario: &'static str, codec: &'static str, defines: &[&str]) -> Scene {
        let (proof, rtpengine, kamailio) = Scene::servers(scenario, defines);
        let (supervisor, mut events) = logged_in(config(kamailio.ws_url()), "1001").await;
        let began = Instant::now();
        let phone = Baresip::call(&proof.folder, kamailio.sip_port(), codec, "1001", BARESIP);
        until(&mut events, EventKind::Ringing).await;
        supervisor.answer(CallId::CURRENT).await.expect("answer");
        until(&mut events, EventKind::CallStream).await;
        Scene { proof, supervisor, events, phone, began, kamailio, _rtpengine: rtpengine }
    }

    /// baresip is called.
    async fn calling(scenario: &'static str, codec: &'static str, defines: &[&str]) -> Scene {
        let (proof, rtpengine, kamailio) = Scene::servers(scenario, defines);
        let (supervisor, mut events) = logged_in(config(kamailio.ws_url()), "1001").await;
        let phone = Baresip::registered(&proof.folder, kamailio.sip_port(), codec, BARESIP);
        let registered = tokio::task::block_in_place(|| kamailio.logs_times("REGISTERED", 2, Duration::from_secs(20)));
        assert!(registered, "baresip does not register:\n{}", phone.log());
        let began = Instant::now();
        supervisor.call("1003").await.expect("call");
        until(&mut events, EventKind::CallStream).await;
        Scene { proof, supervisor, events, phone, began, kamailio, _rtpengine: rtpengine }
    }

    /// Both hear the other.
    async fn hear_each_other(&mut self) {
        let call = self.supervisor.current_call().expect("a call");
        call.record(self.proof.folder.join("supervisor.wav"), 16_000).expect("a recording");
        let mut sound = call.audio(48_000, 20).expect("a stream");
        assert!(
            ears::hears(&mut sound, BARESIP, -25.0, Duration::from_secs(20)).await,
            "the supervisor does not hear baresip:\n{}",
            self.phone.log()
        );
        self.proof.first_sound(self.began.elapsed());
        self.proof.heard(format!("supervisor: {BARESIP} Hz"));
        let mut mouth = call.audio_writer(48_000).expect("a writer");
        tokio::spawn(async move {
            let speech = ears::sine(48_000, SUPERVISOR, -12.0, 1000);
            while mouth.write_all(&speech).await == speech.len() {}
        });
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let (heard, rate) = self.phone.heard();
            let loudest = heard
                .chunks_exact(rate as usize / 5)
                .map(|part| tone::measure(part, rate, SUPERVISOR).level_dbfs)
                .fold(f32::NEG_INFINITY, f32::max);
            if loudest > -25.0 {
                break;
            }
            let (phone, samples) = (&self.phone, heard.len());
            assert!(Instant::now() < deadline, "baresip heard {SUPERVISOR} Hz at {loudest} dBFS in {samples} samples:\n{}", phone.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.proof.heard(format!("baresip: {SUPERVISOR} Hz"));
    }

    /// baresip presses a key and monipy hears it; monipy presses another and baresip hears that.
    async fn keys(&mut self, way: &'static str) {
        let mut keys_at_phone = self.phone.events();
        tokio::task::block_in_place(|| self.phone.press('7'));
        let seen = until(&mut self.events, EventKind::Dtmf).await;
        assert!(matches!(seen.last().map(|event| &event.detail), Some(Detail::Dtmf { digit: '7', .. })), "{:?}", names(&seen));
        self.supervisor.send_dtmf(CallId::CURRENT, "5").await.expect("a key");
        let key = tokio::task::block_in_place(|| keys_at_phone.next("CALL_DTMF_START"));
        assert_eq!(key.as_deref(), Some("5"), "baresip heard no key:\n{}", self.phone.log());
        assert_eq!(self.kamailio.supervisors_sip().contains("\nINFO sip:"), way == "by INFO");
        self.proof.heard(format!("keys: 7 from baresip, 5 to it {way}"));
    }

    async fn over(mut self) {
        self.supervisor.terminate(CallId::CURRENT).await.expect("terminate");
        until(&mut self.events, EventKind::Hangup).await;
        self.proof.done();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio, rtpengine and baresip"]
async fn baresip_with_pcmu_alone() {
    let mut scene = Scene::called("plain RTP phone calls, PCMU only", "pcmu", &[]).await;
    scene.hear_each_other().await;
    scene.keys("by RFC 4733").await;
    scene.over().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio, rtpengine and baresip"]
async fn baresip_with_opus_alone() {
    let mut scene = Scene::called("plain RTP phone calls, Opus only", "opus", &[]).await;
    scene.hear_each_other().await;
    scene.over().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio, rtpengine and baresip"]
async fn baresip_is_called() {
    let mut scene = Scene::calling("plain RTP phone is called", "pcmu", &[]).await;
    scene.hear_each_other().await;
    scene.keys("by RFC 4733").await;
    scene.over().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio, rtpengine and baresip"]
async fn an_offer_of_an_ice_lite_agent() {
    let mut scene = Scene::called("the offer of an ICE-lite agent", "opus", &["ICE_LITE"]).await;
    scene.hear_each_other().await;
    assert!(scene.kamailio.supervisors_sip().contains("a=ice-lite"), "rtpengine did not offer ICE-lite");
    scene.over().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio, rtpengine and baresip"]
async fn keys_where_telephone_event_is_known_in_one_direction() {
    let mut scene = Scene::calling("telephone-event in one direction", "pcmu", &["NO_KEYS_IN_ANSWER"]).await;
    scene.hear_each_other().await;
    scene.keys("by INFO").await;
    scene.over().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio, rtpengine and sipp"]
async fn sipp_says_back_what_it_hears() {
    let mut proof = Proof::begin("rtpengine and sipp", "plain RTP phone calls and echoes");
    let rtpengine = Rtpengine::start(&proof.folder);
    let kamailio = Arc::new(Kamailio::start_with(&["RTPENGINE"], rtpengine.control_port()).leaving(&proof.folder));
    let (supervisor, mut events) = logged_in(config(kamailio.ws_url()), "1001").await;
    let began = Instant::now();
    let (at, supervisor) = (kamailio.clone(), &supervisor);
    let (sipp, heard) =
        tokio::join!(async { tokio::task::spawn_blocking(move || at.sipp("echo.xml", "1001")).await.expect("sipp ran") }, async {
            until(&mut events, EventKind::Ringing).await;
            supervisor.answer(CallId::CURRENT).await.expect("answer");
            until(&mut events, EventKind::CallStream).await;
            let call = supervisor.current_call().expect("a call");
            let mut mouth = call.audio_writer(8_000).expect("a writer");
            let mut sound = call.audio(8_000, 20).expect("a stream");
            tokio::spawn(async move {
                let speech = ears::sine(8_000, SUPERVISOR, -12.0, 1000);
                while mouth.write_all(&speech).await == speech.len() {}
            });
            let heard = ears::hears(&mut sound, SUPERVISOR, -25.0, Duration::from_secs(20)).await;
            let after = began.elapsed();
            supervisor.terminate(CallId::CURRENT).await.expect("terminate");
            until(&mut events, EventKind::Hangup).await;
            heard.then_some(after)
        });
    assert!(sipp.0, "sipp:\n{}", sipp.1);
    proof.first_sound(heard.expect("the supervisor hears itself"));
    proof.heard(format!("supervisor: its own {SUPERVISOR} Hz"));
    proof.done();
}
