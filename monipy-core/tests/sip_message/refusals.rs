//! What is no sound message is refused, with 400 or 505 where an answer can be made, in silence
//! where not.

use crate::sample::{invite, options_with, parse, reject};
use monipy_core::sip::message::{MAX_HEADERS, MAX_MESSAGE};
use monipy_core::sip::{HeaderName, Message, ResponseWriter};

fn replaced(from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(invite()).expect("text");
    assert!(text.contains(from), "{from:?}");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn content_length_bounds_the_body() {
    let message = parse(replaced("Content-Length: ", "l: 0000"));
    assert!(message.body().ends_with(b"111\r\n"));
    let mut longer = invite();
    longer.extend_from_slice(b"BYE sip:x SIP/2.0\r\n\r\n");
    assert_eq!(parse(longer).body(), parse(invite()).body());
    assert_eq!(parse(replaced("Content-Length:", "X-Length:")).body(), parse(invite()).body());

    for broken in
        ["Content-Length: 1", "Content-Length: -", "Content-Length: 18446744073709551617", "Content-Length: 5\r\nContent-Length: "]
    {
        let reject = reject(replaced("Content-Length: ", broken));
        assert_eq!(reject.code, Some(400), "{broken}");
    }
    let twice = String::from_utf8(options_with("Content-Length: 0\r\nl: 0\r\n")).expect("text");
    assert!(parse(twice).body().is_empty());
}

#[test]
fn raw_control_characters_are_refused_and_never_sent_back() {
    for broken in
        ["X-A: b\0c\r\n", "X-A: b\rc\r\n", "X-A: b\nc: d\r\n", "X-A: b\n\r\n", "X\0A: b\r\n", "\0\r\n", "X-A: \\\\\0\r\n X: \0\r\n"]
    {
        let reject = reject(options_with(broken));
        assert_eq!(reject.code, Some(400), "{broken:?}");
        let answer = ResponseWriter::new(&reject.message.expect("copies"), 400, "Bad Request").to_tag("t").to_bytes();
        let head = String::from_utf8(answer).expect("text");
        assert!(!head.contains('\0') && !head.replace("\r\n", "").contains(['\r', '\n']), "{broken:?}");
        parse(head);
    }
}

#[test]
fn bytes_that_are_no_utf8_come_back_as_they_were() {
    let mut frame = options_with("");
    let at = frame.windows(11).position(|window| window == b"<sip:1001@a").expect("To");
    frame.splice(at..at, *b"\"Zo\xeb\" ");
    let message = parse(&frame);
    assert_eq!(message.to().display_name().as_deref(), Some("Zoë"));
    let answer = ResponseWriter::new(&message, 200, "OK").to_bytes();
    assert!(answer.windows(11).any(|window| window == b"To: \"Zo\xeb\" <"));
}

#[test]
fn start_lines_that_are_none_are_refused() {
    for line in [
        "OPTIONS sip:a@b",
        "OPTIONS  sip:a@b SIP/2.0",
        "OPTIONS sip:a@b  SIP/2.0",
        "OPTIONS sip:a@b SIP/2.0 ",
        "OPTIONS sip:a b@c SIP/2.0",
        "OPTIONS <sip:a@b> SIP/2.0",
        "OPTIONS sip:a@b HTTP/1.1",
        "OPTIONS sip:a@b SIP/2.0.1",
        "OPTIONS sip:a@b SIP/x.0",
    ] {
        let frame = String::from_utf8(options_with("")).expect("text").replacen("OPTIONS sip:1001@a.invalid SIP/2.0", line, 1);
        assert_eq!(reject(frame).code, Some(400), "{line:?}");
    }
    let other_version = String::from_utf8(options_with("")).expect("text").replacen("SIP/2.0", "SIP/7.0", 1);
    assert_eq!(reject(other_version).code, Some(505));
    for line in [
        "",
        " ",
        "OPTIONS",
        "SIP/2.0 4294967301 x",
        "SIP/2.0 -1 x",
        "SIP/2.0 99 x",
        "SIP/2.0 700 x",
        "SIP/7.0 200 OK",
        "SIP/2.0 2OO OK",
        "\0 sip:a SIP/2.0",
    ] {
        let frame = String::from_utf8(options_with("")).expect("text").replacen("OPTIONS sip:1001@a.invalid SIP/2.0", line, 1);
        assert_eq!(reject(frame).code, None, "{line:?}");
    }
}

#[test]
fn essential_headers_must_stand_once_and_be_sound() {
    for (header, broken) in [
        ("From: <sip:b@b>;tag=1\r\n", "From: <sip:b@b;tag=1\r\n"),
        ("From: <sip:b@b>;tag=1\r\n", "From: *\r\n"),
        ("From: <sip:b@b>;tag=1\r\n", "From: <sip:b@b>;tag=1\r\nf: <sip:c@c>;tag=1\r\n"),
        ("To: <sip:1001@a>\r\n", "To: \"open <sip:1001@a>\r\n"),
        ("Call-ID: c\r\n", "Call-ID: \r\n"),
        ("Call-ID: c\r\n", "Call-ID: \"\\\0\"\r\n"),
        ("Call-ID: c\r\n", "Call-ID: c\r\ni: c\r\n"),
        ("CSeq: 7 OPTIONS\r\n", "CSeq: 7 INVITE\r\n"),
        ("CSeq: 7 OPTIONS\r\n", "CSeq: 4294967296 OPTIONS\r\n"),
        ("CSeq: 7 OPTIONS\r\n", "CSeq: 7\r\n"),
        ("CSeq: 7 OPTIONS\r\n", "CSeq: OPTIONS 7\r\n"),
        ("CSeq: 7 OPTIONS\r\n", "CSeq: 7 OPTIONS\r\nMax-Forwards: 300\r\n"),
        ("CSeq: 7 OPTIONS\r\n", "CSeq: 7 OPTIONS\r\nMax-Forwards: x\r\n"),
        ("CSeq: 7 OPTIONS\r\n", "CSeq: 7 OPTIONS\r\nno colon\r\n"),
        ("CSeq: 7 OPTIONS\r\n", "CSeq: 7 OPTIONS\r\n: no name\r\n"),
        ("Via: SIP/2.0/WSS b.invalid", "Via: SIP/2.0/WSS b.invalid;;"),
        ("OPTIONS sip:1001@a.invalid SIP/2.0\r\n", "OPTIONS sip:1001@a.invalid SIP/2.0\r\n folded\r\n"),
    ] {
        let text = String::from_utf8(options_with("")).expect("text");
        assert!(text.contains(header));
        let reject = reject(text.replacen(header, broken, 1));
        assert_eq!(reject.code, Some(400), "{broken:?}: {}", reject.why);
    }
    for missing in ["Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "] {
        let frame = String::from_utf8(options_with("")).expect("text").replacen(missing, "X-Other: ", 1);
        assert_eq!(reject(frame).code, None, "without {missing}no response can be made");
    }
}

#[test]
fn responses_and_acks_are_never_answered() {
    let response = "SIP/2.0 200 OK\r\nVia: SIP/2.0/WSS b.invalid;branch=z9hG4bK1\r\nFrom: <sip:b@b>;tag=1\r\nTo: <sip:a@a>\r\nCall-ID: c\r\nCSeq: 7 OPTIONS\r\n";
    parse(format!("{response}\r\n"));
    assert_eq!(reject(format!("{response}Content-Length: 3\r\n\r\n")).code, None);
    let ack = String::from_utf8(options_with("")).expect("text").replace("OPTIONS", "ACK");
    parse(&ack);
    assert_eq!(reject(ack.replace("CSeq: 7 ACK", "CSeq: 7 INVITE")).code, None);
}

#[test]
fn sizes_and_counts_are_limited() {
    let headers = "X-A: b\r\n".repeat(MAX_HEADERS - 5);
    assert_eq!(parse(options_with(&headers)).others("x-a").count(), MAX_HEADERS - 5);
    let one_more = reject(options_with(&format!("{headers}X-A: b\r\n")));
    assert_eq!((one_more.code, one_more.why), (Some(400), "too many headers"));

    let padding = MAX_MESSAGE - options_with("X-A: \r\n").len();
    parse(options_with(&format!("X-A: {}\r\n", "b".repeat(padding))));
    assert_eq!(reject(options_with(&format!("X-A: {}\r\n", "b".repeat(padding + 1)))).code, None);
}

#[test]
fn line_ends_alone_are_no_message() {
    for keep_alive in ["", "\r\n", "\r\n\r\n"] {
        assert_eq!(reject(keep_alive).code, None);
    }
    let mut late = b"\r\n\r\n".to_vec();
    late.extend(invite());
    assert_eq!(parse(late).call_id(), b"call1");
    assert!(Message::parse(b"hello").is_err());
}

#[test]
fn a_refusal_copies_what_its_answer_needs() {
    let reject = reject(replaced("Max-Forwards: 70", "Max-Forwards: 7000"));
    let message = reject.message.expect("copies");
    let answer = parse(ResponseWriter::new(&message, reject.code.expect("400"), "Bad Request").to_tag("t9").to_bytes());
    assert_eq!(answer.status(), Some(400));
    assert_eq!(answer.via_count(), 2);
    assert_eq!(answer.to().tag(), Some(&b"t9"[..]));
    assert_eq!(answer.from(), parse(invite()).from());
    assert_eq!((answer.call_id(), answer.cseq().number), (&b"call1"[..], 1));
    assert!(answer.header(HeaderName::RecordRoute).is_none());
}
