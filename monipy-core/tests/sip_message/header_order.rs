//! What is written stands in the order in which JsSIP writes it, byte for byte.

use crate::sample::{invite, parse};
use monipy_core::sip::{HeaderName, Method, RequestWriter, ResponseWriter};

const ALLOW: &str = "INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY";

#[test]
fn register() {
    let bytes = RequestWriter::new(&Method::Register, "sip:supersbc.telecmi.com")
        .route("<sip:127.0.0.1:42033;transport=ws;lr>")
        .via("SIP/2.0/WS fqdb815gb799.invalid;branch=z9hG4bK5125272")
        .to("<sip:1001@supersbc.telecmi.com>")
        .from("\"Sup One\" <sip:1001@supersbc.telecmi.com>;tag=u2j7rgth32")
        .call_id("v6k1f1gpd0qou6b8trjd9k")
        .cseq(2)
        .header(HeaderName::Authorization, "Digest algorithm=MD5")
        .header(HeaderName::Contact, "<sip:du73mcne@fqdb815gb799.invalid;transport=ws>;+sip.ice;reg-id=1;expires=300")
        .header(HeaderName::Expires, "300")
        .allow(ALLOW)
        .supported("path,gruu,outbound")
        .user_agent("PIOPIYJS")
        .to_bytes();
    let expected = "REGISTER sip:supersbc.telecmi.com SIP/2.0\r\n\
        Route: <sip:127.0.0.1:42033;transport=ws;lr>\r\n\
        Via: SIP/2.0/WS fqdb815gb799.invalid;branch=z9hG4bK5125272\r\n\
        Max-Forwards: 69\r\n\
        To: <sip:1001@supersbc.telecmi.com>\r\n\
        From: \"Sup One\" <sip:1001@supersbc.telecmi.com>;tag=u2j7rgth32\r\n\
        Call-ID: v6k1f1gpd0qou6b8trjd9k\r\n\
        CSeq: 2 REGISTER\r\n\
        Authorization: Digest algorithm=MD5\r\n\
        Contact: <sip:du73mcne@fqdb815gb799.invalid;transport=ws>;+sip.ice;reg-id=1;expires=300\r\n\
        Expires: 300\r\n\
        Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY\r\n\
        Supported: path,gruu,outbound\r\n\
        User-Agent: PIOPIYJS\r\n\
        Content-Length: 0\r\n\r\n";
    assert_eq!(String::from_utf8(bytes).expect("text"), expected);
}

#[test]
fn re_invite_has_its_content_type_before_allow() {
    let bytes = RequestWriter::new(&Method::Invite, "sip:agent@192.0.2.9:5060")
        .via("SIP/2.0/WS 8scqj70b6cef.invalid;branch=z9hG4bK2652135")
        .to("<sip:agent@supersbc.telecmi.com>;tag=f1")
        .from("\"Sup One\" <sip:1001@supersbc.telecmi.com>;tag=aovltjdvfh")
        .call_id("call1")
        .cseq(4946)
        .header(HeaderName::Contact, "<sip:el5p4qon@8scqj70b6cef.invalid;transport=ws>")
        .allow("INVITE")
        .supported("ice,replaces,outbound")
        .user_agent("PIOPIYJS")
        .body("application/sdp", "v=0\r\n")
        .to_bytes();
    let text = String::from_utf8(bytes).expect("text");
    let names: Vec<&str> = text.lines().skip(1).map_while(|line| line.split_once(": ").map(|(name, _)| name)).collect();
    assert_eq!(
        names,
        [
            "Via",
            "Max-Forwards",
            "To",
            "From",
            "Call-ID",
            "CSeq",
            "Contact",
            "Content-Type",
            "Allow",
            "Supported",
            "User-Agent",
            "Content-Length"
        ]
    );
    assert!(text.ends_with("Content-Length: 5\r\n\r\nv=0\r\n"));
}

#[test]
fn responses() {
    let invite = parse(invite());
    let write = |status, reason| {
        let response = ResponseWriter::new(&invite, status, reason).to_tag("0d0d1g7vhd").supported("ice,replaces,outbound");
        response.header(HeaderName::Contact, "<sip:55hm45vp@fqdb815gb799.invalid;transport=ws>")
    };
    let ok = "SIP/2.0 200 OK\r\n\
        Record-Route: <sip:p1.example;transport=ws;lr>, <sip:p2.example;lr>\r\n\
        Record-Route: <sip:p3.example;lr>\r\n\
        Via: SIP/2.0/WS 127.0.0.1:41557;branch=z9hG4bKinv1\r\n\
        Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKinv0;received=192.0.2.10\r\n\
        To: <sip:1001@supersbc.telecmi.com>;tag=0d0d1g7vhd\r\n\
        From: \"Agent, \\\"A\\\"\" <sip:agent@supersbc.telecmi.com>;tag=f1\r\n\
        Call-ID: call1\r\n\
        CSeq: 1 INVITE\r\n\
        Contact: <sip:55hm45vp@fqdb815gb799.invalid;transport=ws>\r\n\
        Supported: ice,replaces,outbound\r\n\
        Content-Type: application/sdp\r\n\
        Content-Length: 3\r\n\r\nv=0";
    assert_eq!(String::from_utf8(write(200, "OK").body("application/sdp", "v=0").to_bytes()).expect("text"), ok);

    let trying = String::from_utf8(ResponseWriter::new(&invite, 100, "Trying").to_tag("x").supported("ice").to_bytes()).expect("text");
    assert!(
        !trying.contains("Record-Route") && !trying.contains("tag=x") && trying.contains("\r\nTo: <sip:1001@supersbc.telecmi.com>\r\n")
    );
    let busy = String::from_utf8(write(486, "Busy Here").to_bytes()).expect("text");
    assert!(!busy.contains("Record-Route") && busy.contains("tag=0d0d1g7vhd"));
    let asked = String::from_utf8(ResponseWriter::new(&invite, 486, "Busy Here").record_route(true).to_bytes()).expect("text");
    assert!(asked.contains("Record-Route"));
}

#[test]
fn a_tag_that_is_there_is_kept() {
    let text = String::from_utf8(invite())
        .expect("text")
        .replace("To: <sip:1001@supersbc.telecmi.com>", "To: <sip:1001@supersbc.telecmi.com>;tag=old");
    let answer = parse(ResponseWriter::new(&parse(text), 200, "OK").to_tag("new").to_bytes());
    assert_eq!(answer.to().tag(), Some(&b"old"[..]));
}
