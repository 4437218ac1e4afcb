//! URIs, addresses and Vias are seen as RFC 3261 sees them, and never changed.

use crate::sample::{invite, options_with, parse};
use monipy_core::sip::uri::Scheme;
use monipy_core::sip::{HeaderName, List, NameAddr, SipUri, Via, escape_user, format_name_addr};
use std::borrow::Cow;

fn uri(text: &str) -> SipUri<'_> {
    SipUri::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn a_uri_shows_its_parts() {
    let full = uri("sips:al%69ce:pw@[2001:db8::1]:5061;transport=tcp;lr?Subject=x%20y");
    assert_eq!(full.scheme(), Scheme::Sips);
    assert_eq!(full.user(), Some(&b"al%69ce"[..]));
    assert_eq!(full.user_text().as_deref(), Some("alice"));
    assert_eq!(full.password(), Some(&b"pw"[..]));
    assert_eq!(full.host(), b"[2001:db8::1]");
    assert_eq!(full.port(), Some(5061));
    assert_eq!(full.params().get("TRANSPORT"), Some(&b"tcp"[..]));
    assert!(full.params().has("lr") && full.params().get("lr").is_none());
    assert_eq!(full.headers(), b"Subject=x%20y");
    assert_eq!(full.to_string(), "sips:al%69ce:pw@[2001:db8::1]:5061;transport=tcp;lr?Subject=x%20y");
    assert!(full.user_is("alice") && full.user_is("al%69ce") && !full.user_is("Alice"));
}

#[test]
fn broken_uris_are_none() {
    for broken in [
        "",
        "sip",
        "sip:",
        ":x",
        "1ip:a@b",
        "sip:@b",
        "sip:a@",
        "sip:a@b:",
        "sip:a@b:x",
        "sip:a@b:65536",
        "sip:a@b@c",
        "sip:a@b c",
        "sip:2001:db8::10",
        "sip:[2001:db8::1",
        "sip:[]",
        "sip:[2001:db8::1]x",
        "sip:a\r\n@b",
        "sip:a@b\u{7f}",
        "sip:a@h\u{f6}st",
        "<sip:a@b>",
    ] {
        assert!(SipUri::parse(broken.as_bytes()).is_none(), "{broken:?}");
    }
    assert_eq!(uri("tel:+15551230000").scheme(), Scheme::Other);
}

#[test]
fn uris_compare_as_rfc_3261_19_1_4_says() {
    for (left, right) in [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
    ] {
        assert!(uri(left).same_as(&uri(right)) && uri(right).same_as(&uri(left)), "{left} {right}");
    }
    for (left, right) in [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:alice@example.com", "sips:alice@example.com"),
    ] {
        assert!(!uri(left).same_as(&uri(right)) && !uri(right).same_as(&uri(left)), "{left} {right}");
    }
}

#[test]
fn a_login_name_cannot_break_out_of_its_uri() {
    for name in ["1001", "a@b", "x>;tag=1", "line\r\nTo: y", "ü%", "a b"] {
        let written = format!("sip:{}@example.com", escape_user(name));
        let read = uri(&written);
        assert_eq!(read.host(), b"example.com", "{name:?}");
        assert_eq!(read.user_text().as_deref(), Some(name));
    }
}

#[test]
fn an_address_with_angles_keeps_its_parameters_apart_from_the_uris() {
    let address = NameAddr::parse(b"\"A \\\"B\\\", C\" <sip:a@b;lr> ; tag = x ;+sip.instance=\"<urn:uuid:1;2>\";ob").expect("sound");
    assert_eq!(address.display_name().as_deref(), Some("A \"B\", C"));
    assert_eq!(address.uri_bytes(), b"sip:a@b;lr");
    assert_eq!(address.tag(), Some(&b"x"[..]));
    assert_eq!(address.param("+SIP.instance"), Some(&b"\"<urn:uuid:1;2>\""[..]));
    assert_eq!(address.params().get_unquoted("+sip.instance"), Some(Cow::Borrowed(&b"<urn:uuid:1;2>"[..])));
    assert!(address.params().has("ob"));

    let bare = NameAddr::parse(b"sip:a@b;tag=x;q=\"<\"").expect("sound");
    assert_eq!(bare.uri_bytes(), b"sip:a@b");
    assert_eq!((bare.display(), bare.tag()), (None, Some(&b"x"[..])));
    assert!(NameAddr::parse(b" * ").expect("sound").is_star());
    assert_eq!(NameAddr::parse(b"Latin \xe9 <sip:a@b>").expect("sound").display_name().as_deref(), Some("Latin é"));
}

#[test]
fn broken_addresses_are_none() {
    for broken in [
        "",
        "<>",
        "<sip:a@b",
        "\"x <sip:a@b>",
        "sip:a@b;;x",
        "<sip:a@b>x",
        "<sip:a@b>;=x",
        "<sip:a@b>;x=\"y",
        "no scheme",
        "sip:",
        "<sip:a@b>;a b=c",
    ] {
        assert!(NameAddr::parse(broken.as_bytes()).is_none(), "{broken:?}");
    }
}

