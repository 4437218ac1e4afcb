//! Hold by sendonly and inactive, resume by sendrecv, from either side, on the same connection: no
//! sound while held, the old keys and sockets after it.

use crate::support::{Peer, call, exchange, negotiate};
use monipy_core::Codec;
use monipy_core::media::{MediaDirection as Direction, MediaTransport, OfferKind};

fn line<'a>(sdp: &'a str, start: &str) -> &'a str {
    sdp.lines().find(|l| l.starts_with(start)).unwrap_or_else(|| panic!("no {start} in {sdp}"))
}

async fn reoffer(from: &mut Peer, to: &mut Peer, direction: Direction) -> (String, String) {
    negotiate(from, direction, OfferKind::Same, to, Direction::SendRecv).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_side_hears_and_says_nothing_until_resumed() {
    let (mut a, mut b, first_offer, first_answer) = call(&[Codec::Opus], &[Codec::Opus]).await;
    exchange(&mut a, &mut b, 3).await;

    let (offer, answer) = reoffer(&mut a, &mut b, Direction::Inactive).await;
    assert!(offer.contains("a=inactive\r\n") && answer.contains("a=inactive\r\n"), "{offer}{answer}");
    for start in ["a=ice-ufrag:", "a=fingerprint:", "a=candidate:", "m=audio ", "c=IN IP4 127.0.0.1"] {
        assert_eq!(line(&offer, start), line(&first_offer, start));
        assert_eq!(line(&answer, start), line(&first_answer, start));
    }
    assert_ne!(line(&offer, "o="), line(&first_offer, "o="), "the version counts up");
    assert_eq!(line(&answer, "a=setup:"), line(&first_answer, "a=setup:"), "the established DTLS role stays");
    assert!(!a.ends.rtp_out.is_open() && !b.ends.rtp_out.is_open());
    assert_eq!(a.transport.negotiated().unwrap().direction, Direction::Inactive);

    reoffer(&mut a, &mut b, Direction::SendRecv).await;
    exchange(&mut a, &mut b, 3).await;
    exchange(&mut b, &mut a, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sendonly_lets_the_holding_side_speak() {
    let (mut a, mut b, ..) = call(&[Codec::Pcmu], &[Codec::Pcmu]).await;
    let (_, answer) = reoffer(&mut b, &mut a, Direction::SendOnly).await;
    assert!(answer.contains("a=recvonly\r\n"), "{answer}");
    let held = a.transport.negotiated().unwrap();
    assert_eq!((held.direction, held.remote_direction), (Direction::RecvOnly, Direction::SendOnly));
    assert!(b.ends.rtp_out.is_open() && !a.ends.rtp_out.is_open());
    exchange(&mut b, &mut a, 3).await;
    reoffer(&mut b, &mut a, Direction::SendRecv).await;
    exchange(&mut a, &mut b, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_that_is_rolled_back_changes_nothing() {
    let (mut a, mut b, ..) = call(&[Codec::Opus], &[Codec::Opus]).await;
    a.transport.create_offer(Direction::Inactive, OfferKind::Same).await.unwrap();
    assert_eq!(a.transport.create_offer(Direction::Inactive, OfferKind::Same).await.unwrap_err().sip_code, 491);
    a.transport.rollback().await;
    exchange(&mut a, &mut b, 3).await;
    // A fresh connection that was only offered goes away without a trace.
    a.transport.create_offer(Direction::SendRecv, OfferKind::Fresh).await.unwrap();
    a.transport.rollback().await;
    exchange(&mut b, &mut a, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_answer_leaves_the_call_as_it_was() {
    let (mut a, mut b, ..) = call(&[Codec::Opus], &[Codec::Opus]).await;
    a.transport.create_offer(Direction::Inactive, OfferKind::Same).await.unwrap();
    assert_eq!(a.transport.apply_answer(b"v=0\r\nnonsense").await.unwrap_err().sip_code, 488);
    exchange(&mut a, &mut b, 3).await;
    assert_eq!(b.transport.accept_offer(b"garbage", Direction::SendRecv).await.unwrap_err().sip_code, 488);
    exchange(&mut b, &mut a, 3).await;
}
