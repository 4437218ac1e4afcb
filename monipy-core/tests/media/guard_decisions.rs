//! The guard in front of the stack: what it lets in, what it drops, and what it bounds.

use monipy_core::media::guard::{Drop, Guard, Notice, SrtpLayout, Verdict};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

fn peer() -> SocketAddr {
    "192.0.2.1:5000".parse().unwrap()
}
fn stranger() -> SocketAddr {
    "198.51.100.9:6000".parse().unwrap()
}
fn server() -> SocketAddr {
    "203.0.113.3:3478".parse().unwrap()
}

/// A STUN message with attributes.
fn stun(kind: u16, id: u8, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, value) in attributes {
        body.extend(kind.to_be_bytes());
        body.extend((value.len() as u16).to_be_bytes());
        body.extend(*value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let mut message = kind.to_be_bytes().to_vec();
    message.extend((body.len() as u16).to_be_bytes());
    message.extend([0x21, 0x12, 0xa4, 0x42]);
    message.extend([id; 12]);
    message.extend(body);
    message
}

fn check_request(id: u8) -> Vec<u8> {
    stun(0x0001, id, &[(0x0006, b"ours:theirs"), (0x0008, &[0; 20])])
}

fn rtp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 111, 0, 1, 0, 0, 0, 0];
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0; 40]);
    packet
}

/// SRTCP in the layout of AES-CM: packet, E bit and index, tag of 10 octets.
fn srtcp(ssrc: u32, encrypted: bool) -> Vec<u8> {
    let mut packet = vec![0x81, 203, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    packet.extend((if encrypted { 0x8000_0001u32 } else { 1 }).to_be_bytes());
    packet.extend([0; 10]);
    packet
}

fn dtls(kind: u8, epoch: u16, body: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, 0xfe, 0xfd];
    record.extend(epoch.to_be_bytes());
    record.extend([0; 6]);
    record.extend((body.len() as u16).to_be_bytes());
    record.extend(body);
    record
}

fn call(guard: &mut Guard, from: SocketAddr, datagram: &[u8]) -> Verdict {
    guard.inbound(Instant::now(), from, datagram)
}

/// A guard whose peer ICE has validated, with keys.
fn established(layout: SrtpLayout) -> Guard {
    let mut guard = Guard::new(Instant::now());
    assert_eq!(call(&mut guard, peer(), &check_request(1)), Verdict::Pass);
    guard.outbound(peer(), &stun(0x0101, 1, &[]));
    guard.established(layout);
    guard
}

#[test]
fn media_and_dtls_come_from_validated_addresses_only() {
    let mut guard = Guard::new(Instant::now());
    for datagram in [rtp(7), dtls(22, 0, &[1])] {
        assert_eq!(call(&mut guard, peer(), &datagram), Verdict::Drop(Drop::UnvalidatedAddress));
    }
    // A check that the stack has answered with success validates its address, and no other.
    assert_eq!(call(&mut guard, peer(), &check_request(1)), Verdict::Pass);
    assert_eq!(call(&mut guard, peer(), &dtls(22, 0, &[1])), Verdict::Drop(Drop::UnvalidatedAddress));
    guard.outbound(peer(), &stun(0x0101, 1, &[]));
    assert_eq!(call(&mut guard, peer(), &dtls(22, 0, &[1])), Verdict::Pass);
    assert_eq!(call(&mut guard, stranger(), &dtls(22, 0, &[1])), Verdict::Drop(Drop::UnvalidatedAddress));
    guard.established(SrtpLayout::Gcm);
    assert_eq!(call(&mut guard, peer(), &rtp(7)), Verdict::Pass);
    assert_eq!(call(&mut guard, stranger(), &rtp(7)), Verdict::Drop(Drop::UnvalidatedAddress));
}

#[test]
fn an_answer_to_a_check_of_ours_validates_a_lite_peer() {
    let mut guard = Guard::new(Instant::now());
    guard.outbound(peer(), &check_request(5));
    assert_eq!(call(&mut guard, stranger(), &stun(0x0101, 5, &[])), Verdict::Drop(Drop::UnsolicitedStun));
    assert_eq!(call(&mut guard, peer(), &stun(0x0101, 6, &[])), Verdict::Drop(Drop::UnsolicitedStun));
    assert_eq!(call(&mut guard, peer(), &stun(0x0101, 5, &[])), Verdict::Pass);
    assert_eq!(call(&mut guard, peer(), &dtls(22, 0, &[1])), Verdict::Pass);
}

