//! One WebSocket frame: read, every accessor asked, refused or answered, answer read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monipy_core::sip::redact::redact;
use monipy_core::sip::{HeaderName, Message, ResponseWriter};

fuzz_target!(|frame: &[u8]| {
    let _ = redact(frame);
    match Message::parse(frame) {
        Ok(message) => sound(&message),
        Err(reject) => {
            if let Some(code) = reject.code {
                let message = reject.message.expect("an answer has what it copies");
                check_lines(&ResponseWriter::new(&message, code, reject.why).to_tag("t").to_bytes());
            }
        }
    }
});

fn sound(message: &Message) {
    assert!(!message.call_id().is_empty() && !message.from().uri_bytes().is_empty() && !message.to().uri_bytes().is_empty());
    assert!(message.via_count() >= 1 && !message.top_via().host().is_empty());
    assert_eq!(message.is_request(), message.status().is_none());
    if message.is_request() {
        assert!(message.request_uri().is_some() && *message.method() == message.cseq().method);
    }
    let _ =
        (message.reason(), message.contacts().count(), message.vias().count(), message.routes().count(), message.record_routes().count());
    let _ =
        (message.max_forwards(), message.expires(), message.seconds(HeaderName::RetryAfter), message.content_type_is("application/sdp"));
    let _ = (message.supports("timer"), message.require().count(), message.x_headers().count(), message.other_text("X-Call-ID"));
    for (name, value) in message.all_headers() {
        assert!(!name.is_empty() && !value.iter().any(|byte| matches!(byte, b'\r' | b'\n')));
    }
    if message.is_request() {
        let bytes = ResponseWriter::new(message, 200, "OK").to_tag("t").body("application/sdp", message.body()).to_bytes();
        check_lines(&bytes);
        let answer = Message::parse(&bytes).expect("the answer to a sound request is sound");
        assert_eq!(answer.call_id(), message.call_id());
        assert_eq!(answer.via_count(), message.via_count());
        assert_eq!(answer.body(), message.body());
    }
}

/// No CR or LF but in pairs, up to the empty line.
fn check_lines(bytes: &[u8]) {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = &bytes[..end];
    for (at, &byte) in head.iter().enumerate() {
        match byte {
            b'\r' => assert_eq!(head.get(at + 1), Some(&b'\n')),
            b'\n' => assert_eq!(at.checked_sub(1).and_then(|before| head.get(before)), Some(&b'\r')),
            0 => panic!("a raw NUL is sent back"),
            _ => {}
        }
    }
}
