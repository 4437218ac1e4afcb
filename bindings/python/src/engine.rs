//! The supervisor: commands in, answers by [`Pending`], what is known now.

use crate::audio::{AudioQueue, AudioSink};
use crate::config::config;
use crate::errors::raised;
use crate::events::EventQueue;
use crate::guard::{Owned, entry};
use crate::hub::{Hub, Outcome};
use crate::pending::Pending;
use crate::recording::{Playing, Recording};
use monipy_core::{CallId, CallState, Reply, Supervisor};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Longest time that closing may ask for.
const LONGEST_CLOSE: f64 = 3600.0;

fn seconds(timeout: f64) -> Duration {
    // NaN and negative numbers are no time at all.
    Duration::try_from_secs_f64(timeout.clamp(0.0, LONGEST_CLOSE)).unwrap_or_default()
}

/// One supervisor of the core. Call ids are numbers; 0 is the current call.
#[pyclass(frozen, module = "monipy._native")]
pub(crate) struct Engine {
    supervisor: Owned<Supervisor>,
    // The facade asks for events before it does anything else, so that it misses none.
    first_events: Owned<Mutex<Option<monipy_core::EventStream>>>,
}

impl Engine {
    fn call(&self, py: Python<'_>, method: impl FnOnce(&Supervisor) -> monipy_core::supervisor::Pending) -> PyResult<Pending> {
        entry(py, || Ok(Pending::new(method(self.supervisor.get()))))
    }
}

#[pymethods]
impl Engine {
    #[new]
    fn new(py: Python<'_>, settings: &Bound<'_, PyDict>) -> PyResult<Self> {
        entry(py, || {
            let config = config(settings)?;
            let supervisor = py.detach(|| Supervisor::new(config)).map_err(|e| raised(py, &e))?;
            let first = supervisor.events();
            Ok(Engine { supervisor: Owned::new(supervisor), first_events: Owned::new(Mutex::new(Some(first))) })
        })
    }

    fn login(&self, py: Python<'_>, id: &str, password: &str) -> PyResult<Pending> {
        self.call(py, |s| s.login(id, password))
    }
    fn logout(&self, py: Python<'_>) -> PyResult<Pending> {
        self.call(py, Supervisor::logout)
    }
    fn call_out(&self, py: Python<'_>, target: &str) -> PyResult<Pending> {
        self.call(py, |s| s.call(target))
    }
    fn answer(&self, py: Python<'_>, call: u64) -> PyResult<Pending> {
        self.call(py, |s| s.answer(CallId(call)))
    }
    fn reject(&self, py: Python<'_>, call: u64, code: Option<u16>) -> PyResult<Pending> {
        self.call(py, |s| match code {
            Some(code) => s.reject_with(CallId(call), code),
            None => s.reject(CallId(call)),
        })
    }
    fn terminate(&self, py: Python<'_>, call: u64) -> PyResult<Pending> {
        self.call(py, |s| s.terminate(CallId(call)))
    }
    fn hold(&self, py: Python<'_>, call: u64) -> PyResult<Pending> {
        self.call(py, |s| s.hold(CallId(call)))
    }
    fn unhold(&self, py: Python<'_>, call: u64) -> PyResult<Pending> {
        self.call(py, |s| s.unhold(CallId(call)))
    }
    fn mute(&self, py: Python<'_>, call: u64) -> PyResult<Pending> {
        self.call(py, |s| s.mute(CallId(call)))
    }
    fn unmute(&self, py: Python<'_>, call: u64) -> PyResult<Pending> {
        self.call(py, |s| s.unmute(CallId(call)))
    }
    fn send_dtmf(&self, py: Python<'_>, call: u64, digits: &str, duration_ms: u32, gap_ms: u32) -> PyResult<Pending> {
        self.call(py, |s| s.send_dtmf_with(CallId(call), digits, duration_ms, gap_ms))
    }

    fn is_logged_in(&self, py: Python<'_>) -> PyResult<bool> {
        entry(py, || Ok(self.supervisor.get().is_logged_in()))
    }
    fn is_connected(&self, py: Python<'_>) -> PyResult<bool> {
        entry(py, || Ok(self.supervisor.get().is_connected()))
    }

