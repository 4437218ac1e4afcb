//! INVITE with `Require: 100rel` (RFC 3262), as Mitel, Cisco and carriers send it.

use crate::bench::{Bench, SDP, find_header, header, status};
use monipy_core::sip::ua::{CallKey, Cause, Command, EndedBy, UaEvent};
use std::time::Duration;

/// A call that rings reliably: its key and its 180.
fn ringing(bench: &mut Bench) -> (CallKey, String) {
    let invite = bench.invite("call1", "Require: 100rel\r\n", SDP);
    bench.frame(invite);
    let mut sent = bench.take();
    assert_eq!(sent.iter().map(|message| status(message)).collect::<Vec<_>>(), [100, 180]);
    let call = match bench.take_events().as_slice() {
        [UaEvent::Incoming { call, .. }, UaEvent::Ringing { .. }] => *call,
        other => panic!("{other:#?}"),
    };
    (call, sent.remove(1))
}

fn prack(bench: &mut Bench, ringing: &str, number: u32, cseq: u32) -> String {
    bench.inside(ringing, "PRACK", cseq, &format!("RAck: {number} 1 INVITE\r\n"), "")
}

fn rseq(ringing: &str) -> u32 {
    header(ringing, "RSeq").parse().expect("RSeq is a number")
}

#[test]
fn the_180_is_numbered_and_repeated_until_its_prack() {
    let mut bench = Bench::registered();
    let (_, first) = ringing(&mut bench);
    assert_eq!(header(&first, "Require"), "100rel");
    assert!((1..0x7fff_ffff).contains(&rseq(&first)));
    bench.pass(Duration::from_millis(499));
    bench.quiet();
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.one(), first);
    bench.pass(Duration::from_millis(1000));
    assert_eq!(bench.one(), first, "twice the wait, the same bytes");
    let request = prack(&mut bench, &first, rseq(&first), 2);
    bench.frame(request);
    assert_eq!(status(&bench.one()), 200);
    bench.seconds(30);
    bench.quiet();
}

#[test]
fn a_prack_for_something_else_is_481_and_the_180_goes_on() {
    let mut bench = Bench::registered();
    let (_, first) = ringing(&mut bench);
    for (at, rack) in ["1 1 INVITE", "", "99999999999 1 INVITE", "x y z"].iter().enumerate() {
        let rack = rack.replace("1 1", &format!("{} 1", rseq(&first) + 1));
        let request = bench.inside(&first, "PRACK", 2 + at as u32, &format!("RAck: {rack}\r\n"), "");
        bench.frame(request);
        assert_eq!(status(&bench.one()), 481, "{rack}");
    }
    bench.pass(Duration::from_millis(500));
    assert_eq!(bench.one(), first);
}

#[test]
fn answered_before_or_after_the_prack() {
    for acknowledged_first in [true, false] {
        let mut bench = Bench::registered();
        let (call, first) = ringing(&mut bench);
        let request = prack(&mut bench, &first, rseq(&first), 2);
        if acknowledged_first {
            bench.frame(&request);
            assert_eq!(status(&bench.one()), 200);
        }
        bench.command(Command::Answer { call, sdp: SDP.into() });
        let ok = bench.one();
        assert_eq!(status(&ok), 200);
        assert!(find_header(&ok, "RSeq").is_none() && find_header(&ok, "Require").is_none());
        if !acknowledged_first {
            bench.frame(&request);
            assert_eq!(status(&bench.one()), 200, "a late PRACK is still known");
        }
        let ack = bench.inside(&ok, "ACK", 1, "", "");
        bench.frame(ack);
        assert_eq!(bench.event(), UaEvent::Confirmed { call, sdp: None });
        bench.seconds(60);
        bench.quiet();
    }
}

#[test]
fn without_a_prack_the_call_is_refused_after_32_seconds() {
    let mut bench = Bench::registered();
    let (call, first) = ringing(&mut bench);
    bench.seconds(33);
    let sent = bench.take();
    let (last, repetitions) = sent.split_last().expect("something was sent");
    assert_eq!(status(last), 504);
    assert_eq!(repetitions.len(), 6, "0.5, 1, 2, 4, 8, 16 s");
    assert!(repetitions.iter().all(|message| *message == first));
    match bench.event() {
        UaEvent::Terminated { call: ended, by: EndedBy::System, code: 504, cause: Cause::RequestTimeout, .. } => assert_eq!(ended, call),
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.ua.load().0, 0);
}

#[test]
fn a_long_ring_is_refreshed_under_the_next_number() {
    let mut bench = Bench::registered_with(|config| config.ring_time = Duration::from_secs(180));
    let (_, first) = ringing(&mut bench);
    let request = prack(&mut bench, &first, rseq(&first), 2);
    bench.frame(request);
    bench.take();
    bench.seconds(60);
    let second = bench.one();
    assert_eq!(rseq(&second), rseq(&first) + 1);
    let request = prack(&mut bench, &second, rseq(&second), 3);
    bench.frame(request);
    assert_eq!(status(&bench.one()), 200);
}

#[test]
fn a_cancelled_ring_is_not_repeated() {
    let mut bench = Bench::registered();
    let (call, first) = ringing(&mut bench);
    bench.command(Command::Hangup { call, reason: None });
    assert_eq!(status(&bench.one()), 480);
    bench.take_events();
    bench.seconds(5);
    bench.quiet();
    let request = prack(&mut bench, &first, rseq(&first), 2);
    bench.frame(request);
    assert_eq!(status(&bench.one()), 481);
}

#[test]
fn an_invite_without_offer_rings_silently_and_its_200_offers() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "Require: 100rel\r\n", "");
    bench.frame(invite);
    assert_eq!(bench.take().iter().map(|message| status(message)).collect::<Vec<_>>(), [100]);
    let call = match bench.take_events().as_slice() {
        [UaEvent::Incoming { call, offer: None, .. }, UaEvent::Ringing { .. }] => *call,
        other => panic!("{other:#?}"),
    };
    bench.command(Command::Answer { call, sdp: SDP.into() });
    let ok = bench.one();
    assert_eq!(status(&ok), 200);
    assert!(ok.ends_with(SDP));
}
