//! The SDP that SIP sends is ours: right for rtpengine, Asterisk, FreeSWITCH and browsers alike.

use crate::samples;
use crate::support::{Peer, config};
use monipy_core::Codec;
use monipy_core::media::{MediaConfig, MediaDirection, MediaTransport, OfferKind};

async fn answer(offer: &str, codecs: &[Codec], direction: MediaDirection) -> String {
    let peer = Peer::new(codecs);
    let answer = peer.transport.accept_offer(offer.as_bytes(), direction).await.unwrap();
    peer.transport.close().await;
    String::from_utf8(answer).unwrap()
}

const ALL: [Codec; 3] = [Codec::Opus, Codec::Pcmu, Codec::Pcma];
const BOTH: MediaDirection = MediaDirection::SendRecv;

fn has(sdp: &str, line: &str) -> bool {
    sdp.lines().any(|l| l == line)
}

#[tokio::test]
async fn bundle_and_mid_appear_only_where_they_were_offered() {
    let sdp = answer(&samples::rtpengine(), &ALL, BOTH).await;
    assert!(has(&sdp, "a=mid:1") && !sdp.contains("BUNDLE"), "{sdp}");
    let sdp = answer(&samples::freeswitch(), &ALL, BOTH).await;
    assert!(!sdp.contains("a=mid") && !sdp.contains("BUNDLE"), "{sdp}");
    let sdp = answer(&samples::asterisk(), &ALL, BOTH).await;
    assert!(has(&sdp, "a=mid:audio-0") && has(&sdp, "a=group:BUNDLE audio-0"), "{sdp}");
}

#[tokio::test]
async fn the_default_candidate_is_real_and_profiles_are_mirrored() {
    let sdp = answer(&samples::freeswitch(), &ALL, BOTH).await;
    let media = sdp.lines().find(|l| l.starts_with("m=")).unwrap();
    let words: Vec<_> = media.split(' ').collect();
    let port: u16 = words[1].parse().unwrap();
    assert!(port > 9 && words[2] == "RTP/SAVPF", "{media}");
    assert!(has(&sdp, "c=IN IP4 127.0.0.1") && sdp.contains(&format!(" 1 udp 2130706431 127.0.0.1 {port} typ host")), "{sdp}");
    assert!(!sdp.contains("0.0.0.0") && !sdp.contains(" 2 udp "), "{sdp}");
    assert!(sdp.lines().all(|l| !l.is_empty()) && sdp.ends_with("\r\n") && !sdp.replace("\r\n", "").contains('\n'));
}

#[tokio::test]
async fn only_what_was_offered_and_wanted_is_accepted() {
    let sdp = answer(&samples::chromium(), &ALL, BOTH).await;
    assert!(sdp.lines().any(|l| l.starts_with("m=audio ") && l.ends_with(" UDP/TLS/RTP/SAVPF 111 0 8 110 126")), "{sdp}");
    assert!(has(&sdp, "a=fmtp:111 minptime=10;useinbandfec=1") && has(&sdp, "a=rtpmap:110 telephone-event/48000"), "{sdp}");
    assert!(has(&sdp, "a=rtpmap:126 telephone-event/8000"), "{sdp}");
    assert!(has(&sdp, "m=video 0 UDP/TLS/RTP/SAVPF 96"), "refused, in its place: {sdp}");
    let sdp = answer(&samples::asterisk(), &[Codec::Pcma], BOTH).await;
    assert!(sdp.lines().any(|l| l.ends_with(" UDP/TLS/RTP/SAVPF 8 102")), "{sdp}");
}

#[tokio::test]
async fn dtls_roles_follow_the_offer() {
    assert!(has(&answer(&samples::asterisk(), &ALL, BOTH).await, "a=setup:passive"));
    assert!(has(&answer(&samples::rtpengine(), &ALL, BOTH).await, "a=setup:active"));
    let passive = samples::rtpengine().replace("actpass", "passive");
    assert!(has(&answer(&passive, &ALL, BOTH).await, "a=setup:active"));
}

#[tokio::test]
async fn directions_are_what_both_want() {
    use MediaDirection::{Inactive, RecvOnly, SendOnly, SendRecv};
    for (offered, wanted, expected) in [
        (SendRecv, SendRecv, SendRecv),
        (SendOnly, SendRecv, RecvOnly),
        (RecvOnly, SendRecv, SendOnly),
        (Inactive, SendRecv, Inactive),
        (SendRecv, SendOnly, SendOnly),
        (SendOnly, SendOnly, Inactive),
        (SendRecv, Inactive, Inactive),
    ] {
        let offer = samples::asterisk().replace("a=sendrecv", &format!("a={}", offered.name()));
        let sdp = answer(&offer, &ALL, wanted).await;
        assert!(has(&sdp, &format!("a={}", expected.name())), "{offered:?} {wanted:?}: {sdp}");
    }
}

#[tokio::test]
async fn two_parties_are_both_taken_and_the_second_is_only_heard() {
    let sdp = answer(&samples::two_parties(), &ALL, BOTH).await;
    let media: Vec<_> = sdp.lines().filter(|l| l.starts_with("m=")).collect();
    assert!(media.len() == 2 && media.iter().all(|m| !m.starts_with("m=audio 0")), "{sdp}");
    assert_eq!((sdp.matches("a=sendrecv").count(), sdp.matches("a=recvonly").count()), (1, 1), "{sdp}");
}

#[tokio::test]
async fn an_offer_of_ours_is_complete() {
    let peer = Peer::new(&ALL);
    let offer = peer.transport.create_offer(BOTH, OfferKind::Same).await.unwrap();
    let sdp = String::from_utf8(offer.clone()).unwrap();
    for line in ["a=group:BUNDLE 0", "a=mid:0", "a=rtcp-mux", "a=setup:actpass", "a=sendrecv", "a=end-of-candidates", "a=ptime:20"] {
        assert!(has(&sdp, line), "{line}: {sdp}");
    }
    assert!(sdp.lines().any(|l| l.ends_with(" UDP/TLS/RTP/SAVPF 111 0 8 110 126")), "{sdp}");
    // Our own reader takes it, too.
    monipy_core::media::check_offer(&offer, &ALL).unwrap();
    peer.transport.close().await;
}

#[tokio::test]
async fn a_dead_stun_server_does_not_hold_the_answer_up() {
    // By its name, so that the resolving is part of it.
    // A socket that is never read: requests go nowhere, and no ICMP error comes back.
    let dead = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let stun = monipy_core::IceServer { url: format!("stun:localhost:{}", dead.local_addr().unwrap().port()), ..Default::default() };
    let peer = Peer::with(MediaConfig { ice_servers: vec![stun], ..config(&ALL) });
    // The stack alone would wait 11 s; what is asserted is that the answer comes and has candidates.
    let answer = peer.transport.accept_offer(samples::rtpengine().as_bytes(), BOTH).await.unwrap();
    assert!(String::from_utf8(answer).unwrap().contains("a=candidate:"));
    let mut datagram = [0; 64];
    let (length, _) = dead.recv_from(&mut datagram).unwrap();
    assert!(length >= 20 && datagram[..2] == [0, 1], "it was asked");
    peer.transport.close().await;
}