    /// What is known of a call, as a dict; None when it is over and forgotten.
    fn call_info<'py>(&self, py: Python<'py>, call: u64) -> PyResult<Option<Bound<'py, PyDict>>> {
        entry(py, || {
            let Some(info) = self.supervisor.get().call_info(CallId(call)) else { return Ok(None) };
            let d = PyDict::new(py);
            d.set_item("id", info.id.0)?;
            d.set_item("direction", info.direction.as_str())?;
            d.set_item("state", state_name(info.state))?;
            d.set_item("on_hold", info.on_hold)?;
            d.set_item("held_by_other", info.held_by_other)?;
            d.set_item("muted", info.muted)?;
            let i = &info.incoming;
            d.set_item("from_", &i.from)?;
            d.set_item("from_uri", &i.from_uri)?;
            d.set_item("call_id", &i.call_id)?;
            d.set_item("team_name", &i.team_name)?;
            d.set_item("to_number", &i.to_number)?;
            d.set_item("transfer_from", &i.transfer_from)?;
            d.set_item("transfer", &i.transfer)?;
            let headers = PyDict::new(py);
            for (name, value) in &i.headers {
                headers.set_item(name, value)?;
            }
            d.set_item("headers", headers)?;
            Ok(Some(d))
        })
    }

    /// The ids of the calls that are not over, oldest first.
    fn calls(&self, py: Python<'_>) -> PyResult<Vec<u64>> {
        entry(py, || Ok(self.supervisor.get().calls().into_iter().map(|c| c.id.0).collect()))
    }

    /// The figures of a call now, as a dict; None when it is over.
    fn stats<'py>(&self, py: Python<'py>, call: u64) -> PyResult<Option<Bound<'py, PyDict>>> {
        entry(py, || {
            let Some(s) = self.supervisor.get().call_stats(CallId(call)) else { return Ok(None) };
            let d = PyDict::new(py);
            d.set_item("packets_received", s.packets_received)?;
            d.set_item("packets_sent", s.packets_sent)?;
            d.set_item("bytes_received", s.bytes_received)?;
            d.set_item("bytes_sent", s.bytes_sent)?;
            d.set_item("packets_lost", s.packets_lost)?;
            d.set_item("packets_recovered", s.packets_recovered)?;
            d.set_item("concealed_ms", s.concealed_ms)?;
            d.set_item("jitter_ms", s.jitter_ms)?;
            d.set_item("playout_delay_ms", s.playout_delay_ms)?;
            d.set_item("round_trip_ms", s.round_trip_ms)?;
            d.set_item("mos", s.mos)?;
            d.set_item("level_dbfs", s.level_dbfs)?;
            d.set_item("sent_level_dbfs", s.sent_level_dbfs)?;
            d.set_item("clipped_samples", s.clipped_samples)?;
            d.set_item("sounding_samples_sent", s.sounding_samples_sent)?;
            d.set_item("loss_percent", s.loss_percent)?;
            d.set_item("concealed_percent", s.concealed_percent)?;
            Ok(Some(d))
        })
    }

    /// A queue of the events from here on; the first one asked for has them from the beginning.
    fn events(&self, py: Python<'_>) -> PyResult<EventQueue> {
        entry(py, || {
            let first = self.first_events.get().lock().unwrap_or_else(PoisonError::into_inner).take();
            Ok(EventQueue::new(first.unwrap_or_else(|| self.supervisor.get().events())))
        })
    }

    /// What is heard in a call.
    #[pyo3(signature = (call, rate, frame_ms, party=None))]
    fn audio(&self, py: Python<'_>, call: u64, rate: u32, frame_ms: u32, party: Option<u32>) -> PyResult<AudioQueue> {
        entry(py, || {
            let supervisor = self.supervisor.get();
            let stream = match party {
                None => supervisor.audio(CallId(call), rate, frame_ms),
                Some(party) => supervisor.party_audio(CallId(call), party, rate, frame_ms),
            };
            stream.map(AudioQueue::new).map_err(|e| raised(py, &e))
        })
    }

    /// A way to speak into a call.
    fn audio_writer(&self, py: Python<'_>, call: u64, rate: u32) -> PyResult<AudioSink> {
        entry(py, || self.supervisor.get().audio_writer(CallId(call), rate).map(AudioSink::new).map_err(|e| raised(py, &e)))
    }

    /// Records a call.
    fn record(&self, py: Python<'_>, call: u64, path: PathBuf, rate: u32) -> PyResult<Recording> {
        entry(py, || {
            let recording = py.detach(|| self.supervisor.get().record(CallId(call), path, rate));
            recording.map(Recording::new).map_err(|e| raised(py, &e))
        })
    }

    /// Speaks a sound file into a call.
    fn play(&self, py: Python<'_>, call: u64, path: PathBuf) -> PyResult<Playing> {
        entry(py, || {
            let playing = py.detach(|| self.supervisor.get().play(CallId(call), path));
            playing.map(Playing::new).map_err(|e| raised(py, &e))
        })
    }

    /// Uses this speaker (or the default) from now on.
    fn set_output_device(&self, py: Python<'_>, name: Option<String>) -> PyResult<()> {
        entry(py, || {
            self.supervisor.get().set_output_device(name.as_deref());
            Ok(())
        })
    }

    /// Uses this microphone (or the default) from now on.
    fn set_input_device(&self, py: Python<'_>, name: Option<String>) -> PyResult<()> {
        entry(py, || {
            self.supervisor.get().set_input_device(name.as_deref());
            Ok(())
        })
    }

    /// Ends calls, logs out, stops; blocks up to `timeout` seconds with the interpreter lock released.
    fn close(&self, py: Python<'_>, timeout: f64) -> PyResult<()> {
        entry(py, || {
            let timeout = seconds(timeout);
            py.detach(|| self.supervisor.get().shutdown_blocking(timeout));
            Ok(())
        })
    }

    /// `close` on the hub; gives the token.
    fn submit_close(&self, py: Python<'_>, hub: &Hub, inbox: u64, timeout: f64) -> PyResult<u64> {
        entry(py, || {
            let (supervisor, timeout) = (self.supervisor.get().clone(), seconds(timeout));
            let close = async move {
                supervisor.shutdown(timeout).await;
                Outcome::Reply(Ok(Reply { code: 200, status: "closed".into() }))
            };
            Ok(hub.submit(inbox, close).0)
        })
    }
}

