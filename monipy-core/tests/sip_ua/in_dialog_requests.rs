//! Requests inside a call, and outside any (rows D9 to D12, D11; trust 18, 22, 26, 27, 34, 36, 41).

use crate::bench::*;
use monipy_core::sip::ua::{Command, UaEvent};
use std::time::Duration;

const ALLOW: &str = "INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY";

/// A request outside any dialog.
fn outside(bench: &mut Bench, method: &str, extra: &str) -> String {
    let branch = bench.branch();
    format!(
        "{method} {} SIP/2.0\r\nVia: SIP/2.0/WS 127.0.0.1:41557;branch={branch}\r\nFrom: <sip:p@x>;tag=1\r\n\
         To: <sip:1001@supersbc.telecmi.com>\r\nCall-ID: ood{method}\r\nCSeq: 7 {method}\r\nMax-Forwards: 70\r\n{extra}Content-Length: 0\r\n\r\n",
        bench.contact
    )
}

#[test]
fn d10_d11_requests_outside_a_dialog() {
    let mut bench = Bench::registered();
    for (method, code) in [
        ("OPTIONS", 200),
        ("NOTIFY", 200),
        ("MESSAGE", 405),
        ("SUBSCRIBE", 405),
        ("INFO", 405),
        ("REFER", 405),
        ("UPDATE", 405),
        ("PRACK", 405),
        ("BYE", 481),
        ("PUBLISH", 405),
        ("REGISTER", 405),
        ("FOO", 405),
    ] {
        let request = outside(&mut bench, method, "");
        bench.frame(request);
        let response = bench.one();
        assert_eq!(status(&response), code, "{method}");
        assert_eq!(find_header(&response, "Allow").as_deref(), [200, 405].contains(&code).then_some(ALLOW).filter(|_| method != "NOTIFY"));
        assert_eq!(find_header(&response, "Accept").is_some(), method == "OPTIONS");
        let supported = if method == "UPDATE" { "replaces,outbound" } else { "outbound" };
        assert_eq!(header(&response, "Supported"), supported);
        assert!(header(&response, "To").contains(";tag="));
    }
    let request = outside(&mut bench, "ACK", "");
    bench.frame(request);
    bench.quiet();
}

#[test]
fn d9_key_presses_by_info() {
    let mut bench = Bench::registered();
    let (call, ok) = bench.answered();
    let relay = "Content-Type: application/dtmf-relay\r\n";
    let cases = [
        (relay, "Signal=5\r\nDuration=160", Some(('5', 160))),
        (relay, "Signal= * \r\nDuration= 90000\r\n", Some(('*', 6000))),
        (relay, "signal=d", Some(('D', 100))),
        (relay, "Signal=11\nDuration=-4", Some(('#', 100))),
        (relay, "Signal=77", None),
        (relay, "Signal=", None),
        (relay, "", None),
        ("Content-Type: application/dtmf\r\n", "7", Some(('7', 100))),
        ("Content-Type: text/x\r\n", "hi", None),
    ];
    for (number, (content, body, key)) in (2..).zip(cases) {
        let info = bench.inside(&ok, "INFO", number, content, body);
        bench.frame(info);
        assert_eq!(status(&bench.one()), 200, "{body}");
        let wanted: Vec<UaEvent> = key.map(|(digit, duration_ms)| UaEvent::DtmfInfo { call, digit, duration_ms }).into_iter().collect();
        assert_eq!(bench.take_events(), wanted, "{body}");
    }
    let info = bench.inside(&ok, "INFO", 50, "", "");
    bench.frame(info);
    assert_eq!(status(&bench.one()), 415);
}

