//! The timeline: what happened in the centre, in order, for people and for tests.

use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::broadcast;

/// Entries kept; the oldest go first.
const CAPACITY: usize = 20_000;

/// One thing that happened.
#[derive(Debug, Clone, Serialize)]
pub struct TimelineEntry {
    /// Number within the run, from 1.
    pub seq: u64,
    /// Milliseconds since the centre started.
    pub at_ms: f64,
    /// What, in one word: `started`, `connected`, `registered`, `call`, `inviting`, `ringing`,
    /// `answered`, `media`, `mode`, `hold`, `unhold`, `dtmf`, `ended`, `misbehaviour`, ...
    pub kind: &'static str,
    /// The call it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<u64>,
    /// The supervisor's leg it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leg: Option<u64>,
    /// A sentence.
    pub text: String,
}

/// The timeline of a run.
pub(crate) struct Timeline {
    start: Instant,
    entries: Mutex<(u64, VecDeque<TimelineEntry>)>,
    live: broadcast::Sender<TimelineEntry>,
}

impl Timeline {
    pub(crate) fn new(start: Instant) -> Timeline {
        Timeline { start, entries: Mutex::new((0, VecDeque::new())), live: broadcast::channel(1024).0 }
    }

    pub(crate) fn note(&self, kind: &'static str, call: Option<u64>, leg: Option<u64>, text: impl Into<String>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.0 += 1;
        let at_ms = self.start.elapsed().as_secs_f64() * 1000.0;
        let entry = TimelineEntry { seq: entries.0, at_ms, kind, call, leg, text: text.into() };
        log::info!("{kind}: {}", entry.text);
        if entries.1.len() == CAPACITY {
            entries.1.pop_front();
        }
        entries.1.push_back(entry.clone());
        // Nobody listening is no error. Sent under the lock, so that the order is the same for all.
        let _ = self.live.send(entry);
    }

    /// Entries with greater numbers than this.
    pub(crate) fn after(&self, seq: u64) -> Vec<TimelineEntry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).1.iter().filter(|e| e.seq > seq).cloned().collect()
    }

    pub(crate) fn entries(&self) -> Vec<TimelineEntry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).1.iter().cloned().collect()
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<TimelineEntry> {
        self.live.subscribe()
    }
}
