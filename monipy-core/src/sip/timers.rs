//! The deadlines of one user agent, in one ordered map. A deadline that is cancelled is gone at
//! once, so that the map is never larger than what is really awaited.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::time::Instant;

/// A deadline that was set, for cancelling it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerId(Instant, u64);

/// Deadlines, each with what it is for.
#[derive(Debug)]
pub(crate) struct Timers<T> {
    waiting: BTreeMap<TimerId, T>,
    next: u64,
}

impl<T> Timers<T> {
    pub(crate) fn new() -> Self {
        Timers { waiting: BTreeMap::new(), next: 0 }
    }

    /// Awaits `at`.
    pub(crate) fn set(&mut self, at: Instant, what: T) -> TimerId {
        let id = TimerId(at, self.next);
        self.next = self.next.wrapping_add(1);
        self.waiting.insert(id, what);
        id
    }

    /// No longer awaits a deadline; does nothing when it is past.
    pub(crate) fn cancel(&mut self, id: &mut Option<TimerId>) {
        if let Some(id) = id.take() {
            self.waiting.remove(&id);
        }
    }

    /// The earliest deadline.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.waiting.keys().next().map(|id| id.0)
    }

    /// Takes out one deadline that is due at `now`, the earliest first.
    pub(crate) fn due(&mut self, now: Instant) -> Option<T> {
        let (id, _) = self.waiting.first_key_value()?;
        if id.0 > now {
            return None;
        }
        self.waiting.pop_first().map(|(_, what)| what)
    }

    /// How many deadlines are awaited.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}
