//! The phone of the fault lab: logs in, answers every call, and says on standard output, one line of
//! JSON each, what happens and when (seconds on a clock that no step of the wall clock moves): events,
//! and holes in the sound. Commands on standard input: login, stats, quit.
//!
//!     fault-phone ws://SERVER:PORT [USER PASSWORD [DOMAIN]]

use monipy_core::{AudioMode, CallId, Config, EventKind, IceServer, Supervisor};
use serde_json::json;
use std::io::{BufRead, Write};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A frame below this is a hole: the parties say tones of -20 dBFS and more.
const SILENT_DBFS: f32 = -45.0;

fn say(mut value: serde_json::Value) {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let at = BEGAN.get_or_init(Instant::now).elapsed().as_secs_f64();
    if let Some(object) = value.as_object_mut() {
        object.insert("at".into(), json!((at * 1000.0).round() / 1000.0));
    }
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{value}");
    let _ = out.flush();
}

/// Follows the sound of a call: every hole of 100 ms and more is told when it is over.
fn listen(supervisor: &Supervisor, call: CallId) {
    let Ok(mut stream) = supervisor.audio(call, 16_000, 20) else { return };
    std::thread::spawn(move || {
        let (mut silent_since, mut heard) = (Some(Instant::now()), false);
        while let Some(frame) = stream.next_timeout(Duration::from_secs(3600)) {
            let level = monipy_core::audio::level::dbfs(&frame.pcm);
            if level < SILENT_DBFS {
                silent_since.get_or_insert_with(Instant::now);
            } else if let Some(since) = silent_since.take() {
                let gap = since.elapsed().as_millis();
                if !heard || gap >= 100 {
                    say(json!({"audio": if heard { "back" } else { "first" }, "gap_ms": gap as u64}));
                }
                heard = true;
            }
        }
        say(json!({"audio": "over"}));
    });
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let server = arguments.next().unwrap_or_default();
    let user = arguments.next().unwrap_or_else(|| "supervisor".into());
    let password = arguments.next().unwrap_or_else(|| "secret".into());
    // Everything as it is by default, save what needs the open Internet or a speaker.
    let domain = arguments.next();
    // A relay is named in the environment: where, and whose.
    let word = |name: &str| std::env::var(name).unwrap_or_default();
    let relay = IceServer { url: word("FAULT_TURN"), username: word("FAULT_TURN_USER"), credential: word("FAULT_TURN_PASSWORD") };
    let ice_servers = if relay.url.is_empty() { Vec::new() } else { vec![relay] };
    let config = Config { server, domain, ice_servers, audio_mode: AudioMode::Application, ..Config::default() };
    let supervisor = match Supervisor::new(config) {
        Ok(supervisor) => supervisor,
        Err(e) => return say(json!({"error": e.to_string()})),
    };
    let (mut events, phone) = (supervisor.events(), supervisor.clone());
    std::thread::spawn(move || {
        while let Some(event) = events.next_timeout(Duration::from_secs(3600)) {
            say(json!({"event": event.name(), "code": event.code, "status": event.status, "reason": event.reason()}));
            let call = event.call.unwrap_or(CallId::CURRENT);
            match event.kind {
                EventKind::IncomingCall => drop(phone.answer(call)),
                EventKind::CallStream => listen(&phone, call),
                _ => {}
            }
        }
    });
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        match line.trim() {
            "login" => drop(supervisor.login(&user, &password)),
            "stats" => {
                let stats = supervisor.call_stats(CallId::CURRENT).unwrap_or_default();
                let received_ms = 20 * stats.packets_received.max(1);
                say(
                    json!({"stats": true, "calls": supervisor.calls().len(), "logged_in": supervisor.is_logged_in(), "lost": stats.packets_lost,
                    "received": stats.packets_received, "concealed_percent": 100 * stats.concealed_ms / received_ms, "delay_ms": stats.playout_delay_ms}),
                );
            }
            _ => break,
        }
    }
    let began = Instant::now();
    supervisor.shutdown_blocking(Duration::from_secs(2));
    say(json!({"quit_ms": began.elapsed().as_millis() as u64}));
}
