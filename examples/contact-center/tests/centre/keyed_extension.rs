//! RingCentral's way: a code is dialled, then the call's number is keyed.

use crate::support::{SOON, expect, logged_in, tones};
use contact_center::{ContactCenter, Dialect, Mode};
use monipy_core::CallId;
use monipy_core::event::EventKind;

#[tokio::test]
async fn the_keys_choose_the_call() {
    let centre = ContactCenter::builder().dialect(Dialect::RingCentral).start().await.unwrap();
    let (first, second) = (tones(&centre), tones(&centre));
    let (supervisor, mut events) = logged_in(&centre).await;
    assert_eq!(supervisor.call("*80").await.unwrap().code, 200);
    expect(&mut events, EventKind::CallStream).await;
    // Nothing is heard yet; a number that is none changes nothing.
    for keys in ["999#".to_owned(), format!("{}#", first.id())] {
        assert_eq!(supervisor.send_dtmf(CallId::CURRENT, &keys).await.unwrap().code, 200);
    }
    let leg = first.wait_leg("supervisor", SOON).await.unwrap();
    assert_eq!(leg.info().unwrap().mode, Mode::Listen);
    first.wait_heard("supervisor", &["agent", "customer"], SOON).await.unwrap();
    assert!(second.info().unwrap().legs.is_empty());
    // The place where it waited is gone.
    assert_eq!(centre.calls().len(), 2);
    supervisor.terminate(CallId::CURRENT).await.unwrap();
    leg.wait_ended(SOON).await.unwrap();
}