fn state_name(state: CallState) -> &'static str {
    match state {
        CallState::Trying => "trying",
        CallState::Ringing => "ringing",
        CallState::Answering => "answering",
        CallState::Answered => "answered",
        CallState::Ended => "ended",
    }
}

/// Every speaker and microphone: name, id, "output" or "input", whether it is the default.
#[pyfunction]
pub(crate) fn devices(py: Python<'_>) -> PyResult<Vec<(String, String, &'static str, bool)>> {
    entry(py, || {
        let found = py.detach(monipy_core::device::devices).map_err(|e| raised(py, &e))?;
        let kind = |way| if way == monipy_core::device::Way::Output { "output" } else { "input" };
        Ok(found.into_iter().map(|d| (d.name, d.id, kind(d.way), d.is_default)).collect())
    })
}

/// Closes many at once, within `timeout` seconds for all of them together.
#[pyfunction]
pub(crate) fn close_all(py: Python<'_>, engines: Vec<Py<Engine>>, timeout: f64) -> PyResult<()> {
    entry(py, || {
        let timeout = seconds(timeout);
        let supervisors: Vec<Supervisor> = engines.iter().map(|e| e.get().supervisor.get().clone()).collect();
        py.detach(|| {
            std::thread::scope(|scope| {
                for supervisor in &supervisors {
                    // Where the system gives no thread, dropping the last handle has to do.
                    let _ = std::thread::Builder::new().spawn_scoped(scope, || supervisor.shutdown_blocking(timeout));
                }
            });
            drop(supervisors);
        });
        Ok(())
    })
}

/// Stops the library's threads, which every supervisor of the process shares.
#[pyfunction]
pub(crate) fn stop_threads(py: Python<'_>, timeout: f64) -> PyResult<()> {
    entry(py, || {
        let timeout = seconds(timeout);
        py.detach(|| monipy_core::runtime::shutdown(timeout));
        Ok(())
    })
}
