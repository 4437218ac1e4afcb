//! Registering, refreshing and taking back, as it should go (rows R1 to R11, R14, trust 42).

use crate::bench::*;
use monipy_core::sip::ua::{Command, UaEvent, UnregisteredBy};
use std::time::Duration;

const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"supersbc.telecmi.com\", nonce=\"n1\", qop=\"auth\"\r\n";

#[test]
fn without_a_challenge_one_register_suffices() {
    let mut bench = Bench::new();
    bench.up();
    bench.quiet();
    bench.command(Bench::register_command());
    let register = bench.one();
    assert!(!bench.ua.is_registered());
    bench.frame(granted(&register));
    assert_eq!(bench.event(), UaEvent::Registered { expires: Duration::from_secs(300) });
    assert!(bench.ua.is_registered());
    bench.quiet();
}

#[test]
fn a_command_given_while_down_starts_with_the_connection() {
    let mut bench = Bench::new();
    bench.command(Bench::register_command());
    bench.quiet();
    bench.up();
    assert_eq!(method(&bench.one()), "REGISTER");
}

#[test]
fn r10_refresh_between_half_and_end_without_authorization_and_without_an_event() {
    let mut times = Vec::new();
    for seed in 0..40 {
        let mut bench = Bench::seeded(seed, |_| {});
        bench.log_in();
        bench.seconds(149);
        bench.quiet();
        let (at, refresh) = bench.until_sent(120);
        assert_eq!(cseq(&refresh), 3);
        assert!(find_header(&refresh, "Authorization").is_none());
        bench.frame(challenge(&refresh, 401, CHALLENGE));
        let answer = bench.one();
        bench.frame(granted(&answer));
        bench.quiet();
        times.push(at.as_secs_f64());
    }
    let (least, most) = times.iter().fold((f64::MAX, 0.0f64), |(least, most), &t| (least.min(t), most.max(t)));
    assert!(least >= 150.0 && most <= 268.0, "{least} to {most}");
    assert!(most - least > 60.0, "spread over the window: {least} to {most}");
}

#[test]
fn r10_short_grants_are_refreshed_five_seconds_before_their_end() {
    for (granted, after) in [(12, 7), (20, 15), (64, 59), (10, 5)] {
        let mut bench = Bench::new();
        bench.up();
        bench.command(Bench::register_command());
        let register = bench.one();
        let contact = header(&register, "Contact").replace("expires=300", &format!("expires={granted}"));
        bench.frame(respond(&register, 200, "OK", &format!("Contact: {contact}\r\n"), ""));
        bench.take_events();
        bench.seconds(after - 1);
        bench.quiet();
        bench.seconds(1);
        assert_eq!(method(&bench.one()), "REGISTER");
    }
}

#[test]
fn r9_our_binding_is_found_by_instance_uri_user_or_as_the_only_one() {
    let cases: [fn(&str) -> String; 5] = [
        |ours| format!("<sip:other@1.2.3.4>;expires=99, {}", ours.replace("expires=300", "expires=77")),
        |ours| format!("<sip:other@1.2.3.4>;expires=99, {};expires=77", ours.split(';').take(2).collect::<Vec<_>>().join(";")),
        |ours| {
            let user = ours.split([':', '@']).nth(1).unwrap_or_default();
            format!("<sip:other@1.2.3.4>;expires=99, <sip:{user}@127.0.0.1:8088;transport=WS>;expires=77")
        },
        |_| "<sip:rewritten@127.0.0.1:8088;transport=WS>;expires=77".into(),
        |_| "<sip:rewritten@127.0.0.1:8088;transport=WS>\r\nExpires: 77".into(),
    ];
    for (number, contact) in cases.iter().enumerate() {
        let mut bench = Bench::new();
        bench.up();
        bench.command(Bench::register_command());
        let register = bench.one();
        let contact = contact(&header(&register, "Contact"));
        bench.frame(respond(&register, 200, "OK", &format!("Contact: {contact}\r\n"), ""));
        assert_eq!(bench.event(), UaEvent::Registered { expires: Duration::from_secs(77) }, "case {number}");
    }
}

#[test]
fn r9_a_200_that_lists_only_others_is_reported_and_tried_again() {
    let mut bench = Bench::new();
    bench.up();
    bench.command(Bench::register_command());
    let register = bench.one();
    bench.frame(respond(&register, 200, "OK", "Contact: <sip:a@1.2.3.4>;expires=99, <sip:b@1.2.3.4>;expires=9\r\n", ""));
    match bench.event() {
        UaEvent::RegistrationFailed { code: 480, will_retry: Some(_), .. } => {}
        other => panic!("{other:?}"),
    }
    bench.seconds(10);
    assert_eq!(method(&bench.one()), "REGISTER");
}

