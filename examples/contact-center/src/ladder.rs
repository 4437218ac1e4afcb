//! The ladder: every SIP message that went over a connection, with its time, secrets redacted.

use monipy_core::sip::redact::redact;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Messages kept; the oldest go first.
const CAPACITY: usize = 10_000;

/// Which way a message went, seen from the centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// From the phone to the centre.
    In,
    /// From the centre to the phone.
    Out,
}

/// One SIP message.
#[derive(Debug, Clone, Serialize)]
pub struct LadderEntry {
    /// Number of the message within the run, from 1.
    pub seq: u64,
    /// Milliseconds since the centre started.
    pub at_ms: f64,
    /// Number of the WebSocket connection, from 1.
    pub connection: u64,
    /// Who is at the other end: the login id once known.
    pub peer: String,
    /// Which way.
    pub way: Way,
    /// The first line.
    pub start_line: String,
    /// The whole message, secrets redacted.
    pub text: String,
}

/// The ladder of a run.
pub(crate) struct Ladder {
    start: Instant,
    entries: Mutex<(u64, VecDeque<LadderEntry>)>,
}

impl Ladder {
    pub(crate) fn new(start: Instant) -> Ladder {
        Ladder { start, entries: Mutex::new((0, VecDeque::new())) }
    }

    pub(crate) fn record(&self, connection: u64, peer: &str, way: Way, message: &[u8]) {
        if message.iter().all(|b| matches!(b, b'\r' | b'\n')) {
            return;
        }
        let text = redact(message);
        let start_line = text.lines().next().unwrap_or_default().to_owned();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.0 += 1;
        let seq = entries.0;
        if entries.1.len() == CAPACITY {
            entries.1.pop_front();
        }
        let at_ms = self.start.elapsed().as_secs_f64() * 1000.0;
        entries.1.push_back(LadderEntry { seq, at_ms, connection, peer: peer.to_owned(), way, start_line, text });
    }

    /// Entries with greater numbers than this.
    pub(crate) fn after(&self, seq: u64) -> Vec<LadderEntry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).1.iter().filter(|e| e.seq > seq).cloned().collect()
    }

    pub(crate) fn entries(&self) -> Vec<LadderEntry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).1.iter().cloned().collect()
    }
}
