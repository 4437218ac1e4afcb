//! Registrations that go wrong (rows R7, R12, R13, R15; trust 43 to 53).

use crate::bench::*;
use monipy_core::sip::ua::{Command, UaEvent, UnregisteredBy};
use std::time::Duration;

const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"supersbc.telecmi.com\", nonce=\"n1\", qop=\"auth\"\r\n";

fn started() -> (Bench, String) {
    let mut bench = Bench::new();
    bench.up();
    bench.command(Bench::register_command());
    let register = bench.one();
    (bench, register)
}

#[track_caller]
fn failed(bench: &mut Bench) -> (u16, Option<Duration>, bool) {
    match bench.event() {
        UaEvent::RegistrationFailed { code, will_retry, credentials_tried, .. } => (code, will_retry, credentials_tried),
        other => panic!("{other:?}"),
    }
}

#[test]
fn r7_trust_45_a_wrong_password_is_tried_once_and_reported_once() {
    let (mut bench, first) = started();
    bench.frame(challenge(&first, 401, CHALLENGE));
    let second = bench.one();
    bench.frame(challenge(&second, 401, "WWW-Authenticate: Digest realm=\"supersbc.telecmi.com\", nonce=\"n2\", qop=\"auth\"\r\n"));
    assert_eq!(failed(&mut bench), (401, None, true));
    bench.seconds(100_000);
    bench.quiet();
    assert_eq!(bench.ua.load(), (0, 0, 0, 0, 0));
}

#[test]
fn trust_45_endless_stale_ends_after_four_registers() {
    let (mut bench, mut register) = started();
    let mut registers = 1;
    while bench.events.is_empty() {
        bench.frame(challenge(
            &register,
            401,
            &format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"n{registers}\", qop=\"auth\", stale=true\r\n"),
        ));
        if let Some(next) = bench.take().pop() {
            register = next;
            registers += 1;
        }
    }
    assert_eq!(registers, 4);
    assert_eq!(failed(&mut bench), (401, None, true));
    bench.seconds(100_000);
    bench.quiet();
}

#[test]
fn trust_44_46_challenges_that_cannot_be_answered_fail_at_once() {
    let many = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=X\r\n".repeat(200);
    let long = format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"{}\"\r\n", "n".repeat(100_000));
    for lines in [
        "WWW-Authenticate: Basic realm=\"r\"\r\n",
        "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=FOO\r\n",
        "WWW-Authenticate: Digest realm=\"r\"\r\n",
        "WWW-Authenticate: Digest nonce=\"n\"\r\n",
        "WWW-Authenticate: \r\n",
        "",
        many.as_str(),
        long.as_str(),
    ] {
        let (mut bench, first) = started();
        bench.frame(challenge(&first, 401, lines));
        assert_eq!(failed(&mut bench), (401, None, false), "{}", &lines[..lines.len().min(80)]);
        bench.seconds(10_000);
        bench.quiet();
    }
}

#[test]
fn trust_44_basic_on_top_does_not_get_the_password() {
    let (mut bench, first) = started();
    bench.frame(challenge(&first, 401, &format!("WWW-Authenticate: Basic realm=\"r\"\r\n{CHALLENGE}")));
    let second = bench.one();
    assert!(header(&second, "Authorization").starts_with("Digest "));
    assert!(!second.contains("secret") && !second.contains("Basic"));
}

#[test]
fn trust_47_the_password_changes_while_registered() {
    let mut bench = Bench::registered();
    let mut next = Some(bench.until_sent(269).1);
    let mut registers = 0;
    while let Some(register) = next {
        registers += 1;
        bench.frame(challenge(
            &register,
            401,
            &format!("WWW-Authenticate: Digest realm=\"supersbc.telecmi.com\", nonce=\"x{registers}\"\r\n"),
        ));
        next = bench.take().pop();
    }
    assert_eq!(registers, 2);
    match bench.take_events().as_slice() {
        [
            UaEvent::Unregistered { by: UnregisteredBy::RefreshFailed, .. },
            UaEvent::RegistrationFailed { code: 401, will_retry: None, credentials_tried: true, .. },
        ] => {}
        other => panic!("{other:#?}"),
    }
    bench.seconds(10_000);
    bench.quiet();
}