#[test]
fn r9_a_200_without_contact_counts_with_the_lifetime_asked_for() {
    let mut bench = Bench::new();
    bench.up();
    bench.command(Bench::register_command());
    let register = bench.one();
    bench.frame(respond(&register, 200, "OK", "", ""));
    assert_eq!(bench.event(), UaEvent::Registered { expires: Duration::from_secs(300) });
}

#[test]
fn r11_gruu_becomes_the_contact_of_dialogs_but_not_of_register() {
    let mut bench = Bench::new();
    bench.up();
    bench.command(Bench::register_command());
    let register = bench.one();
    let gruus = ";pub-gruu=\"sip:1001@supersbc.telecmi.com;gr=urn:uuid:x\";temp-gruu=\"sip:tg@supersbc.telecmi.com;gr\"";
    bench.frame(respond(&register, 200, "OK", &format!("Contact: {}{gruus}\r\n", header(&register, "Contact")), ""));
    bench.take_events();
    bench.contact = "sip:tg@supersbc.telecmi.com;gr".into();
    let invite = bench.invite("call1", "", SDP);
    bench.frame(invite);
    let ringing = bench.take().remove(1);
    assert_eq!(header(&ringing, "Contact"), "<sip:1001@supersbc.telecmi.com;gr=urn:uuid:x>");
    assert_eq!(header(&ringing, "Supported"), "gruu,ice,replaces,outbound");
    bench.seconds(269);
    let refresh = bench.take().into_iter().find(|message| method(message) == "REGISTER").expect("a refresh");
    assert_eq!(header(&refresh, "Contact"), header(&register, "Contact"));
}

#[test]
fn r14_unregister_is_challenged_answered_and_done_on_2xx() {
    let mut bench = Bench::registered();
    bench.command(Command::Unregister);
    let register = bench.one();
    assert_eq!(header(&register, "Expires"), "0");
    assert!(bench.events.is_empty());
    bench.frame(challenge(&register, 401, CHALLENGE));
    let register = bench.one();
    assert!(header(&register, "Contact").ends_with(";expires=0"));
    assert!(find_header(&register, "Authorization").is_some());
    bench.frame(respond(&register, 200, "OK", "", ""));
    assert!(matches!(bench.event(), UaEvent::Unregistered { by: UnregisteredBy::Request, .. }));
    assert!(!bench.ua.is_registered());
    bench.seconds(4000);
    bench.quiet();
}

#[test]
fn r14_unregister_is_done_on_a_refusal_and_on_silence_too() {
    let mut bench = Bench::registered();
    bench.command(Command::Unregister);
    let register = bench.one();
    bench.frame(respond(&register, 500, "Oops", "", ""));
    assert!(matches!(bench.event(), UaEvent::Unregistered { by: UnregisteredBy::Request, .. }));

    let mut bench = Bench::registered();
    bench.command(Command::Unregister);
    bench.one();
    bench.seconds(32);
    assert!(matches!(bench.event(), UaEvent::Unregistered { by: UnregisteredBy::Request, .. }));
    bench.seconds(1000);
    bench.quiet();
}

#[test]
fn unregister_overtakes_a_registration_under_way() {
    let mut bench = Bench::new();
    bench.up();
    bench.command(Bench::register_command());
    let register = bench.one();
    bench.command(Command::Unregister);
    match bench.event() {
        UaEvent::RegistrationFailed { code: 487, will_retry: None, .. } => {}
        other => panic!("{other:?}"),
    }
    let removal = bench.one();
    assert_eq!((cseq(&removal), header(&removal, "Expires").as_str()), (2, "0"));
    // What the server says to the first does not bring the registration back.
    bench.frame(granted(&register));
    bench.frame(respond(&removal, 200, "OK", "", ""));
    bench.seconds(4000);
    bench.quiet();
}

