//! The SIP traces of the supervisors of this process, by the server's port, as `debug: true` puts them
//! into the log: redacted. For a scenario that failed.

use std::fmt::Write;
use std::sync::{Mutex, Once, PoisonError};
use std::time::Instant;

struct Trace {
    began: Instant,
    messages: Mutex<Vec<String>>,
}

static TRACE: std::sync::OnceLock<Trace> = std::sync::OnceLock::new();

impl log::Log for Trace {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target() == "monipy::sip" || metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = format!("{:9.3} s  {}", self.began.elapsed().as_secs_f64(), record.args());
            self.messages.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    }

    fn flush(&self) {}
}

/// Begins to keep what is sent and received.
pub fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let trace = TRACE.get_or_init(|| Trace { began: Instant::now(), messages: Mutex::default() });
        // Where another logger is set, there are no traces to leave.
        if log::set_logger(trace).is_ok() {
            log::set_max_level(log::LevelFilter::Debug);
        }
    });
}

/// What supervisors sent to and received from the server at one of these ports so far.
#[must_use]
pub fn of(ports: &[u16]) -> String {
    let mut text = String::new();
    let Some(trace) = TRACE.get() else { return text };
    for message in trace.messages.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let head = message.lines().next().unwrap_or_default();
        if ports.iter().any(|port| head.ends_with(&format!(":{port}):"))) {
            let _ = writeln!(text, "{message}");
        }
    }
    text
}
