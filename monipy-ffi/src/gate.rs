//! Gates: who is inside a callback. Every callback passes its handle's gate; `destroy` closes the
//! gate, so that no callback starts later, and can wait until the last one has left.

use crate::guard::lock;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// What kind of callback this thread is inside of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// None.
    Outside,
    /// on_event, on_log or user_data_free.
    Callback,
    /// on_audio or fill_audio: a media thread, where nothing may wait.
    Media,
}

thread_local! {
    static PLACE: Cell<Place> = const { Cell::new(Place::Outside) };
}

/// Where this thread is.
pub(crate) fn place() -> Place {
    PLACE.with(Cell::get)
}

/// Says that this thread is inside a callback until the value is dropped.
pub(crate) fn inside(place: Place) -> Inside {
    // A callback nested in an audio callback (user_data_free) still runs on the media thread.
    let before = PLACE.with(Cell::get);
    if before != Place::Media {
        PLACE.with(|p| p.set(place));
    }
    Inside { before }
}

/// See [`inside`].
pub(crate) struct Inside {
    before: Place,
}

impl Drop for Inside {
    fn drop(&mut self) {
        PLACE.with(|p| p.set(self.before));
    }
}

const CLOSED: u32 = 1 << 31;

/// Set when the process exits: no callback of any handle starts any more.
static EXITING: AtomicBool = AtomicBool::new(false);

/// A count of running callbacks with a bar that can be let down.
#[derive(Default)]
pub(crate) struct Gate {
    /// Running callbacks, and [`CLOSED`].
    state: AtomicU32,
    lock: Mutex<()>,
    left: Condvar,
}

impl Gate {
    /// Lets a callback in, or not when the gate is closed. The callback counts until
    /// [`Gate::leave`], which must follow exactly once after `true`.
    pub(crate) fn enter(&self) -> bool {
        // Never counted when closed, so that the last one out is always a callback that was let in.
        let open = |s: u32| (s & CLOSED == 0).then_some(s + 1);
        if self.state.fetch_update(Ordering::SeqCst, Ordering::SeqCst, open).is_err() {
            return false;
        }
        // SeqCst: the exit hook sets EXITING and then reads the count; a callback that it does not
        // see must see EXITING.
        if EXITING.load(Ordering::SeqCst) {
            self.leave();
            return false;
        }
        true
    }

    /// A callback has returned. True when the gate is closed and this was the last one inside.
    pub(crate) fn leave(&self) -> bool {
        let before = self.state.fetch_sub(1, Ordering::SeqCst);
        let last = before == CLOSED | 1;
        if last || EXITING.load(Ordering::SeqCst) {
            let _held = lock(&self.lock);
            self.left.notify_all();
        }
        last
    }

    /// Lets the bar down: no callback starts any more. True when none is running.
    pub(crate) fn close(&self) -> bool {
        self.state.fetch_or(CLOSED, Ordering::SeqCst) & !CLOSED == 0
    }

    /// Waits until no callback runs.
    pub(crate) fn wait(&self) {
        let mut held = lock(&self.lock);
        while self.state.load(Ordering::SeqCst) & !CLOSED != 0 {
            held = self.left.wait(held).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }

    /// Waits until no callback runs, until `end` at most.
    fn wait_until(&self, end: Instant) {
        let mut held = lock(&self.lock);
        while self.state.load(Ordering::SeqCst) & !CLOSED != 0 {
            let Some(left) = end.checked_duration_since(Instant::now()).filter(|d| !d.is_zero()) else { return };
            held = self.left.wait_timeout(held, left).unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }
}

/// The process exits: no callback starts any more, and those that run get a moment to return, so
/// that they do not meet the program's globals half destroyed.
pub(crate) fn close_all_for_exit<'a>(gates: impl Iterator<Item = &'a Gate>) {
    EXITING.store(true, Ordering::SeqCst);
    if place() != Place::Outside {
        return; // exit() was called by a callback: it would wait for itself.
    }
    let end = Instant::now() + Duration::from_millis(500);
    gates.for_each(|g| g.wait_until(end));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_closed_gate_lets_nobody_in() {
        let gate = Gate::default();
        assert!(gate.enter());
        assert!(!gate.close(), "one is inside");
        assert!(!gate.enter());
        assert!(gate.leave(), "the last one out is told so");
        gate.wait();
    }

    #[test]
    fn wait_returns_when_the_last_one_has_left() {
        let gate = Arc::new(Gate::default());
        assert!(gate.enter() && gate.enter());
        gate.close();
        let (tx, rx) = std::sync::mpsc::channel();
        let waiter = {
            let gate = Arc::clone(&gate);
            std::thread::spawn(move || {
                gate.wait();
                tx.send(()).expect("the test listens");
            })
        };
        assert!(!gate.leave());
        assert!(rx.try_recv().is_err(), "one is still inside");
        assert!(gate.leave());
        rx.recv().expect("the waiter wakes");
        waiter.join().expect("the waiter ends");
    }
}