#[test]
fn trust_47_the_realm_changes_while_registered() {
    let mut bench = Bench::registered();
    let refresh = bench.until_sent(269).1;
    bench.frame(challenge(&refresh, 401, "WWW-Authenticate: Digest realm=\"moved.example\", nonce=\"m1\", qop=\"auth\"\r\n"));
    let second = bench.one();
    assert!(header(&second, "Authorization").contains("realm=\"moved.example\""), "{second}");
    // In one attempt, too: first one realm, then another.
    bench.frame(challenge(&second, 401, "WWW-Authenticate: Digest realm=\"again.example\", nonce=\"a1\", qop=\"auth\"\r\n"));
    let third = bench.one();
    assert!(header(&third, "Authorization").contains("realm=\"again.example\""), "{third}");
    bench.frame(granted(&third));
    assert_eq!(bench.take_events(), [], "nobody needs to hear of it");
}

#[test]
fn trust_45_realms_that_change_without_end_are_answered_three_times() {
    let (mut bench, first) = started();
    let (mut register, mut answers) = (first, 0);
    loop {
        bench.frame(challenge(&register, 401, &format!("WWW-Authenticate: Digest realm=\"r{answers}\", nonce=\"n\"\r\n")));
        let Some(next) = bench.take().pop() else { break };
        (register, answers) = (next, answers + 1);
        assert!(answers < 10, "it never stops");
    }
    assert_eq!(answers, 3);
    assert!(matches!(bench.event(), UaEvent::RegistrationFailed { code: 401, will_retry: None, credentials_tried: true, .. }));
}

#[test]
fn r12_trust_48_423_asks_for_min_expires() {
    let (mut bench, first) = started();
    bench.frame(respond(&first, 423, "Interval Too Brief", "Min-Expires: 600\r\n", ""));
    let second = bench.one();
    assert_eq!(header(&second, "Expires"), "600");
    assert!(header(&second, "Contact").ends_with(";expires=600"));
    bench.frame(challenge(&second, 401, CHALLENGE));
    let third = bench.one();
    assert_eq!(header(&third, "Expires"), "600");
    bench.frame(granted(&third));
    assert_eq!(bench.event(), UaEvent::Registered { expires: Duration::from_secs(600) });
}

#[test]
fn r12_423_that_asks_for_nothing_possible_fails() {
    for line in ["", "Min-Expires: 20\r\n", "Min-Expires: 4294967295\r\n", "Min-Expires: abc\r\n"] {
        let (mut bench, first) = started();
        bench.frame(respond(&first, 423, "Interval Too Brief", line, ""));
        assert_eq!(failed(&mut bench).0, 423);
        bench.quiet();
    }
    // An escalating server is not followed for ever.
    let (mut bench, mut register) = started();
    for least in [400, 500, 600, 700] {
        bench.frame(respond(&register, 423, "Interval Too Brief", &format!("Min-Expires: {least}\r\n"), ""));
        match bench.take().pop() {
            Some(next) => register = next,
            None => break,
        }
    }
    assert_eq!(failed(&mut bench).0, 423);
}

#[test]
fn r13_trust_50_refusals_for_good_are_honest_and_final() {
    for code in [403, 404, 405, 410, 416, 420, 430, 486, 600, 603, 604, 606] {
        let (mut bench, first) = started();
        bench.frame(respond(&first, code, "No", "", ""));
        assert_eq!(failed(&mut bench), (code, None, false));
        bench.seconds(10_000);
        bench.quiet();
    }
}

#[test]
fn r13_freeswitch_says_403_to_a_wrong_password() {
    let (mut bench, first) = started();
    bench.frame(challenge(&first, 401, CHALLENGE));
    let second = bench.one();
    bench.frame(respond(&second, 403, "Forbidden", "", ""));
    assert_eq!(failed(&mut bench), (403, None, true));
}

#[test]
fn trust_49_503_with_retry_after_is_obeyed() {
    for seed in 0..20 {
        let mut bench = Bench::seeded(seed, |_| {});
        bench.up();
        bench.command(Bench::register_command());
        let first = bench.one();
        bench.frame(respond(&first, 503, "Service Unavailable", "Retry-After: 20 (busy)\r\n", ""));
        let (code, wait, _) = failed(&mut bench);
        let wait = wait.expect("a retry");
        assert_eq!(code, 503);
        assert!(wait >= Duration::from_secs(20) && wait <= Duration::from_secs(23), "{wait:?}");
        bench.pass(wait - Duration::from_millis(1));
        bench.quiet();
        bench.pass(Duration::from_millis(2));
        let again = bench.one();
        bench.frame(granted(&again));
        assert!(matches!(bench.event(), UaEvent::Registered { .. }));
    }
}

#[test]
fn repeated_503_backs_off() {
    let (mut bench, mut register) = started();
    let mut waits = Vec::new();
    for _ in 0..10 {
        bench.frame(respond(&register, 503, "Maximum Calls In Progress", "", ""));
        let wait = failed(&mut bench).1.expect("a retry");
        waits.push(wait.as_secs_f64());
        bench.pass(wait);
        register = bench.one();
    }
    assert!(waits[0] <= 10.0 && waits[0] >= 5.0, "{waits:?}");
    assert!(waits[9] >= 300.0 && waits[9] <= 600.0, "{waits:?}");
}

