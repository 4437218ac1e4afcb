//! Whatever is put into a message, no line of it can be forged.

use crate::sample::{invite, parse};
use monipy_core::sip::{HeaderName, Message, Method, RequestWriter, ResponseWriter};
use proptest::prelude::*;

/// A request with `evil` in every place that takes text.
fn request_full_of(evil: &str) -> Vec<u8> {
    RequestWriter::new(&Method::Info, &format!("sip:a{evil}@b"))
        .route(&format!("<sip:p{evil};lr>"))
        .via(&format!("SIP/2.0/WSS a.invalid;branch=z9hG4bK{evil}"))
        .to(&format!("<sip:a@b>;tag=1{evil}"))
        .from(&format!("<sip:c@d>;tag=2{evil}"))
        .call_id(&format!("id{evil}"))
        .cseq(1)
        .header(HeaderName::Contact, &format!("<sip:e@f>{evil}"))
        .other("X-Good", &format!("value{evil}"))
        .other(&format!("X-Name{evil}"), "value")
        .allow(&format!("INVITE{evil}"))
        .supported(&format!("ice{evil}"))
        .user_agent(&format!("agent{evil}"))
        .body(&format!("text/plain{evil}"), "body")
        .to_bytes()
}

fn head(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    text.split_once("\r\n\r\n").expect("a head").0.to_owned()
}

#[test]
fn no_value_starts_a_line() {
    for evil in ["\r\nEvil: 1", "\nEvil: 1", "\rEvil: 1", "\r\n\r\nEvil: 1", "\0", "\r\n Evil: 1"] {
        let head = head(&request_full_of(evil));
        assert_eq!(head.lines().count(), 15, "{evil:?}:\n{head}");
        assert!(!head.lines().any(|line| line.starts_with("Evil")), "{evil:?}");
        assert!(!head.replace("\r\n", "").contains(['\r', '\n', '\0']), "{evil:?}");
    }
}

#[test]
fn a_request_uri_cannot_end_the_request_line() {
    let bytes = RequestWriter::new(&Method::Bye, "sip:a@b SIP/2.0\r\nX: y\t").call_id("c").to_bytes();
    assert_eq!(head(&bytes).lines().next(), Some("BYE sip:a@bSIP/2.0X:y SIP/2.0"));
}

#[test]
fn a_header_whose_name_is_none_is_left_out() {
    for name in ["", "X Y", "X:", "X\r\nY", "Ü", "X-Name: a\r\nEvil"] {
        let bytes = RequestWriter::new(&Method::Bye, "sip:a@b").other(name, "v").to_bytes();
        assert_eq!(bytes, RequestWriter::new(&Method::Bye, "sip:a@b").to_bytes(), "{name:?}");
    }
}

#[test]
fn a_response_is_as_safe() {
    let invite = parse(invite());
    let evil = "\r\nEvil: 1";
    let bytes = ResponseWriter::new(&invite, 200, "OK\r\nEvil: 1")
        .to_tag(&format!("t{evil}"))
        .header(HeaderName::Contact, &format!("<sip:a@b>{evil}"))
        .other("X-A", evil)
        .supported(evil)
        .body(evil, "body")
        .to_bytes();
    assert!(!head(&bytes).lines().any(|line| line.starts_with("Evil")));
}

proptest! {
    #[test]
    fn whatever_the_values_the_message_has_the_lines_it_should_have(evil in ".{0,40}") {
        let with_name = usize::from(Method::parse(format!("X-Name{evil}").as_bytes()).is_some());
        prop_assert_eq!(head(&request_full_of(&evil)).split("\r\n").count(), 15 + with_name);
    }

    #[test]
    fn values_without_line_ends_read_back(value in "[ -~]{0,60}") {
        let bytes = RequestWriter::new(&Method::Options, "sip:a@b")
            .via("SIP/2.0/WSS a.invalid;branch=z9hG4bK1").to("<sip:a@b>").from("<sip:c@d>;tag=1").call_id("c").cseq(5)
            .other("X-Value", &value)
            .to_bytes();
        let message = Message::parse(&bytes).expect("sound");
        prop_assert_eq!(message.other_text("x-value").expect("there"), value.trim_matches(' '));
    }
}