#[test]
fn our_key_presses_by_info() {
    let mut bench = Bench::registered();
    let (call, _) = bench.answered();
    bench.command(Command::Dtmf { call, digit: '#', duration: Duration::from_millis(200) });
    let info = bench.one();
    assert_eq!(header(&info, "Content-Type"), "application/dtmf-relay");
    assert!(info.ends_with("\r\n\r\nSignal=#\r\nDuration=200"));
    bench.command(Command::Dtmf { call, digit: 'x', duration: Duration::from_millis(200) });
    bench.quiet();
    bench.frame(challenge(&info, 401, "WWW-Authenticate: Digest realm=\"supersbc.telecmi.com\", nonce=\"i1\", qop=\"auth\"\r\n"));
    let again = bench.one();
    assert_eq!(cseq(&again), cseq(&info) + 1);
    bench.frame(respond(&again, 200, "OK", "", ""));
    bench.quiet();
    bench.command(Command::Dtmf { call, digit: '1', duration: Duration::from_millis(200) });
    let info = bench.one();
    bench.frame(respond(&info, 481, "Gone", "", ""));
    assert_eq!(method(&bench.one()), "BYE");
    assert!(matches!(bench.event(), UaEvent::Terminated { code: 481, .. }));
}

#[test]
fn d11_the_rest_inside_a_call() {
    let mut bench = Bench::registered();
    let (_, ok) = bench.answered();
    for (number, (method, extra, code)) in (2..).zip([
        ("OPTIONS", "", 200),
        ("MESSAGE", "", 405),
        ("NOTIFY", "Event: talk\r\nSubscription-State: active\r\n", 489),
        ("NOTIFY", "Event: refer\r\nSubscription-State: active\r\n", 481),
        ("NOTIFY", "", 489),
        ("PRACK", "RAck: 1 1 INVITE\r\n", 501),
        ("SUBSCRIBE", "Event: presence\r\n", 501),
        ("FOO", "", 501),
        ("REFER", "", 400),
        ("REFER", "Refer-To: <tel:+123>\r\n", 416),
    ]) {
        let request = bench.inside(&ok, method, number, extra, "");
        bench.frame(request);
        assert_eq!(status(&bench.one()), code, "{method} {extra}");
    }
    assert!(bench.events.is_empty());
}

#[test]
fn trust_34_refer_never_dials() {
    let mut bench = Bench::registered_with(|config| config.max_calls = 10);
    let (_, ok) = bench.answered();
    let refer = bench.inside(&ok, "REFER", 2, "Refer-To: <sip:premium@example.com>\r\n", "");
    bench.frame(refer);
    let sent = bench.take();
    assert_eq!(status(&sent[0]), 202);
    assert!(sent[1].ends_with("SIP/2.0 100 Trying") && sent[2].ends_with("SIP/2.0 603 Decline"));
    assert!(header(&sent[2], "Subscription-State").starts_with("terminated"));
    let request = outside(&mut bench, "REFER", "Refer-To: <sip:premium@example.com>\r\n");
    bench.frame(request);
    bench.take();
    bench.seconds(100);
    assert!(bench.take().iter().all(|message| method(message) != "INVITE"));
    assert!(bench.events.is_empty());
}

#[test]
fn d12_trust_27_lower_numbers_are_500_and_the_call_stays() {
    let mut bench = Bench::registered();
    let (_, ok) = bench.answered();
    let info = bench.inside(&ok, "INFO", 12, "Content-Type: text/x\r\n", "a");
    bench.frame(info);
    bench.take();
    for method in ["BYE", "INVITE", "INFO", "OPTIONS"] {
        let request = bench.inside(&ok, method, 11, "", "");
        bench.frame(request);
        assert_eq!(status(&bench.take().pop().expect("a response")), 500, "{method}");
    }
    assert!(bench.events.is_empty());
    let bye = bench.inside(&ok, "BYE", 13, "", "");
    bench.frame(bye);
    assert_eq!(status(&bench.one()), 200);
    assert!(matches!(bench.event(), UaEvent::Terminated { .. }));
}

