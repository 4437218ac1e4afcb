//! Messages the other tests start from.

use monipy_core::sip::{Message, Reject};

/// An INVITE as an SBC sends it to a registered supervisor.
pub(crate) fn invite() -> Vec<u8> {
    let sdp = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";
    format!(
        "INVITE sip:55hm45vp@fqdb815gb799.invalid;transport=ws SIP/2.0\r\n\
         Record-Route: <sip:p1.example;transport=ws;lr>, <sip:p2.example;lr>\r\n\
         Record-Route: <sip:p3.example;lr>\r\n\
         Via: SIP/2.0/WS 127.0.0.1:41557;branch=z9hG4bKinv1\r\n\
         v: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKinv0;received=192.0.2.10\r\n\
         From: \"Agent, \\\"A\\\"\" <sip:agent@supersbc.telecmi.com>;tag=f1\r\n\
         To: <sip:1001@supersbc.telecmi.com>\r\n\
         Call-ID: call1\r\n\
         CSeq: 1 INVITE\r\n\
         Max-Forwards: 70\r\n\
         Contact: <sip:agent@192.0.2.9:5060>\r\n\
         Supported: timer, 100rel\r\n\
         k: replaces\r\n\
         Require: 100rel\r\n\
         Expires: 30\r\n\
         X-Call-ID: c-20931\r\n\
         x-team-name: Support\r\n\
         Content-Type: application/sdp;charset=utf-8\r\n\
         Content-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    )
    .into_bytes()
}

/// An OPTIONS with these header lines (each ending in CRLF) added.
pub(crate) fn options_with(headers: &str) -> Vec<u8> {
    format!(
        "OPTIONS sip:1001@a.invalid SIP/2.0\r\nVia: SIP/2.0/WSS b.invalid;branch=z9hG4bK1\r\nFrom: <sip:b@b>;tag=1\r\n\
         To: <sip:1001@a>\r\nCall-ID: c\r\nCSeq: 7 OPTIONS\r\n{headers}\r\n"
    )
    .into_bytes()
}

pub(crate) fn parse(frame: impl AsRef<[u8]>) -> Message {
    Message::parse(frame.as_ref()).unwrap_or_else(|reject| panic!("{reject:?} for {}", String::from_utf8_lossy(frame.as_ref())))
}

pub(crate) fn reject(frame: impl AsRef<[u8]>) -> Reject {
    match Message::parse(frame.as_ref()) {
        Ok(_) => panic!("was read: {}", String::from_utf8_lossy(frame.as_ref())),
        Err(reject) => reject,
    }
}
