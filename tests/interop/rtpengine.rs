//! A plain-RTP phone (baresip) behind rtpengine, which speaks ICE and DTLS-SRTP to monipy.

use crate::proof::Proof;
use crate::supervisor::{config, logged_in, until};
use monipy_core::audio::tone;
use monipy_core::{CallId, EventKind};
use monipy_tests::ears;
use monipy_tests::kamailio::Kamailio;
use monipy_tests::rtpengine::{Baresip, Rtpengine};
use std::time::{Duration, Instant};

const BARESIP: f64 = 700.0;
const SUPERVISOR: f64 = 440.0;

async fn baresip_calls(codec: &'static str, scenario: &'static str) {
    let mut proof = Proof::begin("rtpengine and baresip", scenario);
    let rtpengine = Rtpengine::start(&proof.folder);
    let kamailio = Kamailio::start_with(&["RTPENGINE"], rtpengine.control_port()).leaving(&proof.folder);
    let (supervisor, mut events) = logged_in(config(kamailio.ws_url()), "1001").await;
    let began = Instant::now();
    let phone = Baresip::call(&proof.folder, kamailio.sip_port(), codec, "1001", BARESIP);
    until(&mut events, EventKind::Ringing).await;
    supervisor.answer(CallId::CURRENT).await.expect("answer");
    until(&mut events, EventKind::CallStream).await;
    let call = supervisor.current_call().expect("a call");
    call.record(proof.folder.join("supervisor.wav"), 16_000).expect("a recording");
    let mut sound = call.audio(48_000, 20).expect("a stream");
    assert!(
        ears::hears(&mut sound, BARESIP, -25.0, Duration::from_secs(20)).await,
        "the supervisor does not hear baresip:\n{}",
        phone.log()
    );
    proof.first_sound(began.elapsed());
    proof.heard(format!("supervisor: {BARESIP} Hz"));
    let mut mouth = call.audio_writer(48_000).expect("a writer");
    tokio::spawn(async move {
        let speech = ears::sine(48_000, SUPERVISOR, -12.0, 1000);
        while mouth.write_all(&speech).await == speech.len() {}
    });
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let (heard, rate) = phone.heard();
        let loudest = heard
            .chunks_exact(rate as usize / 5)
            .map(|part| tone::measure(part, rate, SUPERVISOR).level_dbfs)
            .fold(f32::NEG_INFINITY, f32::max);
        if loudest > -25.0 {
            break;
        }
        assert!(Instant::now() < deadline, "baresip heard {SUPERVISOR} Hz at {loudest} dBFS in {} samples:\n{}", heard.len(), phone.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    proof.heard(format!("baresip: {SUPERVISOR} Hz"));
    supervisor.terminate(CallId::CURRENT).await.expect("terminate");
    until(&mut events, EventKind::Hangup).await;
    proof.done();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio, rtpengine and baresip"]
async fn baresip_with_pcmu_alone() {
    baresip_calls("pcmu", "plain RTP phone calls, PCMU only").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio, rtpengine and baresip"]
async fn baresip_with_opus_alone() {
    baresip_calls("opus", "plain RTP phone calls, Opus only").await;
}
