//! Digest authentication: the published vectors, the choice among challenges, the bytes on the
//! wire, and a server that verifies what the client answers.

use crate::sample::parse;
use monipy_core::sip::digest::{Algorithm, Authorization, Challenge, Credentials, Ha1, Qop, QopOffer, Refusal, Target};
use monipy_core::sip::{HeaderName, Message, Method};

/// A 401 to a REGISTER with these header lines.
fn challenged(headers: &str) -> Message {
    parse(format!(
        "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/WSS b.invalid;branch=z9hG4bK1\r\nFrom: <sip:b@b>;tag=1\r\nTo: <sip:b@b>;tag=2\r\n\
         Call-ID: c\r\nCSeq: 1 REGISTER\r\n{headers}\r\n"
    ))
}

fn register<'a>() -> Target<'a> {
    Target { method: &Method::Register, uri: b"sip:supersbc.telecmi.com", body: b"" }
}

/// The one Authorization that answers these header lines.
fn answer(credentials: &mut Credentials, headers: &str) -> String {
    let mut answer = credentials.answer(&challenged(headers), register(), "2r2h2ov935am").expect("an answer");
    assert_eq!(answer.headers.len(), 1);
    answer.headers.remove(0).1
}

fn refusal(headers: &str) -> Refusal {
    Credentials::new("1001", "secret").answer(&challenged(headers), register(), "c").expect_err("a refusal")
}

