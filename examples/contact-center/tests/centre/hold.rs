//! Hold from either side, and both sides at once.

use crate::support::{SOON, barged, expect, logged_in, tones};
use contact_center::{ContactCenter, Misbehaviour, Mode};
use monipy_core::CallId;
use monipy_core::event::{Detail, EventKind, Whom};

#[tokio::test]
async fn the_centre_holds_and_lets_go() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    let leg = barged(&call, &supervisor, &mut events, Mode::Barge).await;
    leg.hold().unwrap();
    let held = expect(&mut events, EventKind::Hold).await;
    assert_eq!(held.detail, Detail::Whom(Whom::Other));
    leg.wait_until("held by the centre", SOON, |i| i.held_by_centre).await.unwrap();
    leg.unhold().unwrap();
    expect(&mut events, EventKind::Unhold).await;
    leg.wait_until("no longer held", SOON, |i| !i.held_by_centre).await.unwrap();
}

#[tokio::test]
async fn the_supervisor_holds_and_lets_go() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    let leg = barged(&call, &supervisor, &mut events, Mode::Barge).await;
    assert_eq!(supervisor.hold(CallId::CURRENT).await.unwrap().code, 200);
    leg.wait_until("held by the phone", SOON, |i| i.held_by_phone).await.unwrap();
    assert_eq!(supervisor.unhold(CallId::CURRENT).await.unwrap().code, 200);
    leg.wait_until("no longer held", SOON, |i| !i.held_by_phone).await.unwrap();
}

#[tokio::test]
async fn a_hold_that_meets_the_centres_offer_gets_through() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    let leg = barged(&call, &supervisor, &mut events, Mode::Barge).await;
    centre.misbehave(Misbehaviour::Glare, Some(1));
    let outcome = supervisor.hold(CallId::CURRENT).await;
    let ladder: Vec<String> = centre.ladder().iter().map(|e| format!("{:.0} {:?} {}", e.at_ms, e.way, e.start_line)).collect();
    assert_eq!(outcome.as_ref().map(|r| r.code), Ok(200), "{outcome:?}\n{ladder:#?}\n{:#?}", centre.timeline());
    leg.wait_until("held by the phone", SOON, |i| i.held_by_phone).await.unwrap();
    assert!(centre.ladder().iter().any(|e| e.start_line.starts_with("SIP/2.0 491")), "no 491 was seen");
    assert!(leg.info().unwrap().end.is_none());
}

#[tokio::test]
async fn what_is_asked_for_while_a_hold_is_under_way_waits_its_turn() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    let leg = barged(&call, &supervisor, &mut events, Mode::Barge).await;
    leg.hold().unwrap();
    leg.unhold().unwrap();
    leg.hold().unwrap();
    leg.unhold().unwrap();
    for kind in [EventKind::Hold, EventKind::Unhold, EventKind::Hold, EventKind::Unhold] {
        expect(&mut events, kind).await;
    }
    leg.wait_until("no longer held", SOON, |i| !i.held_by_centre).await.unwrap();
    let reinvites = centre.ladder().iter().filter(|e| e.start_line.starts_with("INVITE ")).count();
    assert_eq!(reinvites, 5, "the INVITE and four offers");
}
