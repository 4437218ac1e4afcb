//! The library's log, on standard error: warnings always, everything once a supervisor of this
//! process was made with `debug: true`.

use log::{LevelFilter, Log, Metadata, Record};
use std::io::Write;

struct StandardError;

impl Log for StandardError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("monipy")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // A closed or full standard error is no reason to fail.
            let _ = writeln!(std::io::stderr(), "{:<5} {}: {}", record.level(), record.target(), record.args());
        }
    }

    fn flush(&self) {}
}

/// Installs the log the first time; raises its level when `debug`.
pub(crate) fn install(debug: bool) {
    if log::set_logger(&StandardError).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
    if debug {
        log::set_max_level(LevelFilter::Trace);
    }
}