#[test]
fn rfc_7616_section_3_9_1() {
    let get = Method::parse(b"GET").expect("a token");
    let target = Target { method: &get, uri: b"/dir/index.html", body: b"" };
    let challenge = "realm=\"http-auth@example.org\", qop=\"auth, auth-int\", nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                     opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
    for (algorithm, response) in
        [("MD5", "8ca523f5e9506fed4657c9700eebdbec"), ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1")]
    {
        let mut credentials = Credentials::new("Mufasa", "Circle of Life");
        let message = challenged(&format!("WWW-Authenticate: Digest {challenge}, algorithm={algorithm}\r\n"));
        let answer = credentials.answer(&message, target, "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ").expect("an answer");
        let [(HeaderName::Authorization, value)] = &answer.headers[..] else { panic!("{answer:?}") };
        assert!(value.contains(&format!("response=\"{response}\"")), "{value}");
        let read = Authorization::parse(value.as_bytes()).expect("sound");
        assert!(read.verify(&Ha1::new(read.algorithm, "Mufasa", "http-auth@example.org", "Circle of Life"), &get, b""));
    }
}

#[test]
fn rfc_2617_section_3_5_and_rfc_2069_form() {
    let get = Method::parse(b"GET").expect("a token");
    let target = Target { method: &get, uri: b"/dir/index.html", body: b"" };
    let challenge = "realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"";
    for (qop, response) in [(", qop=\"auth\"", "6629fae49393a05397450978507c4ef1"), ("", "670fd8c2df070c60b045671b8b24ff02")] {
        let message = challenged(&format!("WWW-Authenticate: Digest {challenge}{qop}\r\n"));
        let answer = Credentials::new("Mufasa", "Circle Of Life").answer(&message, target, "0a4f113b").expect("an answer");
        assert!(answer.headers[0].1.contains(response), "{qop}: {:?}", answer.headers[0].1);
    }
}

#[test]
fn the_bytes_are_those_jssip_sends() {
    let value = answer(
        &mut Credentials::new("1001", "secret"),
        "WWW-Authenticate: Digest realm=\"supersbc.telecmi.com\", nonce=\"n1\", qop=\"auth\"\r\n",
    );
    let (before, after) = value.split_once(" response=\"").expect("a response");
    assert_eq!(
        before,
        "Digest algorithm=MD5, username=\"1001\", realm=\"supersbc.telecmi.com\", nonce=\"n1\", uri=\"sip:supersbc.telecmi.com\","
    );
    assert_eq!(&after[32..], "\", qop=auth, cnonce=\"2r2h2ov935am\", nc=00000001");

    let value = answer(&mut Credentials::new("1001", "secret"), "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", opaque=\"o,1\"\r\n");
    assert!(value.ends_with("\", opaque=\"o,1\"") && !value.contains("nc=") && !value.contains("cnonce="), "{value}");
}

#[test]
fn the_topmost_challenge_that_can_be_answered_is() {
    let digest = |algorithm: &str| format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm={algorithm}\r\n");
    for (offered, chosen) in [
        (vec!["SHA-256", "MD5"], "SHA-256"),
        (vec!["SHA-512-256", "SHA-256", "MD5"], "SHA-512-256"),
        (vec!["sha-256", "MD5"], "SHA-256"),
        (vec!["SHA3-512", "SHA-256", "MD5"], "SHA-256"),
        (vec!["MD5"], "MD5"),
    ] {
        let headers: String = offered.iter().map(|name| digest(name)).collect();
        let value = answer(&mut Credentials::new("1001", "secret"), &headers);
        assert!(value.starts_with(&format!("Digest algorithm={chosen}, ")), "{offered:?}: {value}");
    }
}

#[test]
fn basic_is_never_answered() {
    assert_eq!(refusal("WWW-Authenticate: Basic realm=\"r\"\r\n"), Refusal::NoChallenge);
    let value = answer(
        &mut Credentials::new("1001", "secret"),
        "WWW-Authenticate: Basic realm=\"r\"\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n",
    );
    assert!(value.starts_with("Digest ") && !value.contains("secret"));
    let value =
        answer(&mut Credentials::new("1001", "secret"), "WWW-Authenticate: Basic realm=\"r\", dIgEsT  REALM = \"r2\" ,Nonce=\"n\"\r\n");
    assert!(value.contains("realm=\"r2\""), "{value}");
}

#[test]
fn what_cannot_be_answered_is_refused_cleanly() {
    let long = format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"{}\"\r\n", "n".repeat(100_000));
    for headers in [
        "",
        "WWW-Authenticate: \r\n",
        "WWW-Authenticate: Digest\r\n",
        "WWW-Authenticate: Digest nonce=\"n\"\r\n",
        "WWW-Authenticate: Digest realm=\"r\"\r\n",
        "WWW-Authenticate: Digest realm=\"r\", nonce=\"\"\r\n",
        "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=ROT13\r\n",
        "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth-conf\"\r\n",
        "WWW-Authenticate: Digest realm=\"r\", nonce=\"open\r\n",
        "WWW-Authenticate: Digest realm=\"r\", nonce=a\"b\r\n",
        "WWW-Authenticate: Negotiate realm=\"r\", nonce=\"n\"\r\n",
        &long,
    ] {
        assert_eq!(refusal(headers), Refusal::NoChallenge, "{:.80}", headers);
    }
    let many: String = (0..200).map(|realm| format!("WWW-Authenticate: Digest realm=\"r{realm}\", nonce=\"n\"\r\n")).collect();
    let answer = Credentials::new("1001", "secret").answer(&challenged(&many), register(), "c").expect("some are answered");
    assert!(answer.headers.len() <= 16);
}

#[test]
fn commas_quotes_and_case_are_no_obstacle() {
    let value = answer(
        &mut Credentials::new("1001", "secret"),
        "www-authenticate: DIGEST  Realm=\"a, \\\"b\\\"\",NONCE=\"x,y=z\" , Opaque=\"o\",QOP=\"auth\", stale=FALSE, foo=bar,domain=\"sip:a\"\r\n",
    );
    assert!(value.contains("realm=\"a, \\\"b\\\"\"") && value.contains("nonce=\"x,y=z\"") && value.contains("opaque=\"o\""), "{value}");
}