#[test]
fn display_names_are_quoted_so_that_they_read_back() {
    for name in ["Sup One", "a \"b\" \\ c", "x>;tag=1,<sip:y>", "Zoë"] {
        let written = format_name_addr(Some(name), "sip:a@b");
        assert_eq!(NameAddr::parse(written.as_bytes()).expect("sound").display_name().as_deref(), Some(name));
    }
    assert_eq!(format_name_addr(Some("a\r\nTo: b"), "sip:a@b"), "\"a  To: b\" <sip:a@b>");
    assert_eq!(format_name_addr(None, "sip:a@b"), "<sip:a@b>");
}

#[test]
fn a_via_is_read_with_blanks_anywhere() {
    let via = Via::parse(b"SIP / 2.0 / WSS   host.invalid : 443 ; branch = z9hG4bKa; received=[2001:db8::1];rport").expect("sound");
    assert_eq!((via.transport(), via.host(), via.port()), (&b"WSS"[..], &b"host.invalid"[..], Some(443)));
    assert_eq!((via.branch(), via.received()), (Some(&b"z9hG4bKa"[..]), Some(&b"[2001:db8::1]"[..])));
    assert!(via.has_unique_branch());
    for broken in
        ["SIP/2.0/UDP", "SIP/7.0/UDP a", "SIP/2.0/UDP a:b", "SIP/2.0/UDP a;;b", "SIP/2.0/U,P a", "HTTP/2.0/UDP a", "SIP/2.0/UDP a b"]
    {
        assert!(Via::parse(broken.as_bytes()).is_none(), "{broken:?}");
    }
}

#[test]
fn lists_divide_at_commas_outside_quotes_and_angles() {
    let list: Vec<&[u8]> = List::new(b" \"a,b\" <sip:c,d> , ,<sip:e>;x=\"f,\\\"g\" ,h,").collect();
    assert_eq!(list, [&b"\"a,b\" <sip:c,d>"[..], b"<sip:e>;x=\"f,\\\"g\"", b"h"]);
    assert_eq!(List::new(b"a, \"open, b").collect::<Vec<_>>(), [&b"a"[..], b"\"open, b"]);
    assert_eq!(List::new(b" , ,").count(), 0);
}

#[test]
fn a_message_gives_typed_access_to_its_headers() {
    let message = parse(invite());
    assert!(message.is_request() && !message.is_response() && message.status().is_none());
    assert_eq!(
        message.record_routes().collect::<Vec<_>>(),
        [&b"<sip:p1.example;transport=ws;lr>"[..], b"<sip:p2.example;lr>", b"<sip:p3.example;lr>"]
    );
    assert_eq!(message.headers(HeaderName::RecordRoute).count(), 2);
    assert_eq!(message.vias().map(|via| via.sent_by().to_vec()).collect::<Vec<_>>(), [b"127.0.0.1:41557".to_vec(), b"192.0.2.9".to_vec()]);
    assert_eq!(message.from().display_name().as_deref(), Some("Agent, \"A\""));
    assert_eq!(message.supported().collect::<Vec<_>>(), [&b"timer"[..], b"100rel", b"replaces"]);
    assert!(message.supports("REPLACES") && !message.supports("outbound"));
    assert_eq!(message.require().collect::<Vec<_>>(), [b"100rel"]);
    assert_eq!(message.expires(), Some(30));
    assert!(message.content_type_is("Application/SDP"));
    let headers: Vec<(String, String)> = message.x_headers().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    assert_eq!(headers, [("X-Call-ID".to_owned(), "c-20931".to_owned()), ("x-team-name".to_owned(), "Support".to_owned())]);
    assert_eq!(message.other("x-call-id"), Some(&b"c-20931"[..]));
    assert_eq!(message.others("V").count(), 2);
    assert!(message.body().starts_with(b"v=0"));
}

#[test]
fn seconds_are_read_as_well_as_they_can_be() {
    for (value, seconds) in [
        ("300", Some(300)),
        ("120 (busy)", Some(120)),
        ("90;refresher=uac", Some(90)),
        ("100000000000000000000", Some(u32::MAX)),
        ("4294967295", Some(u32::MAX)),
        ("-5", None),
        ("abc", None),
        ("12abc", None),
        ("", None),
    ] {
        assert_eq!(parse(options_with(&format!("Retry-After: {value}\r\n"))).seconds(HeaderName::RetryAfter), seconds, "{value:?}");
    }
}

#[test]
fn every_known_name_is_found_in_any_case_and_no_other() {
    for &name in HeaderName::ALL {
        for spelling in [name.as_str().to_owned(), name.as_str().to_lowercase(), name.as_str().to_uppercase()] {
            assert_eq!(HeaderName::parse(spelling.as_bytes()), name);
            assert_eq!(HeaderName::parse(format!("{spelling}x").as_bytes()), HeaderName::Other);
        }
    }
    for (compact, long) in
        [("v", "Via"), ("F", "From"), ("t", "To"), ("I", "Call-ID"), ("m", "Contact"), ("l", "Content-Length"), ("c", "Content-Type")]
    {
        assert_eq!(HeaderName::parse(compact.as_bytes()).as_str(), long);
    }
    assert_eq!(HeaderName::parse(b""), HeaderName::Other);
    assert_eq!(HeaderName::parse(b"q"), HeaderName::Other);
}