#[test]
fn trust_42_logins_of_every_kind() {
    let sha = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\"\r\n";
    let both = "WWW-Authenticate: Digest realm=\"r\", nonce=\"a\", algorithm=SHA-256, qop=\"auth\"\r\n\
                WWW-Authenticate: Digest realm=\"r\", nonce=\"b\", algorithm=MD5, qop=\"auth\"\r\n";
    let cases = [
        (401, sha, "Authorization", "algorithm=SHA-256"),
        (401, both, "Authorization", "algorithm=SHA-256"),
        (401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", opaque=\"o\"\r\n", "Authorization", "opaque=\"o\""),
        (407, "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n", "Proxy-Authorization", "qop=auth"),
        (401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"a\\\"b\", qop=\"auth\"\r\n", "Authorization", "nonce=\"a\\\"b\""),
        (401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth,auth-int\"\r\n", "Authorization", "qop=auth,"),
        (401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"\r\n", "Authorization", "qop=auth-int"),
    ];
    for (code, lines, name, part) in cases {
        let mut bench = Bench::new();
        bench.up();
        bench.command(Bench::register_command());
        let first = bench.one();
        bench.frame(challenge(&first, code, lines));
        let second = bench.one();
        assert!(header(&second, name).contains(part), "{second}");
        bench.frame(granted(&second));
        assert!(matches!(bench.event(), UaEvent::Registered { .. }));
    }
}

#[test]
fn r7_a_stale_nonce_is_answered_again() {
    let mut bench = Bench::new();
    bench.up();
    bench.command(Bench::register_command());
    let first = bench.one();
    bench.frame(challenge(&first, 401, CHALLENGE));
    let second = bench.one();
    bench.frame(challenge(
        &second,
        401,
        "WWW-Authenticate: Digest realm=\"supersbc.telecmi.com\", nonce=\"n2\", qop=\"auth\", stale=TRUE\r\n",
    ));
    let third = bench.one();
    // The count belongs to the nonce (JsSIP says 2 here).
    assert!(header(&third, "Authorization").contains("nonce=\"n2\"") && header(&third, "Authorization").contains("nc=00000001"));
    bench.frame(granted(&third));
    assert!(matches!(bench.event(), UaEvent::Registered { .. }));
}

#[test]
fn r15_service_route_is_the_route_of_calls_but_not_of_register() {
    let mut bench = Bench::new();
    bench.up();
    bench.command(Bench::register_command());
    let register = bench.one();
    let contact = header(&register, "Contact");
    bench.frame(respond(
        &register,
        200,
        "OK",
        &format!("Contact: {contact}\r\nService-Route: <sip:s1.example;lr>, <sip:s2.example;lr>\r\n"),
        "",
    ));
    bench.take_events();
    let call = bench.ua.reserve_call();
    bench.command(Command::Call { call, target: "2002".into(), to: None, from: None, offer: SDP.into(), headers: Vec::new() });
    let invite = bench.one();
    let routes: Vec<&str> = invite.lines().filter(|line| line.starts_with("Route:")).collect();
    assert_eq!(routes, ["Route: <sip:127.0.0.1:42033;transport=ws;lr>", "Route: <sip:s1.example;lr>", "Route: <sip:s2.example;lr>"]);
    bench.seconds(269);
    let refresh = bench.take().into_iter().find(|message| method(message) == "REGISTER").expect("a refresh");
    assert_eq!(refresh.lines().filter(|line| line.starts_with("Route:")).count(), 1);
}

#[test]
fn r15_flow_timer_brings_keep_alives_and_silence_without_it() {
    let mut bench = Bench::new();
    bench.up();
    bench.command(Bench::register_command());
    let register = bench.one();
    let contact = header(&register, "Contact");
    bench.frame(respond(&register, 200, "OK", &format!("Contact: {contact}\r\nFlow-Timer: 20\r\n"), ""));
    bench.seconds(100);
    let pings: Vec<Duration> = bench.sent.iter().filter(|(_, text)| text == "\r\n\r\n").map(|(at, _)| *at).collect();
    assert!((5..=6).contains(&pings.len()), "{pings:?}");

    // T4: without it, nothing in 140 s.
    let mut bench = Bench::registered();
    bench.seconds(140);
    bench.quiet();
}

#[test]
fn t4_keep_alives_of_the_far_side() {
    let mut bench = Bench::registered();
    bench.frame("\r\n\r\n");
    assert_eq!(bench.one(), "\r\n");
    bench.frame("\r\n");
    bench.frame("");
    bench.quiet();
}

#[test]
fn extra_headers_and_wss() {
    let mut bench = Bench::with(|config| {
        config.secure = true;
        config.register_headers = vec![("X-Team".into(), "seven".into())];
        config.user_agent = "other".into();
        config.display_name = None;
    });
    bench.up();
    bench.command(Bench::register_command());
    let register = bench.one();
    assert_eq!(header(&register, "X-Team"), "seven");
    assert_eq!(header(&register, "User-Agent"), "other");
    assert!(header(&register, "Via").starts_with("SIP/2.0/WSS "));
    assert!(header(&register, "From").starts_with("<sip:1001@supersbc.telecmi.com>;tag="));
}
