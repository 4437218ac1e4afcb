//! What a barge request carries, and what becomes of it.

use crate::support::{SOON, expect, logged_in, tones};
use contact_center::{CallLabels, ContactCenter, ErrorKind, Mode, Party};
use monipy_core::CallId;
use monipy_core::event::{Detail, EventKind};

#[tokio::test]
async fn the_vendors_headers_arrive() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let labels = CallLabels {
        uuid: "5a1c".into(),
        call_id: "c-77".into(),
        team_name: "Night shift".into(),
        to_number: "+442079460000".into(),
        transfer_from: Some("Anna".into()),
        transfer: Some("true".into()),
    };
    let call = centre.call_with(vec![Party::agent("Anna Öst"), Party::customer("Tom")], Some(labels)).unwrap();
    let (_supervisor, mut events) = logged_in(&centre).await;
    let leg = call.barge("supervisor", Mode::Barge).unwrap();
    let event = expect(&mut events, EventKind::IncomingCall).await;
    let Detail::Incoming(incoming) = event.detail else { panic!("{event:?}") };
    assert_eq!(incoming.from, "Anna Öst");
    assert_eq!(incoming.call_id, "c-77");
    assert_eq!(incoming.team_name.as_deref(), Some("Night shift"));
    assert_eq!(incoming.to_number.as_deref(), Some("+442079460000"));
    assert_eq!(incoming.transfer_from.as_deref(), Some("Anna"));
    assert_eq!(incoming.transfer.as_deref(), Some("true"));
    assert!(incoming.headers.iter().any(|(n, v)| n == "X-cmi-uuid" && v == "5a1c"), "{:?}", incoming.headers);
    leg.wait_ringing(SOON).await.unwrap();
}

#[tokio::test]
async fn a_refusal_is_known_by_its_code() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    let leg = call.barge("supervisor", Mode::Barge).unwrap();
    expect(&mut events, EventKind::Ringing).await;
    supervisor.reject(CallId::CURRENT).await.unwrap();
    let end = leg.wait_ended(SOON).await.unwrap();
    assert_eq!((end.by, end.code), ("remote", 480), "{end:?}");
    assert!(leg.hang_up().is_err_and(|e| e.kind == ErrorKind::State));
}

#[tokio::test]
async fn a_second_request_meets_a_busy_supervisor() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (_supervisor, mut events) = logged_in(&centre).await;
    let first = call.barge("supervisor", Mode::Barge).unwrap();
    expect(&mut events, EventKind::Ringing).await;
    let second = call.barge("supervisor", Mode::Barge).unwrap();
    let end = second.wait_ended(SOON).await.unwrap();
    assert_eq!((end.by, end.code), ("remote", 486), "{end:?}");
    expect(&mut events, EventKind::Missed).await;
    assert!(first.info().unwrap().end.is_none());
}

#[tokio::test]
async fn what_cannot_be_done_is_said() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let unknown = call.barge("nobody", Mode::Barge).unwrap_err();
    assert!(unknown.kind == ErrorKind::Unknown && unknown.message.contains("there are supervisor"), "{unknown}");
    let absent = call.barge("supervisor", Mode::Barge).unwrap_err();
    assert!(absent.kind == ErrorKind::State && absent.message.contains("log in"), "{absent}");
    let twice = centre.call(Party::agent("x"), Party::customer("x")).unwrap_err();
    assert_eq!(twice.kind, ErrorKind::Invalid);
    let taken = centre.call(Party::agent("supervisor"), Party::customer("y")).unwrap_err();
    assert_eq!(taken.kind, ErrorKind::Invalid);
    call.hang_up().unwrap();
    assert!(call.info().is_err_and(|e| e.kind == ErrorKind::Unknown));
}
