//! A far side with another certificate than it announced: the call's media fails soon, and not one
//! packet is delivered.

use crate::support::Peer;
use monipy_core::Codec;
use monipy_core::media::{MediaDirection::SendRecv, MediaTransport, OfferKind};

/// Turns one hexadecimal digit of the fingerprint into another.
fn forged(sdp: &[u8]) -> Vec<u8> {
    let sdp = String::from_utf8(sdp.to_vec()).unwrap();
    let (before, after) = sdp.split_once("a=fingerprint:sha-256 ").unwrap();
    let digit = if after.starts_with('0') { '1' } else { '0' };
    format!("{before}a=fingerprint:sha-256 {digit}{}", &after[1..]).into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seen_by_the_answerer() {
    let (a, mut b) = (Peer::new(&[Codec::Opus]), Peer::new(&[Codec::Opus]));
    let offer = a.transport.create_offer(SendRecv, OfferKind::Same).await.unwrap();
    let answer = b.transport.accept_offer(&forged(&offer), SendRecv).await.unwrap();
    a.transport.apply_answer(&answer).await.unwrap();
    let why = b.failed().await;
    assert!(why.contains("certificate"), "{why}");
    assert_eq!(b.ends.stats.counters().packets_received, 0);
    assert!(!b.ends.rtp_out.is_open());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seen_by_the_offerer() {
    let (mut a, mut b) = (Peer::new(&[Codec::Opus]), Peer::new(&[Codec::Opus]));
    let offer = a.transport.create_offer(SendRecv, OfferKind::Same).await.unwrap();
    let answer = b.transport.accept_offer(&offer, SendRecv).await.unwrap();
    a.transport.apply_answer(&forged(&answer)).await.unwrap();
    let why = a.failed().await;
    assert!(why.contains("certificate"), "{why}");
    assert!(a.ends.rtp_in.pop().is_none() && !a.ends.rtp_out.is_open());
    drop(b.ends.rtp_in.pop());
}
