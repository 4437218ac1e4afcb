//! Sockets that drop and a server that goes away: the phone comes back, and its call survives.

use crate::support::{SOON, barged, expect, logged_in, tones};
use contact_center::{ContactCenter, Misbehaviour, Mode};
use monipy_core::CallId;
use monipy_core::event::EventKind;

#[tokio::test]
async fn a_call_survives_a_dropped_socket() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    let leg = barged(&call, &supervisor, &mut events, Mode::Listen).await;
    centre.misbehave(Misbehaviour::DropSocket, None);
    expect(&mut events, EventKind::Disconnected).await;
    expect(&mut events, EventKind::Login).await;
    centre.wait_registered("supervisor", SOON).await.unwrap();
    call.reset_audibility().unwrap();
    call.wait_heard("supervisor", &["agent", "customer"], SOON).await.unwrap();
    // The dialog is usable over the new connection, from either side.
    assert_eq!(supervisor.hold(CallId::CURRENT).await.unwrap().code, 200);
    leg.wait_until("held by the phone", SOON, |i| i.held_by_phone).await.unwrap();
    leg.hang_up().unwrap();
    expect(&mut events, EventKind::Ended).await;
}

#[tokio::test]
async fn a_server_that_was_gone_is_found_again() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let (_supervisor, mut events) = logged_in(&centre).await;
    centre.misbehave(Misbehaviour::ServerGone { seconds: 0.6 }, None);
    expect(&mut events, EventKind::Disconnected).await;
    expect(&mut events, EventKind::Login).await;
    centre.wait_registered("supervisor", SOON).await.unwrap();
}
