//! Logs in, answers who barges in, says what is in a WAV file (16 bits, mono, at a rate that calls
//! take), and hangs up.
//!
//!     cargo run -p monipy-core --example barge -- SERVER ID PASSWORD SAY.wav

use monipy_core::{AudioMode, Config, EventKind, Supervisor};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, id, password, path] = arguments.as_slice() else { return Err("usage: barge SERVER ID PASSWORD SAY.wav".into()) };
    let mut file = hound::WavReader::open(path)?;
    let rate = file.spec().sample_rate;
    if file.spec().channels != 1 {
        return Err(format!("{path}: not mono").into());
    }
    let speech: Vec<i16> = file.samples().collect::<Result<_, _>>()?;

    let config = Config { server: server.clone(), audio_mode: AudioMode::Application, ..Config::default() };
    let supervisor = Supervisor::new(config)?;
    let mut events = supervisor.events();
    supervisor.login(id, password).await?;
    while let Some(event) = events.next().await {
        println!("{} {} {}", event.name(), event.code, event.status);
        let call = event.call.map(|call| supervisor.call_handle(call));
        match (event.kind, call) {
            (EventKind::IncomingCall, Some(call)) => drop(call.answer()),
            (EventKind::CallStream, Some(call)) => {
                let mut mouth = call.audio_writer(rate)?;
                let said = mouth.write_all(&speech).await;
                mouth.drained().await;
                println!("said {:.1} s", said as f64 / f64::from(rate));
                call.terminate().await?;
            }
            (EventKind::Ended | EventKind::Hangup, _) => break,
            _ => {}
        }
    }
    supervisor.logout().await?;
    Ok(())
}
