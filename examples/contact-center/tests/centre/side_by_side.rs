//! Several centres at once know nothing of each other; several supervisors in one call hear each
//! other as their modes say.

use crate::support::{SOON, config, expect, tones};
use contact_center::{ContactCenter, Mode};
use monipy_core::event::EventKind;
use monipy_core::{CallId, Supervisor};

#[tokio::test]
async fn centres_stand_side_by_side_and_stop_cleanly() {
    let (a, b) = (ContactCenter::builder().start().await.unwrap(), ContactCenter::builder().start().await.unwrap());
    assert_ne!(a.ws_url(), b.ws_url());
    let (ca_file, address) = (a.ca_file().to_owned(), a.ws_url().trim_start_matches("ws://").to_owned());
    assert!(ca_file.is_file());
    a.stop().await;
    assert!(!ca_file.exists());
    assert!(tokio::net::TcpStream::connect(&address).await.is_err(), "{address} still listens");
    assert!(tokio::net::TcpStream::connect(b.ws_url().trim_start_matches("ws://")).await.is_ok());
    drop(b);
}

#[test]
fn it_runs_without_an_async_runtime() {
    let centre = ContactCenter::builder().start_blocking().unwrap();
    let call = tones(&centre);
    assert_eq!(call.info().unwrap().parties.len(), 2);
}

#[tokio::test]
async fn two_supervisors_of_one_call() {
    let centre = ContactCenter::builder().supervisor("ann", "1").supervisor("bob", "2").start().await.unwrap();
    let call = tones(&centre);
    let mut phones = Vec::new();
    for (id, password, mode) in [("ann", "1", Mode::Barge), ("bob", "2", Mode::Listen)] {
        let supervisor = Supervisor::new(config(&centre)).unwrap();
        let mut events = supervisor.events();
        supervisor.login(id, password).await.unwrap();
        let leg = call.barge(id, mode).unwrap();
        expect(&mut events, EventKind::Ringing).await;
        supervisor.answer(CallId::CURRENT).await.unwrap();
        leg.wait_media(SOON).await.unwrap();
        phones.push((supervisor, events, leg));
    }
    let mut writer = phones[0].0.audio_writer(CallId::CURRENT, 48_000).unwrap();
    let mut tone = monipy_core::audio::tone::ToneGenerator::new(2500.0, 48_000, 4634);
    let _speaking = tokio::spawn(async move { while writer.write_all(&tone.take(960)).await == 960 {} });
    call.wait_heard("bob", &["agent", "ann", "customer"], SOON).await.unwrap();
    call.wait_heard("agent", &["ann", "customer"], SOON).await.unwrap();
    call.wait_heard("ann", &["agent", "customer"], SOON).await.unwrap();
}
