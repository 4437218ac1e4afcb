//! Events on their way to Python, in batches: all that wait are given at once.

use crate::guard::entry;
use crate::hub::Hub;
use crate::waiting::{Source, Waiting};
use monipy_core::{Event, EventStream};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use serde_json::Value;

/// Events that are given at once at most.
const BATCH: usize = 256;

impl Source for EventStream {
    type Item = Event;
    async fn next(&mut self) -> Option<Event> {
        EventStream::next(self).await
    }
    fn try_next(&mut self) -> Option<Event> {
        EventStream::try_next(self)
    }
    fn is_closed(&self) -> bool {
        EventStream::is_closed(self)
    }
}

/// A listener's queue of events; one thread or task at a time may wait on it.
#[pyclass(frozen, module = "monipy._native")]
pub(crate) struct EventQueue {
    waiting: Waiting<EventStream>,
}

impl EventQueue {
    pub(crate) fn new(stream: EventStream) -> Self {
        EventQueue { waiting: Waiting::new(stream, BATCH) }
    }
}

#[pymethods]
impl EventQueue {
    /// What waits, as ([(name, fields), ...], ended); never blocks. Ended: nothing comes after these.
    fn take(&self, py: Python<'_>) -> PyResult<(Py<PyList>, bool)> {
        entry(py, || {
            let (events, ended) = self.waiting.take();
            Ok((event_list(py, events)?, ended))
        })
    }

    /// Blocks until there are events, the stream has ended, or `timeout` seconds are over; gives
    /// what `take` gives.
    fn wait(&self, py: Python<'_>, timeout: Option<f64>, main: bool) -> PyResult<(Py<PyList>, bool)> {
        entry(py, || {
            let (events, ended) = self.waiting.wait(py, timeout, main)?;
            Ok((event_list(py, events)?, ended))
        })
    }

    /// Tells `inbox` once there are events or the stream has ended; gives the token, or None when
    /// somebody waits already.
    fn arm(&self, py: Python<'_>, hub: &Hub, inbox: u64) -> PyResult<Option<u64>> {
        entry(py, || Ok(self.waiting.arm(hub, inbox, 1)))
    }

    /// Lets go of the stream.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, || {
            self.waiting.close();
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
