//! Waiting for the engine on threads that belong to no runtime.

use crate::guard::{Outcome, lock};
use monipy_core::vocabulary::code;
use monipy_core::{Pending, Supervisor};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// Puts a thread to sleep until it is woken.
#[derive(Default)]
pub(crate) struct Parker {
    woken: Mutex<bool>,
    change: Condvar,
}

impl Parker {
    /// Sleeps until it is woken or the time has come; false for the latter.
    pub(crate) fn sleep_until(&self, end: Option<Instant>) -> bool {
        let mut woken = lock(&self.woken);
        loop {
            if std::mem::take(&mut *woken) {
                return true;
            }
            match end.map(|e| e.saturating_duration_since(Instant::now())) {
                None => woken = self.change.wait(woken).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return false,
                Some(left) => woken = self.change.wait_timeout(woken, left).unwrap_or_else(PoisonError::into_inner).0,
            }
        }
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        *lock(&self.woken) = true;
        self.change.notify_all();
    }
}

/// Runs a future on this thread, until the time has come at most.
pub(crate) fn block_until<T>(future: impl Future<Output = T>, end: Option<Instant>) -> Option<T> {
    let parker = Arc::new(Parker::default());
    let waker = Waker::from(Arc::clone(&parker));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(value);
        }
        if !parker.sleep_until(end) {
            return None;
        }
    }
}

/// How long the engine may take to look at a command. It takes microseconds; only an engine in
/// trouble comes near.
const LOOK: Duration = Duration::from_secs(1);

/// Codes that say the engine would not begin. Any other (401, 408, a SIP code) is how a command
/// ended: that comes as an event, however quickly it came about.
fn is_refusal(contract: u16) -> bool {
    matches!(contract, code::NOT_CONNECTED..=code::INTERNAL)
}

/// Gives a command and says what can be said at once: that it is on its way (or done), or why the
/// engine refused it. How it ends comes as an event.
pub(crate) fn command(supervisor: &Supervisor, give: impl FnOnce(&Supervisor) -> Pending) -> Outcome<()> {
    let mut pending = give(supervisor);
    let mut look = || match Pin::new(&mut pending).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(_)) => Some(Ok(())),
        Poll::Ready(Err(e)) if is_refusal(e.code) => Some(Err(e.into())),
        Poll::Ready(Err(_)) => Some(Ok(())),
        Poll::Pending => None,
    };
    if let Some(outcome) = look() {
        return outcome;
    }
    // The engine takes commands in turn: when it has answered this one, it has looked at ours.
    let _ = block_until(supervisor.settled(), Some(Instant::now() + LOOK));
    look().unwrap_or(Ok(()))
}
