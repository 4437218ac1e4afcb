//! A call on its way to a file, and a file on its way into a call.

use crate::guard::{Owned, entry};
use crate::hub::{Hub, Outcome};
use crate::pending::block_on;
use pyo3::prelude::*;
use std::path::PathBuf;

/// A recording that goes on, or has ended.
#[pyclass(frozen, module = "monipy._native")]
pub(crate) struct Recording {
    recording: Owned<monipy_core::Recording>,
}

impl Recording {
    pub(crate) fn new(recording: monipy_core::Recording) -> Self {
        Recording { recording: Owned::new(recording) }
    }
}

#[pymethods]
impl Recording {
    /// Ends it.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, || {
            self.recording.get().stop();
            Ok(())
        })
    }

    /// Leaves out what is said from now on, or goes on.
    fn set_paused(&self, py: Python<'_>, paused: bool) -> PyResult<()> {
        entry(py, || {
            let recording = self.recording.get();
            if paused {
                recording.pause()
            } else {
                recording.resume()
            }
            Ok(())
        })
    }

    /// Whether it is paused.
    fn paused(&self, py: Python<'_>) -> PyResult<bool> {
        entry(py, || Ok(self.recording.get().is_paused()))
    }

    /// Writes a page of HTML about what was recorded so far.
    fn report(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        entry(py, || {
            let recording = self.recording.get().clone();
            Ok(py.detach(move || recording.report(path))?)
        })
    }

    /// What is in the file so far.
    fn seconds(&self, py: Python<'_>) -> PyResult<f64> {
        entry(py, || Ok(self.recording.get().recorded().as_secs_f64()))
    }

    /// Blocks until the file is whole; False when `timeout` seconds are over first.
    fn wait(&self, py: Python<'_>, timeout: Option<f64>, main: bool) -> PyResult<bool> {
        entry(py, || Ok(block_on(py, self.recording.get().done(), timeout, main)?.is_some()))
    }

    /// Lets the hub wait until the file is whole; gives the token.
    fn submit_done(&self, py: Python<'_>, hub: &Hub, inbox: u64) -> PyResult<u64> {
        entry(py, || {
            let recording = self.recording.get().clone();
            let wait = async move {
                let _ = recording.done().await;
                Outcome::Ready
            };
            Ok(hub.submit(inbox, wait).0)
        })
    }

    /// Blocks until the file is whole; gives its seconds, or raises OSError.
    fn result(&self, py: Python<'_>) -> PyResult<f64> {
        entry(py, || {
            let recorded = block_on(py, self.recording.get().done(), None, false)?.transpose()?;
            Ok(recorded.unwrap_or_default().as_secs_f64())
        })
    }
}

/// A sound file that is spoken into a call, or was.
#[pyclass(frozen, module = "monipy._native")]
pub(crate) struct Playing {
    playing: Owned<monipy_core::Playing>,
}

impl Playing {
    pub(crate) fn new(playing: monipy_core::Playing) -> Self {
        Playing { playing: Owned::new(playing) }
    }
}

#[pymethods]
impl Playing {
    /// Ends it: silence at once.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, || {
            self.playing.get().stop();
            Ok(())
        })
    }

    /// Blocks until it is over; False when `timeout` seconds are over first.
    fn wait(&self, py: Python<'_>, timeout: Option<f64>, main: bool) -> PyResult<bool> {
        entry(py, || Ok(block_on(py, self.playing.get().done(), timeout, main)?.is_some()))
    }

    /// Lets the hub wait until it is over; gives the token.
    fn submit_done(&self, py: Python<'_>, hub: &Hub, inbox: u64) -> PyResult<u64> {
        entry(py, || {
            let playing = self.playing.get().clone();
            let wait = async move {
                let _ = playing.done().await;
                Outcome::Ready
            };
            Ok(hub.submit(inbox, wait).0)
        })
    }

    /// The seconds that were handed to the call once it is over, or raises OSError for a damaged file.
    fn result(&self, py: Python<'_>) -> PyResult<f64> {
        entry(py, || {
            let playing = self.playing.get();
            block_on(py, playing.done(), None, false)?.transpose()?;
            Ok(playing.played().as_secs_f64())
        })
    }
}
