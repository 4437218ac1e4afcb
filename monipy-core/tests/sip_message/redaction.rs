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
