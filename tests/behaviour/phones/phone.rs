//! The phone of the behaviour suite in Rust: commands on standard input, events and replies as
//! lines of JSON on standard output. See ../README.md for the commands.
//!
//!     phone SERVER [KEY=NUMBER...]      keys: ring_time, max_calls

use monipy_core::{AudioMode, CallId, Config, Error, EventKind, Result, Supervisor};
use std::io::{BufRead, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const RATE: u32 = 16_000;
const PATIENCE: Duration = Duration::from_secs(5);

/// Events and replies come from two threads: a line is written whole.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

fn failed(e: std::io::Error) -> Error {
    Error::new(1003, e.to_string())
}

fn timed_out() -> Error {
    Error::new(408, "no sound within the time")
}

/// Writes what is heard in the next so many milliseconds to a file.
fn hear(supervisor: &Supervisor, milliseconds: usize, path: &str) -> Result<()> {
    let mut stream = supervisor.audio(CallId::CURRENT, RATE, 20)?;
    let mut heard = Vec::new();
    while heard.len() < RATE as usize / 1000 * milliseconds {
        heard.extend(stream.next_timeout(PATIENCE).ok_or_else(timed_out)?.pcm);
    }
    std::fs::write(path, heard.iter().flat_map(|s| s.to_ne_bytes()).collect::<Vec<u8>>()).map_err(failed)
}

/// Speaks what is in a file.
fn speak(supervisor: &Supervisor, path: &str) -> Result<()> {
    let bytes = std::fs::read(path).map_err(failed)?;
    let pcm: Vec<i16> = bytes.chunks_exact(2).map(|b| i16::from_ne_bytes([b[0], b[1]])).collect();
    let mut writer = supervisor.audio_writer(CallId::CURRENT, RATE)?;
    let mut rest = &pcm[..];
    while !rest.is_empty() {
        match writer.write_timeout(rest, PATIENCE) {
            0 => return Err(timed_out()),
            written => rest = &rest[written..],
        }
    }
    Ok(())
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut config = Config {
        server: arguments.next().unwrap_or_default(),
        ice_servers: Vec::new(),
        local_address: Some([127, 0, 0, 1].into()),
        audio_mode: AudioMode::Application,
        sample_rate: RATE,
        reconnect_min_ms: 50,
        reconnect_max_ms: 300,
        ..Config::default()
    };
    for setting in arguments {
        let (key, value) = setting.split_once('=').unwrap_or_default();
        let number = value.parse().map_err(|_| Error::new(1003, format!("{setting}: not a number")))?;
        match key {
            "ring_time" => config.ring_time = number,
            _ => config.max_calls = number,
        }
    }
    let supervisor = Supervisor::new(config)?;
    let on_incoming = Arc::new(Mutex::new(String::new()));
    let listener = {
        let (mut events, on_incoming, supervisor) = (supervisor.events(), on_incoming.clone(), supervisor.clone());
        std::thread::spawn(move || {
            while let Some(event) = events.next_timeout(Duration::MAX) {
                say(&event.to_json());
                let call = event.call.unwrap_or(CallId::CURRENT);
                match on_incoming.lock().map(|o| o.clone()).unwrap_or_default().as_str() {
                    "answer" if event.kind == EventKind::IncomingCall => drop(supervisor.answer(call)),
                    "terminate" if event.kind == EventKind::IncomingCall => drop(supervisor.terminate(call)),
                    _ => {}
                }
            }
        })
    };
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(failed)?;
        let mut words = line.split_whitespace();
        let mut word = || words.next().unwrap_or_default();
        let (command, first, second) = (word(), word(), word());
        let call = CallId::CURRENT;
        let outcome = match command {
            "login" => supervisor.login(first, second).wait().map(drop),
            "logout" => supervisor.logout().wait().map(drop),
            "call" => supervisor.call(first).wait().map(drop),
            "answer" => supervisor.answer(call).wait().map(drop),
            "reject" => supervisor.reject(call).wait().map(drop),
            "terminate" => supervisor.terminate(call).wait().map(drop),
            "hold" => supervisor.hold(call).wait().map(drop),
            "unhold" => supervisor.unhold(call).wait().map(drop),
            "mute" => supervisor.mute(call).wait().map(drop),
            "unmute" => supervisor.unmute(call).wait().map(drop),
            "dtmf" => supervisor.send_dtmf(call, first).wait().map(drop),
            "hear" => hear(&supervisor, first.parse().unwrap_or(1000), second),
            "speak" => speak(&supervisor, first),
            "on_incoming" => {
                if let Ok(mut what) = on_incoming.lock() {
                    first.clone_into(&mut what);
                }
                Ok(())
            }
            "quit" => break,
            other => Err(Error::new(1003, format!("{other}: no such command"))),
        };
        say(&format!("{{\"reply\":\"{command}\",\"code\":{}}}", outcome.map_or_else(|e| e.code, |()| 200)));
    }
    supervisor.shutdown_blocking(PATIENCE);
    let _ = listener.join();
    Ok(())
}
