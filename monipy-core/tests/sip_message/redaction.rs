//! The SIP trace holds no secret.

use monipy_core::sip::redact::redact;

#[test]
fn digest_answers_lose_response_and_cnonce() {
    let message = "REGISTER sip:b SIP/2.0\r\nAuthorization: Digest algorithm=MD5, username=\"1001\", realm=\"b\", nonce=\"n1\", uri=\"sip:b\", \
                   response=\"99203ebc55470a01382ccb58f594ff7d\", qop=auth, cnonce=\"2r2h2ov935am\", nc=00000001\r\n\
                   proxy-authorization : Digest username=\"x\", response=\"aaaa\",\r\n cnonce=\"bbbb\", response=\"cc\"\r\nContent-Length: 0\r\n\r\n";
    let redacted = redact(message.as_bytes());
    for secret in ["99203ebc", "2r2h2ov935am", "aaaa", "bbbb", "\"cc\""] {
        assert!(!redacted.contains(secret), "{secret} in {redacted}");
    }
    for kept in
        ["username=\"1001\"", "realm=\"b\"", "nonce=\"n1\"", "uri=\"sip:b\"", "response=***", "nc=00000001", "Content-Length: 0\r\n\r\n"]
    {
        assert!(redacted.contains(kept), "{kept} not in {redacted}");
    }
}

#[test]
fn other_schemes_are_hidden_whole() {
    let redacted = redact(b"REGISTER sip:b SIP/2.0\r\nAuthorization: Basic MTAwMTpzZWNyZXQ=\r\nAuthentication-Info: rspauth=\"abcd\", nextnonce=\"n2\"\r\n\r\n");
    assert!(!redacted.contains("MTAw") && !redacted.contains("abcd"), "{redacted}");
    assert!(redacted.contains("Authorization: ***"));
}

#[test]
fn keys_of_a_session_description_are_hidden() {
    let redacted = redact(
        b"INVITE sip:b SIP/2.0\r\n\r\nv=0\r\na=ice-ufrag:4ZcD\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlTZ\r\na=fingerprint:sha-256 75:74:5A\r\n\
          a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20\r\nk=base64:c2VjcmV0\r\na=sendrecv\r\n",
    );
    for secret in ["2/1mu", "75:74", "d0Rm", "c2Vj"] {
        assert!(!redacted.contains(secret), "{secret} in {redacted}");
    }
    assert!(
        redacted.contains("a=ice-ufrag:4ZcD\r\n")
            && redacted.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 ***")
            && redacted.ends_with("a=sendrecv\r\n")
    );
}

#[test]
fn what_holds_no_secret_is_untouched() {
    let message = String::from_utf8(crate::sample::invite()).expect("text");
    assert_eq!(redact(message.as_bytes()), message);
    assert_eq!(redact(b""), "");
    assert_eq!(redact(b"\xff\r\n"), "\u{ff}\r\n");
}

#[test]
fn telephone_numbers_keep_their_last_two_digits() {
    let redacted = redact(
        b"INVITE sip:919840055512@a.invalid SIP/2.0\r\nf: \"9840055512\" <sip:+919840055512@b>;tag=12ab34567890\r\nCall-ID: 20260101123456\r\n\
          CSeq: 1234567890 INVITE\r\nX-To-Number: 04412345678\r\nVia: SIP/2.0/WS 192.168.100.200:50600;branch=z9hG4bK1234567890\r\n\r\n",
    );
    for number in ["919840055512", "9840055512", "04412345678"] {
        assert!(!redacted.contains(number), "{number} in {redacted}");
    }
    for kept in [
        "sip:+**********12@b",
        "tag=12ab34567890",
        "Call-ID: 20260101123456",
        "CSeq: 1234567890",
        "*********78",
        "192.168.100.200:50600",
        "z9hG4bK1234567890",
    ] {
        assert!(redacted.contains(kept), "{kept} not in {redacted}");
    }
}

#[test]
fn numbers_in_an_event_are_hidden_and_its_time_is_not() {
    let line = r#"{"call_id":"c-1","event":"inComingCall","from":"+919840055512","time_ms":1732512345678,"to_number":"04412345678"}"#;
    let redacted = monipy_core::sip::redact::redact_numbers(line);
    assert_eq!(
        redacted,
        r#"{"call_id":"c-1","event":"inComingCall","from":"+**********12","time_ms":1732512345678,"to_number":"*********78"}"#
    );
}