#[test]
fn trust_22_26_forged_tags_are_481_and_the_call_stays() {
    let mut bench = Bench::registered();
    let (_, ok) = bench.answered();
    for method in ["BYE", "INFO", "INVITE", "UPDATE", "OPTIONS", "MESSAGE"] {
        for (from, to) in [("tag=f1", "tag=forged"), (";tag=f1", "")] {
            let request = bench.inside(&ok, method, 5, "", "").replace(from, to);
            bench.frame(request);
            assert_eq!(status(&bench.take().pop().expect("a response")), 481, "{method} {to}");
        }
        let tag = header(&ok, "To").rsplit('=').next().unwrap_or_default().to_owned();
        let request = bench.inside(&ok, method, 5, "", "").replace(&tag, "forged");
        bench.frame(request);
        assert_eq!(status(&bench.take().pop().expect("a response")), 481, "{method}");
    }
    assert!(bench.events.is_empty());
    assert_eq!(bench.ua.load().0, 1);
}

#[test]
fn trust_18_40_unknown_extensions_are_420() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "Require: replaces, timer, 100rel, foo\r\n", SDP);
    bench.frame(invite);
    let response = bench.one();
    assert_eq!(status(&response), 420);
    assert_eq!(header(&response, "Unsupported"), "timer,foo");
    assert!(bench.events.is_empty());
    // D13, I4: supported by the far side is not required by it.
    let invite = bench.invite("call2", "Supported: 100rel, timer\r\nSession-Expires: 90;refresher=uas\r\n", SDP);
    bench.frame(invite);
    let sent = bench.take();
    assert_eq!(sent.iter().map(|message| status(message)).collect::<Vec<_>>(), [100, 180]);
    assert!(find_header(&sent[1], "Require").is_none() && find_header(&sent[1], "Session-Expires").is_none());
}

#[test]
fn bye_after_bye_is_481() {
    let mut bench = Bench::registered();
    let (_, ok) = bench.answered();
    let bye = bench.inside(&ok, "BYE", 2, "", "");
    bench.frame(&bye);
    bench.frame(&bye);
    assert_eq!(bench.take().iter().map(|message| status(message)).collect::<Vec<_>>(), [200, 481]);
    assert_eq!(bench.take_events().len(), 1);
}

#[test]
fn a_challenged_bye_is_sent_again_once() {
    let mut bench = Bench::registered();
    let (call, _) = bench.answered();
    bench.command(Command::Hangup { call, reason: None });
    let bye = bench.one();
    let asks = "WWW-Authenticate: Digest realm=\"supersbc.telecmi.com\", nonce=\"b1\", qop=\"auth\"\r\n";
    bench.frame(challenge(&bye, 401, asks));
    let again = bench.one();
    assert_eq!((method(&again).as_str(), cseq(&again)), ("BYE", cseq(&bye) + 1));
    bench.frame(challenge(&again, 401, asks));
    assert!(bench.sent.is_empty());
}

#[test]
fn trust_41_floods_keep_the_tables_empty() {
    let mut bench = Bench::registered();
    for method in ["OPTIONS", "MESSAGE", "NOTIFY", "BYE"] {
        for _ in 0..2000 {
            let request = outside(&mut bench, method, "");
            bench.frame(request);
        }
    }
    assert_eq!(bench.take().len(), 8000);
    assert_eq!(bench.ua.load().3, 0);
    assert!(bench.events.is_empty());
    bench.until_sent(269);
}

#[test]
fn trust_36_unsolicited_xml_is_489_in_and_out_of_a_call() {
    let xml = "<a>".repeat(2000);
    let content = "Event: presence\r\nContent-Type: application/pidf+xml;charset=utf-8\r\n";
    let mut bench = Bench::registered();
    let (_, ok) = bench.answered();
    let notify = bench.inside(&ok, "NOTIFY", 2, content, &xml);
    bench.frame(notify);
    assert_eq!(status(&bench.one()), 489);
    let notify = outside(&mut bench, "NOTIFY", content).replace("Content-Length: 0\r\n\r\n", &format!("Content-Length: 6000\r\n\r\n{xml}"));
    bench.frame(notify);
    assert_eq!(status(&bench.one()), 489);
    assert!(bench.events.is_empty());
}
