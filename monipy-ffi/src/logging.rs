//! Logging
//!
//! The library says nothing by itself, unless a supervisor's configuration has debug set: then its
//! records go to stderr. With a callback they go there instead.

use crate::dispatch;
use crate::gate::{self, Gate, Place};
use crate::guard::{Allow, Fail, enter_ok, lock};
use crate::text::to_c;
use crate::types::monipy_status;
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::collections::VecDeque;
use std::ffi::{c_char, c_void};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once};

/// Level of a log record: something is broken.
pub const MONIPY_LOG_ERROR: i32 = 1;
/// Level of a log record: something is wrong and was dealt with.
pub const MONIPY_LOG_WARN: i32 = 2;
/// Level of a log record: what an administrator wants to know.
pub const MONIPY_LOG_INFO: i32 = 3;
/// Level of a log record: what a developer wants to know, SIP messages included.
pub const MONIPY_LOG_DEBUG: i32 = 4;
/// Level of a log record: everything.
pub const MONIPY_LOG_TRACE: i32 = 5;

/// Records that may wait for a slow on_log; further ones are counted and dropped.
const QUEUE: usize = 4096;

/// One record of the log. Strings are UTF-8, never NULL, and gone when the callback returns.
/// Secrets are redacted.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct monipy_log_record {
    /// sizeof(monipy_log_record) of the library.
    pub struct_size: u32,
    /// MONIPY_LOG_.
    pub level: i32,
    /// The part of the library that speaks, such as "monipy_core::transport".
    pub target: *const c_char,
    /// What it says.
    pub message: *const c_char,
}

struct Line {
    level: Level,
    target: String,
    message: String,
}

/// The program's log callback with its queue.
struct Sink {
    on_log: unsafe extern "C" fn(*mut c_void, *const monipy_log_record),
    user_data: *mut c_void,
    user_data_free: Option<unsafe extern "C" fn(*mut c_void)>,
    level: LevelFilter,
    queue: Mutex<VecDeque<Line>>,
    /// A dispatcher thread is delivering.
    delivering: AtomicBool,
    dropped: AtomicU64,
    gate: Gate,
    /// It was replaced inside a callback: whoever leaves the gate last frees user_data.
    deferred: AtomicBool,
}

// SAFETY: user_data is only handed back to the program's own functions, which the header says are
// called on other threads.
unsafe impl Send for Sink {}
// SAFETY: as above; what changes is behind locks and atomics.
unsafe impl Sync for Sink {}

impl Sink {
    fn push(self: &Arc<Self>, line: Line) {
        {
            let mut queue = lock(&self.queue);
            if queue.len() >= QUEUE {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                return;
            }
            queue.push_back(line);
        }
        if !self.delivering.swap(true, Ordering::SeqCst) {
            let sink = Arc::clone(self);
            dispatch::run(move || sink.deliver());
        }
    }

    /// Delivers what waits, one record at a time.
    fn deliver(self: &Arc<Self>) {
        loop {
            while let Some(line) = { lock(&self.queue).pop_front() } {
                if !self.gate.enter() {
                    return; // replaced meanwhile
                }
                self.show(&line);
                if self.gate.leave() && self.deferred.load(Ordering::SeqCst) {
                    self.free();
                }
            }
            self.delivering.store(false, Ordering::SeqCst);
            // A record that came after the queue was seen empty found `delivering` still set.
            if lock(&self.queue).is_empty() || self.delivering.swap(true, Ordering::SeqCst) {
                return;
            }
        }
    }

    fn show(&self, line: &Line) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        let message = match dropped {
            0 => to_c(&line.message),
            n => to_c(&format!("{} ({n} records before it were dropped: on_log is too slow)", line.message)),
        };
        let target = to_c(&line.target);
        let record = monipy_log_record {
            struct_size: size_of::<monipy_log_record>() as u32,
            level: line.level as i32,
            target: target.as_ptr(),
            message: message.as_ptr(),
        };
        let _inside = gate::inside(Place::Callback);
        // SAFETY: the program gave this function; the record lives until it returns.
        unsafe { (self.on_log)(self.user_data, &raw const record) };
    }

    /// Runs user_data_free. Called once, when the gate is closed and nobody is inside.
    fn free(&self) {
        if let Some(free) = self.user_data_free {
            let _inside = gate::inside(Place::Callback);
            // SAFETY: the program gave this function for this pointer; no callback runs any more.
            unsafe { free(self.user_data) };
        }
    }
}

static SINK: Mutex<Option<Arc<Sink>>> = Mutex::new(None);
/// A supervisor was made with `debug`.
static DEBUG: AtomicBool = AtomicBool::new(false);

