//! Events on their way to those who listen: one bounded queue per listener. A slow listener
//! delays itself alone. Call-state events are never dropped; what is dropped is counted and said.

use crate::event::{Detail, Event, EventKind};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// One listener's queue.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<QueueState>,
    ready: Condvar,
    notify: Notify,
    capacity: usize,
}

#[derive(Debug, Default)]
struct QueueState {
    events: VecDeque<Event>,
    dropped: u64,
    /// Number and time of the last one dropped.
    last_dropped: (u64, u64),
    closed: bool,
}

impl QueueState {
    /// What tells of the events dropped since the last such notice.
    fn notice(&mut self) -> Option<Event> {
        let dropped = std::mem::take(&mut self.dropped);
        let (seq, time_ms) = self.last_dropped;
        (dropped > 0).then(|| Event {
            kind: EventKind::Overflow,
            seq,
            time_ms,
            call: None,
            code: 200,
            status: format!("{dropped} events were dropped: the handler is too slow"),
            detail: Detail::Overflow { dropped },
        })
    }

    /// The next event; when none waits, what was dropped after the last one.
    fn next(&mut self) -> Option<Event> {
        self.events.pop_front().or_else(|| self.notice())
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, event: Event) {
        let mut state = self.lock();
        if state.events.len() >= self.capacity && droppable(event.kind) {
            state.dropped += 1;
            state.last_dropped = (event.seq, event.time_ms);
            return;
        }
        // In its place among the others.
        let notice = state.notice();
        state.events.extend(notice);
        state.events.push_back(event);
        drop(state);
        self.ready.notify_one();
        self.notify.notify_one();
    }

    fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_all();
        self.notify.notify_waiters();
        self.notify.notify_one();
    }

    pub(crate) fn try_pop(&self) -> Option<Event> {
        self.lock().next()
    }

    pub(crate) fn is_closed(&self) -> bool {
        let state = self.lock();
        state.closed && state.events.is_empty() && state.dropped == 0
    }

    pub(crate) async fn pop(&self) -> Option<Event> {
        loop {
            let notified = self.notify.notified();
            {
                let mut state = self.lock();
                if let Some(event) = state.next() {
                    return Some(event);
                }
                if state.closed {
                    return None;
                }
            }
            notified.await;
        }
    }

    pub(crate) fn pop_timeout(&self, timeout: Duration) -> Option<Event> {
        let deadline = Instant::now().checked_add(timeout);
        let mut state = self.lock();
        loop {
            if let Some(event) = state.next() {
                return Some(event);
            }
            if state.closed {
                return None;
            }
            let left = deadline.map_or(Duration::from_secs(3600), |d| d.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return None;
            }
            state = self.ready.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// What may be dropped when a listener is too slow: nothing that changes the state of a call or
/// of the login.
fn droppable(kind: EventKind) -> bool {
    matches!(kind, EventKind::Stats | EventKind::Dtmf | EventKind::Error | EventKind::Missed)
}

/// The sending end: numbers events and hands them to every listener.
#[derive(Debug)]
pub(crate) struct Bus {
    state: Mutex<BusState>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct BusState {
    listeners: Vec<Weak<Queue>>,
    seq: u64,
    closed: bool,
}

impl Bus {
    pub(crate) fn new(capacity: usize) -> Self {
        Bus { state: Mutex::default(), capacity }
    }

    fn lock(&self) -> MutexGuard<'_, BusState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn subscribe(&self) -> Arc<Queue> {
        let mut state = self.lock();
        let queue = Arc::new(Queue { state: Mutex::default(), ready: Condvar::new(), notify: Notify::new(), capacity: self.capacity });
        queue.lock().closed = state.closed;
        state.listeners.retain(|l| l.strong_count() > 0);
        state.listeners.push(Arc::downgrade(&queue));
        queue
    }

    /// Numbers the event, hands it on and returns its number. After [`Bus::close`] nothing is handed
    /// on, and there is no number (0).
    pub(crate) fn publish(&self, mut event: Event) -> u64 {
        let mut state = self.lock();
        if state.closed {
            return 0;
        }
        state.seq += 1;
        event.seq = state.seq;
        for listener in &state.listeners {
            if let Some(queue) = listener.upgrade() {
                queue.push(event.clone());
            }
        }
        state.seq
    }

    /// The number of the last event; 0 before the first.
    pub(crate) fn last_seq(&self) -> u64 {
        self.lock().seq
    }

    /// The longest queue, as a share of the capacity: the engine takes no new call when a
    /// listener is hopelessly behind, so that queues stay bounded.
    pub(crate) fn hopelessly_behind(&self) -> bool {
        let state = self.lock();
        state.listeners.iter().filter_map(Weak::upgrade).any(|q| q.lock().events.len() >= 4 * self.capacity)
    }

    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        for listener in state.listeners.drain(..) {
            if let Some(queue) = listener.upgrade() {
                queue.close();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind) -> Event {
        Event { kind, seq: 0, time_ms: 0, call: None, code: 200, status: String::new(), detail: Detail::None }
    }

    #[test]
    fn a_slow_listener_loses_figures_and_never_call_states_and_is_told() {
        let bus = Bus::new(4);
        let queue = bus.subscribe();
        for _ in 0..4 {
            bus.publish(event(EventKind::Ringing));
        }
        bus.publish(event(EventKind::Stats));
        bus.publish(event(EventKind::Stats));
        bus.publish(event(EventKind::Ended));
        let seen: Vec<_> = std::iter::from_fn(|| queue.try_pop()).collect();
        assert_eq!(seen.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 6, 7]);
        assert_eq!(seen[4].detail, Detail::Overflow { dropped: 2 });
        assert_eq!(seen[5].kind, EventKind::Ended);
        bus.publish(event(EventKind::Login));
        assert_eq!(queue.try_pop().map(|e| e.kind), Some(EventKind::Login), "told once");
    }

    #[test]
    fn what_was_dropped_last_is_told_though_nothing_comes_after_it() {
        let bus = Bus::new(1);
        let queue = bus.subscribe();
        for _ in 0..4 {
            bus.publish(event(EventKind::Stats));
        }
        bus.close();
        assert_eq!(queue.pop_timeout(Duration::ZERO).map(|e| e.kind), Some(EventKind::Stats));
        assert!(!queue.is_closed());
        assert_eq!(queue.pop_timeout(Duration::ZERO).map(|e| e.detail), Some(Detail::Overflow { dropped: 3 }));
        assert!(queue.pop_timeout(Duration::ZERO).is_none() && queue.is_closed());
    }

    #[test]
    fn closing_ends_the_stream_after_what_waits() {
        let bus = Bus::new(4);
        let queue = bus.subscribe();
        bus.publish(event(EventKind::Login));
        bus.close();
        bus.publish(event(EventKind::Logout));
        assert_eq!(queue.pop_timeout(Duration::ZERO).map(|e| e.kind), Some(EventKind::Login));
        assert_eq!(queue.pop_timeout(Duration::from_secs(5)).map(|e| e.kind), None);
        assert!(queue.is_closed());
        assert!(bus.subscribe().is_closed());
    }
}
