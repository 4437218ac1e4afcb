//! Debian's coturn: calls whose media can only pass through a TURN server, reached over UDP, TCP and TLS.

use crate::pair::{Pair, hear_each_other};
use crate::proof::Proof;
use crate::supervisor::{config, until};
use monipy_core::{CallId, Config, EventKind, IceServer};
use monipy_tests::coturn::{Coturn, TURN_PASSWORD, TURN_USER, Way};
use monipy_tests::kamailio::Kamailio;
use std::time::{Duration, Instant};

/// The proxy takes away all candidates but those of the TURN server, and the relays speak with relays
/// alone: there is no other way.
async fn relayed(way: Way, scenario: &'static str) {
    let mut proof = Proof::begin("coturn", scenario);
    let turn = Coturn::between_relays(way).expect("turnserver is installed");
    let kamailio = Kamailio::start(&["RELAY_ONLY"]).leaving(&proof.folder);
    let server = IceServer { url: turn.url(), username: TURN_USER.into(), credential: TURN_PASSWORD.into() };
    // A private authority is trusted for TURN as it is for wss.
    let ca_file = (way == Way::Tls).then(|| turn.ca_file());
    let mut pair = Pair::in_a_call(Config { ice_servers: vec![server], ca_file, ..config(kamailio.ws_url()) }).await;
    hear_each_other(&pair.callee.0, &pair.caller.0).await;
    proof.first_sound(pair.began.elapsed());
    proof.heard("callee: 1000 Hz; caller: 440 Hz");

    // Without the relay nobody is heard any more: media did pass there.
    drop(turn);
    let received = |pair: &Pair| {
        [&pair.callee.0, &pair.caller.0].map(|side| side.current_call().and_then(|call| call.stats()).map(|stats| stats.packets_received))
    };
    let mut before = received(&pair);
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = received(&pair);
        if now == before {
            break;
        }
        before = now;
        assert!(Instant::now() < deadline, "packets arrive without the relay: {now:?}");
    }
    proof.heard("nothing once coturn has gone");
    pair.caller.0.terminate(CallId::CURRENT).await.expect("terminate");
    until(&mut pair.callee.1, EventKind::Ended).await;
    proof.done();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio and coturn"]
async fn a_call_through_turn_over_udp() {
    relayed(Way::Udp, "a call that can only be relayed, over UDP").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio and coturn"]
async fn a_call_through_turn_over_tcp() {
    relayed(Way::Tcp, "a call that can only be relayed, over TCP").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio and coturn"]
async fn a_call_through_turn_over_tls() {
    relayed(Way::Tls, "a call that can only be relayed, over TLS").await;
}
