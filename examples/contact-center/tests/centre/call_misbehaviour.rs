//! Calls that go wrong by name: cancelled, raced, hung up, without an offer, in each other's way.

use crate::support::{SOON, barged, expect, logged_in, tones};
use contact_center::{ContactCenter, Misbehaviour, Mode};
use monipy_core::CallId;
use monipy_core::event::EventKind;

#[tokio::test]
async fn a_request_is_cancelled_before_it_is_answered() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (_supervisor, mut events) = logged_in(&centre).await;
    centre.misbehave(Misbehaviour::CancelBeforeAnswer { after_ms: 100 }, Some(1));
    let leg = call.barge("supervisor", Mode::Barge).unwrap();
    let ended = expect(&mut events, EventKind::Ended).await;
    assert_eq!(ended.reason(), Some("Canceled"), "{ended:?}");
    assert_eq!(leg.wait_ended(SOON).await.unwrap().by, "local");
    assert!(centre.ladder().iter().any(|e| e.start_line.starts_with("CANCEL ")));
}

#[tokio::test]
async fn a_cancel_races_the_answer_and_exactly_one_end_is_told() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    centre.misbehave(Misbehaviour::CancelRacingAnswer, Some(1));
    let leg = call.barge("supervisor", Mode::Barge).unwrap();
    expect(&mut events, EventKind::Ringing).await;
    // Whether the answer or the CANCEL wins is what the race is about.
    let _ = supervisor.answer(CallId::CURRENT).await;
    expect(&mut events, EventKind::Ended).await;
    leg.wait_ended(SOON).await.unwrap();
    assert!(centre.ladder().iter().any(|e| e.start_line.starts_with("CANCEL ")), "{:?}", centre.ladder());
    assert_eq!(supervisor.logout().await.unwrap().code, 200);
    while let Some(event) = events.try_next() {
        assert!(!matches!(event.kind, EventKind::Ended | EventKind::Hangup | EventKind::Answered), "{event:?}");
    }
}

#[tokio::test]
async fn the_centre_hangs_up_as_soon_as_it_was_answered() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    centre.misbehave(Misbehaviour::HangUpOnAnswer, Some(1));
    let leg = call.barge("supervisor", Mode::Barge).unwrap();
    expect(&mut events, EventKind::Ringing).await;
    let _ = supervisor.answer(CallId::CURRENT).await;
    expect(&mut events, EventKind::Ended).await;
    assert_eq!(leg.wait_ended(SOON).await.unwrap().by, "local");
}

#[tokio::test]
async fn an_invite_without_an_offer_is_answered_with_one() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    centre.misbehave(Misbehaviour::InviteWithoutSdp, Some(1));
    barged(&call, &supervisor, &mut events, Mode::Listen).await;
    call.wait_heard("supervisor", &["agent", "customer"], SOON).await.unwrap();
    let invite = centre.ladder().into_iter().find(|e| e.start_line.starts_with("INVITE ")).unwrap();
    assert!(invite.text.contains("Content-Length: 0"), "{}", invite.text);
}

#[tokio::test]
async fn a_reinvite_without_an_offer_is_answered_with_one_and_the_call_goes_on() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    let leg = barged(&call, &supervisor, &mut events, Mode::Listen).await;
    let answered =
        |centre: &ContactCenter| centre.ladder().iter().filter(|e| e.start_line == "SIP/2.0 200 OK" && e.text.contains("INVITE")).count();
    assert_eq!(answered(&centre), 1);
    let mut happenings = centre.events();
    leg.reinvite_without_sdp().unwrap();
    while answered(&centre) < 2 {
        // Whatever happens next, or a moment: the ladder is looked at again.
        let _ = tokio::time::timeout(std::time::Duration::from_millis(20), happenings.next()).await;
    }
    call.reset_audibility().unwrap();
    call.wait_heard("supervisor", &["agent", "customer"], SOON).await.unwrap();
    assert!(leg.info().unwrap().end.is_none());
}
