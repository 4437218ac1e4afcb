//! What a registrar may say to REGISTER, by name, and what the supervisor makes of it.

use crate::support::{SOON, config};
use contact_center::{ContactCenter, Misbehaviour, Way};
use monipy_core::Supervisor;

async fn login(centre: &ContactCenter, id: &str, password: &str) -> (Supervisor, u16) {
    let supervisor = Supervisor::new(config(centre)).unwrap();
    let code = match supervisor.login(id, password).await {
        Ok(reply) => reply.code,
        Err(error) => error.code,
    };
    (supervisor, code)
}

fn answers(centre: &ContactCenter) -> Vec<String> {
    centre.ladder().into_iter().filter(|e| e.way == Way::Out).map(|e| e.start_line).collect()
}

#[tokio::test]
async fn the_right_password_registers_and_logout_takes_it_back() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let (supervisor, code) = login(&centre, "supervisor", "secret").await;
    assert_eq!(code, 200);
    centre.wait_registered("supervisor", SOON).await.unwrap();
    assert_eq!(answers(&centre), ["SIP/2.0 401 Unauthorized", "SIP/2.0 200 OK"]);
    assert_eq!(supervisor.logout().await.unwrap().code, 200);
    centre.wait_unregistered("supervisor", SOON).await.unwrap();
    // Neither the answer to the challenge nor anything made of the password is in the ladder.
    let with_credentials: Vec<_> = centre.ladder().into_iter().filter(|e| e.text.contains("\nAuthorization: Digest")).collect();
    assert!(!with_credentials.is_empty());
    assert!(with_credentials.iter().all(|e| e.text.contains("response=***") && !e.text.contains("secret")), "{with_credentials:?}");
    centre.stop().await;
}

#[tokio::test]
async fn wrong_credentials_are_refused() {
    let centre = ContactCenter::builder().start().await.unwrap();
    for (id, password) in [("supervisor", "wrong"), ("nobody", "secret")] {
        let (_supervisor, code) = login(&centre, id, password).await;
        assert_eq!(code, 401, "{id}");
        assert!(!centre.is_registered(id));
    }
}

#[tokio::test]
async fn forbidden_is_told_as_a_refused_login() {
    let centre = ContactCenter::builder().start().await.unwrap();
    centre.misbehave(Misbehaviour::Forbidden, None);
    let (_supervisor, code) = login(&centre, "supervisor", "secret").await;
    assert!(matches!(code, 401 | 403), "{code}");
    assert_eq!(answers(&centre), ["SIP/2.0 403 Forbidden"]);
}

#[tokio::test]
async fn unavailable_is_told_as_too_many_connections_and_tried_again() {
    let centre = ContactCenter::builder().start().await.unwrap();
    centre.misbehave(Misbehaviour::Unavailable { retry_after: 1 }, Some(1));
    let (_supervisor, code) = login(&centre, "supervisor", "secret").await;
    assert!(matches!(code, 405 | 200), "{code}");
    centre.wait_registered("supervisor", SOON).await.unwrap();
    assert_eq!(answers(&centre)[0], "SIP/2.0 503 Service Unavailable");
}

#[tokio::test]
async fn a_login_gets_through_what_a_fussy_registrar_asks_for() {
    for misbehaviour in [Misbehaviour::StaleNonce, Misbehaviour::Sha256Only, Misbehaviour::IntervalTooBrief { min_expires: 1200 }] {
        let centre = ContactCenter::builder().start().await.unwrap();
        let times = (misbehaviour != Misbehaviour::Sha256Only).then_some(1);
        let name = misbehaviour.name();
        centre.misbehave(misbehaviour, times);
        let (_supervisor, code) = login(&centre, "supervisor", "secret").await;
        assert_eq!(code, 200, "{name}: {:?}", answers(&centre));
        assert!(centre.is_registered("supervisor"), "{name}");
        match name {
            "stale-nonce" => assert!(centre.ladder().iter().any(|e| e.text.contains("stale=true"))),
            "sha256-only" => assert!(centre.ladder().iter().any(|e| e.text.contains("algorithm=SHA-256"))),
            _ => assert!(answers(&centre).iter().any(|a| a.starts_with("SIP/2.0 423")), "{:?}", answers(&centre)),
        }
    }
}

#[tokio::test]
async fn the_right_password_is_refused_on_demand() {
    let centre = ContactCenter::builder().start().await.unwrap();
    centre.misbehave(Misbehaviour::WrongPassword, None);
    let (_supervisor, code) = login(&centre, "supervisor", "secret").await;
    assert_eq!(code, 401, "{:?}", answers(&centre));
    assert!(centre.behave("wrong-password"));
    let (_supervisor, code) = login(&centre, "supervisor", "secret").await;
    assert_eq!(code, 200);
}
