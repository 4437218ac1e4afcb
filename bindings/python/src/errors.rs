//! Failures on their way to Python: the exceptions are classes of `monipy._errors`, chosen there
//! by the contract's code.

use monipy_core::Error;
use monipy_core::vocabulary::code;
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// The exception for a failure of the core.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    static FACTORY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let made = FACTORY.import(py, "monipy._errors", "error_for").and_then(|make| make.call1((error.code, error.status.as_str())));
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(e) => e,
    }
}

/// The exception for an argument that is not acceptable.
pub(crate) fn invalid_argument(py: Python<'_>, status: impl Into<String>) -> PyErr {
    raised(py, &Error::new(code::INVALID_ARGUMENT, status))
}

/// Tells `sys.unraisablehook` of an exception that has nowhere to go, and of what raised it.
#[pyfunction]
pub(crate) fn report(error: Bound<'_, PyBaseException>, what: Option<&Bound<'_, PyAny>>) {
    let py = error.py();
    PyErr::from_value(error.into_any()).write_unraisable(py, what);
}
