//! Calls through a TURN server over UDP: relay candidates are gathered and packets pass. Runs against
//! coturn's `turnserver` where it is installed; says so and does nothing where it is not.

use crate::support::{PATIENCE, Peer, config, exchange, negotiate};
use monipy_core::media::{MediaConfig, MediaDirection::SendRecv, MediaTransport, OfferKind};
use monipy_core::{Codec, IceServer};
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

struct TurnServer {
    process: Child,
    port: u16,
    _files: tempfile::TempDir,
}

impl Drop for TurnServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn start() -> Option<TurnServer> {
    let files = tempfile::tempdir().unwrap();
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let process = Command::new("turnserver")
        .current_dir(files.path())
        .args(["-n", "--no-cli", "--no-tls", "--no-dtls", "--no-tcp", "--lt-cred-mech", "--allow-loopback-peers"])
        .args(["--user=monipy:secret", "--realm=test", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--log-file=stdout"])
        .arg(format!("--listening-port={port}"))
        .arg(format!("--pidfile={}", files.path().join("pid").display()))
        .arg(format!("--userdb={}", files.path().join("db").display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    Some(TurnServer { process, port, _files: files })
}

/// Waits until the server answers STUN.
async fn ready(port: u16) {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(("127.0.0.1", port)).await.unwrap();
    let request = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
    let mut answer = [0; 512];
    let asking = async {
        loop {
            // Until it listens, sending fails or nothing comes back.
            let _ = socket.send(&request).await;
            if let Ok(Ok(_)) = tokio::time::timeout(Duration::from_millis(50), socket.recv(&mut answer)).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("the TURN server up");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_pass_both_ways() {
    let Some(server) = start() else {
        eprintln!("turnserver (coturn) is not installed: not tested");
        return;
    };
    ready(server.port).await;
    let turn =
        IceServer { url: format!("turn:localhost:{}?transport=udp", server.port), username: "monipy".into(), credential: "secret".into() };
    let with_turn = MediaConfig { ice_servers: vec![turn], ..config(&[Codec::Opus]) };
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
