//! Scenario files: played with a real supervisor, and played again with the same seed.

use crate::support::{config, expect};
use contact_center::{ContactCenter, Scenario, Way};
use monipy_core::event::EventKind;
use monipy_core::{CallId, Supervisor};

const RUN: &str = r#"
    name = "a refund in bad weather"
    seed = 41
    [[phones]]
    id = "maria"
    password = "pw"
    [[steps]]
    do = "call"
    agent = { sound = "tone:440" }
    customer = { sound = "tone:1000" }
    [[steps]]
    do = "wait"
    phone = "maria"
    for = "registered"
    [[steps]]
    do = "misbehave"
    misbehaviour = "loss:share=0.2"
    [[steps]]
    spread = 0.1
    do = "barge"
    supervisor = "maria"
    mode = "listen"
    [[steps]]
    do = "wait"
    phone = "maria"
    for = "media"
    [[steps]]
    do = "expect"
    listener = "maria"
    heard = ["agent", "customer"]
    [[steps]]
    at = 2.5
    do = "hang-up"
    phone = "maria"
    [[steps]]
    do = "wait"
    phone = "maria"
    for = "ended"
"#;

/// What of a run is the centre's: the steps, what the INVITE says, what was lost.
struct Played {
    steps: Vec<String>,
    invite: String,
    challenge: String,
    lost: Vec<u32>,
}

async fn played(scenario: &Scenario) -> Played {
    let centre = ContactCenter::builder().scenario(scenario).start().await.unwrap();
    let supervisor = Supervisor::new(config(&centre)).unwrap();
    let mut events = supervisor.events();
    supervisor.login("maria", "pw").await.unwrap();
    let phone = async {
        expect(&mut events, EventKind::Ringing).await;
        supervisor.answer(CallId::CURRENT).await.unwrap();
        expect(&mut events, EventKind::Ended).await;
    };
    let (outcome, ()) = tokio::join!(centre.play(scenario), phone);
    outcome.unwrap();
    let lines = |text: &str, names: &[&str]| -> String {
        text.lines().filter(|l| names.iter().any(|n| l.starts_with(n))).map(|l| format!("{l}\n")).collect()
    };
    let ladder = centre.ladder();
    let invite = &ladder.iter().find(|e| e.start_line.starts_with("INVITE ")).unwrap().text;
    let challenge = &ladder.iter().find(|e| e.way == Way::Out && e.start_line.starts_with("SIP/2.0 401")).unwrap().text;
    let leg = centre.timeline().iter().find_map(|e| e.leg).unwrap();
    Played {
        steps: centre.timeline().into_iter().filter(|e| e.kind == "step").map(|e| e.text).collect(),
        invite: lines(invite, &["Call-ID", "From", "X-"]),
        challenge: lines(challenge, &["WWW-Authenticate"]),
        lost: centre.leg(leg).unwrap().info().unwrap().lost_packets,
    }
}

#[tokio::test]
async fn the_same_file_and_seed_give_the_same_run() {
    let scenario: Scenario = RUN.parse().unwrap();
    let (first, second, other) = (played(&scenario).await, played(&scenario).await, played(&scenario.clone().with_seed(42)).await);
    assert_eq!(first.steps, second.steps);
    assert_eq!(first.invite, second.invite);
    assert_eq!(first.challenge, second.challenge);
    // The runs differ by some packets in length, no more.
    let common = first.lost.len().min(second.lost.len());
    assert!(common > 10, "{} packets were lost", common);
    assert_eq!(first.lost[..common], second.lost[..common]);
    assert_ne!(first.steps, other.steps);
    assert_ne!(first.invite, other.invite);
    assert_ne!(first.lost[..10], other.lost[..10]);
}

#[tokio::test]
async fn a_step_that_cannot_be_done_is_named_and_the_centre_goes_on() {
    let text = "[[steps]]\ndo = \"call\"\n[[steps]]\ndo = \"barge\"\nsupervisor = \"nobody\"";
    let scenario: Scenario = text.parse().unwrap();
    let centre = ContactCenter::builder().scenario(&scenario).start().await.unwrap();
    let error = centre.play(&scenario).await.unwrap_err();
    assert!(error.message.starts_with("step 2 (barge): there is no supervisor or phone \"nobody\""), "{error}");
    assert_eq!(centre.calls().len(), 1);
}