#[test]
fn auth_is_preferred_and_auth_int_alone_protects_the_body() {
    let both =
        answer(&mut Credentials::new("1001", "secret"), "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth-int,auth\"\r\n");
    assert!(both.contains("qop=auth,"), "{both}");
    let mut credentials = Credentials::new("1001", "secret");
    let message = challenged("WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"\r\n");
    let target = Target { method: &Method::Message, uri: b"sip:a@b", body: b"hello" };
    let value = credentials.answer(&message, target, "c").expect("an answer").headers.remove(0).1;
    let read = Authorization::parse(value.as_bytes()).expect("sound");
    let ha1 = Ha1::new(Algorithm::Md5, "1001", "r", "secret");
    assert_eq!(read.qop, Some(Qop::AuthInt));
    assert!(read.verify(&ha1, &Method::Message, b"hello"));
    assert!(!read.verify(&ha1, &Method::Message, b"hellO"));
}

#[test]
fn the_nonce_count_goes_up_per_nonce() {
    let mut credentials = Credentials::new("1001", "secret");
    let mut count = |nonce: &str| {
        let value = answer(&mut credentials, &format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"{nonce}\", qop=\"auth\"\r\n"));
        Authorization::parse(value.as_bytes()).expect("sound").nonce_count
    };
    assert_eq!([count("a"), count("a"), count("b"), count("a"), count("b")], [1, 2, 1, 3, 2]);
}

#[test]
fn stale_is_told_in_any_case() {
    for (stale, told) in [("TRUE", true), ("\"true\"", true), ("false", false), ("maybe", false)] {
        let message = challenged(&format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", stale={stale}\r\n"));
        assert_eq!(Credentials::new("1001", "secret").answer(&message, register(), "c").expect("an answer").stale, told, "{stale}");
    }
}

#[test]
fn a_407_is_answered_with_proxy_authorization_and_both_with_both() {
    let message = challenged(
        "Proxy-Authenticate: Digest realm=\"p\", nonce=\"n\"\r\nProxy-Authenticate: Digest realm=\"q\", nonce=\"n\"\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n",
    );
    let answer = Credentials::new("1001", "secret").answer(&message, register(), "c").expect("an answer");
    let names: Vec<HeaderName> = answer.headers.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, [HeaderName::Authorization, HeaderName::ProxyAuthorization, HeaderName::ProxyAuthorization]);
}

#[test]
fn without_the_password_only_learned_realms_are_answered() {
    let known = "WWW-Authenticate: Digest realm=\"known\", nonce=\"n\"\r\n";
    let mut credentials = Credentials::new("1001", "secret");
    let with_password = answer(&mut credentials, known);
    credentials.learn("before");
    credentials.forget_password();
    assert_eq!(answer(&mut credentials, known), with_password);
    // The algorithm may change, the realm not.
    answer(&mut credentials, "WWW-Authenticate: Digest realm=\"known\", nonce=\"n\", algorithm=SHA-256\r\n");
    answer(&mut credentials, "WWW-Authenticate: Digest realm=\"before\", nonce=\"n\"\r\n");
    let other = challenged("WWW-Authenticate: Digest realm=\"other\", nonce=\"n\"\r\n");
    assert_eq!(credentials.answer(&other, register(), "c").expect_err("a refusal"), Refusal::UnknownRealm);
}

#[test]
fn a_sealed_password_answers_another_realm_as_the_open_one_does() {
    // Longer than one block of the mask.
    let password = "p\u{e4}ssw\u{f6}rd that is longer than thirty-two bytes, by far";
    let other = "WWW-Authenticate: Digest realm=\"other\", nonce=\"n\"\r\n";
    let mut open = Credentials::new("1001", password);
    let mut sealed = Credentials::new("1001", password);
    sealed.seal_password([7; 32]);
    sealed.seal_password([8; 32]);
    assert_eq!(answer(&mut sealed, other), answer(&mut open, other));
    sealed.forget_password();
    let third = challenged("WWW-Authenticate: Digest realm=\"third\", nonce=\"n\"\r\n");
    assert_eq!(sealed.answer(&third, register(), "c").expect_err("a refusal"), Refusal::UnknownRealm);
}

