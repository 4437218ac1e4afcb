//! What a function returns
//!
//! A function that acts returns a status at once: MONIPY_OK when the command is on its way, or
//! the reason why not. How the command ends comes as an event (login, loginFailed, answered,
//! hangup ...). `monipy_last_error()` gives the sentence that belongs to the last failure on
//! this thread; `monipy_status_code()` gives the contract's number (1001, 1002 ...).

use crate::types::monipy_status;
use monipy_core::vocabulary::code;
use std::ffi::{CStr, c_char};

/// Done, or on its way.
pub const MONIPY_OK: i32 = 0;
/// An argument is not acceptable; the sentence names it and says what it accepts (1003).
pub const MONIPY_ERR_INVALID_ARGUMENT: i32 = -1;
/// NULL, destroyed, or never a handle.
pub const MONIPY_ERR_INVALID_HANDLE: i32 = -2;
/// The function does not fit the state; the sentence says which state it needs (1002).
pub const MONIPY_ERR_INVALID_STATE: i32 = -3;
/// Log out before you log in again (1001).
pub const MONIPY_ERR_ALREADY_LOGGED_IN: i32 = -4;
/// There is no such call, or it is over.
pub const MONIPY_ERR_NO_SUCH_CALL: i32 = -5;
/// The buffer is too small; the needed size was stored.
pub const MONIPY_ERR_BUFFER_TOO_SMALL: i32 = -6;
/// This build or platform cannot do it.
pub const MONIPY_ERR_UNSUPPORTED: i32 = -7;
/// Not allowed inside this callback; see "Threads".
pub const MONIPY_ERR_REENTRANT: i32 = -8;
/// The time was up.
pub const MONIPY_ERR_TIMEOUT: i32 = -9;
/// No microphone or speaker could be opened, or media failed (415).
pub const MONIPY_ERR_AUDIO_DEVICE: i32 = -10;
/// No memory, or no free handle.
pub const MONIPY_ERR_OUT_OF_MEMORY: i32 = -11;
/// This process was forked from the one that uses the library; only that one may.
pub const MONIPY_ERR_FORKED: i32 = -12;
/// DTMF digits are 0-9 * # A-D (1005).
pub const MONIPY_ERR_INVALID_DTMF: i32 = -13;
/// The link to the server is down (1000).
pub const MONIPY_ERR_NOT_CONNECTED: i32 = -14;
/// The server refused; monipy_last_error() has its words (401, 405 or a SIP code).
pub const MONIPY_ERR_REFUSED: i32 = -15;
/// A defect of the library: a panic was caught. The handle can still be destroyed (1099).
pub const MONIPY_ERR_INTERNAL: i32 = -99;

struct Row {
    status: i32,
    code: u16,
    name: &'static CStr,
    text: &'static CStr,
}

const fn row(status: i32, code: u16, name: &'static CStr, text: &'static CStr) -> Row {
    Row { status, code, name, text }
}