#[test]
fn a_stun_server_is_answered_but_is_no_peer() {
    let mut guard = Guard::new(Instant::now());
    guard.outbound(server(), &stun(0x0001, 9, &[]));
    assert_eq!(call(&mut guard, server(), &stun(0x0101, 9, &[])), Verdict::Pass);
    assert_eq!(call(&mut guard, server(), &dtls(22, 0, &[1])), Verdict::Drop(Drop::UnvalidatedAddress));
}

#[test]
fn malformed_stun_is_dropped() {
    let mut guard = Guard::new(Instant::now());
    let mut beyond = check_request(1);
    beyond[23] = 200;
    let mut odd = check_request(1);
    odd.push(0);
    let mut cookie = check_request(1);
    cookie[4] = 0;
    for datagram in [
        beyond,
        odd,
        cookie,
        check_request(1)[..19].to_vec(),
        stun(0x0001, 1, &[]),
        stun(0x0001, 1, &[(0x0006, b"a:b")]),
        stun(0x0111, 1, &[(0x0009, &[0, 0])]),
    ] {
        assert_eq!(call(&mut guard, peer(), &datagram), Verdict::Drop(Drop::Malformed), "{datagram:x?}");
    }
}

#[test]
fn a_flood_of_checks_from_strangers_is_bounded_and_the_peer_is_not_hindered() {
    let mut guard = established(SrtpLayout::Gcm);
    let now = Instant::now();
    let passed = (0..10_000).filter(|_| guard.inbound(now, stranger(), &check_request(1)) == Verdict::Pass).count();
    assert!((1..=200).contains(&passed), "{passed}");
    assert_eq!(guard.inbound(now, peer(), &check_request(2)), Verdict::Pass);
    assert_eq!(guard.inbound(now + Duration::from_secs(1), stranger(), &check_request(1)), Verdict::Pass, "and it is over soon");
}

#[test]
fn srtcp_in_clear_is_dropped_in_either_layout() {
    let mut guard = established(SrtpLayout::AesCm80);
    assert_eq!(srtcp(7, false).len(), 22, "the forged BYE that the stack would take");
    assert_eq!(call(&mut guard, peer(), &srtcp(7, false)), Verdict::Drop(Drop::PlainRtcp));
    assert_eq!(call(&mut guard, peer(), &srtcp(7, true)), Verdict::Pass);
    let mut guard = established(SrtpLayout::Gcm);
    let gcm = |word: u32| [&[0x81, 203, 0, 1, 0, 0, 0, 7][..], &[0xff; 16], &word.to_be_bytes()].concat();
    assert_eq!(call(&mut guard, peer(), &gcm(1)), Verdict::Drop(Drop::PlainRtcp));
    assert_eq!(call(&mut guard, peer(), &gcm(0x8000_0001)), Verdict::Pass);
    assert_eq!(call(&mut guard, peer(), &gcm(0x8000_0001)[..27]), Verdict::Drop(Drop::Malformed));
    let mut guard = Guard::new(Instant::now());
    guard.outbound(peer(), &dtls(20, 0, &[1]));
    assert_eq!(call(&mut guard, peer(), &srtcp(7, true)), Verdict::Drop(Drop::BeforeKeys), "before the layout is known");
}

#[test]
fn short_packets_are_dropped() {
    let mut guard = established(SrtpLayout::AesCm80);
    for length in 1..22 {
        assert_eq!(call(&mut guard, peer(), &rtp(7)[..length]), Verdict::Drop(Drop::Malformed), "{length}");
        assert_eq!(call(&mut guard, peer(), &srtcp(7, true)[..length]), Verdict::Drop(Drop::Malformed), "{length}");
    }
    assert_eq!(call(&mut guard, peer(), &rtp(7)[..22]), Verdict::Pass);
}

