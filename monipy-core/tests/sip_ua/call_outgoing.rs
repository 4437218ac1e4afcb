//! Calls of our own: progress, answer, refusal, credentials, cancelling, forks.

use crate::bench::*;
use monipy_core::sip::ua::{CallKey, Cause, Command, EndedBy, UaEvent};

fn placed() -> (Bench, CallKey, String) {
    let mut bench = Bench::registered();
    let (call, invite) = place(&mut bench, "2002");
    (bench, call, invite)
}

#[track_caller]
fn place(bench: &mut Bench, target: &str) -> (CallKey, String) {
    let call = bench.ua.reserve_call();
    let headers = vec![("X-Mode".to_owned(), "listen".to_owned())];
    bench.command(Command::Call { call, target: target.into(), to: None, from: None, offer: SDP.into(), headers });
    (call, bench.one())
}

const CONTACT: &str = "Contact: <sip:2002@192.0.2.7:5070>\r\n";

#[track_caller]
fn ended(bench: &mut Bench) -> (EndedBy, u16, Cause) {
    match bench.event() {
        UaEvent::Terminated { by, code, cause, .. } => (by, code, cause),
        other => panic!("{other:?}"),
    }
}

#[test]
fn progress_answer_and_hanging_up() {
    let (mut bench, call, invite) = placed();
    assert_eq!(header(&invite, "X-Mode"), "listen");
    bench.frame(respond(&invite, 100, "Trying", "", ""));
    bench.frame(respond(&invite, 183, "Session Progress", "", SDP));
    match bench.take_events().as_slice() {
        [UaEvent::Progress { code: 100, .. }, UaEvent::Progress { code: 183, sdp: Some(sdp), .. }] => assert_eq!(sdp, SDP.as_bytes()),
        other => panic!("{other:#?}"),
    }
    let routes = "Record-Route: <sip:p2.example;lr>\r\nRecord-Route: <sip:p1.example;lr>\r\n";
    bench.frame(respond(&invite, 200, "OK", &format!("{routes}{CONTACT}X-Id: 7\r\n"), SDP));
    let ack = bench.one();
    assert!(
        ack.starts_with("ACK sip:2002@192.0.2.7:5070 SIP/2.0\r\nRoute: <sip:p1.example;lr>\r\nRoute: <sip:p2.example;lr>\r\n"),
        "{ack}"
    );
    assert_eq!(cseq(&ack), cseq(&invite));
    assert_ne!(header(&ack, "Via"), header(&invite, "Via"));
    match bench.event() {
        UaEvent::Accepted { call: same, sdp, headers } => {
            assert_eq!((same, sdp.as_slice()), (call, SDP.as_bytes()));
            assert!(headers.contains(&("X-Id".to_owned(), "7".to_owned())));
        }
        other => panic!("{other:?}"),
    }
    bench.command(Command::Hangup { call, reason: None });
    let bye = bench.one();
    assert!(bye.starts_with("BYE sip:2002@192.0.2.7:5070 SIP/2.0\r\n"));
    assert_eq!(cseq(&bye), cseq(&invite) + 1);
    assert_eq!(ended(&mut bench), (EndedBy::Local, 200, Cause::Terminated));
}

#[test]
fn the_far_side_hangs_up() {
    let (mut bench, _, invite) = placed();
    bench.frame(respond(&invite, 200, "OK", CONTACT, SDP));
    let ack = bench.one();
    bench.take_events();
    let bye = format!(
        "BYE {} SIP/2.0\r\nVia: SIP/2.0/WS 127.0.0.1;branch=z9hG4bKb1\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
        bench.contact,
        header(&ack, "To"),
        header(&ack, "From"),
        header(&ack, "Call-ID")
    );
    bench.frame(bye);
    assert_eq!(status(&bench.one()), 200);
    assert_eq!(ended(&mut bench), (EndedBy::Remote, 200, Cause::Terminated));
}

#[test]
fn repeated_200_is_acknowledged_again_with_the_same_ack() {
    let (mut bench, _, invite) = placed();
    let ok = respond(&invite, 200, "OK", CONTACT, SDP);
    bench.frame(&ok);
    let ack = bench.one();
    bench.take_events();
    bench.frame(&ok);
    assert_eq!(bench.one(), ack);
    assert!(bench.events.is_empty());
    bench.seconds(33);
    bench.frame(&ok);
    bench.quiet();
}

