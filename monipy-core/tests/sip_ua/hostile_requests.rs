//! Bytes that mean harm, and too many of them (trust 10, 11, 15 to 20, 37, 39).

use crate::bench::*;
use monipy_core::sip::ua::UaEvent;

#[test]
fn t3_content_length_too_big_is_400_too_small_cuts_off() {
    let mut bench = Bench::registered();
    let length = format!("Content-Length: {}", SDP.len());
    let invite = bench.invite("call1", "", SDP);
    bench.frame(invite.replace(&length, "Content-Length: 9999"));
    let response = bench.one();
    assert!(response.starts_with("SIP/2.0 400 "), "{response}");
    assert!(bench.events.is_empty());
    // T3, trust 10: what follows a message in its frame is never run.
    let invite = bench.invite("call2", "", SDP);
    let second = bench.invite("call3", "", SDP);
    bench.frame(format!("{invite}{second}"));
    assert_eq!(bench.take_events().len(), 2);
    assert_eq!(bench.ua.load().0, 1);
}

#[test]
fn a_response_shorter_than_its_content_length_is_dropped() {
    let mut bench = Bench::new();
    bench.up();
    bench.command(Bench::register_command());
    let register = bench.one();
    bench.frame(granted(&register).replace("Content-Length: 0", "Content-Length: 5"));
    bench.quiet();
}

#[test]
fn trust_11_a_message_in_two_frames_is_no_message() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "", SDP);
    let (first, second) = invite.split_at(200);
    bench.frame(first);
    bench.frame(second);
    assert!(bench.events.is_empty());
}

#[test]
fn trust_19_every_prefix_and_every_flipped_bit_is_survived() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "Require: x\r\n", SDP);
    for end in 0..invite.len() {
        bench.frame(&invite[..end]);
    }
    for at in 0..invite.len() {
        for bit in 0..8 {
            let mut bytes = invite.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            bench.ua.handle(monipy_core::sip::ua::Input::Frame(bytes), bench.now);
            while bench.ua.poll_output().is_some() {}
        }
    }
    let options = format!(
        "OPTIONS {} SIP/2.0\r\nVia: SIP/2.0/WS a;branch=z9hG4bKo\r\nFrom: <sip:p@x>;tag=1\r\nTo: <sip:1001@x>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\n\r\n",
        bench.contact
    );
    bench.sent.clear();
    bench.frame(options);
    assert_eq!(status(&bench.one()), 200);
}

#[test]
fn trust_17_wrong_versions_and_numbers() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "", SDP);
    bench.frame(invite.replacen("SIP/2.0\r\n", "SIP/7.0\r\n", 1));
    assert_eq!(status(&bench.one()), 505);
    for (from, to) in [("CSeq: 1 INVITE", "CSeq: 4294967296 INVITE"), ("CSeq: 1 INVITE", "CSeq: 1 OPTIONS"), ("\"Agent\"", "\"Agent")] {
        bench.frame(invite.replace(from, to));
        assert!(bench.take().iter().all(|message| message.starts_with("SIP/2.0 400 ")), "{to}");
    }
    assert!(bench.events.is_empty());
}

#[test]
fn trust_39_three_hundred_record_routes_are_refused() {
    let mut bench = Bench::registered();
    let routes: String =
        (0..100).map(|n| format!("Record-Route: <sip:a{n}.example;lr>,<sip:b{n}.example;lr>,<sip:c{n}.example;lr>\r\n")).collect();
    let invite = bench.invite("call1", &routes, SDP);
    bench.frame(invite);
    assert_eq!(status(&bench.take()[1]), 400);
    assert!(bench.events.is_empty());
}

#[test]
fn trust_37_four_hundred_invites_at_once_are_all_answered() {
    let mut bench = Bench::registered();
    let (call, _) = bench.ringing();
    for number in 0..400 {
        let invite = bench.invite(&format!("flood{number}"), "", SDP);
        bench.frame(invite);
    }
    let refused = bench.take().iter().filter(|message| matches!(status(message), 486 | 503)).count();
    assert_eq!(refused, 400);
    assert!(bench.take_events().iter().all(|event| matches!(event, UaEvent::MissedBusy { .. })));
    let (calls, dialogs, _, servers, _) = bench.ua.load();
    assert!(calls == 1 && dialogs == 1 && servers <= 32, "{:?}", bench.ua.load());
    // The call that rang first is unharmed.
    bench.command(monipy_core::sip::ua::Command::Answer { call, sdp: SDP.into() });
    assert_eq!(status(&bench.one()), 200);
}

#[test]
fn a_flood_that_is_never_acknowledged_leaves_room_for_the_next_call() {
    let mut bench = Bench::registered();
    let (call, _) = bench.ringing();
    for number in 0..400 {
        let invite = bench.invite(&format!("flood{number}"), "", SDP);
        bench.frame(invite);
    }
    bench.command(monipy_core::sip::ua::Command::Hangup { call, reason: None });
    bench.take();
    bench.take_events();
    let invite = bench.invite("welcome", "", SDP);
    bench.frame(invite);
    assert_eq!(bench.take().iter().map(|message| status(message)).collect::<Vec<_>>(), [100, 180]);
    bench.seconds(100);
    assert_eq!(bench.ua.load().3, 0);
}

#[test]
fn frames_while_down_and_oversized_frames_are_dropped() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "", SDP);
    bench.down();
    bench.take_events();
    bench.frame(&invite);
    bench.quiet();
    bench.up();
    bench.take();
    let huge = bench.invite("call2", &format!("X-Huge: {}\r\n", "x".repeat(300_000)), SDP);
    bench.frame(huge);
    bench.quiet();
}
