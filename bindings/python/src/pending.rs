//! The outcome of a method, on its way: waited for by a blocked thread, or by asyncio through the
//! hub, or by nobody.

use crate::errors::raised;
use crate::guard::{Owned, entry};
use crate::hub::{Hub, Outcome};
use monipy_core::Error;
use monipy_core::vocabulary::code;
use pyo3::prelude::*;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// How long the main thread waits before it looks whether Ctrl-C was pressed.
const SIGNAL_SLICE: Duration = Duration::from_millis(100);

/// The outcome of a method. Taken once.
#[pyclass(frozen, module = "monipy._native")]
pub(crate) struct Pending {
    inner: Owned<Mutex<Option<monipy_core::supervisor::Pending>>>,
}

impl Pending {
    pub(crate) fn new(pending: monipy_core::supervisor::Pending) -> Self {
        Pending { inner: Owned::new(Mutex::new(Some(pending))) }
    }

    fn take(&self, py: Python<'_>) -> PyResult<monipy_core::supervisor::Pending> {
        let taken = self.inner.get().lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.ok_or_else(|| raised(py, &Error::new(code::INVALID_STATE, "this outcome was taken already")))
    }
}

#[pymethods]
impl Pending {
    /// Blocks for the outcome, (code, status), and raises the method's error; None when `timeout`
    /// seconds are over first. `main` says that this is the main thread, where Ctrl-C counts.
    #[pyo3(signature = (timeout, main))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>, main: bool) -> PyResult<Option<(u16, String)>> {
        entry(py, || match block_on(py, self.take(py)?, timeout, main)? {
            None => Ok(None),
            Some(Ok(reply)) => Ok(Some((reply.code, reply.status))),
            Some(Err(error)) => Err(raised(py, &error)),
        })
    }

    /// Lets the hub wait for it; gives the token.
    fn submit(&self, py: Python<'_>, hub: &Hub, inbox: u64) -> PyResult<u64> {
        entry(py, || {
            let pending = self.take(py)?;
            Ok(hub.submit(inbox, async move { Outcome::Reply(pending.await) }).0)
        })
    }
}

/// Wakes a parked thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs `future` on this thread with the interpreter lock released, for `timeout` seconds at most;
/// None when the time is up. On the main thread signals are looked for, and what their handlers
/// raise is raised.
pub(crate) fn block_on<F>(py: Python<'_>, future: F, timeout: Option<f64>, main: bool) -> PyResult<Option<F::Output>>
where
    F: Future + Send,
    F::Output: Send,
{
    let mut future = pin!(future);
    let deadline = deadline(py, timeout)?;
    loop {
        let slice = main.then(|| Instant::now() + SIGNAL_SLICE);
        let until = match (slice, deadline) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let polled = py.detach(|| {
            let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
            let mut context = Context::from_waker(&waker);
            loop {
                if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                    return Some(output);
                }
                match until.map(|u| u.saturating_duration_since(Instant::now())) {
                    None => std::thread::park(),
                    Some(left) if left.is_zero() => return None,
                    Some(left) => std::thread::park_timeout(left),
                }
            }
        });
        if polled.is_some() {
            return Ok(polled);
        }
        if main {
            py.check_signals()?;
        }
        if deadline.is_some_and(|d| Instant::now() >= d) {
            return Ok(None);
        }
    }
}

/// When a time of `timeout` seconds from now is up; None for never.
fn deadline(py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Instant>> {
    let Some(seconds) = timeout else { return Ok(None) };
    if seconds.is_nan() {
        return Err(crate::errors::invalid_argument(py, "timeout: not a number; it accepts seconds, or None to wait for ever"));
    }
    // A time beyond the clock's end means for ever.
    Ok(Duration::try_from_secs_f64(seconds.max(0.0)).ok().and_then(|d| Instant::now().checked_add(d)))
}
