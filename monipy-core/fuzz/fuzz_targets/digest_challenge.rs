//! Digest challenges and answers: what is offered is answered, and the answer verifies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monipy_core::sip::digest::{Authorization, Challenge, Credentials, Ha1, Target};
use monipy_core::sip::{Message, Method};

fuzz_target!(|value: &[u8]| {
    if let Some(authorization) = Authorization::parse(value) {
        let ha1 = Ha1::new(authorization.algorithm, "1001", "r", "secret");
        let _ = (authorization.verify(&ha1, &Method::Register, b""), format!("{authorization:?}"));
    }
    for challenge in Challenge::parse_all(value) {
        assert_eq!(Challenge::parse_all(challenge.to_value().as_bytes()), [challenge]);
    }
    let mut response =
        b"SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/WSS a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n\
Call-ID: c\r\nCSeq: 1 REGISTER\r\nWWW-Authenticate: "
            .to_vec();
    response.extend_from_slice(value);
    response.extend_from_slice(b"\r\n\r\n");
    let Ok(response) = Message::parse(&response) else { return };
    let mut credentials = Credentials::new("1001", "secret");
    let target = Target { method: &Method::Register, uri: b"sip:b", body: b"" };
    let Ok(answer) = credentials.answer(&response, target, "0123456789ab") else { return };
    for (_, value) in &answer.headers {
        assert!(!value.contains("secret") || response.as_bytes().windows(6).any(|window| window == b"secret"));
        let read = Authorization::parse(value.as_bytes()).expect("what this side writes it reads");
        let ha1 = Ha1::new(read.algorithm, "1001", &read.realm, "secret");
        assert!(read.verify(&ha1, &Method::Register, b""));
    }
});