#[test]
fn forged_ssrcs_are_bounded_and_the_known_one_passes() {
    let mut guard = established(SrtpLayout::Gcm);
    let start = Instant::now();
    assert_eq!(guard.inbound(start, peer(), &rtp(1)), Verdict::Pass);
    guard.authenticated(1);
    let mut passed = 0;
    // A million forged ones over an hour.
    for i in 0..1_000_000u32 {
        let at = start + Duration::from_micros(u64::from(i) * 3600);
        passed += u32::from(guard.inbound(at, peer(), &rtp(i + 2)) == Verdict::Pass);
    }
    assert!(passed <= 512, "{passed}");
    assert_eq!(guard.inbound(start, peer(), &rtp(1)), Verdict::Pass);
    // Without a flood, a change of the SSRC passes at once.
    let mut guard = established(SrtpLayout::Gcm);
    for ssrc in 0..8 {
        assert_eq!(guard.inbound(start, peer(), &rtp(ssrc)), Verdict::Pass);
    }
}

#[test]
fn a_second_client_hello_and_plain_alerts_are_dropped_once_established() {
    let mut guard = established(SrtpLayout::Gcm);
    assert_eq!(call(&mut guard, peer(), &dtls(22, 0, &[1, 0, 0])), Verdict::Drop(Drop::Rehandshake));
    assert_eq!(call(&mut guard, peer(), &dtls(21, 0, &[1, 0])), Verdict::Drop(Drop::Rehandshake));
    // The far side's last flight again: ours got lost.
    assert_eq!(call(&mut guard, peer(), &dtls(22, 0, &[16, 0, 0])), Verdict::Pass);
    assert_eq!(call(&mut guard, peer(), &dtls(21, 1, &[0; 26])), Verdict::Pass, "the stack authenticates it");
    assert_eq!(call(&mut guard, peer(), &dtls(22, 0, &[1])[..12]), Verdict::Drop(Drop::Malformed));
}

#[test]
fn alerts_of_our_own_stack_are_noticed() {
    let mut guard = Guard::new(Instant::now());
    assert_eq!(guard.outbound(peer(), &dtls(22, 0, &[1])), Notice::None);
    assert_eq!(guard.outbound(peer(), &dtls(21, 0, &[2, 42])), Notice::HandshakeRefused);
    guard.established(SrtpLayout::Gcm);
    assert_eq!(guard.outbound(peer(), &dtls(21, 1, &[0; 26])), Notice::Closed);
}

#[test]
fn relayed_data_comes_from_a_turn_server_only_and_is_judged_too() {
    let channel = |inner: &[u8]| [&[0x40, 0, 0, inner.len() as u8][..], inner].concat();
    let mut guard = established(SrtpLayout::AesCm80);
    assert_eq!(call(&mut guard, server(), &channel(&rtp(7))), Verdict::Drop(Drop::NotATurnServer));
    guard.outbound(server(), &stun(0x0003, 3, &[]));
    assert_eq!(call(&mut guard, server(), &channel(&rtp(7))), Verdict::Pass);
    assert_eq!(call(&mut guard, server(), &channel(&srtcp(7, false))), Verdict::Drop(Drop::PlainRtcp));
    assert_eq!(call(&mut guard, server(), &stun(0x0017, 4, &[(0x0013, &srtcp(7, false))])), Verdict::Drop(Drop::PlainRtcp));
    assert_eq!(call(&mut guard, server(), &stun(0x0017, 4, &[(0x0013, &srtcp(7, true))])), Verdict::Pass);
    assert_eq!(call(&mut guard, stranger(), &stun(0x0017, 4, &[(0x0013, &rtp(7))])), Verdict::Drop(Drop::NotATurnServer));
}

#[test]
fn nothing_else_passes() {
    let mut guard = established(SrtpLayout::Gcm);
    assert_eq!(call(&mut guard, peer(), &[]), Verdict::Drop(Drop::Unknown));
    for first in (4..20).chain(80..128).chain(192..=255) {
        assert_eq!(call(&mut guard, peer(), &[first; 60]), Verdict::Drop(Drop::Unknown), "{first}");
    }
}
