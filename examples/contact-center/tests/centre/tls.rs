//! wss with the centre's own authority.

use crate::support::config;
use contact_center::ContactCenter;
use monipy_core::{Config, Supervisor};

#[tokio::test]
async fn wss_works_with_the_authority() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let trusting = Config { server: centre.wss_url().to_owned(), ca_file: Some(centre.ca_file().to_owned()), ..config(&centre) };
    let supervisor = Supervisor::new(trusting).unwrap();
    assert_eq!(supervisor.login("supervisor", "secret").await.unwrap().code, 200);
    assert!(centre.ladder().iter().any(|e| e.text.contains("SIP/2.0/WSS")));
    supervisor.logout().await.unwrap();
}

#[tokio::test]
async fn wss_is_refused_without_it() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let supervisor = Supervisor::new(Config { server: centre.wss_url().to_owned(), ..config(&centre) }).unwrap();
    let outcome = supervisor.login("supervisor", "secret");
    let refused = tokio::time::timeout(std::time::Duration::from_secs(15), outcome).await;
    assert!(refused.is_ok_and(|r| r.is_err()), "an unknown authority was trusted");
    assert!(centre.ladder().is_empty());
}
