//! Real phones as the parties of a call: called, calling each other, bridged, taken over.

use crate::support::{SOON, config, expect, tones};
use contact_center::{CallHandle, ContactCenter, Mode, Party, Role};
use monipy_core::audio::tone::ToneGenerator;
use monipy_core::event::EventKind;
use monipy_core::supervisor::EventStream;
use monipy_core::{CallId, Supervisor};

/// A phone that has logged in.
async fn phone(centre: &ContactCenter, id: &str) -> (Supervisor, EventStream) {
    let phone = Supervisor::new(config(centre)).unwrap();
    let events = phone.events();
    phone.login(id, "pw").await.unwrap();
    (phone, events)
}

async fn centre() -> ContactCenter {
    let builder = ContactCenter::builder().supervisor("maria", "pw");
    builder.phone(Role::Agent, "alice", "pw").phone(Role::Customer, "tom", "pw").start().await.unwrap()
}

/// Answers what rings and speaks a tone for as long as the call lasts.
async fn answer(phone: &Supervisor, events: &mut EventStream, hz: f64) {
    expect(events, EventKind::Ringing).await;
    assert_eq!(phone.answer(CallId::CURRENT).await.unwrap().code, 200);
    speak(phone, hz);
}

fn speak(phone: &Supervisor, hz: f64) {
    let mut writer = phone.audio_writer(CallId::CURRENT, 48_000).unwrap();
    let mut tone = ToneGenerator::new(hz, 48_000, 4634);
    tokio::spawn(async move { while writer.write_all(&tone.take(960)).await == 960 {} });
}

async fn hears(call: &CallHandle, listener: &str, speakers: &[&str]) {
    call.wait_heard(listener, speakers, SOON).await.unwrap_or_else(|e| panic!("{e}"));
}

#[tokio::test]
async fn an_agent_and_a_customer_on_real_phones_with_a_supervisor_who_whispers() {
    let centre = centre().await;
    let ((alice, mut at_alice), (tom, mut at_tom)) = (phone(&centre, "alice").await, phone(&centre, "tom").await);
    let (maria, mut at_maria) = phone(&centre, "maria").await;
    let call = centre.call(Party::agent("alice").on_the_phone(), Party::customer("tom").on_the_phone()).unwrap();
    answer(&alice, &mut at_alice, 440.0).await;
    answer(&tom, &mut at_tom, 1000.0).await;
    hears(&call, "alice", &["tom"]).await;
    hears(&call, "tom", &["alice"]).await;
    call.barge("maria", Mode::Whisper).unwrap();
    answer(&maria, &mut at_maria, 2500.0).await;
    hears(&call, "maria", &["alice", "tom"]).await;
    hears(&call, "alice", &["maria", "tom"]).await;
    hears(&call, "tom", &["alice"]).await;
    // When one end hangs up the call is over for everybody.
    tom.terminate(CallId::CURRENT).await.unwrap();
    expect(&mut at_alice, EventKind::Ended).await;
    expect(&mut at_maria, EventKind::Ended).await;
    assert!(centre.calls().is_empty());
    centre.stop().await;
}

#[tokio::test]
async fn a_phone_calls_another_and_is_answered_when_that_one_answers() {
    let centre = centre().await;
    let ((alice, mut at_alice), (tom, mut at_tom)) = (phone(&centre, "alice").await, phone(&centre, "tom").await);
    let calling = tokio::spawn(async move {
        let outcome = tom.call("alice").await;
        (tom, outcome)
    });
    expect(&mut at_alice, EventKind::Ringing).await;
    assert!(at_tom.try_next().is_none_or(|e| e.kind != EventKind::Answered), "answered before the other one did");
    assert_eq!(alice.answer(CallId::CURRENT).await.unwrap().code, 200);
    speak(&alice, 440.0);
    expect(&mut at_tom, EventKind::Answered).await;
    let (tom, outcome) = calling.await.unwrap();
    assert_eq!(outcome.unwrap().code, 200);
    speak(&tom, 1000.0);
    let call = centre.calls().remove(0);
    let parties: Vec<_> = call.info().unwrap().parties.into_iter().map(|p| (p.name, p.role)).collect();
    assert_eq!(parties, [("alice".to_owned(), "agent"), ("tom".to_owned(), "customer")]);
    hears(&call, "alice", &["tom"]).await;
    hears(&call, "tom", &["alice"]).await;
    // Refused by the other one, a call ends for the caller.
    alice.terminate(CallId::CURRENT).await.unwrap();
    expect(&mut at_tom, EventKind::Ended).await;
    let _ = tom.call("alice").await;
    expect(&mut at_alice, EventKind::Ringing).await;
    alice.reject(CallId::CURRENT).await.unwrap();
    expect(&mut at_tom, EventKind::Ended).await;
    assert!(centre.calls().is_empty());
}

#[tokio::test]
async fn a_phone_calls_a_scripted_agent() {
    let centre = centre().await;
    let (tom, mut at_tom) = phone(&centre, "tom").await;
    assert_eq!(tom.call("agent").await.unwrap().code, 200);
    expect(&mut at_tom, EventKind::CallStream).await;
    let call = centre.calls().remove(0);
    hears(&call, "tom", &["agent"]).await;
}

#[tokio::test]
async fn parties_join_leave_and_calls_are_bridged() {
    let centre = centre().await;
    let call = tones(&centre);
    call.join(Party::agent("expert").tone(2000.0)).unwrap();
    hears(&call, "customer", &["agent", "expert"]).await;
    call.leave("agent").unwrap();
    hears(&call, "customer", &["expert"]).await;
    let other = centre.call(Party::agent("second agent").tone(3000.0), Party::customer("second customer").silent()).unwrap();
    call.bridge(&other).unwrap();
    hears(&call, "customer", &["expert", "second agent"]).await;
    assert_eq!(centre.calls().len(), 1);
    assert!(other.info().is_err());
    assert!(call.leave("nobody").unwrap_err().message.contains("there are customer, expert"));
}

#[tokio::test]
async fn a_supervisor_takes_the_agents_place() {
    let centre = centre().await;
    let call = tones(&centre);
    let (maria, mut at_maria) = phone(&centre, "maria").await;
    assert_eq!(maria.call("*83").await.unwrap().code, 200);
    expect(&mut at_maria, EventKind::CallStream).await;
    speak(&maria, 2500.0);
    hears(&call, "customer", &["maria"]).await;
    hears(&call, "maria", &["customer"]).await;
}

#[tokio::test]
async fn a_phone_that_is_not_there_is_named_and_the_call_is_not_begun() {
    let centre = centre().await;
    for (name, wants) in [("alice", "has to log in"), ("nobody", "there are alice, maria, tom")] {
        let error = centre.call(Party::agent(name).on_the_phone(), Party::customer("customer")).unwrap_err();
        assert!(error.message.contains(wants), "{error}");
    }
    assert!(centre.calls().is_empty());
}
