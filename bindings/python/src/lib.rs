//! The Rust half of the Python package `monipy`: the core crate's objects with Python's manners.
//! No policy lives here, and little of Python's comfort: that is `python/monipy/`, in Python.
//!
//! Rust never calls into Python from a thread of its own. Threads that deliver events are Python's
//! (`threading.Thread`): they come here to wait, with the interpreter lock released, and go back
//! with what there is. So a thread's state is made once, and the interpreter can end in peace.

mod audio;
mod config;
mod engine;
mod errors;
mod events;
mod guard;
mod hub;
mod logging;
mod pending;
mod recording;
mod waiting;

use pyo3::prelude::*;
use pyo3::types::PyModule;

/// The module `monipy._native`.
#[pymodule]
fn _native(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add_class::<engine::Engine>()?;
    m.add_class::<events::EventQueue>()?;
    m.add_class::<audio::AudioFrame>()?;
    m.add_class::<audio::AudioQueue>()?;
    m.add_class::<audio::AudioSink>()?;
    m.add_class::<hub::Hub>()?;
    m.add_class::<recording::Playing>()?;
    m.add_class::<recording::Recording>()?;
    m.add_class::<pending::Pending>()?;
    m.add_function(wrap_pyfunction!(engine::close_all, m)?)?;
    m.add_function(wrap_pyfunction!(engine::devices, m)?)?;
    m.add_function(wrap_pyfunction!(audio::resample, m)?)?;
    m.add_function(wrap_pyfunction!(errors::report, m)?)?;
    m.add_function(wrap_pyfunction!(logging::log_start, m)?)?;
    m.add_function(wrap_pyfunction!(logging::log_stop, m)?)?;
    m.add_function(wrap_pyfunction!(logging::log_wait, m)?)?;
    m.add_function(wrap_pyfunction!(engine::stop_threads, m)?)?;
    Ok(())
}
