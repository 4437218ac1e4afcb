//! Handles, calls and headers
//!
//! A supervisor is a checked handle: a number in the clothes of a pointer, never an address.
//! A handle that is NULL, destroyed or made up gives MONIPY_ERR_INVALID_HANDLE; it is never
//! followed, so it cannot crash the program.

use std::ffi::c_char;

/// One signed-in supervisor. Opaque: only ever `monipy_supervisor *`.
pub struct monipy_supervisor {
    _never_an_address: [u8; 0],
}

/// A call, unique within its supervisor and never reused. Where a function takes one, 0 means
/// "the current call": the one that rings, else the newest.
pub type monipy_call_id = u64;

/// MONIPY_OK, or a negative MONIPY_ERR_ number.
pub type monipy_status = i32;

/// One of the MONIPY_EVENT_ numbers. Later versions add numbers; ignore those you do not know.
pub type monipy_event_type = u32;

/// A header of a SIP message.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct monipy_header {
    /// Its name as sent, UTF-8.
    pub name: *const c_char,
    /// Its value, UTF-8.
    pub value: *const c_char,
}

/// A STUN or TURN server.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct monipy_ice_server {
    /// `stun:host[:port]`, `turn:host[:port][?transport=udp|tcp]` or `turns:host[:port]`.
    pub url: *const c_char,
    /// TURN user name; NULL for STUN.
    pub username: *const c_char,
    /// TURN password; NULL for STUN.
    pub credential: *const c_char,
}
