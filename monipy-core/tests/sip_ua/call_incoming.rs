//! Calls that come in, from the INVITE to the ACK (rows I1 to I18, trust 21 to 33).

use crate::bench::*;
use monipy_core::sip::ua::{Cause, Command, EndedBy, UaEvent};
use std::time::Duration;

/// The only event, which must be the end of a call.
#[track_caller]
fn ended(bench: &mut Bench) -> (EndedBy, u16, Cause, Option<String>) {
    match bench.event() {
        UaEvent::Terminated { by, code, cause, reason, .. } => (by, code, cause, reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_invitation_carries_caller_headers_and_offer() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "X-Call-ID: abc\r\nX-Team-Name: Sales\r\nk: timer\r\nX-Odd: \u{e9}\r\n", SDP);
    bench.frame(&invite);
    match bench.take_events().remove(0) {
        UaEvent::Incoming { invitation, offer, .. } => {
            assert_eq!(invitation.from_display, "Agent");
            assert_eq!(invitation.from_uri, "sip:agent@supersbc.telecmi.com");
            assert_eq!(invitation.to_uri, "sip:1001@supersbc.telecmi.com");
            assert_eq!(invitation.sip_call_id, "call1");
            assert_eq!(invitation.request_uri, bench.contact);
            assert_eq!(invitation.header("x-call-id"), Some("abc"));
            assert_eq!(invitation.header("X-Team-Name"), Some("Sales"));
            assert_eq!(invitation.header("Supported"), Some("timer"));
            assert_eq!(invitation.header("X-Odd"), Some("\u{e9}"));
            assert_eq!(offer.as_deref(), Some(SDP.as_bytes()));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn i2_the_events_come_in_order_with_100_before_and_180_after_the_call() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "", SDP);
    bench.frame(&invite);
    let sent = bench.take();
    assert_eq!(sent.iter().map(|message| status(message)).collect::<Vec<_>>(), [100, 180]);
    assert!(matches!(bench.take_events().as_slice(), [UaEvent::Incoming { .. }, UaEvent::Ringing { .. }]));
}

#[test]
fn answered_confirmed_and_ended_by_the_far_side() {
    let mut bench = Bench::registered();
    let (call, ok) = bench.answered();
    bench.quiet();
    let bye = bench.inside(&ok, "BYE", 2, "Reason: Q.850;cause=16\r\n", "");
    bench.frame(bye);
    let response = bench.one();
    assert_eq!(status(&response), 200);
    assert_eq!(header(&response, "Supported"), "outbound");
    match bench.event() {
        UaEvent::Terminated { call: same, by: EndedBy::Remote, code: 200, cause: Cause::Terminated, reason, .. } => {
            assert_eq!(same, call);
            assert_eq!(reason.as_deref(), Some("Q.850;cause=16"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.ua.load().0, 0);
}

#[test]
fn i1_other_users_404_other_schemes_416() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "", SDP);
    let ours = bench.contact.clone();
    for (uri, code) in [
        ("sip:nobody@x.invalid;transport=ws".to_owned(), 404),
        ("sip:x.invalid".to_owned(), 404),
        (ours.replacen("sip:", "sips:", 1), 416),
        ("tel:+1234".to_owned(), 416),
    ] {
        bench.frame(invite.replacen(&ours, &uri, 1));
        let response = bench.one();
        assert_eq!(status(&response), code, "{uri}");
        assert!(find_header(&response, "Supported").is_none());
    }
    bench.frame(invite.replacen("To: <sip:1001", "To: <sips:1001", 1));
    assert_eq!(status(&bench.one()), 416);
    bench.frame(invite.replacen(&ours, "sip:1001@anything.example", 1));
    assert_eq!(bench.take().len(), 2, "the user of the address of record is ours too");
}

#[test]
fn i5_the_180_is_repeated_every_minute() {
    let mut bench = Bench::registered_with(|config| config.ring_time = Duration::from_secs(150));
    bench.ringing();
    let start = bench.now - bench.start;
    bench.seconds(149);
    let times: Vec<(u64, u16)> = bench.sent.iter().map(|(at, text)| ((*at - start).as_secs(), status(text))).collect();
    assert_eq!(times, [(60, 180), (120, 180)]);
}

#[test]
fn i6_nobody_answers_408() {
    let mut bench = Bench::registered();
    let (call, ringing) = bench.ringing();
    bench.pass(Duration::from_millis(59_999));
    bench.quiet();
    bench.pass(Duration::from_millis(1));
    let response = bench.one();
    assert!(response.starts_with("SIP/2.0 408 Request Timeout\r\n"), "{response}");
    assert_eq!(header(&response, "To"), header(&ringing, "To"));
    assert!(find_header(&response, "Contact").is_none() && find_header(&response, "Record-Route").is_none());
    assert_eq!(ended(&mut bench), (EndedBy::Local, 408, Cause::NoAnswer, None));
    bench.command(Command::Answer { call, sdp: SDP.into() });
    bench.quiet();
}

#[test]
fn i7_the_invite_expires_487() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "Expires: 1\r\n", SDP);
    bench.frame(&invite);
    bench.take();
    bench.take_events();
    bench.seconds(1);
    assert!(bench.one().starts_with("SIP/2.0 487 Request Terminated\r\n"));
    assert_eq!(ended(&mut bench), (EndedBy::System, 487, Cause::Expires, None));
}

#[test]
fn i8_reject_and_hang_up_while_ringing_480() {
    let mut bench = Bench::registered();
    let (call, ringing) = bench.ringing();
    bench.command(Command::Hangup { call, reason: None });
    let response = bench.one();
    assert!(response.starts_with("SIP/2.0 480 Temporarily Unavailable\r\n"), "{response}");
    assert_eq!(header(&response, "To"), header(&ringing, "To"));
    assert!(find_header(&response, "Contact").is_none());
    assert_eq!(ended(&mut bench), (EndedBy::Local, 480, Cause::Rejected, None));

    let mut bench = Bench::registered();
    let (call, _) = bench.ringing();
    let headers = vec![("Retry-After".to_owned(), "5".to_owned())];
    bench.command(Command::Reject { call, code: 603, reason: Some("Not Now".into()), headers });
    let response = bench.one();
    assert!(response.starts_with("SIP/2.0 603 Not Now\r\n"), "{response}");
    assert_eq!(header(&response, "Retry-After"), "5");
    assert_eq!(ended(&mut bench).1, 603);
    // I17: a final refusal is not repeated, and is forgotten without its ACK in the end.
    bench.seconds(33);
    bench.quiet();
    assert_eq!(bench.ua.load().3, 0);
}

#[test]
fn i9_mended_a_second_call_gets_486_and_a_notice() {
    let mut bench = Bench::registered();
    let (first, _) = bench.ringing();
    let second = bench.invite("call2", "X-Call-ID: two\r\n", SDP);
    bench.frame(&second);
    let sent = bench.take();
    assert_eq!(sent.iter().map(|message| status(message)).collect::<Vec<_>>(), [100, 486]);
    match bench.event() {
        UaEvent::MissedBusy { invitation } => assert_eq!(invitation.header("X-Call-ID"), Some("two")),
        other => panic!("{other:?}"),
    }
    bench.command(Command::Answer { call: first, sdp: SDP.into() });
    assert_eq!(status(&bench.one()), 200);
}

#[test]
fn more_calls_when_more_are_allowed() {
    let mut bench = Bench::registered_with(|config| config.max_calls = 2);
    bench.ringing();
    let second = bench.invite("call2", "", SDP);
    bench.frame(&second);
    assert_eq!(bench.take().len(), 2);
    assert!(matches!(bench.take_events().as_slice(), [UaEvent::Incoming { .. }, UaEvent::Ringing { .. }]));
    let third = bench.invite("call3", "", SDP);
    bench.frame(&third);
    assert_eq!(status(&bench.take()[1]), 486);
}

#[test]
fn i10_trust_24_cancel_200_and_487() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "", SDP);
    bench.frame(&invite);
    let ringing = bench.take().remove(1);
    let call = match bench.take_events().remove(0) {
        UaEvent::Incoming { call, .. } => call,
        other => panic!("{other:?}"),
    };
    bench.frame(cancel_of(&invite));
    let sent = bench.take();
    assert_eq!(status(&sent[0]), 200);
    assert_eq!(header(&sent[0], "CSeq"), "1 CANCEL");
    assert!(find_header(&sent[0], "Supported").is_none());
    assert!(sent[1].starts_with("SIP/2.0 487 Request Terminated\r\n"));
    assert_eq!(header(&sent[1], "To"), header(&ringing, "To"));
    assert_ne!(header(&sent[0], "To"), header(&ringing, "To"));
    let (by, code, cause, reason) = ended(&mut bench);
    assert_eq!((by, code, cause), (EndedBy::Remote, 487, Cause::Canceled));
    assert_eq!(reason.as_deref(), Some("SIP;cause=200;text=\"Call completed elsewhere\""));
    // The answer that was on its way comes too late.
    bench.command(Command::Answer { call, sdp: SDP.into() });
    bench.quiet();
    let ack = ack_of(&invite, &sent[1]);
    bench.frame(ack);
    bench.quiet();
    assert_eq!(bench.ua.load(), (0, 0, 0, 0, bench.ua.load().4));
}

