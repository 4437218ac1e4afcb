//! Logs in, answers who barges in, and records the call to a stereo WAV: left is what the supervisor
//! hears (agent and customer), right is what the supervisor says (a WAV of 16 bits, mono).
//!
//!     cargo run -p monipy-core --example record -- SERVER ID PASSWORD CALL.wav [SAY.wav]

use monipy_core::{AudioMode, Call, Config, EventKind, Supervisor};

/// Queues what is in a WAV file; a call takes about a second at once, the rest as it is said.
async fn say(call: Call, path: String) -> Result<(), Box<dyn std::error::Error>> {
    let mut file = hound::WavReader::open(path)?;
    let speech: Vec<i16> = file.samples().collect::<Result<_, _>>()?;
    let mut mouth = call.audio_writer(file.spec().sample_rate)?;
    mouth.write_all(&speech).await;
    mouth.drained().await;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, id, password, path, speech @ ..] = arguments.as_slice() else {
        return Err("usage: record SERVER ID PASSWORD CALL.wav [SAY.wav]".into());
    };
    let config = Config { server: server.clone(), audio_mode: AudioMode::Application, ..Config::default() };
    let supervisor = Supervisor::new(config)?;
    let mut events = supervisor.events();
    supervisor.login(id, password).await?;

    let speaking = tokio::task::LocalSet::new();
    let mut recording = None;
    while let Some(event) = speaking.run_until(events.next()).await {
        println!("{} {} {}", event.name(), event.code, event.status);
        let call = event.call.map(|call| supervisor.call_handle(call));
        match (event.kind, call) {
            (EventKind::IncomingCall, Some(call)) => {
                recording = Some(call.record(path, 16_000)?);
                drop(call.answer());
            }
            (EventKind::CallStream, Some(call)) => {
                if let Some(speech) = speech.first() {
                    drop(speaking.spawn_local(say(call, speech.clone())));
                }
            }
            (EventKind::Ended | EventKind::Hangup, _) => break,
            _ => {}
        }
    }
    if let Some(recording) = recording {
        println!("recorded {:.1} s", recording.done().await?.as_secs_f64());
    }
    supervisor.logout().await?;
    Ok(())
}