/// The logger of the `log` crate.
struct Logger;

/// What comes from the engine; libraries beneath it only say what is wrong.
fn level_for(target: &str, level: LevelFilter) -> LevelFilter {
    if target.starts_with("monipy") { level } else { level.min(LevelFilter::Warn) }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= level_for(metadata.target(), log::max_level())
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        // Formatted before the lock: what is shown may log as well.
        let line = Line { level: record.level(), target: record.target().into(), message: record.args().to_string() };
        let sink = lock(&SINK).clone();
        if let Some(sink) = sink {
            if line.level <= sink.level {
                sink.push(line);
            }
        } else if DEBUG.load(Ordering::Relaxed) {
            eprintln!("monipy {:5} {}: {}", line.level, line.target, line.message);
        }
    }

    fn flush(&self) {}
}

/// Installs the logger, once, and sets what it lets through.
fn set_up() {
    static LOGGER: Logger = Logger;
    static ONCE: Once = Once::new();
    // A Rust program that links this library may have a logger of its own: then that one stays.
    ONCE.call_once(|| drop(log::set_logger(&LOGGER)));
    let level = match &*lock(&SINK) {
        Some(sink) => sink.level,
        None if DEBUG.load(Ordering::Relaxed) => LevelFilter::Debug,
        None => LevelFilter::Off,
    };
    log::set_max_level(level);
}

/// A supervisor with `debug` set was made.
pub(crate) fn debug_wanted() {
    DEBUG.store(true, Ordering::Relaxed);
    set_up();
}

/// Lets go of the program's callback.
pub(crate) fn remove() {
    replace(None);
}

/// The callback's gate, for the end of the process.
pub(crate) fn with_gate(f: impl FnOnce(Option<&Gate>)) {
    // A thread that died with the lock held must not stop the exit.
    let sink = SINK.try_lock().ok().and_then(|s| s.clone());
    f(sink.as_ref().map(|s| &s.gate));
    std::mem::forget(sink);
}

/// Puts another callback, or none, in the place of the one before, and sees to that one's end:
/// outside of callbacks it waits for a running call of it.
fn replace(sink: Option<Arc<Sink>>) {
    let before = std::mem::replace(&mut *lock(&SINK), sink);
    set_up();
    let Some(before) = before else { return };
    if gate::place() == Place::Outside {
        before.gate.close();
        before.gate.wait();
        before.free();
    } else {
        before.deferred.store(true, Ordering::SeqCst);
        if before.gate.close() {
            before.free();
        }
    }
    lock(&before.queue).clear();
}

/// Sends the log to a callback, one record at a time, on a thread of the library; NULL takes the
/// callback away. A slow callback loses records (and says how many), and delays nothing else. Any
/// function may be called from it but monipy_shutdown and monipy_wait_event.
///
/// max_level: MONIPY_LOG_. user_data_free: NULL, or runs exactly once with user_data, after the
/// last record, when the callback is replaced or the library shut down; not when this fails.
///
/// Outside of callbacks it returns after a running call of the callback before has returned.
///
/// MONIPY_OK; MONIPY_ERR_INVALID_ARGUMENT. Any thread; not in audio callbacks.
///
/// # Safety
/// The functions may be called with `user_data` on any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monipy_set_log_callback(
    on_log: Option<unsafe extern "C" fn(user_data: *mut c_void, record: *const monipy_log_record)>,
    user_data: *mut c_void,
    user_data_free: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
    max_level: i32,
) -> monipy_status {
    enter_ok(Allow::OffMedia, || {
        let level = match max_level {
            MONIPY_LOG_ERROR => LevelFilter::Error,
            MONIPY_LOG_WARN => LevelFilter::Warn,
            MONIPY_LOG_INFO => LevelFilter::Info,
            MONIPY_LOG_DEBUG => LevelFilter::Debug,
            MONIPY_LOG_TRACE => LevelFilter::Trace,
            _ if on_log.is_none() => LevelFilter::Off,
            _ => return Err(Fail::argument(format!("max_level: {max_level}; it accepts the MONIPY_LOG_ numbers"))),
        };
        crate::guard::own_process();
        crate::handle::close_gates_at_exit();
        let sink = on_log.map(|on_log| {
            Arc::new(Sink {
                on_log,
                user_data,
                user_data_free,
                level,
                queue: Mutex::default(),
                delivering: AtomicBool::new(false),
                dropped: AtomicU64::new(0),
                gate: Gate::default(),
                deferred: AtomicBool::new(false),
            })
        });
        replace(sink);
        Ok(())
    })
}
