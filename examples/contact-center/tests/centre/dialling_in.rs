//! A phone that dials a feature code joins the newest call; keys switch its mode.

use crate::support::{SOON, expect, logged_in, tones};
use contact_center::{ContactCenter, Dialect, Mode};
use monipy_core::CallId;
use monipy_core::event::{Detail, EventKind};

#[tokio::test]
async fn a_feature_code_joins_and_keys_switch_the_mode() {
    let centre = ContactCenter::builder().dialect(Dialect::Asterisk).start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    assert_eq!(supervisor.call("*80").await.unwrap().code, 200);
    expect(&mut events, EventKind::Answered).await;
    expect(&mut events, EventKind::CallStream).await;
    let leg = call.wait_dialled_in(SOON).await.unwrap();
    leg.wait_media(SOON).await.unwrap();
    call.wait_heard("supervisor", &["agent", "customer"], SOON).await.unwrap();
    assert_eq!(leg.info().unwrap().mode, Mode::Listen);
    for (digit, mode) in [("5", Mode::Whisper), ("6", Mode::Barge), ("4", Mode::Listen)] {
        assert_eq!(supervisor.send_dtmf(CallId::CURRENT, digit).await.unwrap().code, 200);
        leg.wait_until("the key switches the mode", SOON, |i| i.mode == mode).await.unwrap();
    }
    assert_eq!(leg.info().unwrap().digits, "564");
}

#[tokio::test]
async fn a_number_that_is_none_gets_404() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let (supervisor, mut events) = logged_in(&centre).await;
    let _ = supervisor.call("12345").await;
    let ended = expect(&mut events, EventKind::Ended).await;
    assert_eq!(ended.code, 404, "{ended:?}");
}

#[tokio::test]
async fn keys_of_the_centre_arrive() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    let leg = crate::support::barged(&call, &supervisor, &mut events, Mode::Listen).await;
    leg.send_dtmf("42#").unwrap();
    for wanted in ['4', '2', '#'] {
        let event = expect(&mut events, EventKind::Dtmf).await;
        assert!(matches!(event.detail, Detail::Dtmf { digit, .. } if digit == wanted), "{event:?}");
    }
    assert!(leg.send_dtmf("x").is_err());
}
