//! Closing and dropping give everything back: the sockets, the tasks, the memory; strangers cannot
//! do it.

use crate::support::{PATIENCE, Peer, call, exchange};
use monipy_core::Codec;
use monipy_core::media::{MediaDirection::SendRecv, MediaEvent, MediaTransport, OfferKind};
use std::net::UdpSocket;
use std::time::Duration;

fn port(sdp: &str) -> u16 {
    sdp.lines().find_map(|l| l.strip_prefix("m=audio ")).unwrap().split(' ').next().unwrap().parse().unwrap()
}

fn is_closed(event: &MediaEvent) -> Option<()> {
    matches!(event, MediaEvent::Closed).then_some(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn close_frees_the_port_and_tells_the_far_side() {
    let (a, mut b, offer, _) = call(&[Codec::Opus], &[Codec::Opus]).await;
    let mut ends = a.ends;
    assert!(UdpSocket::bind(("127.0.0.1", port(&offer))).is_err(), "in use while the call is up");
    a.transport.close().await;
    UdpSocket::bind(("127.0.0.1", port(&offer))).expect("free again");
    while is_closed(&ends.events.recv().await.expect("Closed comes last")).is_none() {}
    b.until(|e| matches!(e, MediaEvent::RemoteClosed).then_some(())).await;
    assert_eq!(a.transport.create_offer(SendRecv, OfferKind::Same).await.unwrap_err().sip_code, 487);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drop_without_close_frees_the_port_too() {
    let (a, _b, offer, _) = call(&[Codec::Opus], &[Codec::Opus]).await;
    let mut ends = a.ends;
    drop(a.transport);
    while is_closed(&ends.events.recv().await.expect("Closed comes last")).is_none() {}
    UdpSocket::bind(("127.0.0.1", port(&offer))).expect("free again");
    assert!(ends.events.recv().await.is_none(), "nothing holds the transport any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_that_nobody_answers_is_given_back() {
    let mut a = Peer::new(&[Codec::Opus]);
    let offer = a.transport.create_offer(SendRecv, OfferKind::Same).await.unwrap();
    a.transport.close().await;
    UdpSocket::bind(("127.0.0.1", port(std::str::from_utf8(&offer).unwrap()))).expect("free again");
    assert_eq!(a.event().await, MediaEvent::Closed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_who_floods_the_port_disturbs_nobody() {
    let (mut a, mut b, _, answer) = call(&[Codec::Opus], &[Codec::Opus]).await;
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.connect(("127.0.0.1", port(&answer))).unwrap();
    // Media, a BYE, a ClientHello, an alert, STUN without credentials, ChannelData, nonsense.
    let mut media = vec![0x80, 111, 0, 1, 0, 0, 0, 0];
    media.extend([7; 64]);
    let mut bye = vec![0x81, 203, 0, 1];
    bye.extend([0; 40]);
    let hello = [&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 1][..], &[0; 11]].concat();
    let alert = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0].to_vec();
    let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[9; 12]].concat();
    let kinds = [media, bye, hello, alert, stun, vec![0x40, 0, 0, 4, 0x80, 0, 0, 0], vec![0xff; 200], vec![22], vec![0, 1]];
    let mut sent = 0;
    for _ in 0..50 {
        for datagram in &kinds {
            sent += stranger.send(datagram).map_or(0, |_| 1);
        }
        // Every one is judged and dropped, before the next ones overflow the socket's buffer.
        let judged = async {
            while b.ends.stats.counters().guard_dropped < sent {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, judged).await.expect("all dropped");
    }
    exchange(&mut a, &mut b, 10).await;
    exchange(&mut b, &mut a, 10).await;
    assert!(b.ends.rtp_in.pop().is_none(), "none of it is media");
}
