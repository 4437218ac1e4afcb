//! The client's log at its most talkative, kept in a file; the secrets that must not be in it, which
//! the scripted server adds as it sees them on the wire; panics of any thread that is not a test's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

struct State {
    log: File,
    bytes: u64,
    secrets: BTreeSet<String>,
    /// Notices (info and above) by second and by their first words.
    notices: BTreeMap<(u64, String), u32>,
    panics: Vec<String>,
    began: Instant,
}

static STATE: OnceLock<Mutex<State>> = OnceLock::new();

fn state() -> std::sync::MutexGuard<'static, State> {
    let fresh = || State {
        log: tempfile::tempfile().expect("a temporary file"),
        bytes: 0,
        secrets: BTreeSet::new(),
        notices: BTreeMap::new(),
        panics: Vec::new(),
        began: Instant::now(),
    };
    STATE.get_or_init(|| Mutex::new(fresh())).lock().unwrap_or_else(PoisonError::into_inner)
}

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        // The stack's own traces of every packet are no log of ours.
        metadata.target().starts_with("monipy") || metadata.level() <= log::Level::Info
    }
    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = format!("{} {} {}\n", record.level(), record.target(), record.args());
        let mut state = state();
        let second = state.began.elapsed().as_secs();
        state.bytes += line.len() as u64;
        let _ = state.log.write_all(line.as_bytes());
        if record.level() <= log::Level::Info && record.target().starts_with("monipy") {
            // The source of a notice: its words up to the first figure, and the thread's connection.
            let words: String = record.args().to_string().chars().take(48).collect();
            *state.notices.entry((second, words)).or_default() += 1;
        }
    }
    fn flush(&self) {}
}

pub(crate) struct Watch;

/// Begins to watch.
pub(crate) fn start() -> Watch {
    let _ = log::set_logger(&Logger);
    log::set_max_level(log::LevelFilter::Trace);
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed").to_owned();
        if name != "test" && name != "main" {
            state().panics.push(format!("{name}: {info}"));
        }
        usual(info);
    }));
    Watch
}

/// Something that must not be in the log.
pub(crate) fn secret(text: &str) {
    if text.len() >= 6 {
        state().secrets.insert(text.to_owned());
    }
}

impl Watch {
    pub(crate) fn panics(&self) -> Vec<String> {
        state().panics.clone()
    }
    pub(crate) fn secrets(&self) -> usize {
        state().secrets.len()
    }
    pub(crate) fn log_bytes(&self) -> u64 {
        state().bytes
    }

    /// Lines that hold a secret, the first few.
    pub(crate) fn secrets_in_log(&self) -> Vec<String> {
        let mut state = state();
        let mut text = Vec::new();
        let _ = state.log.seek(SeekFrom::Start(0));
        let _ = std::io::Read::read_to_end(&mut state.log, &mut text);
        let text = String::from_utf8_lossy(&text);
        // One pass: every token of the log that is long enough is looked up.
        let token = |c: char| !(c.is_ascii_alphanumeric() || "+/-_.=".contains(c));
        let mut found = Vec::new();
        for line in text.lines() {
            let hit = line.split(token).find(|word| state.secrets.contains(*word) || word.split('=').any(|w| state.secrets.contains(w)));
            if let Some(word) = hit {
                found.push(format!("{word:?} in {:?}", line.chars().take(160).collect::<String>()));
                if found.len() == 5 {
                    break;
                }
            }
        }
        found
    }

    /// The most notices of one kind in one second.
    pub(crate) fn busiest_second(&self) -> (u32, String) {
        let state = state();
        state.notices.iter().max_by_key(|(_, count)| **count).map_or((0, String::new()), |((_, words), count)| (*count, words.clone()))
    }
}
