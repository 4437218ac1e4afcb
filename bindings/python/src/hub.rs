//! The hub: where asyncio's waiting is done. One Python thread of the process sits in
//! [`Hub::wait`] with the interpreter lock released and polls what all loops wait for; what has
//! come about goes to each loop in one batch.

use crate::errors::raised;
use crate::guard::{Owned, entry};
use monipy_core::vocabulary::code;
use monipy_core::{Error, Reply};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// What was waited for.
pub(crate) enum Outcome {
    /// A method ended.
    Reply(monipy_core::Result<Reply>),
    /// A number of samples was taken.
    Count(usize),
    /// A queue has something, or has ended.
    Ready,
}

struct Done {
    inbox: u64,
    token: u64,
    outcome: Outcome,
}

struct Inner {
    runtime: tokio::runtime::Runtime,
    done: Mutex<Vec<Done>>,
    notify: Notify,
    stopped: AtomicBool,
    tokens: AtomicU64,
}

impl Inner {
    fn finish(&self, inbox: u64, token: u64, outcome: Outcome) {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).push(Done { inbox, token, outcome });
        self.notify.notify_one();
    }

    fn take(&self) -> Vec<Done> {
        std::mem::take(&mut *self.done.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The hub of a process. Tasks make progress while a thread is in `wait`.
#[pyclass(frozen, module = "monipy._native")]
pub(crate) struct Hub {
    inner: Owned<Arc<Inner>>,
}

impl Hub {
    /// Waits for `future` on behalf of `inbox`; the token is found beside the outcome later.
    pub(crate) fn submit(&self, inbox: u64, future: impl Future<Output = Outcome> + Send + 'static) -> (u64, AbortHandle) {
        let inner = self.inner.get().clone();
        let token = inner.tokens.fetch_add(1, Ordering::Relaxed);
        let task = {
            let inner = inner.clone();
            async move {
                let outcome = future.await;
                inner.finish(inbox, token, outcome);
            }
        };
        (token, inner.runtime.spawn(task).abort_handle())
    }

    /// Runs `future` without telling anybody how it ended.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.inner.get().runtime.spawn(future);
    }
}

#[pymethods]
impl Hub {
    #[new]
    fn new(py: Python<'_>) -> PyResult<Self> {
        entry(py, || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .map_err(|e| raised(py, &Error::new(code::INTERNAL, format!("the system gave no resources: {e}"))))?;
            let inner = Inner {
                runtime,
                done: Mutex::default(),
                notify: Notify::new(),
                stopped: AtomicBool::new(false),
                tokens: AtomicU64::new(1),
            };
            Ok(Hub { inner: Owned::new(Arc::new(inner)) })
        })
    }

    /// Blocks until something has come about. Gives a list of (inbox, [(token, outcome), ...]),
    /// an outcome being (code, status), an exception, a number of samples, or None. Gives None
    /// after stop.
    fn wait(&self, py: Python<'_>) -> PyResult<Option<Py<PyList>>> {
        entry(py, || {
            let inner = self.inner.get();
            let done = py.detach(|| {
                inner.runtime.block_on(async {
                    loop {
                        let done = inner.take();
                        if !done.is_empty() || inner.stopped.load(Ordering::Acquire) {
                            return done;
                        }
                        inner.notify.notified().await;
                    }
                })
            });
            if done.is_empty() && inner.stopped.load(Ordering::Acquire) {
                return Ok(None);
            }
            // A process has one or two loops: a list is searched faster than a map.
            let batches = PyList::empty(py);
            let mut known: Vec<(u64, Bound<'_, PyList>)> = Vec::new();
            for Done { inbox, token, outcome } in done {
                let items = match known.iter().find(|(id, _)| *id == inbox) {
                    Some((_, items)) => items.clone(),
                    None => {
                        let items = PyList::empty(py);
                        batches.append((inbox, &items))?;
                        known.push((inbox, items.clone()));
                        items
                    }
                };
                items.append(PyTuple::new(py, [token.into_pyobject(py)?.into_any(), outcome_object(py, outcome)?])?)?;
            }
            Ok(Some(batches.unbind()))
        })
    }

    /// Lets `wait` return for good.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, || {
            let inner = self.inner.get();
            inner.stopped.store(true, Ordering::Release);
            inner.notify.notify_one();
            Ok(())
        })
    }
}

fn outcome_object(py: Python<'_>, outcome: Outcome) -> PyResult<Bound<'_, PyAny>> {
    Ok(match outcome {
        Outcome::Reply(Ok(reply)) => (reply.code, reply.status).into_pyobject(py)?.into_any(),
        Outcome::Reply(Err(error)) => raised(py, &error).into_value(py).into_bound(py).into_any(),
        Outcome::Count(n) => n.into_pyobject(py)?.into_any(),
        Outcome::Ready => py.None().into_bound(py),
    })
}