/// The CANCEL of an INVITE.
fn cancel_of(invite: &str) -> String {
    let head = invite.split("Contact: ").next().unwrap_or_default();
    let head = head.replacen("INVITE ", "CANCEL ", 1).replace("1 INVITE", "1 CANCEL");
    let head: Vec<&str> = head.split("\r\n").filter(|line| !line.starts_with("Record-Route")).collect();
    format!("{}Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\nContent-Length: 0\r\n\r\n", head.join("\r\n"))
}

/// The ACK to a refusal of an INVITE: same branch.
fn ack_of(invite: &str, refusal: &str) -> String {
    cancel_of(invite)
        .replacen("CANCEL ", "ACK ", 1)
        .replace("1 CANCEL", "1 ACK")
        .replace("To: <sip:1001@supersbc.telecmi.com>", &format!("To: {}", header(refusal, "To")))
}

#[test]
fn i10_trust_25_cancel_after_the_answer_changes_nothing() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "", SDP);
    bench.frame(&invite);
    bench.take();
    let call = match bench.take_events().remove(0) {
        UaEvent::Incoming { call, .. } => call,
        other => panic!("{other:?}"),
    };
    bench.command(Command::Answer { call, sdp: SDP.into() });
    let ok = bench.one();
    bench.frame(cancel_of(&invite));
    assert_eq!(status(&bench.one()), 200);
    assert!(bench.events.is_empty());
    let ack = bench.inside(&ok, "ACK", 1, "", "");
    bench.frame(ack);
    assert_eq!(bench.event(), UaEvent::Confirmed { call, sdp: None });
}

