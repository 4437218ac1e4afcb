//! Logs in, answers who barges in, and prints how loud the call is, once a second.
//!
//!     cargo run -p monipy-core --example listen -- SERVER ID PASSWORD

use monipy_core::audio::level;
use monipy_core::{AudioMode, Call, Config, EventKind, Result, Supervisor};

const RATE: u32 = 16_000; // Hz

async fn levels(call: Call) -> Result<()> {
    let mut frames = call.audio(RATE, 20)?;
    let mut second = Vec::new();
    while let Some(frame) = frames.next().await {
        second.extend_from_slice(&frame.pcm);
        if second.len() >= RATE as usize {
            println!("call {}: {:.1} dBFS", call.id().0, level::dbfs(&second));
            second.clear();
        }
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, id, password] = arguments.as_slice() else { return Err("usage: listen SERVER ID PASSWORD".into()) };
    let config = Config { server: server.clone(), audio_mode: AudioMode::Application, ..Config::default() };
    let supervisor = Supervisor::new(config)?;
    let mut events = supervisor.events();
    supervisor.login(id, password).await?;
    while let Some(event) = events.next().await {
        println!("{} {} {}", event.name(), event.code, event.status);
        let call = event.call.map(|call| supervisor.call_handle(call));
        match (event.kind, call) {
            (EventKind::IncomingCall, Some(call)) => drop(call.answer()),
            (EventKind::CallStream, Some(call)) => drop(tokio::spawn(levels(call))),
            (EventKind::Ended | EventKind::Hangup, _) => break,
            _ => {}
        }
    }
    supervisor.logout().await?;
    Ok(())
}
