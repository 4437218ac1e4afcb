//! Calls through a TURN server over UDP, TCP and TLS: relay candidates are gathered and packets pass.
//! Runs against coturn's `turnserver` where it is installed; says so and does nothing where it is not.

use crate::coturn::{Coturn, TURN_PASSWORD, TURN_USER, Way};
use crate::support::{Peer, config, exchange, negotiate};
use monipy_core::media::{MediaConfig, MediaDirection::SendRecv, MediaTransport, OfferKind};
use monipy_core::{Codec, IceServer};
use std::net::UdpSocket;

fn start(way: Way) -> Option<Coturn> {
    let server = Coturn::start(way);
    if server.is_none() {
        eprintln!("turnserver (coturn) is not installed: not tested");
    }
    server
}

fn through(server: &Coturn) -> MediaConfig {
    let turn = IceServer { url: server.url(), username: TURN_USER.into(), credential: TURN_PASSWORD.into() };
    MediaConfig { ice_servers: vec![turn], ca_file: Some(server.ca_file()), ..config(&[Codec::Opus]) }
}

/// Leaves the relay as the only way.
fn relay_only(sdp: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(sdp.to_vec()).unwrap();
    assert!(text.contains(" typ relay "), "a relay candidate: {text}");
    text.lines()
        .filter(|l| !l.starts_with("a=candidate") || l.contains("typ relay"))
        .map(|l| format!("{l}\r\n"))
        .collect::<String>()
        .into_bytes()
}

async fn packets_pass_both_ways(with_turn: MediaConfig) {
    let (mut a, mut b) = (Peer::with(with_turn.clone()), Peer::new(&[Codec::Opus]));
    let offer = a.transport.create_offer(SendRecv, OfferKind::Same).await.unwrap();
    let answer = b.transport.accept_offer(&relay_only(&offer), SendRecv).await.unwrap();
    // The offerer is told the right address, for which it asks the relay's permission, but a port where
    // nobody listens: the relay is the only way.
    let dead = UdpSocket::bind("127.0.0.1:0").unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let own = answer.lines().find_map(|l| l.strip_prefix("m=audio ")).unwrap().split(' ').next().unwrap();
    let answer = answer.replace(&format!("127.0.0.1 {own} typ"), &format!("127.0.0.1 {} typ", dead.local_addr().unwrap().port()));
    a.transport.apply_answer(answer.as_bytes()).await.unwrap();
    a.track().await;
    b.track().await;
    exchange(&mut a, &mut b, 10).await;
    exchange(&mut b, &mut a, 10).await;
    // And the other way round, with the answerer behind the relay.
    let (mut c, mut d) = (Peer::new(&[Codec::Opus]), Peer::with(with_turn));
    negotiate(&mut c, SendRecv, OfferKind::Same, &mut d, SendRecv).await;
    c.track().await;
    d.track().await;
    exchange(&mut c, &mut d, 10).await;
    exchange(&mut d, &mut c, 10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_pass_both_ways_over_udp() {
    let Some(server) = start(Way::Udp) else { return };
    packets_pass_both_ways(MediaConfig { ca_file: None, ..through(&server) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_pass_both_ways_over_tcp() {
    let Some(server) = start(Way::Tcp) else { return };
    packets_pass_both_ways(MediaConfig { ca_file: None, ..through(&server) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_pass_both_ways_over_tls() {
    let Some(server) = start(Way::Tls) else { return };
    packets_pass_both_ways(through(&server)).await;
}

/// Whether an offer has a relay candidate.
async fn is_relayed(config: MediaConfig) -> bool {
    let peer = Peer::with(config);
    let offer = peer.transport.create_offer(SendRecv, OfferKind::Same).await.unwrap();
    String::from_utf8(offer).unwrap().contains(" typ relay ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_of_real_addresses_reach_the_server_too() {
    let Some(server) = start(Way::Tls) else { return };
    assert!(is_relayed(MediaConfig { local_address: None, ..through(&server) }).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_trusted_gets_no_credentials() {
    let Some(server) = start(Way::Tls) else { return };
    let trusting = through(&server);
    assert!(!is_relayed(MediaConfig { ca_file: None, ..trusting.clone() }).await, "an unknown authority");
    let mut by_number = trusting.clone();
    by_number.ice_servers[0].url = server.url().replace("localhost", "127.0.0.1");
    assert!(!is_relayed(by_number.clone()).await, "a name that the certificate does not carry");
    assert!(is_relayed(MediaConfig { insecure_tls: true, ..by_number }).await, "when nothing is checked");
    assert!(is_relayed(trusting).await);
}