#[test]
fn i10_trust_23_a_cancel_of_another_branch_is_481_and_it_rings_on() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "", SDP);
    bench.frame(&invite);
    bench.take();
    bench.take_events();
    bench.frame(cancel_of(&invite).replace("branch=z9hG4bKtest", "branch=z9hG4bKother"));
    assert_eq!(status(&bench.one()), 481);
    assert!(bench.events.is_empty());
    assert_eq!(bench.ua.load().0, 1);
}

#[test]
fn i11_bye_before_the_answer() {
    let mut bench = Bench::registered();
    let (call, ringing) = bench.ringing();
    let bye = bench.inside(&ringing, "BYE", 2, "", "");
    bench.frame(bye);
    let sent = bench.take();
    assert!(sent[0].starts_with("SIP/2.0 200 OK\r\n") && header(&sent[0], "CSeq") == "2 BYE");
    assert!(sent[1].starts_with("SIP/2.0 487 BYE Received\r\n"));
    let (by, _, cause, _) = ended(&mut bench);
    assert_eq!((by, cause), (EndedBy::Remote, Cause::Terminated));
    bench.command(Command::Answer { call, sdp: SDP.into() });
    bench.quiet();
}

#[test]
fn i12_i13_trust_33_no_ack() {
    let mut bench = Bench::registered();
    let (call, _) = bench.ringing();
    bench.command(Command::Answer { call, sdp: SDP.into() });
    let start = bench.now - bench.start;
    bench.seconds(40);
    let sent: Vec<(u128, String)> =
        std::mem::take(&mut bench.sent).into_iter().map(|(at, text)| ((at - start).as_millis(), text)).collect();
    let times: Vec<u128> = sent.iter().filter(|(_, text)| method(text).is_empty()).map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    assert!(sent.iter().filter(|(_, text)| method(text).is_empty()).all(|(_, text)| *text == sent[0].1));
    let (at, bye) = sent.last().expect("a BYE");
    assert_eq!((*at, method(bye).as_str()), (32_000, "BYE"));
    assert_eq!(ended(&mut bench), (EndedBy::Remote, 408, Cause::NoAck, None));
}

