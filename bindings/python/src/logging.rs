//! The library's log on its way to Python's `logging`: records wait here until the Python thread
//! "monipy-log" fetches them, so that no thread of the library ever waits for a handler of Python.

use crate::guard::entry;
use log::{Level, LevelFilter, Log, Metadata, Record};
use pyo3::prelude::*;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Records that may wait; further ones are counted and dropped.
const CAPACITY: usize = 4096;

/// (Python's number of the level, target, message)
type Line = (u8, String, String);

struct State {
    lines: VecDeque<Line>,
    dropped: u64,
    ended: bool,
}

struct Queue {
    state: Mutex<State>,
    ready: Condvar,
}

static QUEUE: Queue = Queue { state: Mutex::new(State { lines: VecDeque::new(), dropped: 0, ended: false }), ready: Condvar::new() };

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for Queue {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Below this program's own crates lie chatty ones; they are heard when something is wrong.
        metadata.target().starts_with("monipy") || metadata.level() <= Level::Error
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let level = match record.level() {
            Level::Error => 40,
            Level::Warn => 30,
            Level::Info => 20,
            Level::Debug => 10,
            Level::Trace => 5,
        };
        let line = (level, record.target().replace("::", "."), record.args().to_string());
        let mut state = self.lock();
        if state.ended {
            return;
        }
        if state.lines.len() >= CAPACITY {
            state.dropped += 1;
            return;
        }
        state.lines.push_back(line);
        drop(state);
        self.ready.notify_one();
    }

    fn flush(&self) {}
}

/// Begins to keep records: those of debug too, or warnings and errors. True the first time.
#[pyfunction]
pub(crate) fn log_start(py: Python<'_>, debug: bool) -> PyResult<bool> {
    entry(py, || {
        let first = log::set_logger(&QUEUE).is_ok();
        let level = if debug { LevelFilter::Debug } else { LevelFilter::Warn };
        if level > log::max_level() {
            log::set_max_level(level);
        }
        Ok(first)
    })
}

/// Blocks until there are records; gives (level, target, message) of each. None after the end.
#[pyfunction]
pub(crate) fn log_wait(py: Python<'_>) -> PyResult<Option<Vec<Line>>> {
    entry(py, || {
        Ok(py.detach(|| {
            let mut state = QUEUE.lock();
            while state.lines.is_empty() && !state.ended {
                state = QUEUE.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let mut lines: Vec<Line> = state.lines.drain(..).collect();
            let dropped = std::mem::take(&mut state.dropped);
            if dropped > 0 {
                lines.push((30, "monipy".into(), format!("{dropped} log records were dropped: the log's handlers are too slow")));
            }
            (!lines.is_empty() || !state.ended).then_some(lines)
        }))
    })
}

/// Lets `log_wait` end once what waits was fetched.
#[pyfunction]
pub(crate) fn log_stop(py: Python<'_>) -> PyResult<()> {
    entry(py, || {
        QUEUE.lock().ended = true;
        QUEUE.ready.notify_all();
        Ok(())
    })
}
