//! Sockets that drop and a server that goes away: the phone comes back, and its call survives.

use crate::support::{SOON, barged, config, expect, logged_in, tones};
use contact_center::{ContactCenter, Misbehaviour, Mode};
use monipy_core::event::EventKind;
use monipy_core::{CallId, Supervisor};

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

#[tokio::test]
async fn a_connection_that_went_silent_is_noticed_and_the_call_survives() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    let leg = barged(&call, &supervisor, &mut events, Mode::Listen).await;
    centre.misbehave(Misbehaviour::HalfOpen, None);
    // Nothing was closed: the phone finds out by its own pings.
    expect(&mut events, EventKind::Disconnected).await;
    expect(&mut events, EventKind::Login).await;
    assert!(leg.info().unwrap().end.is_none());
    leg.hang_up().unwrap();
    expect(&mut events, EventKind::Ended).await;
}

#[tokio::test]
async fn a_register_gets_no_answer_and_the_next_login_does() {
    let centre = ContactCenter::builder().start().await.unwrap();
    centre.misbehave(Misbehaviour::NoAnswerToRegister, Some(1));
    let supervisor = Supervisor::new(config(&centre)).unwrap();
    let mut happenings = centre.events();
    let drop_it = async {
        while happenings.next().await.is_some_and(|e| e.kind != "ignored") {}
        // Nothing came back on this connection; with it goes the login.
        let answers = centre.ladder().iter().filter(|e| e.way == contact_center::Way::Out).count();
        centre.misbehave(Misbehaviour::DropSocket, None);
        answers
    };
    let (outcome, answers) = tokio::join!(supervisor.login("supervisor", "secret"), drop_it);
    assert_eq!(answers, 0);
    if outcome.is_err() {
        assert_eq!(supervisor.login("supervisor", "secret").await.unwrap().code, 200);
    }
    centre.wait_registered("supervisor", SOON).await.unwrap();
}
