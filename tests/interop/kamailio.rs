//! Debian's kamailio: ws and wss, MD5 and SHA-256, called by sipp and by a second monipy.

use crate::pair::{Pair, hear_each_other};
use crate::proof::Proof;
use crate::supervisor::{config, logged_in, names, until};
use monipy_core::{CallId, Config, Detail, EventKind, Supervisor};
use monipy_tests::kamailio::{DOMAIN, Kamailio, PASSWORD};
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio"]
async fn md5_over_ws_login_wrong_password_and_logout() {
    let proof = Proof::begin("kamailio", "MD5 over ws, wrong password, logout");
    let kamailio = Kamailio::start(&[]).leaving(&proof.folder);
    let (supervisor, mut events) = logged_in(config(kamailio.ws_url()), "1001").await;
    assert!(kamailio.logs("REGISTERED"), "{}", kamailio.log());
    let reply = supervisor.logout().await.expect("logout");
    assert_eq!(reply.status, "Logged out successfully");
    until(&mut events, EventKind::Logout).await;
    let error = supervisor.login("1001", "wrong").await.expect_err("a wrong password");
    assert_eq!((error.code, error.status.as_str()), (401, "Invalid Login ID or Password"));
    proof.done();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio"]
async fn sha256_challenges_over_wss_with_a_private_authority() {
    let proof = Proof::begin("kamailio", "SHA-256 over wss with a private CA");
    let kamailio = Kamailio::start(&["AUTH_SHA256"]).leaving(&proof.folder);
    let trusting = Config { ca_file: Some(kamailio.ca_file()), ..config(kamailio.wss_url()) };
    let (supervisor, _events) = logged_in(trusting, "1001").await;
    supervisor.shutdown(Duration::from_secs(3)).await;
    proof.done();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio"]
async fn an_unknown_authority_and_a_wrong_host_name_are_refused() {
    let proof = Proof::begin("kamailio", "unknown CA and wrong host name refused");
    let kamailio = Kamailio::start(&[]).leaving(&proof.folder);
    let unknown = Supervisor::new(config(kamailio.wss_url())).expect("a configuration that holds");
    let error = unknown.login("1001", PASSWORD).await.expect_err("an unknown authority");
    assert_eq!(error.code, 1000);
    assert!(error.status.contains("TLS"), "{}", error.status);
    let other_name =
        Config { ca_file: Some(kamailio.ca_file()), tls_server_name: Some("sip.example.com".into()), ..config(kamailio.wss_url()) };
    let wrong = Supervisor::new(other_name).expect("a configuration that holds");
    assert_eq!(wrong.login("1001", PASSWORD).await.expect_err("a wrong name").code, 1000);
    assert!(!kamailio.log().contains("WS handshake"), "a byte of HTTP was sent");
    proof.done();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio and sipp"]
async fn sipp_calls_and_hangs_up() {
    let proof = Proof::begin("sipp", "calls and hangs up through kamailio");
    let kamailio = Arc::new(Kamailio::start(&[]).leaving(&proof.folder));
    let (supervisor, mut events) = logged_in(config(kamailio.ws_url()), "1001").await;
    let at = kamailio.clone();
    let (sipp, seen) =
        tokio::join!(async { tokio::task::spawn_blocking(move || at.sipp("caller.xml", "1001")).await.expect("sipp ran") }, async {
            let ringing = until(&mut events, EventKind::Ringing).await;
            supervisor.answer(CallId::CURRENT).await.expect("answer");
            let rest = until(&mut events, EventKind::Ended).await;
            [ringing, rest].concat()
        });
    assert!(sipp.0, "sipp:\n{}", sipp.1);
    assert_eq!(names(&seen), ["trying 100", "inComingCall 200", "ringing 183", "answered 200", "ended 200"]);
    let Detail::Incoming(info) = &seen[1].detail else { panic!("no detail") };
    assert_eq!((info.from.as_str(), info.call_id.as_str(), info.team_name.as_deref()), ("Agent Seven", "uuid-42", Some("Sales")));
    proof.done();
}

async fn two_monipys(kamailio: &Kamailio, url: String, proof: &mut Proof) {
    let mut pair = Pair::in_a_call(Config { ca_file: Some(kamailio.ca_file()), ..config(url) }).await;
    pair.hear_each_other().await;
    proof.first_sound(pair.began.elapsed());
    proof.heard("callee: 1000 Hz");
    proof.heard("caller: 440 Hz");
    pair.caller.0.terminate(CallId::CURRENT).await.expect("terminate");
    until(&mut pair.callee.1, EventKind::Ended).await;
    until(&mut pair.caller.1, EventKind::Hangup).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio"]
async fn two_monipys_hear_each_other_over_ws_with_md5() {
    let mut proof = Proof::begin("kamailio", "two monipys over ws");
    let kamailio = Kamailio::start(&[]).leaving(&proof.folder);
    two_monipys(&kamailio, kamailio.ws_url(), &mut proof).await;
    assert!(kamailio.log().contains(";gr="), "the Contact of calls is the GRUU: {}", kamailio.log());
    proof.done();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio"]
async fn two_monipys_hear_each_other_over_wss_with_sha256() {
    let mut proof = Proof::begin("kamailio", "two monipys over wss, SHA-256");
    let kamailio = Kamailio::start(&["AUTH_SHA256"]).leaving(&proof.folder);
    two_monipys(&kamailio, kamailio.wss_url(), &mut proof).await;
    proof.done();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio"]
async fn two_monipys_hear_each_other_without_gruu_and_outbound() {
    let mut proof = Proof::begin("kamailio", "two monipys, GRUU and Outbound off");
    let kamailio = Kamailio::start(&["NO_GRUU", "NO_OUTBOUND"]).leaving(&proof.folder);
    two_monipys(&kamailio, kamailio.ws_url(), &mut proof).await;
    assert!(!kamailio.log().contains(";gr="), "{}", kamailio.log());
    proof.done();
}

/// A supervisor at two places: both ring, one answers, the other is told so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio"]
async fn two_registrations_of_one_supervisor_both_ring() {
    let mut proof = Proof::begin("kamailio", "two registrations of one supervisor");
    let kamailio = Kamailio::start(&["MANY_CONTACTS"]).leaving(&proof.folder);
    let (desk, mut desk_events) = logged_in(config(kamailio.ws_url()), "1001").await;
    let (_home, mut home_events) = logged_in(config(kamailio.ws_url()), "1001").await;
    let (caller, mut caller_events) = logged_in(config(kamailio.ws_url()), "1002").await;
    let began = Instant::now();
    caller.call("1001").await.expect("call");
    until(&mut desk_events, EventKind::Ringing).await;
    until(&mut home_events, EventKind::Ringing).await;
    desk.answer(CallId::CURRENT).await.expect("answer");
    until(&mut desk_events, EventKind::CallStream).await;
    until(&mut caller_events, EventKind::CallStream).await;
    let seen = until(&mut home_events, EventKind::Ended).await;
    assert_eq!(seen.last().map(|event| event.status.as_str()), Some("Canceled"), "{:?}", names(&seen));
    hear_each_other(&desk, &caller).await;
    proof.first_sound(began.elapsed());
    proof.heard("both ring; the one that answers: 1000 Hz; caller: 440 Hz; the other stops ringing");
    caller.terminate(CallId::CURRENT).await.expect("terminate");
    until(&mut desk_events, EventKind::Ended).await;
    proof.done();
}

/// The server goes away in a call and comes back with an empty memory: the call is kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio"]
async fn a_call_outlives_a_restart_of_the_server() {
    let mut proof = Proof::begin("kamailio", "restarted in a call");
    let mut kamailio = Kamailio::start(&[]).leaving(&proof.folder);
    let mut pair = Pair::in_a_call(config(kamailio.ws_url())).await;
    pair.hear_each_other().await;
    tokio::task::block_in_place(|| kamailio.restart());
    let mut seen = until(&mut pair.callee.1, EventKind::Login).await;
    seen.extend(until(&mut pair.caller.1, EventKind::Login).await);
    assert!(seen.iter().any(|event| event.kind == EventKind::Disconnected), "{:?}", names(&seen));
    assert!(!seen.iter().any(|event| matches!(event.kind, EventKind::Ended | EventKind::Hangup)), "{:?}", names(&seen));
    pair.hear_each_other().await;
    proof.heard("both, before and after");
    pair.caller.0.terminate(CallId::CURRENT).await.expect("terminate");
    until(&mut pair.caller.1, EventKind::Hangup).await;
    proof.done();
}

/// Grants of ten seconds are refreshed before their end, and calls still arrive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio"]
async fn a_short_registration_is_refreshed() {
    let mut proof = Proof::begin("kamailio", "registration of ten seconds, refreshed twice");
    let kamailio = Kamailio::start(&[]).leaving(&proof.folder);
    let with = Config { register_expires: 10, ..config(kamailio.ws_url()) };
    let (callee, mut callee_events) = logged_in(with, "1001").await;
    let refreshed = tokio::task::block_in_place(|| kamailio.logs_times("REGISTERED", 3, Duration::from_secs(30)));
    assert!(refreshed, "{}", kamailio.log());
    // After the end of the first grant.
    let (caller, mut caller_events) = logged_in(config(kamailio.ws_url()), "1002").await;
    caller.call("1001").await.expect("call");
    let seen = until(&mut callee_events, EventKind::Ringing).await;
    assert!(!seen.iter().any(|event| event.kind == EventKind::Login), "{:?}", names(&seen));
    callee.answer(CallId::CURRENT).await.expect("answer");
    until(&mut callee_events, EventKind::CallStream).await;
    until(&mut caller_events, EventKind::CallStream).await;
    hear_each_other(&callee, &caller).await;
    proof.heard("a call after the first grant's end: both");
    proof.done();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kamailio"]
async fn a_registration_that_expired_while_the_process_slept_comes_back() {
    let mut proof = Proof::begin("kamailio", "registration expired while the process slept");
    let kamailio = Kamailio::start(&["SHORT_GRANT"]).leaving(&proof.folder);
    let mut sleeper = Sleeper::start(&kamailio, &proof.folder);
    let registered = |times| tokio::task::block_in_place(|| kamailio.logs_times("REGISTERED sip:1001@", times, Duration::from_secs(30)));
    assert!(registered(1), "{}", kamailio.log());
    sleeper.signal("STOP");
    // The grant's ten seconds, and one.
    tokio::time::sleep(Duration::from_secs(11)).await;
    let (caller, mut events) = logged_in(config(kamailio.ws_url()), "1002").await;
    caller.call("1001").await.expect("call");
    let seen = until(&mut events, EventKind::Ended).await;
    assert_eq!(seen.last().map(|event| event.code), Some(404), "{:?}", names(&seen));
    proof.heard("asleep: 404 to who calls");

    let before = kamailio.log().matches("REGISTERED sip:1001@").count();
    sleeper.signal("CONT");
    assert!(registered(before + 1), "{}", kamailio.log());
    let began = Instant::now();
    caller.call("1001").await.expect("call");
    until(&mut events, EventKind::CallStream).await;
    caller.terminate(CallId::CURRENT).await.expect("terminate");
    proof.heard(format!("awake: registered, and answers within {} ms", began.elapsed().as_millis()));
    proof.done();
}

/// A phone in a process of its own, which answers every call.
struct Sleeper(std::process::Child);

impl Sleeper {
    fn start(kamailio: &Kamailio, folder: &std::path::Path) -> Sleeper {
        let log = std::fs::File::create(folder.join("phone.log")).expect("the phone's log");
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_fault-phone"))
            .args([&kamailio.ws_url(), "1001", PASSWORD, DOMAIN])
            .stdin(std::process::Stdio::piped())
            .stdout(log)
            .spawn()
            .expect("the phone");
        child.stdin.as_mut().expect("its standard input").write_all(b"login\n").expect("an order");
        Sleeper(child)
    }

    fn signal(&mut self, name: &str) {
        let done = std::process::Command::new("kill").arg(format!("-{name}")).arg(self.0.id().to_string()).status();
        assert!(done.is_ok_and(|status| status.success()), "kill -{name}");
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