#[test]
fn i14_hung_up_before_the_ack_the_bye_waits_for_it() {
    let mut bench = Bench::registered();
    let (call, _) = bench.ringing();
    bench.command(Command::Answer { call, sdp: SDP.into() });
    let ok = bench.one();
    bench.command(Command::Hangup { call, reason: None });
    assert_eq!(ended(&mut bench).0, EndedBy::Local);
    assert!(bench.sent.is_empty());
    bench.pass(Duration::from_millis(600));
    assert_eq!(bench.one(), ok, "the 200 is repeated still");
    let ack = bench.inside(&ok, "ACK", 1, "", "");
    bench.frame(ack);
    assert_eq!(method(&bench.one()), "BYE");
    bench.seconds(40);
    bench.quiet();

    // Without the ACK: at 32 s.
    let mut bench = Bench::registered();
    let (call, _) = bench.ringing();
    bench.command(Command::Answer { call, sdp: SDP.into() });
    bench.command(Command::Hangup { call, reason: None });
    bench.take_events();
    bench.seconds(31);
    assert!(bench.take().iter().all(|message| status(message) == 200));
    bench.seconds(1);
    assert!(bench.take().iter().any(|message| method(message) == "BYE"));
    assert!(bench.events.is_empty());
}

#[test]
fn i15_late_offer() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "", "");
    bench.frame(&invite);
    bench.take();
    let call = match bench.take_events().remove(0) {
        UaEvent::Incoming { call, offer: None, .. } => call,
        other => panic!("{other:?}"),
    };
    bench.command(Command::Answer { call, sdp: SDP.into() });
    let ok = bench.one();
    let answer = SDP.replace("sendrecv", "recvonly");
    let ack = bench.inside(&ok, "ACK", 1, "Content-Type: application/sdp\r\n", &answer);
    bench.frame(ack);
    assert_eq!(bench.event(), UaEvent::Confirmed { call, sdp: Some(answer.into()) });
}

#[test]
fn i15_late_offer_without_an_answer_ends() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "", "");
    bench.frame(&invite);
    bench.take();
    let call = match bench.take_events().remove(0) {
        UaEvent::Incoming { call, .. } => call,
        other => panic!("{other:?}"),
    };
    bench.command(Command::Answer { call, sdp: SDP.into() });
    let ok = bench.one();
    let ack = bench.inside(&ok, "ACK", 1, "", "");
    bench.frame(ack);
    let bye = bench.one();
    assert_eq!(header(&bye, "Reason"), "SIP ;cause=400; text=\"Missing SDP\"");
    assert_eq!(ended(&mut bench), (EndedBy::Local, 400, Cause::MissingSdp, None));
}

#[test]
fn i16_no_contact_500_and_other_bodies_415() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "", SDP);
    bench.frame(invite.replace("Contact: <sip:agent@192.0.2.9:5060>\r\n", ""));
    let sent = bench.take();
    assert_eq!(status(&sent[0]), 100);
    assert!(sent[1].starts_with("SIP/2.0 500 Missing Contact header field\r\n"));
    for line in ["application/isup", "multipart/mixed;boundary=x", "text/plain", "application/sdpx"] {
        let invite = bench.invite(line.split('/').next_back().unwrap_or_default(), "", SDP);
        bench.frame(invite.replace("Content-Type: application/sdp", &format!("Content-Type: {line}")));
        let sent = bench.take();
        assert_eq!(status(&sent[1]), 415, "{line}");
        assert_eq!(header(&sent[1], "Accept"), "application/sdp, application/dtmf-relay");
    }
    assert!(bench.events.is_empty());
}

#[test]
fn i17_trust_28_twenty_copies_make_one_call_and_one_tag() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "", SDP);
    for _ in 0..20 {
        bench.frame(&invite);
    }
    assert_eq!(bench.take_events().len(), 2);
    let mut tags: Vec<String> = bench.take().iter().filter(|message| status(message) > 100).map(|message| header(message, "To")).collect();
    tags.dedup();
    assert_eq!(tags.len(), 1);
}

#[test]
fn i17_copies_after_the_answer_are_absorbed() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "", SDP);
    bench.frame(&invite);
    let call = match bench.take_events().remove(0) {
        UaEvent::Incoming { call, .. } => call,
        other => panic!("{other:?}"),
    };
    bench.command(Command::Answer { call, sdp: SDP.into() });
    bench.take();
    bench.frame(&invite);
    bench.quiet();
}

