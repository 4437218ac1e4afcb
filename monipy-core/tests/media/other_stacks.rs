//! Far sides that are not ours: a bare stack with its own SDP, full and lite; changes of the SSRC;
//! ICE restarts under the same certificate; RTCP BYE and DTLS close_notify.

use crate::plain_peer::PlainPeer;
use crate::support::{PATIENCE, Peer};
use monipy_core::Codec;
use monipy_core::media::{MediaDirection::SendRecv, MediaEvent, MediaTransport, OfferKind};
use rtc::interceptor::Packet;
use std::time::Duration;

const ALL: [Codec; 3] = [Codec::Opus, Codec::Pcmu, Codec::Pcma];

/// The plain peer offers, ours answers; both connected.
async fn answered(lite: bool) -> (PlainPeer, Peer) {
    let (plain, mut ours) = (PlainPeer::new(lite).await, Peer::new(&ALL));
    let offer = plain.offer().await;
    let answer = ours.transport.accept_offer(offer.as_bytes(), SendRecv).await.unwrap_or_else(|e| panic!("{e}: {offer}"));
    plain.take_answer(&answer).await;
    ours.track().await;
    plain.connected().await;
    (plain, ours)
}

async fn both_ways(plain: &PlainPeer, ours: &mut Peer, ssrc: u32, sequence: u16) {
    let negotiated = ours.transport.negotiated().unwrap();
    assert_eq!(negotiated.direction, SendRecv);
    let payload_type = negotiated.receive[0].payload_type;
    plain.send(ssrc, payload_type, sequence, b"theirs");
    // Packets of a test before this one may still be on their way.
    let got = loop {
        let got = ours.receive().await;
        if got.payload[..] != b"again"[..] {
            break got;
        }
    };
    assert_eq!((got.ssrc, got.sequence_number, &got.payload[..]), (ssrc, sequence, &b"theirs"[..]));
    ours.send(b"ours");
    let waiting = async {
        loop {
            if let Some(Packet::Rtp(packet)) = plain.incoming.lock().unwrap().pop_front() {
                return packet;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let got = tokio::time::timeout(PATIENCE, waiting).await.expect("our packet in time");
    assert_eq!(&got.payload[..], b"ours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_peer_that_offers() {
    let (plain, mut ours) = answered(false).await;
    both_ways(&plain, &mut ours, 7, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_peer_that_answers() {
    let (plain, mut ours) = (PlainPeer::new(false).await, Peer::new(&ALL));
    let offer = ours.transport.create_offer(SendRecv, OfferKind::Same).await.unwrap();
    let answer = plain.answer(&offer).await;
    ours.transport.apply_answer(answer.as_bytes()).await.unwrap_or_else(|e| panic!("{e}: {answer}"));
    ours.track().await;
    plain.connected().await;
    both_ways(&plain, &mut ours, 7, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lite_peer_that_offers() {
    let (plain, mut ours) = answered(true).await;
    both_ways(&plain, &mut ours, 7, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_ssrc_keeps_sound_flowing() {
    let (plain, mut ours) = answered(false).await;
    for (sequence, ssrc) in [(10, 0x1111), (11, 0x1111), (500, 0x2222), (501, 0x2222), (9, 0x3333)] {
        both_ways(&plain, &mut ours, ssrc, sequence).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_of_other_payload_types_are_counted_and_dropped() {
    let (plain, mut ours) = answered(false).await;
    plain.send(7, 99, 1, b"no");
    both_ways(&plain, &mut ours, 7, 2).await;
    assert_eq!(ours.ends.stats.counters().wrong_payload_type, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_rtcp_bye_ends_nothing_and_a_sender_report_is_heard() {
    let (plain, mut ours) = answered(false).await;
    both_ways(&plain, &mut ours, 7, 1).await;
    plain.send_rtcp(vec![
        Box::new(rtc::rtcp::sender_report::SenderReport { ssrc: 7, ntp_time: 0x0123_4567_89ab_cdef, rtp_time: 4711, ..Default::default() }),
        Box::new(rtc::rtcp::goodbye::Goodbye { sources: vec![7], ..Default::default() }),
    ]);
    let waiting = async {
        loop {
            if let Some(report) = ours.ends.stats.rtcp().sender_report {
                return report;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let report = tokio::time::timeout(PATIENCE, waiting).await.expect("the report in time");
    assert_eq!((report.ssrc, report.ntp_time, report.rtp_timestamp), (7, 0x0123_4567_89ab_cdef, 4711));
    both_ways(&plain, &mut ours, 7, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ice_restart_keeps_dtls_and_goes_on() {
    let (mut plain, mut ours) = answered(false).await;
    both_ways(&plain, &mut ours, 7, 1).await;
    let first = ours.transport.negotiated();
    let offer = plain.restart().await;
    let answer = ours.transport.accept_offer(offer.as_bytes(), SendRecv).await.unwrap();
    plain.take_answer(&answer).await;
    // A stack that restarts ICE drops what it is to send until a pair is selected again.
    let resumed = async {
        for sequence in 2.. {
            plain.send(7, 111, sequence, b"again");
            tokio::time::sleep(Duration::from_millis(5)).await;
            if ours.ends.rtp_in.pop().is_some() {
                return sequence;
            }
        }
        0
    };
    let sequence = tokio::time::timeout(PATIENCE, resumed).await.expect("sound again in time");
    while ours.ends.rtp_in.pop().is_some() {}
    both_ways(&plain, &mut ours, 7, sequence + 1).await;
    assert_eq!(ours.transport.negotiated().map(|n| n.receive), first.map(|n| n.receive));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn close_notify_of_the_far_side_is_an_event() {
    let (plain, mut ours) = answered(false).await;
    both_ways(&plain, &mut ours, 7, 1).await;
    plain.close().await;
    ours.until(|e| matches!(e, MediaEvent::RemoteClosed).then_some(())).await;
}
