//! A centre, a supervisor that logs in at it, and a call to listen to.

use contact_center::{CallHandle, ContactCenter, LegHandle, Mode, Party};
use monipy_core::config::{AudioMode, Config};
use monipy_core::event::{Event, EventKind};
use monipy_core::supervisor::EventStream;
use monipy_core::{CallId, Supervisor};
use std::time::Duration;

/// Nothing here takes longer, save on a machine that stands still.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A phone for a centre: application audio, loopback media, no STUN.
pub(crate) fn config(centre: &ContactCenter) -> Config {
    Config {
        server: centre.ws_url().to_owned(),
        ice_servers: Vec::new(),
        audio_mode: AudioMode::Application,
        local_address: Some([127, 0, 0, 1].into()),
        reconnect_min_ms: 50,
        reconnect_max_ms: 300,
        ..Config::default()
    }
}

/// The next event of this kind; events of other kinds are passed over. Panics when none comes.
pub(crate) async fn expect(events: &mut EventStream, kind: EventKind) -> Event {
    let mut seen = Vec::new();
    let wait = async {
        while let Some(event) = events.next().await {
            if event.kind == kind {
                return Some(event);
            }
            seen.push(event.to_json());
        }
        None
    };
    match tokio::time::timeout(SOON, wait).await {
        Ok(Some(event)) => event,
        _ => panic!("no {kind:?}; instead {seen:#?}"),
    }
}

/// A supervisor that has logged in.
pub(crate) async fn logged_in(centre: &ContactCenter) -> (Supervisor, EventStream) {
    let supervisor = Supervisor::new(config(centre)).expect("the configuration holds");
    let events = supervisor.events();
    let outcome = supervisor.login("supervisor", "secret").await;
    assert_eq!(outcome.as_ref().map(|r| r.code), Ok(200), "{outcome:?}");
    (supervisor, events)
}

/// A call of a 440 Hz agent and a 1 kHz customer.
pub(crate) fn tones(centre: &ContactCenter) -> CallHandle {
    centre.call(Party::agent("agent").tone(440.0), Party::customer("customer").tone(1000.0)).expect("a call")
}

/// Barges the supervisor in and waits until sound flows on both sides.
pub(crate) async fn barged(call: &CallHandle, supervisor: &Supervisor, events: &mut EventStream, mode: Mode) -> LegHandle {
    let leg = call.barge("supervisor", mode).expect("a leg");
    expect(events, EventKind::Ringing).await;
    let outcome = supervisor.answer(CallId::CURRENT).await;
    assert_eq!(outcome.as_ref().map(|r| r.code), Ok(200), "{outcome:?}");
    expect(events, EventKind::CallStream).await;
    leg.wait_media(SOON).await.expect("media at the centre");
    leg
}