#[test]
fn a_second_fork_that_answers_is_acknowledged_and_hung_up() {
    let (mut bench, _, invite) = placed();
    bench.frame(respond_tagged(&invite, 200, "OK", "fork1", CONTACT, SDP));
    bench.take();
    bench.take_events();
    bench.frame(respond_tagged(&invite, 200, "OK", "fork2", "Contact: <sip:2002@192.0.2.8>\r\n", SDP));
    let sent = bench.take();
    assert_eq!(sent.iter().map(|message| method(message)).collect::<Vec<_>>(), ["ACK", "BYE"]);
    assert!(sent.iter().all(|message| header(message, "To").ends_with(";tag=fork2")));
    assert!(sent[1].starts_with("BYE sip:2002@192.0.2.8 SIP/2.0\r\n"));
    assert!(bench.events.is_empty());
}

#[test]
fn refusals_have_their_cause() {
    for (code, cause) in [
        (486, Cause::Busy),
        (600, Cause::Busy),
        (603, Cause::Rejected),
        (403, Cause::Rejected),
        (404, Cause::NotFound),
        (480, Cause::Unavailable),
        (484, Cause::AddressIncomplete),
        (488, Cause::IncompatibleSdp),
        (500, Cause::SipFailureCode),
        (302, Cause::Redirected),
    ] {
        let (mut bench, _, invite) = placed();
        bench.frame(respond(&invite, code, "No", "Contact: <sip:evil@192.0.2.66>\r\n", ""));
        let ack = bench.one();
        assert_eq!(method(&ack), "ACK");
        assert_eq!(header(&ack, "Via"), header(&invite, "Via"));
        assert_eq!(ended(&mut bench), (EndedBy::Remote, code, cause));
        bench.seconds(100);
        assert!(bench.take().iter().all(|message| method(message) != "INVITE"), "a redirection is not followed");
    }
}

#[test]
fn credentials_are_sent_once() {
    let asks = "Proxy-Authenticate: Digest realm=\"supersbc.telecmi.com\", nonce=\"p1\", qop=\"auth\"\r\n";
    let (mut bench, _, invite) = placed();
    bench.frame(challenge(&invite, 407, asks));
    let sent = bench.take();
    assert_eq!(method(&sent[0]), "ACK");
    assert_eq!(cseq(&sent[1]), cseq(&invite) + 1);
    assert!(header(&sent[1], "Proxy-Authorization").contains("uri=\"sip:2002@supersbc.telecmi.com\""));
    assert_eq!(header(&sent[1], "Call-ID"), header(&invite, "Call-ID"));
    assert!(bench.events.is_empty());
    bench.frame(challenge(&sent[1], 407, asks));
    assert_eq!(method(&bench.one()), "ACK");
    assert_eq!(ended(&mut bench), (EndedBy::Remote, 407, Cause::AuthenticationError));
}

#[test]
fn a_realm_that_never_asked_before_is_answered_in_a_call() {
    let (mut bench, _, invite) = placed();
    bench.frame(challenge(&invite, 401, "WWW-Authenticate: Digest realm=\"elsewhere\", nonce=\"p1\", qop=\"auth\"\r\n"));
    let sent = bench.take();
    assert_eq!(sent.iter().map(|message| method(message)).collect::<Vec<_>>(), ["ACK", "INVITE"]);
    assert!(header(&sent[1], "Authorization").contains("realm=\"elsewhere\""));
    assert!(bench.events.is_empty());
}

#[test]
fn hung_up_before_anything_came_the_cancel_waits() {
    let (mut bench, call, invite) = placed();
    bench.command(Command::Hangup { call, reason: None });
    assert!(bench.sent.is_empty());
    assert_eq!(ended(&mut bench), (EndedBy::Local, 487, Cause::Canceled));
    bench.frame(respond(&invite, 100, "Trying", "", ""));
    assert_eq!(method(&bench.one()), "CANCEL");
    bench.frame(respond(&invite, 487, "Request Terminated", "", ""));
    assert_eq!(method(&bench.one()), "ACK");
    bench.quiet();
    assert_eq!(bench.ua.load().0, 0);
    assert_eq!(bench.ua.load().2, 0);
}