const ROWS: &[Row] = &[
    row(MONIPY_OK, code::OK, c"MONIPY_OK", c"done, or on its way"),
    row(
        MONIPY_ERR_INVALID_ARGUMENT,
        code::INVALID_ARGUMENT,
        c"MONIPY_ERR_INVALID_ARGUMENT",
        c"an argument is not acceptable; monipy_last_error() names it and what it accepts",
    ),
    row(
        MONIPY_ERR_INVALID_HANDLE,
        code::INVALID_ARGUMENT,
        c"MONIPY_ERR_INVALID_HANDLE",
        c"the handle is NULL, destroyed, or never was one: make one with monipy_supervisor_create()",
    ),
    row(MONIPY_ERR_INVALID_STATE, code::INVALID_STATE, c"MONIPY_ERR_INVALID_STATE", c"the function does not fit the state"),
    row(MONIPY_ERR_ALREADY_LOGGED_IN, code::ALREADY_LOGGED_IN, c"MONIPY_ERR_ALREADY_LOGGED_IN", c"log out before you log in again"),
    row(MONIPY_ERR_NO_SUCH_CALL, code::INVALID_STATE, c"MONIPY_ERR_NO_SUCH_CALL", c"there is no such call, or it is over"),
    row(
        MONIPY_ERR_BUFFER_TOO_SMALL,
        code::INVALID_ARGUMENT,
        c"MONIPY_ERR_BUFFER_TOO_SMALL",
        c"the buffer is too small; the needed size was stored",
    ),
    row(MONIPY_ERR_UNSUPPORTED, code::INVALID_STATE, c"MONIPY_ERR_UNSUPPORTED", c"this build or platform cannot do it"),
    row(
        MONIPY_ERR_REENTRANT,
        code::INVALID_STATE,
        c"MONIPY_ERR_REENTRANT",
        c"not allowed inside this callback: do it on a thread of your own",
    ),
    row(MONIPY_ERR_TIMEOUT, code::TIMEOUT, c"MONIPY_ERR_TIMEOUT", c"the time was up"),
    row(MONIPY_ERR_AUDIO_DEVICE, code::MEDIA, c"MONIPY_ERR_AUDIO_DEVICE", c"no microphone or speaker could be opened, or media failed"),
    row(MONIPY_ERR_OUT_OF_MEMORY, code::INTERNAL, c"MONIPY_ERR_OUT_OF_MEMORY", c"no memory, or no free handle: destroy some"),
    row(
        MONIPY_ERR_FORKED,
        code::INVALID_STATE,
        c"MONIPY_ERR_FORKED",
        c"the library belongs to the parent of this process: call exec, or load it after the fork",
    ),
    row(MONIPY_ERR_INVALID_DTMF, code::INVALID_DTMF, c"MONIPY_ERR_INVALID_DTMF", c"DTMF digits are 0-9 * # A-D"),
    row(MONIPY_ERR_NOT_CONNECTED, code::NOT_CONNECTED, c"MONIPY_ERR_NOT_CONNECTED", c"the link to the server is down: wait for connected"),
    row(MONIPY_ERR_REFUSED, code::UNAUTHORIZED, c"MONIPY_ERR_REFUSED", c"the server refused; monipy_last_error() has its words"),
    row(MONIPY_ERR_INTERNAL, code::INTERNAL, c"MONIPY_ERR_INTERNAL", c"a defect of the library: please report it"),
];

fn find(status: i32) -> Option<&'static Row> {
    ROWS.iter().find(|r| r.status == status)
}

/// The status that stands for a code of the contract.
pub(crate) fn of_code(contract: u16) -> i32 {
    match contract {
        code::OK | code::RINGING | code::TRYING => MONIPY_OK,
        code::INVALID_ARGUMENT => MONIPY_ERR_INVALID_ARGUMENT,
        code::INVALID_STATE => MONIPY_ERR_INVALID_STATE,
        code::ALREADY_LOGGED_IN => MONIPY_ERR_ALREADY_LOGGED_IN,
        code::INVALID_DTMF => MONIPY_ERR_INVALID_DTMF,
        code::NOT_CONNECTED => MONIPY_ERR_NOT_CONNECTED,
        code::TIMEOUT => MONIPY_ERR_TIMEOUT,
        code::MEDIA => MONIPY_ERR_AUDIO_DEVICE,
        code::INTERNAL => MONIPY_ERR_INTERNAL,
        _ => MONIPY_ERR_REFUSED,
    }
}

/// The name of a status, such as "MONIPY_ERR_INVALID_STATE". Never NULL: "unknown" for a number
/// that is none. The string lives as long as the program. Any thread, any callback.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_status_name(status: monipy_status) -> *const c_char {
    find(status).map_or(c"unknown", |r| r.name).as_ptr()
}

/// What a status means, in a sentence. Never NULL. The string lives as long as the program. Any
/// thread, any callback.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_status_text(status: monipy_status) -> *const c_char {
    find(status).map_or(c"unknown status", |r| r.text).as_ptr()
}

/// The contract's code of a status: 200, 1001, 1002, 1003, 1005 ...; 1099 for a number that is
/// no status. Any thread, any callback.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_status_code(status: monipy_status) -> i32 {
    i32::from(find(status).map_or(code::INTERNAL, |r| r.code))
}
