//! The vendor's triangle: its agent SDK in a browser talks to a customer, its feed client asks for a
//! barge over socket.io, and monipy is the supervisor who rings, answers, hears and is heard.

use crate::proof::Proof;
use crate::supervisor::{names, until};
use contact_center::{ContactCenter, Party, Role};
use monipy_core::{CallId, Config, Detail, EventKind, IceServer, Supervisor};
use monipy_tests::browser::{Browser, MICROPHONE};
use monipy_tests::ears;
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
/// What the supervisor and the customer say, Hz.
const SUPERVISOR: f64 = 440.0;
const CUSTOMER: f64 = 1000.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Node and Chromium"]
async fn the_feed_asks_the_agent_sdk_talks_and_monipy_supervises() {
    let mut proof = Proof::begin("piopiyjs and a feed client", "the vendor's triangle");
    let centre = ContactCenter::builder()
        .supervisor("supervisor", "secret")
        .phone(Role::Agent, "5002_1001", "agent-secret")
        .record_to(proof.folder.join("centre"))
        .start()
        .await
        .expect("a contact centre");
    let browser = Browser::start(&proof.folder).await;
    let wss: u16 = centre.wss_url().rsplit(':').next().and_then(|port| port.trim_end_matches('/').parse().ok()).expect("a port");
    browser.vendor_serves(centre.http_url().trim_end_matches('/'), wss).await;

    // The agent's page logs in at the vendor's host name and is called.
    let agent = browser.open("piopiyjs").await;
    assert_eq!(agent.start("", "5002_1001", "", "agent-secret").await, "registered");
    let call = centre.call(Party::agent("5002_1001").on_the_phone(), Party::customer("customer").tone(CUSTOMER)).expect("a call");
    agent.until("inComingCall").await;
    agent.eval("phone.answer()").await;
    assert!(agent.hears(CUSTOMER, -40.0).await, "the agent does not hear the customer: {:?}", agent.log().await);
    proof.heard(format!("agent's page: the customer's {CUSTOMER} Hz"));

    let supervisor = Supervisor::new(Config {
        server: centre.wss_url().to_owned(),
        ca_file: Some(centre.ca_file().to_owned()),
        autoplay: false,
        ice_servers: Vec::<IceServer>::new(),
        local_address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        ..Config::default()
    })
    .expect("a configuration that holds");
    let mut events = supervisor.events();
    supervisor.login("supervisor", "secret").await.expect("login");

    // The feed client's request rings at the supervisor, with the vendor's headers.
    let began = Instant::now();
    let labels = call.info().expect("a call").labels;
    let told = browser.ask_for_barge(&labels.uuid, "supervisor").await;
    assert_eq!(told["code"], json!(200), "{told}");
    let seen = until(&mut events, EventKind::Ringing).await;
    let incoming = seen.iter().find(|event| event.kind == EventKind::IncomingCall).unwrap_or_else(|| panic!("{:?}", names(&seen)));
    let Detail::Incoming(info) = &incoming.detail else { panic!("no detail") };
    assert_eq!(info.call_id, labels.call_id);
    assert_eq!((info.team_name.as_deref(), info.to_number.as_deref()), (Some(labels.team_name.as_str()), Some(labels.to_number.as_str())));
    supervisor.answer(CallId::CURRENT).await.expect("answer");
    until(&mut events, EventKind::CallStream).await;

    // It hears the agent's microphone and the customer.
    let handle = supervisor.current_call().expect("a call");
    handle.record(proof.folder.join("supervisor.wav"), 16_000).expect("a recording");
    let mut sound = handle.audio(48_000, 20).expect("a stream");
    assert!(ears::hears(&mut sound, MICROPHONE, -40.0, PATIENCE).await, "the supervisor does not hear the agent");
    proof.first_sound(began.elapsed());
    assert!(ears::hears(&mut sound, CUSTOMER, -40.0, PATIENCE).await, "the supervisor does not hear the customer");
    proof.heard(format!("supervisor: the agent's {MICROPHONE} Hz and the customer's {CUSTOMER} Hz"));

    // And is heard in the agent's page and by the customer.
    let mut mouth = handle.audio_writer(48_000).expect("a writer");
    tokio::spawn(async move {
        let speech = ears::sine(48_000, SUPERVISOR, -12.0, 1000);
        while mouth.write_all(&speech).await == speech.len() {}
    });
    assert!(agent.hears(SUPERVISOR, -40.0).await, "the agent's page does not hear the supervisor");
    call.wait_tone("customer", SUPERVISOR, -40.0, PATIENCE).await.expect("the customer hears the supervisor");
    proof.heard(format!("agent's page and customer: the supervisor's {SUPERVISOR} Hz"));

    // The supervisor leaves, the agent's call goes on; then the agent hangs up.
    supervisor.terminate(CallId::CURRENT).await.expect("terminate");
    until(&mut events, EventKind::Hangup).await;
    assert!(agent.misses(SUPERVISOR, -60.0).await, "the supervisor is still heard");
    assert!(agent.hears(CUSTOMER, -40.0).await, "the call did not go on");
    agent.eval("phone.hangUp()").await;
    agent.until("hangup").await;
    supervisor.logout().await.expect("logout");
    centre.stop().await;
    proof.done();
}