#[test]
fn answered_while_being_cancelled_it_is_hung_up() {
    let (mut bench, call, invite) = placed();
    bench.frame(respond(&invite, 180, "Ringing", "", ""));
    bench.command(Command::Hangup { call, reason: None });
    bench.take();
    bench.take_events();
    bench.frame(respond(&invite, 200, "OK", CONTACT, SDP));
    assert_eq!(bench.take().iter().map(|message| method(message)).collect::<Vec<_>>(), ["ACK", "BYE"]);
    assert!(bench.events.is_empty());
}

#[test]
fn a_cancel_that_is_ignored_is_forgotten() {
    let (mut bench, call, invite) = placed();
    bench.frame(respond(&invite, 180, "Ringing", "", ""));
    bench.seconds(100);
    bench.command(Command::Hangup { call, reason: None });
    bench.seconds(32);
    assert_eq!(bench.ua.load().0, 0);
    assert_eq!(bench.ua.load().2, 0);
}

#[test]
fn silence_is_408_after_32_seconds() {
    let (mut bench, _, _) = placed();
    bench.seconds(31);
    bench.quiet();
    bench.seconds(1);
    assert_eq!(ended(&mut bench), (EndedBy::Remote, 408, Cause::RequestTimeout));
}

#[test]
fn a_200_without_a_description_is_hung_up() {
    let (mut bench, _, invite) = placed();
    bench.frame(respond(&invite, 200, "OK", CONTACT, ""));
    let sent = bench.take();
    assert_eq!(sent.iter().map(|message| method(message)).collect::<Vec<_>>(), ["ACK", "BYE"]);
    assert_eq!(ended(&mut bench), (EndedBy::Local, 488, Cause::MissingSdp));
}

#[test]
fn calls_that_cannot_be_placed_end_at_once() {
    let order = |call, target: &str, from: Option<&str>| Command::Call {
        call,
        target: target.into(),
        to: None,
        from: from.map(str::to_owned),
        offer: SDP.into(),
        headers: Vec::new(),
    };
    let mut bench = Bench::registered();
    let call = bench.ua.reserve_call();
    bench.command(order(call, "sip:", None));
    assert_eq!(ended(&mut bench).1, 484);
    let call = bench.ua.reserve_call();
    bench.command(order(call, "2002", Some("\"open")));
    assert_eq!(ended(&mut bench).1, 400);
    bench.down();
    bench.take_events();
    let call = bench.ua.reserve_call();
    bench.command(order(call, "2002", None));
    assert_eq!(ended(&mut bench), (EndedBy::Local, 503, Cause::ConnectionError));
    bench.up();
    bench.take();
    let call = bench.ua.reserve_call();
    bench.command(order(call, "2002", None));
    bench.take();
    let call = bench.ua.reserve_call();
    bench.command(order(call, "2003", None));
    assert_eq!(ended(&mut bench), (EndedBy::Local, 486, Cause::Busy));
    assert!(bench.sent.is_empty());
}

#[test]
fn line_ends_in_what_the_host_gives_do_not_get_into_the_message() {
    let mut bench = Bench::registered();
    let call = bench.ua.reserve_call();
    bench.command(Command::Call {
        call,
        target: "20 02\r\nX-Evil: 1".into(),
        to: None,
        from: None,
        offer: SDP.into(),
        headers: vec![("X-A".into(), "b\r\nX-Evil: 1".into()), ("X Evil".into(), "1".into())],
    });
    let invite = bench.one();
    assert!(find_header(&invite, "X-Evil").is_none(), "{invite}");
}

#[test]
fn trust_38_stray_200s_get_no_ack() {
    let (mut bench, _, invite) = placed();
    for number in 0..2000 {
        bench.frame(respond(&invite, 200, "OK", CONTACT, SDP).replace("branch=z9hG4bK", &format!("branch=z9hG4bK{number}")));
    }
    bench.quiet();
}
