//! An offer with two audio lines, a party each (RingCentral's way): how it is answered, and how their
//! packets are told apart (RFC 9143 9.2).

use crate::support::{Peer, config};
use bytes::Bytes;
use monipy_core::Codec;
use monipy_core::media::{MediaConfig, MediaDirection, MediaTransport, MidTag, OfferKind, RtpOut};

/// How the second line shows itself.
#[derive(Clone, Copy, PartialEq)]
enum Shown {
    ByMid,
    BySource,
    ByNothing,
    /// On a transport of its own.
    Unbundled,
}

/// The offer of a transport with a second audio line behind its own.
fn two_lines(offer: &[u8], shown: Shown) -> String {
    let text = std::str::from_utf8(offer).unwrap();
    let (session, line) = text.split_once("m=audio ").unwrap();
    let mid = if shown == Shown::ByMid { "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" } else { "" };
    let ssrc: u32 = line.split_once("a=ssrc:").unwrap().1.split_once(' ').unwrap().0.parse().unwrap();
    let mut second = line.replace("a=mid:0", "a=mid:b").replace("a=sendrecv", "a=sendonly");
    for part in ["a=ssrc:", "a=msid:", "a=candidate:", "a=end-of-candidates"] {
        second = second.split_inclusive('\n').filter(|l| !l.starts_with(part)).collect();
    }
    if shown == Shown::BySource {
        second += &format!("a=ssrc:{} cname:x\r\n", ssrc.wrapping_add(1));
    }
    let group = if shown == Shown::Unbundled { "a=group:BUNDLE 0\r\n" } else { "a=group:BUNDLE 0 b\r\n" };
    let session = session.replace("a=group:BUNDLE 0\r\n", group);
    let named = |line: &str, title: &str| line.replacen("\r\n", &format!("\r\ni={title}\r\n"), 1);
    let (first, second) = (named(line, "Anna B party-id=p-1"), named(&second, "Tom party-id=p-2"));
    let first = if shown == Shown::ByNothing { first.split_inclusive('\n').filter(|l| !l.starts_with("a=ssrc:")).collect() } else { first };
    format!("{session}m=audio {first}{mid}m=audio {second}{mid}")
}

async fn connect(shown: Shown) -> (Peer, Peer, String) {
    let codecs = [Codec::Opus, Codec::Pcmu];
    let mut server = Peer::with(MediaConfig { sends_on_further_lines: true, ..config(&codecs) });
    let mut phone = Peer::new(&codecs);
    let offer = server.transport.create_offer(MediaDirection::SendRecv, OfferKind::Same).await.unwrap();
    let offer = two_lines(&offer, shown);
    let answer = phone.transport.accept_offer(offer.as_bytes(), MediaDirection::SendRecv).await.expect(&offer);
    server.transport.apply_answer(&answer).await.unwrap();
    server.track().await;
    phone.track().await;
    (server, phone, String::from_utf8(answer).unwrap())
}

fn send(server: &mut Peer, line: u8, mid: Option<&'static str>, n: u8) {
    let format = server.transport.negotiated().unwrap().send;
    let mid = mid.map(|mid| MidTag { id: 4, mid: Bytes::from_static(mid.as_bytes()) });
    let (sequence_number, timestamp) = (u16::from(n), 960 * u32::from(n));
    let payload = Bytes::from(vec![line, n]);
    let packet = RtpOut { payload_type: format.payload_type, marker: false, sequence_number, timestamp, line, mid, payload };
    assert!(server.ends.rtp_out.send_packet(packet));
}

/// Packets of both lines in turn, each of which must come on its own.
async fn both_lines(shown: Shown) {
    let (mut server, mut phone, answer) = connect(shown).await;
    assert!(answer.contains("a=group:BUNDLE 0 b\r\n"), "{answer}");
    assert_eq!(answer.matches("m=audio 0 ").count(), 0, "{answer}");
    assert_eq!((answer.matches("a=sendrecv").count(), answer.matches("a=recvonly").count()), (1, 1), "{answer}");
    assert_eq!(answer.matches("a=extmap:4/recvonly").count(), if shown == Shown::ByMid { 2 } else { 0 }, "{answer}");
    let parties = phone.transport.negotiated().unwrap().parties;
    let named: Vec<_> = parties.iter().map(|p| (p.name.as_deref(), p.id.as_deref(), p.receives)).collect();
    assert_eq!(named, [(Some("Anna B"), Some("p-1"), true), (Some("Tom"), Some("p-2"), true)]);
    for n in 0..20 {
        for line in [0, 1] {
            let mid = ["0", "b"].get(usize::from(line)).copied().filter(|_| shown == Shown::ByMid);
            send(&mut server, line, mid, n);
            let got = phone.receive().await;
            assert_eq!((got.line, &got.payload[..]), (line, &[line, n][..]));
        }
    }
    // What this side says goes on the first line.
    phone.send(&[7]);
    assert_eq!((server.receive().await).line, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bundled_lines_are_told_apart_by_the_mid_in_each_packet() {
    both_lines(Shown::ByMid).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bundled_lines_are_told_apart_by_the_sources_that_the_offer_names() {
    both_lines(Shown::BySource).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bundled_lines_that_say_nothing_are_taken_in_the_order_in_which_they_are_heard() {
    both_lines(Shown::ByNothing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_line_on_a_transport_of_its_own_is_refused() {
    let (mut server, mut phone, answer) = connect(Shown::Unbundled).await;
    assert_eq!((answer.matches("m=audio ").count(), answer.matches("m=audio 0 ").count()), (2, 1), "{answer}");
    assert!(phone.transport.negotiated().unwrap().parties.is_empty());
    send(&mut server, 0, None, 1);
    assert_eq!(phone.receive().await.line, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_of_ours_has_the_lines_of_theirs() {
    let (server, phone, _) = connect(Shown::ByMid).await;
    let hold = phone.transport.create_offer(MediaDirection::SendOnly, OfferKind::Same).await.unwrap();
    let text = String::from_utf8(hold.clone()).unwrap();
    let kept: Vec<_> = text.lines().filter(|l| ["a=mid:", "a=sendonly", "a=inactive"].iter().any(|p| l.starts_with(p))).collect();
    assert_eq!(kept, ["a=mid:0", "a=sendonly", "a=mid:b", "a=inactive"], "{text}");
    let answer = server.transport.accept_offer(&hold, MediaDirection::SendRecv).await.unwrap();
    phone.transport.apply_answer(&answer).await.unwrap();
    let resume = phone.transport.create_offer(MediaDirection::SendRecv, OfferKind::Same).await.unwrap();
    let answer = server.transport.accept_offer(&resume, MediaDirection::SendRecv).await.unwrap();
    phone.transport.apply_answer(&answer).await.unwrap();
    let text = String::from_utf8(answer).unwrap();
    assert_eq!((text.matches("a=sendrecv").count(), text.matches("a=sendonly").count()), (1, 1), "{text}");
    assert_eq!(phone.transport.negotiated().unwrap().parties.iter().filter(|p| p.receives).count(), 2);
}
