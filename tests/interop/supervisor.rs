//! A supervisor of Debian's kamailio, as every scenario begins.

use monipy_core::{Config, Event, EventKind, EventStream, IceServer, Supervisor};
use monipy_tests::kamailio::{DOMAIN, PASSWORD};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

pub(crate) fn config(server: String) -> Config {
    Config {
        name: Some("Sue Visor".into()),
        server,
        domain: Some(DOMAIN.into()),
        autoplay: false,
        debug: true,
        ice_servers: Vec::<IceServer>::new(),
        local_address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        ..Config::default()
    }
}

/// Waits for an event of this kind; what comes before it is returned too.
pub(crate) async fn until(events: &mut EventStream, kind: EventKind) -> Vec<Event> {
    let mut seen = Vec::new();
    loop {
        let next = tokio::time::timeout(Duration::from_secs(40), events.next()).await;
        let Ok(Some(event)) = next else { panic!("no {} after {:?}", kind.name(), names(&seen)) };
        let found = event.kind == kind;
        seen.push(event);
        if found {
            return seen;
        }
    }
}

pub(crate) fn names(events: &[Event]) -> Vec<String> {
    events.iter().map(|e| format!("{} {}", e.name(), e.code)).collect()
}

pub(crate) async fn logged_in(config: Config, id: &str) -> (Supervisor, EventStream) {
    let supervisor = Supervisor::new(config).expect("a configuration that holds");
    let mut events = supervisor.events();
    let reply = supervisor.login(id, PASSWORD).await.expect("login");
    assert_eq!((reply.code, reply.status.as_str()), (200, "Logged in successfully"));
    until(&mut events, EventKind::Login).await;
    (supervisor, events)
}
