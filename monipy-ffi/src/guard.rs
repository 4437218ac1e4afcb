//! The guard at every entry: it refuses forked children and calls from the wrong callback, catches
//! panics, and keeps the sentence of the last failure for `monipy_last_error`.

use crate::gate::{self, Place};
use crate::status;
use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Why an entry fails: a status and a sentence.
#[derive(Debug)]
pub(crate) struct Fail {
    pub(crate) status: i32,
    pub(crate) text: String,
}

/// What an entry's body ends in.
pub(crate) type Outcome<T> = Result<T, Fail>;

impl Fail {
    pub(crate) fn new(status: i32, text: impl Into<String>) -> Self {
        Fail { status, text: text.into() }
    }
    pub(crate) fn argument(text: impl Into<String>) -> Self {
        Fail::new(status::MONIPY_ERR_INVALID_ARGUMENT, text)
    }
    pub(crate) fn handle() -> Self {
        Fail::new(status::MONIPY_ERR_INVALID_HANDLE, "the handle is NULL, destroyed, or never was one")
    }
    pub(crate) fn no_call() -> Self {
        Fail::new(status::MONIPY_ERR_NO_SUCH_CALL, "there is no such call, or it is over")
    }
}

impl From<monipy_core::Error> for Fail {
    fn from(e: monipy_core::Error) -> Self {
        Fail::new(status::of_code(e.code), e.to_string())
    }
}

/// Where a function may be called from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allow {
    /// Anywhere, audio callbacks included: it neither waits nor talks to the engine.
    Anywhere,
    /// Anywhere but in audio callbacks: it may wait for the engine for some microseconds.
    OffMedia,
    /// Outside of every callback: it waits for callbacks or for events.
    Outside,
}

/// The process that uses the library; 0 before its first use.
static OWNER: AtomicI32 = AtomicI32::new(0);

fn pid() -> i32 {
    // SAFETY: getpid has no preconditions and cannot fail.
    unsafe { libc::getpid() }
}

/// Whether this process is a forked child of the one that uses the library. Its threads do not
/// exist here and its locks may be held for ever, so nothing may be touched.
pub(crate) fn forked() -> bool {
    let owner = OWNER.load(Ordering::Relaxed);
    owner != 0 && owner != pid()
}

/// Marks this process as the one that uses the library, once.
pub(crate) fn own_process() {
    let _ = OWNER.compare_exchange(0, pid(), Ordering::Relaxed, Ordering::Relaxed);
}

thread_local! {
    static LAST_ERROR: RefCell<Option<CString>> = const { RefCell::new(None) };
}

/// Where the thread's last sentence lies; good until the thread's next failure.
pub(crate) fn last_error() -> *const c_char {
    // The thread may be on its way out, its locals gone: then there is no sentence.
    LAST_ERROR.try_with(|e| e.borrow().as_ref().map_or(c"".as_ptr(), |t| t.as_ptr())).unwrap_or(c"".as_ptr())
}

fn keep(text: String) {
    let text = CString::new(text.replace('\0', "\\0")).unwrap_or_default();
    let _ = LAST_ERROR.try_with(|e| *e.borrow_mut() = Some(text));
}

/// Runs the body of an entry. What it returns, its failure as a status with the sentence kept, or
/// MONIPY_ERR_INTERNAL for a panic, which ends here.
pub(crate) fn enter(allow: Allow, body: impl FnOnce() -> Outcome<i32>) -> i32 {
    let guarded = || {
        if forked() {
            return Err(Fail::new(
                status::MONIPY_ERR_FORKED,
                "the library belongs to the parent of this process: call exec, or load it after the fork",
            ));
        }
        match (allow, gate::place()) {
            (Allow::Outside, Place::Callback | Place::Media) => Err(Fail::new(
                status::MONIPY_ERR_REENTRANT,
                "this function waits for callbacks, so it may not be called inside one: use a thread of your own",
            )),
            (Allow::OffMedia, Place::Media) => Err(Fail::new(
                status::MONIPY_ERR_REENTRANT,
                "audio callbacks may call only monipy_audio_* without waiting, state and version functions",
            )),
            _ => body(),
        }
    };
    // What the body touches is behind locks that a panic does not spoil (see `lock`), or is dropped
    // with the panic; hence AssertUnwindSafe.
    match catch_unwind(AssertUnwindSafe(guarded)) {
        Ok(Ok(value)) => value,
        Ok(Err(fail)) => {
            keep(fail.text);
            fail.status
        }
        Err(panic) => {
            keep(format!("a defect of the library, please report it: {}", panic_text(panic.as_ref())));
            status::MONIPY_ERR_INTERNAL
        }
    }
}

/// As [`enter`] for a body that has nothing to return.
pub(crate) fn enter_ok(allow: Allow, body: impl FnOnce() -> Outcome<()>) -> i32 {
    enter(allow, || body().map(|()| status::MONIPY_OK))
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// Locks a mutex whose data no panic leaves half-changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    fn sentence() -> String {
        // SAFETY: last_error gives a NUL-terminated string that lives until the thread's next failure.
        unsafe { CStr::from_ptr(last_error()) }.to_string_lossy().into_owned()
    }

    #[test]
    fn a_panic_becomes_internal_and_the_next_call_works() {
        let status = enter(Allow::Anywhere, || panic!("the roof is on fire"));
        assert_eq!(status, status::MONIPY_ERR_INTERNAL);
        assert!(sentence().contains("the roof is on fire"), "{}", sentence());
        assert_eq!(enter(Allow::Anywhere, || Ok(7)), 7);
    }

    #[test]
    fn a_failure_keeps_its_sentence_for_its_own_thread() {
        assert_eq!(enter_ok(Allow::Anywhere, || Err(Fail::argument("name: too long"))), status::MONIPY_ERR_INVALID_ARGUMENT);
        assert_eq!(sentence(), "name: too long");
        std::thread::spawn(|| assert_eq!(sentence(), "")).join().expect("the other thread has no sentence of its own");
    }

    #[test]
    fn a_sentence_with_a_nul_inside_is_still_a_c_string() {
        enter_ok(Allow::Anywhere, || Err(Fail::argument("a\0b")));
        assert_eq!(sentence(), "a\\0b");
    }

    #[test]
    fn waiting_functions_are_refused_inside_callbacks_and_engine_functions_inside_audio_callbacks() {
        let media = gate::inside(Place::Media);
        assert_eq!(enter(Allow::OffMedia, || Ok(0)), status::MONIPY_ERR_REENTRANT);
        assert_eq!(enter(Allow::Anywhere, || Ok(0)), 0);
        drop(media);
        let callback = gate::inside(Place::Callback);
        assert_eq!(enter(Allow::Outside, || Ok(0)), status::MONIPY_ERR_REENTRANT);
        assert_eq!(enter(Allow::OffMedia, || Ok(0)), 0);
        drop(callback);
        assert_eq!(enter(Allow::Outside, || Ok(0)), 0);
    }
}
