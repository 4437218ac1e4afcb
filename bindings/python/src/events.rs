//! Events on their way to Python, in batches: all that wait are given at once.

use crate::guard::{Owned, entry};
use crate::hub::{Hub, Outcome};
use crate::pending::block_on;
use monipy_core::{Event, EventStream};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::AbortHandle;

/// More than this at once would hold the interpreter lock for long.
const BATCH: usize = 256;

#[derive(Default)]
struct State {
    /// Away while somebody waits on it.
    stream: Option<EventStream>,
    /// Came while it was waited for.
    early: VecDeque<Event>,
    ended: bool,
    closed: bool,
    /// The task that waits on it.
    task: Option<AbortHandle>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Brings a stream and its next event back.
fn back(state: &Mutex<State>, stream: EventStream, event: Option<Event>) {
    let mut state = lock(state);
    match event {
        Some(event) => state.early.push_back(event),
        None => state.ended = stream.is_closed(),
    }
    if !state.closed {
        state.stream = Some(stream);
    }
}

/// A listener's queue of events; one thread or task at a time may wait on it.
#[pyclass(frozen, module = "monipy._native")]
pub(crate) struct EventQueue {
    state: Owned<Arc<Mutex<State>>>,
}

impl EventQueue {
    pub(crate) fn new(stream: EventStream) -> Self {
        EventQueue { state: Owned::new(Arc::new(Mutex::new(State { stream: Some(stream), ..State::default() }))) }
    }

    /// What waits, and whether that was the last.
    fn drain(&self) -> (Vec<Event>, bool) {
        let mut state = lock(self.state.get());
        let mut events: Vec<Event> = Vec::new();
        while events.len() < BATCH {
            let next = state.early.pop_front().or_else(|| state.stream.as_mut().and_then(EventStream::try_next));
            let Some(event) = next else { break };
            events.push(event);
        }
        let ended = state.ended || state.closed;
        (events, ended)
    }
}

#[pymethods]
impl EventQueue {
    /// What waits, as ([(name, fields), ...], ended); never blocks. Ended: nothing comes after these.
    fn take(&self, py: Python<'_>) -> PyResult<(Py<PyList>, bool)> {
        entry(py, || {
            let (events, ended) = self.drain();
            // A full batch may have left some behind.
            let ended = ended && events.len() < BATCH;
            Ok((event_list(py, events)?, ended))
        })
    }

    /// Blocks until there are events, the stream has ended, or `timeout` seconds are over; gives
    /// what `take` gives.
    fn wait(&self, py: Python<'_>, timeout: Option<f64>, main: bool) -> PyResult<(Py<PyList>, bool)> {
        entry(py, || {
            let stream = {
                let mut state = lock(self.state.get());
                if state.early.is_empty() { state.stream.take() } else { None }
            };
            if let Some(mut stream) = stream {
                let waited = block_on(py, stream.next(), timeout, main);
                // The stream goes back whatever happened, Ctrl-C included.
                let event = waited.as_ref().ok().cloned().flatten().flatten();
                back(self.state.get(), stream, event);
                waited?;
            }
            let (events, ended) = self.drain();
            let ended = ended && events.len() < BATCH;
            Ok((event_list(py, events)?, ended))
        })
    }

    /// Tells `inbox` once there are events or the stream has ended; gives the token, or None when
    /// somebody waits already.
    fn arm(&self, py: Python<'_>, hub: &Hub, inbox: u64) -> PyResult<Option<u64>> {
        entry(py, || {
            let shared = self.state.get();
            let mut held = lock(shared);
            let Some(mut stream) = held.stream.take() else { return Ok(None) };
            let state = shared.clone();
            let wait = async move {
                let event = stream.next().await;
                back(&state, stream, event);
                Outcome::Ready
            };
            let (token, task) = hub.submit(inbox, wait);
            held.task = Some(task);
            Ok(Some(token))
        })
    }

    /// Lets go of the stream.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, || {
            let mut state = lock(self.state.get());
            state.closed = true;
            state.stream = None;
            state.early.clear();
            if let Some(task) = state.task.take() {
                task.abort();
            }
            Ok(())
        })
    }
}

fn event_list(py: Python<'_>, events: Vec<Event>) -> PyResult<Py<PyList>> {
    let list = PyList::empty(py);
    for event in events {
        let fields = PyDict::new(py);
        for (name, value) in event.object() {
            fields.set_item(name, value_object(py, &value)?)?;
        }
        fields.set_item("seq", event.seq)?;
        fields.set_item("time_ms", event.time_ms)?;
        fields.set_item("call", event.call.map(|c| c.0))?;
        list.append((event.name(), fields))?;
    }
    Ok(list.unbind())
}

fn value_object<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(b) => b.into_pyobject(py)?.to_owned().into_any(),
        Value::Number(n) => match n.as_u64() {
            Some(u) => u.into_pyobject(py)?.into_any(),
            None => match n.as_i64() {
                Some(i) => i.into_pyobject(py)?.into_any(),
                None => n.as_f64().unwrap_or(f64::NAN).into_pyobject(py)?.into_any(),
            },
        },
        Value::String(s) => s.into_pyobject(py)?.into_any(),
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(value_object(py, item)?)?;
            }
            list.into_any()
        }
        Value::Object(map) => {
            let dict = PyDict::new(py);
            for (k, v) in map {
                dict.set_item(k, value_object(py, v)?)?;
            }
            dict.into_any()
        }
    })
}
