//! The library

use crate::dispatch;
use crate::generated::{MONIPY_ABI_VERSION, MONIPY_VERSION};
use crate::guard::{self, Allow, Fail, enter_ok};
use crate::handle;
use crate::logging;
use crate::status;
use crate::types::monipy_status;
use std::ffi::c_char;
use std::time::{Duration, Instant};

/// The version of the library that runs, as MONIPY_VERSION is that of the header. Any thread, any
/// callback.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_version() -> u32 {
    MONIPY_VERSION
}

/// The version of the ABI of the library that runs: the N of libmonipy.so.N. Programs built
/// against another MONIPY_ABI_VERSION must not use it. Any thread, any callback.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_abi_version() -> u32 {
    MONIPY_ABI_VERSION
}

/// The version of the library that runs, such as "0.1.0". The string lives as long as the program.
/// Any thread, any callback.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_version_string() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// What was wrong in this thread's last call that failed, and what to do about it, in a sentence;
/// "" when none failed. Never NULL, never a secret. Good until this thread's next call that fails.
/// Any thread, any callback.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_last_error() -> *const c_char {
    guard::last_error()
}

/// Ends everything: destroys every supervisor, runs each user_data_free, takes the log callback
/// away and joins every thread of the library, so that dlclose is safe. The library may be used
/// again afterwards. A program that just ends need not call it.
///
/// timeout_ms: how long to wait at most for the engine and its threads.
///
/// MONIPY_OK; MONIPY_ERR_TIMEOUT: something still runs, do not dlclose; MONIPY_ERR_REENTRANT
/// inside a callback. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_shutdown(timeout_ms: u32) -> monipy_status {
    enter_ok(Allow::Outside, || {
        let end = Instant::now() + Duration::from_millis(timeout_ms.into());
        handle::destroy_all(end.saturating_duration_since(Instant::now()));
        logging::remove();
        let joined = dispatch::stop(end);
        monipy_core::runtime::shutdown(end.saturating_duration_since(Instant::now()));
        if joined {
            Ok(())
        } else {
            Err(Fail::new(status::MONIPY_ERR_TIMEOUT, "threads of the library still run: a callback has not returned"))
        }
    })
}