#[test]
fn i18_trust_29_a_merged_request_is_482() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "", SDP);
    bench.frame(&invite);
    bench.take();
    bench.take_events();
    bench.frame(invite.replace("branch=z9hG4bKtest", "branch=z9hG4bKother"));
    assert!(bench.one().starts_with("SIP/2.0 482 Loop Detected\r\n"));
    assert!(bench.events.is_empty());
}

#[test]
fn i18_our_own_call_coming_back_is_482() {
    let mut bench = Bench::registered_with(|config| config.max_calls = 5);
    let call = bench.ua.reserve_call();
    bench.command(Command::Call { call, target: "1001".into(), to: None, from: None, offer: SDP.into(), headers: Vec::new() });
    let ours = bench.one();
    let looped = bench.invite(&header(&ours, "Call-ID"), "", SDP);
    bench.frame(looped);
    assert_eq!(status(&bench.one()), 482);
}

#[test]
fn i18_unknown_dialogs_and_replaces_are_481() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "", SDP);
    bench.frame(invite.replace("To: <sip:1001@supersbc.telecmi.com>", "To: <sip:1001@supersbc.telecmi.com>;tag=nope"));
    let sent = bench.take();
    assert_eq!(sent.iter().map(|message| status(message)).collect::<Vec<_>>(), [100, 481]);
    assert_eq!(header(&sent[1], "Supported"), "ice,replaces,outbound");
    let invite = bench.invite("call2", "Replaces: 98732@x;to-tag=r33th4x0r;from-tag=ff87ff\r\n", SDP);
    bench.frame(invite);
    assert_eq!(status(&bench.take()[1]), 481);
    assert!(bench.events.is_empty());
}

#[test]
fn trust_35_a_forged_replaces_does_not_take_the_call() {
    let mut bench = Bench::registered();
    let (_, ok) = bench.answered();
    let ours = header(&ok, "To").rsplit('=').next().unwrap_or_default().to_owned();
    let invite = bench.invite("call2", &format!("Replaces: call1;to-tag={ours};from-tag=f1\r\n"), SDP);
    bench.frame(invite);
    assert_eq!(status(&bench.take()[1]), 486);
    assert!(bench.events.is_empty());
    let bye = bench.inside(&ok, "BYE", 2, "", "");
    bench.frame(bye);
    assert_eq!(status(&bench.one()), 200);
}

#[test]
fn senders_of_rfc_2543_can_call_cancel_and_acknowledge() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "", SDP).replace("branch=z9hG4bKtest", "branch=");
    bench.frame(&invite);
    let ringing = bench.take().remove(1);
    bench.take_events();
    bench.frame(cancel_of(&invite));
    let sent = bench.take();
    assert_eq!(sent.iter().map(|message| status(message)).collect::<Vec<_>>(), [200, 487]);
    assert_eq!(header(&sent[1], "To"), header(&ringing, "To"));
    bench.frame(ack_of(&invite, &sent[1]));
    assert_eq!(bench.ua.load().3, 0);
}

#[test]
fn trust_31_a_new_invite_before_the_final_response_is_500() {
    let mut bench = Bench::registered();
    let (_, ringing) = bench.ringing();
    let invite = bench.inside(&ringing, "INVITE", 2, "Content-Type: application/sdp\r\n", SDP);
    bench.frame(invite);
    let sent = bench.take();
    assert_eq!(status(&sent[1]), 500);
    let seconds: u32 = header(&sent[1], "Retry-After").parse().expect("seconds");
    assert!((1..=10).contains(&seconds));
    assert!(bench.events.is_empty());
}

#[test]
fn an_ack_with_another_number_confirms_nothing() {
    let mut bench = Bench::registered();
    let (call, _) = bench.ringing();
    bench.command(Command::Answer { call, sdp: SDP.into() });
    let ok = bench.one();
    let ack = bench.inside(&ok, "ACK", 7, "", "");
    bench.frame(ack);
    bench.quiet();
    let ack = bench.inside(&ok, "ACK", 1, "", "");
    bench.frame(&ack);
    assert!(matches!(bench.event(), UaEvent::Confirmed { .. }));
    // Its copies confirm nothing anew.
    bench.frame(&ack);
    bench.quiet();
}
