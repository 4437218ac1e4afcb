//! Misbehaviours of media and of calls that are up, each by its name.

use crate::support::{SOON, barged, expect, logged_in, tones};
use contact_center::{CallHandle, ContactCenter, LegHandle, Mode};
use monipy_core::event::{Detail, EventKind, Whom};
use monipy_core::supervisor::EventStream;
use monipy_core::{CallId, Supervisor};
use std::time::Duration;

struct Talk {
    centre: ContactCenter,
    call: CallHandle,
    supervisor: Supervisor,
    events: EventStream,
    leg: LegHandle,
}

async fn talk() -> Talk {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    let leg = barged(&call, &supervisor, &mut events, Mode::Listen).await;
    Talk { centre, call, supervisor, events, leg }
}

impl Talk {
    fn misbehave(&self, name: &str) {
        self.centre.misbehave(name.parse().unwrap(), None);
    }

    /// Waits until the supervisor's figures say something.
    async fn figures(&self, what: &str, is_so: impl Fn(&monipy_core::Stats) -> bool) {
        let look = async {
            while !self.supervisor.call_stats(CallId::CURRENT).is_some_and(|s| is_so(&s)) {
                self.call.wait_measured(Duration::from_millis(1)).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let last = || self.supervisor.call_stats(CallId::CURRENT);
        tokio::time::timeout(SOON, look).await.unwrap_or_else(|_| panic!("{what}: {:?}", last()));
    }
}

#[tokio::test]
async fn loss_and_jitter_reach_the_legs_that_are_up_and_are_taken_back() {
    let talk = talk().await;
    talk.misbehave("loss:share=0.3");
    talk.figures("packets are lost", |s| s.packets_lost > 5).await;
    assert!(!talk.leg.info().unwrap().lost_packets.is_empty());
    assert!(talk.centre.behave("loss"));
    let lost = talk.leg.info().unwrap().lost_packets.len();
    talk.misbehave("jitter:ms=80");
    talk.figures("packets jitter", |s| s.jitter_ms > 5.0).await;
    // One may have been on its way when loss was taken back.
    assert!(talk.leg.info().unwrap().lost_packets.len() <= lost + 1);
}

#[tokio::test]
async fn one_way_audio_and_silence_are_heard_as_nothing() {
    let talk = talk().await;
    talk.call.wait_heard("supervisor", &["agent", "customer"], SOON).await.unwrap();
    talk.misbehave("silence");
    talk.call.reset_audibility().unwrap();
    talk.call.wait_measured(Duration::from_secs(1)).await.unwrap();
    assert!(talk.call.heard("supervisor").unwrap().is_empty());
    assert!(talk.centre.behave("silence"));
    talk.misbehave("one-way");
    // What the supervisor receives stands still; what it sends still arrives.
    let received = || talk.supervisor.call_stats(CallId::CURRENT).map_or(0, |s| s.packets_received);
    let from_phone = || talk.leg.info().unwrap().packets_received;
    talk.call.reset_audibility().unwrap();
    talk.call.wait_measured(Duration::from_millis(500)).await.unwrap();
    let (before, sent) = (received(), from_phone());
    talk.call.reset_audibility().unwrap();
    talk.call.wait_measured(Duration::from_secs(1)).await.unwrap();
    assert_eq!(received(), before);
    assert!(from_phone() > sent);
}

#[tokio::test]
async fn a_codec_change_is_followed() {
    let mut talk = talk().await;
    talk.misbehave("codec-change:codec=PCMU");
    let mut happenings = talk.centre.events();
    let changed = async {
        while !talk.centre.timeline().iter().any(|e| e.kind == "codec" && e.text == "PCMU") {
            let _ = happenings.next().await;
        }
    };
    tokio::time::timeout(SOON, changed).await.expect("the codec changes");
    talk.call.reset_audibility().unwrap();
    talk.call.wait_heard("supervisor", &["agent", "customer"], SOON).await.unwrap();
    let offer = talk.centre.ladder().into_iter().rfind(|e| e.start_line.starts_with("INVITE ")).unwrap().text;
    assert!(offer.contains("PCMU/8000") && !offer.contains("opus"), "{offer}");
    assert!(talk.leg.info().unwrap().end.is_none());
    while let Some(event) = talk.events.try_next() {
        assert_ne!(event.kind, EventKind::Ended, "{event:?}");
    }
}

#[tokio::test]
async fn hold_and_reinvites_by_name() {
    let mut talk = talk().await;
    talk.misbehave("hold");
    assert_eq!(expect(&mut talk.events, EventKind::Hold).await.detail, Detail::Whom(Whom::Other));
    talk.misbehave("unhold");
    expect(&mut talk.events, EventKind::Unhold).await;
    talk.misbehave("reinvite-without-sdp");
    talk.misbehave("ssrc-change");
    let done = async {
        let mut happenings = talk.centre.events();
        while talk.centre.timeline().iter().filter(|e| e.kind == "renegotiated").count() < 2 {
            let _ = tokio::time::timeout(Duration::from_millis(100), happenings.next()).await;
        }
    };
    tokio::time::timeout(SOON, done).await.expect("both are negotiated, one after the other");
    assert!(talk.leg.info().unwrap().end.is_none());
}

#[tokio::test]
async fn a_second_call_is_told_to_be_busy_and_what_to_do() {
    let talk = talk().await;
    talk.misbehave("second-call");
    let second = async {
        loop {
            let other = talk.centre.timeline().iter().filter_map(|e| e.leg).find(|l| *l != talk.leg.id());
            if let Some(id) = other {
                return talk.centre.leg(id).unwrap();
            }
            tokio::task::yield_now().await;
        }
    };
    let second = tokio::time::timeout(SOON, second).await.expect("a second leg");
    let end = second.wait_ended(SOON).await.unwrap();
    assert_eq!(end.code, 486, "{end:?}");
    let advice = format!("supervisor is busy; hang up leg {} first", talk.leg.id());
    assert!(end.reason.as_deref().is_some_and(|r| r.contains(&advice)), "{end:?}");
    assert!(talk.leg.info().unwrap().end.is_none());
}