#[test]
fn nothing_printed_holds_a_secret() {
    let mut credentials = Credentials::new("1001", "pass-word-9");
    let message = challenged("WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n");
    let answer = credentials.answer(&message, register(), "cnonce-9").expect("an answer");
    let authorization = Authorization::parse(answer.headers[0].1.as_bytes()).expect("sound");
    let ha1 = Ha1::new(Algorithm::Md5, "1001", "r", "pass-word-9");
    let response = answer.headers[0].1.split("response=\"").nth(1).and_then(|rest| rest.get(..32)).expect("a response");
    let printed = format!("{credentials:?} {answer:?} {authorization:?} {ha1:?}");
    for secret in ["pass-word-9", "cnonce-9", response, "f2f7"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

#[test]
fn a_server_verifies_what_a_client_answers() {
    use Algorithm::{Md5, Md5Sess, Sha256, Sha256Sess, Sha512_256, Sha512_256Sess};
    for algorithm in [Md5, Md5Sess, Sha256, Sha256Sess, Sha512_256, Sha512_256Sess] {
        for qop in [
            QopOffer::default(),
            QopOffer { auth: true, auth_int: false },
            QopOffer { auth: false, auth_int: true },
            QopOffer { auth: true, auth_int: true },
        ] {
            let challenge =
                Challenge { realm: "lab".to_owned(), nonce: "abc".to_owned(), opaque: Some("o".to_owned()), algorithm, qop, stale: true };
            let value = challenge.to_value();
            assert_eq!(Challenge::parse_all(value.as_bytes()), [challenge], "{value}");
            let value = answer(&mut Credentials::new("us\"er", "p\u{e4}ss"), &format!("WWW-Authenticate: {value}\r\n"));
            let read = Authorization::parse(value.as_bytes()).unwrap_or_else(|| panic!("{value}"));
            assert_eq!(
                (read.username.as_str(), read.realm.as_str(), read.nonce.as_str(), read.algorithm),
                ("us\"er", "lab", "abc", algorithm)
            );
            assert_eq!((read.uri.as_str(), read.opaque.as_deref()), ("sip:supersbc.telecmi.com", Some("o")));
            let ha1 = Ha1::new(algorithm, "us\"er", "lab", "p\u{e4}ss");
            assert!(read.verify(&ha1, &Method::Register, b""), "{value}");
            assert!(!read.verify(&ha1, &Method::Invite, b""));
            assert!(!read.verify(&Ha1::new(algorithm, "us\"er", "lab", "other"), &Method::Register, b""));
            let other_hash = if matches!(algorithm, Md5 | Md5Sess) { Sha256 } else { Md5 };
            assert!(!read.verify(&Ha1::new(other_hash, "us\"er", "lab", "p\u{e4}ss"), &Method::Register, b""));
        }
    }
}

#[test]
fn authorizations_that_are_none() {
    let good = "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:a\", response=\"00\", qop=auth, nc=00000001, cnonce=\"c\"";
    assert!(Authorization::parse(good.as_bytes()).is_some());
    for (part, broken) in [
        ("Digest ", "Basic "),
        ("Digest ", ""),
        ("username=\"u\", ", ""),
        ("nonce=\"n\", ", ""),
        ("response=\"00\"", "response=\"00"),
        ("qop=auth", "qop=auth-conf"),
        ("nc=00000001", "nc=1"),
        ("nc=00000001", "nc=0000000g"),
        (", cnonce=\"c\"", ""),
        ("realm=\"r\"", "realm=\"r\", realm=\"s\""),
        ("realm=\"r\"", "realm=\"r\", algorithm=ROT13"),
    ] {
        assert!(good.contains(part));
        assert!(Authorization::parse(good.replacen(part, broken, 1).as_bytes()).is_none(), "{broken:?} for {part:?}");
    }
}