#[test]
fn a_refresh_that_fails_for_a_while_is_not_told_while_the_binding_lasts() {
    let mut bench = Bench::registered();
    let (_, refresh) = bench.until_sent(269);
    bench.frame(respond(&refresh, 503, "Service Unavailable", "", ""));
    assert!(bench.events.is_empty() && bench.ua.is_registered());
    bench.seconds(11);
    let again = bench.one();
    bench.frame(granted(&again));
    assert!(bench.events.is_empty());
}

#[test]
fn r15_439_leaves_outbound_off() {
    let (mut bench, first) = started();
    bench.frame(respond(&first, 439, "First Hop Lacks Outbound Support", "", ""));
    let second = bench.one();
    assert!(!header(&second, "Contact").contains("reg-id"), "{second}");
    assert_eq!(header(&second, "Supported"), "path,gruu");
    bench.frame(granted(&second));
    assert!(matches!(bench.event(), UaEvent::Registered { .. }));

    let (mut bench, first) = started();
    bench.frame(respond(&first, 439, "No", "", ""));
    let second = bench.one();
    bench.frame(respond(&second, 439, "No", "", ""));
    assert_eq!(failed(&mut bench).0, 439);
}

#[test]
fn trust_51_absurd_lifetimes_are_clamped() {
    for (expires, seconds) in
        [("1", 10), ("0", 10), ("4294967295", 7200), ("100000000000000000000", 7200), ("-5", 300), ("abc", 300), ("", 300), ("9999", 7200)]
    {
        let (mut bench, register) = started();
        let contact = header(&register, "Contact").replace("expires=300", &format!("expires={expires}"));
        bench.frame(respond(&register, 200, "OK", &format!("Contact: {contact}\r\n"), ""));
        assert_eq!(bench.event(), UaEvent::Registered { expires: Duration::from_secs(seconds) }, "{expires}");
    }
}

#[test]
fn trust_51_grants_of_one_second_make_no_storm() {
    let (mut bench, register) = started();
    let grant = |register: &str| {
        let contact = header(register, "Contact").replace("expires=300", "expires=1");
        respond(register, 200, "OK", &format!("Contact: {contact}\r\n"), "")
    };
    let ok = grant(&register);
    bench.frame(ok);
    let mut registers = 0;
    for _ in 0..60 {
        bench.seconds(1);
        for register in bench.take() {
            registers += 1;
            let ok = grant(&register);
            bench.frame(ok);
        }
    }
    assert!((6..=12).contains(&registers), "{registers}");
}

#[test]
fn trust_52_responses_that_belong_to_nothing_are_ignored() {
    let (mut bench, register) = started();
    let via = header(&register, "Via");
    let ok = granted(&register);
    bench.frame(ok.replace(&via, "SIP/2.0/WS x.invalid;branch=z9hG4bKforged"));
    bench.frame(ok.replace("CSeq: 1 REGISTER", "CSeq: 1 OPTIONS"));
    bench.frame(ok.replace("CSeq: 1 REGISTER", "CSeq: 9 REGISTER"));
    bench.frame(ok.replace("Via: ", "Via: SIP/2.0/WS proxy.example;branch=z9hG4bKp\r\nVia: "));
    bench.quiet();
    bench.frame(ok);
    assert!(matches!(bench.event(), UaEvent::Registered { .. }));
}

#[test]
fn trust_53_silence_means_one_register_and_408_after_32_seconds() {
    let (mut bench, _) = started();
    bench.pass(Duration::from_millis(31_999));
    bench.quiet();
    bench.pass(Duration::from_millis(1));
    assert_eq!(failed(&mut bench), (408, None, false));
    bench.seconds(10_000);
    bench.quiet();
}

#[test]
fn register_again_uses_the_hashes_that_are_left() {
    let mut bench = Bench::registered();
    let (_, refresh) = bench.until_sent(269);
    bench.frame(respond(&refresh, 403, "Forbidden", "", ""));
    bench.take_events();
    bench.command(Command::RegisterAgain);
    let register = bench.one();
    bench.frame(challenge(&register, 401, CHALLENGE));
    let register = bench.one();
    assert!(find_header(&register, "Authorization").is_some());
    bench.frame(granted(&register));
    assert!(matches!(bench.event(), UaEvent::Registered { .. }));
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let bench = Bench::registered();
    let shown = format!("{:?} {:?}", bench.ua, Bench::register_command());
    assert!(!shown.contains("secret"), "{shown}");
}
