//! Media that goes wrong by name.

use crate::support::{SOON, barged, expect, logged_in, tones};
use contact_center::{ContactCenter, Impairment, Misbehaviour, Mode};
use monipy_core::CallId;
use monipy_core::audio::tone::measure;
use monipy_core::event::EventKind;

#[tokio::test]
async fn a_wrong_fingerprint_never_becomes_a_stream() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    centre.misbehave(Misbehaviour::WrongFingerprint, Some(1));
    let leg = call.barge("supervisor", Mode::Listen).unwrap();
    expect(&mut events, EventKind::Ringing).await;
    let _ = supervisor.answer(CallId::CURRENT).await;
    // The supervisor says so, or ends the call: sound it must not become.
    loop {
        let event = tokio::time::timeout(SOON, events.next()).await.expect("something is told").expect("the supervisor lives");
        assert_ne!(event.kind, EventKind::CallStream, "{event:?}");
        if matches!(event.kind, EventKind::MediaFailed | EventKind::Ended | EventKind::Hangup) {
            break;
        }
    }
    assert!(call.audibility().unwrap().between("supervisor", "agent").is_none(), "{:?}", leg.info());
}

#[tokio::test]
async fn a_fresh_ssrc_and_connection_are_followed() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    let leg = barged(&call, &supervisor, &mut events, Mode::Listen).await;
    let mut stream = supervisor.audio(CallId::CURRENT, 48_000, 20).unwrap();
    let packets = leg.info().unwrap().packets_received;
    leg.change_ssrc().unwrap();
    leg.wait_until("packets of the fresh connection", SOON, |i| i.end.is_none()).await.unwrap();
    let hears = async {
        let mut frames = 0;
        while let Some(frame) = stream.next().await {
            // Sound that was in the playout buffer is over after a second of frames.
            frames += 1;
            if frames > 100 && measure(&frame.pcm, 48_000, 440.0).level_dbfs > -30.0 {
                return true;
            }
        }
        false
    };
    assert!(tokio::time::timeout(SOON, hears).await.unwrap_or(false), "the agent's tone is gone");
    assert!(leg.info().unwrap().packets_received > packets);
    // Another source, another certificate.
    let offers: Vec<String> = centre.ladder().into_iter().filter(|e| e.start_line.starts_with("INVITE ")).map(|e| e.text).collect();
    let ssrc = |text: &str| text.lines().find_map(|l| l.strip_prefix("a=ssrc:")).and_then(|l| l.split(' ').next()).map(str::to_owned);
    assert_eq!(offers.len(), 2);
    assert!(ssrc(&offers[0]).is_some());
    assert_ne!(ssrc(&offers[0]), ssrc(&offers[1]));
}

#[tokio::test]
async fn silence_and_loss_are_what_the_supervisor_receives() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    let leg = barged(&call, &supervisor, &mut events, Mode::Listen).await;
    call.wait_heard("supervisor", &["agent", "customer"], SOON).await.unwrap();

    leg.impair(Impairment { silence: true, ..Impairment::default() }).unwrap();
    call.reset_audibility().unwrap();
    call.wait_measured(std::time::Duration::from_secs(1)).await.unwrap();
    assert!(call.heard("supervisor").unwrap().is_empty());

    leg.impair(Impairment { loss: 0.2, jitter_ms: 30, ..Impairment::default() }).unwrap();
    let lost = async {
        loop {
            if supervisor.call_stats(CallId::CURRENT).is_some_and(|s| s.packets_lost > 5) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, lost).await.expect("packets are lost");
    assert!(leg.impair(Impairment { loss: 2.0, ..Impairment::default() }).is_err());
}
