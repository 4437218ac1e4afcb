//! No bytes make the reader panic: prefixes, flipped bits, random bytes, damaged torture messages.

use crate::sample::invite;
use monipy_core::sip::digest::{Authorization, Challenge};
use monipy_core::sip::redact::redact;
use monipy_core::sip::{HeaderName, Message, NameAddr, ResponseWriter, SipUri, Via};
use proptest::prelude::*;
use std::path::Path;

/// Reads a frame and asks for everything there is; what is refused is answered.
fn exercise(frame: &[u8]) {
    let message = match Message::parse(frame) {
        Ok(message) => message,
        Err(reject) => {
            if let Some(code) = reject.code {
                let message = reject.message.expect("an answer needs its copies");
                let answer = ResponseWriter::new(&message, code, reject.why).to_tag("t").to_bytes();
                let head = answer.split(|&byte| byte == b'\n').count();
                assert!(head > 5, "an answer has its lines");
            }
            return;
        }
    };
    let _ = (message.request_uri(), message.reason(), message.contact(), message.max_forwards(), message.expires(), message.content_type());
    let _ = (message.vias().count(), message.routes().count(), message.record_routes().count(), message.x_headers().count());
    assert!(message.via_count() >= 1 && !message.call_id().is_empty() && !message.from().uri_bytes().is_empty());
    for (name, value) in message.all_headers() {
        assert!(!name.is_empty() && !value.contains(&b'\r') && !value.contains(&b'\n'));
        let _ = (NameAddr::parse(value), SipUri::parse(value), Via::parse(value), Challenge::parse_all(value), Authorization::parse(value));
    }
    if message.is_request() {
        let response = ResponseWriter::new(&message, 200, "OK").to_tag("t").to_bytes();
        let read = Message::parse(&response).expect("a response to a sound request is sound");
        assert_eq!(read.via_count(), message.via_count());
        assert_eq!(read.call_id(), message.call_id());
    }
    assert_eq!(message.header(HeaderName::CallId), Some(message.call_id()));
    let _ = redact(frame);
}

#[test]
fn every_prefix_of_an_invite() {
    let invite = invite();
    for len in 0..invite.len() {
        let prefix = &invite[..len];
        exercise(prefix);
        assert!(Message::parse(prefix).is_err(), "the first {len} bytes are no message");
    }
}

#[test]
fn every_byte_of_an_invite_replaced() {
    let invite = invite();
    for at in 0..invite.len() {
        for byte in [0, b'\r', b'\n', b' ', b'"', b'<', b'>', b';', b',', b':', b'\\', 0xff, invite[at] ^ 0x20] {
            let mut damaged = invite.clone();
            damaged[at] = byte;
            exercise(&damaged);
        }
    }
}

#[test]
fn every_torture_message_cut_and_flipped() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sip-torture");
    let mut seen = 0;
    for rfc in ["rfc4475", "rfc5118", "rfc7118"] {
        for entry in std::fs::read_dir(folder.join(rfc)).expect("the folder") {
            let frame = std::fs::read(entry.expect("an entry").path()).expect("the message");
            for at in 0..frame.len() {
                exercise(&frame[..at]);
                let mut damaged = frame.clone();
                damaged[at] ^= 1 << (at % 8);
                exercise(&damaged);
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 75);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        exercise(&bytes);
        let _ = redact(&bytes);
        let _ = (NameAddr::parse(&bytes), SipUri::parse(&bytes), Via::parse(&bytes), Challenge::parse_all(&bytes), Authorization::parse(&bytes));
    }

    #[test]
    fn random_lines_that_look_like_sip(lines in proptest::collection::vec("(Via|From|To|Call-ID|CSeq|Contact|Route|l)? ?:[ -~\t]{0,40}", 0..12)) {
        exercise(format!("INVITE sip:a@b SIP/2.0\r\n{}\r\n\r\n", lines.join("\r\n")).as_bytes());
    }

    #[test]
    fn several_bits_flipped(flips in proptest::collection::vec((any::<prop::sample::Index>(), 0..8u8), 1..6)) {
        let mut frame = invite();
        for (at, bit) in flips {
            let at = at.index(frame.len());
            frame[at] ^= 1 << bit;
        }
        exercise(&frame);
    }
}
