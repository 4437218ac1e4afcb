//! What every entry from Python passes: a process that was forked is told so, and a panic becomes
//! an exception that `except Exception` catches.

use crate::errors::raised;
use monipy_core::Error;
use monipy_core::vocabulary::code;
use pyo3::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

/// The process that first used the library; 0 before that.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// Whether this is a child, made by fork, of the process that uses the library. The library's
/// threads did not come along, so nothing here can work, and locks may be held for ever.
pub(crate) fn forked() -> bool {
    let me = std::process::id();
    match OWNER.compare_exchange(0, me, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => false,
        Err(owner) => owner != me,
    }
}

/// Runs an entry's body, unless in a forked child. Panics become code 1099.
pub(crate) fn entry<T>(py: Python<'_>, body: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    if forked() {
        return Err(raised(
            py,
            &Error::new(
                code::INVALID_STATE,
                "this process was forked from one that uses monipy; use the multiprocessing start method \"spawn\" or \"forkserver\"",
            ),
        ));
    }
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let what = panic
            .downcast_ref::<&str>()
            .map(|s| (*s).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without words".to_owned());
        Err(raised(py, &Error::new(code::INTERNAL, format!("a defect of the library: {what}"))))
    })
}

/// A value that a forked child leaves alone instead of dropping it: its locks and threads belong
/// to the parent.
pub(crate) struct Owned<T>(Option<T>);

impl<T> Owned<T> {
    pub(crate) fn new(value: T) -> Self {
        Owned(Some(value))
    }

    /// The value, which is there until the drop.
    pub(crate) fn get(&self) -> &T {
        match &self.0 {
            Some(value) => value,
            None => unreachable!("taken only by drop"),
        }
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if let Some(value) = self.0.take()
            && forked()
        {
            std::mem::forget(value);
        }
    }
}
