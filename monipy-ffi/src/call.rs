//! Calls
//!
//! A call comes by the event inComingCall (somebody barges in), or is placed by monipy_call.
//! Wherever a call is asked for, 0 means the current one.

use crate::guard::{Allow, Fail, Outcome, enter, enter_ok};
use crate::handle;
use crate::outcome::command;
use crate::sized::{self, Sized_};
use crate::text;
use crate::types::{monipy_call_id, monipy_status, monipy_supervisor};
use monipy_core::{CallId, CallInfo, Direction, Pending, Supervisor};
use std::ffi::c_char;

/// State of a call: being set up, nothing rings yet.
pub const MONIPY_CALL_TRYING: i32 = 1;
/// State of a call: it rings, here or there.
pub const MONIPY_CALL_RINGING: i32 = 2;
/// State of a call: monipy_answer was called, the other side has not confirmed yet.
pub const MONIPY_CALL_ANSWERING: i32 = 3;
/// State of a call: up.
pub const MONIPY_CALL_ANSWERED: i32 = 4;
/// State of a call: over.
pub const MONIPY_CALL_ENDED: i32 = 5;

/// Direction of a call: it came in.
pub const MONIPY_DIRECTION_INCOMING: i32 = 1;
/// Direction of a call: monipy_call placed it.
pub const MONIPY_DIRECTION_OUTGOING: i32 = 2;

/// For monipy_call_text: the display name of the From header, else its user part.
pub const MONIPY_TEXT_FROM: i32 = 1;
/// For monipy_call_text: the SIP URI of the From header.
pub const MONIPY_TEXT_FROM_URI: i32 = 2;
/// For monipy_call_text: X-Call-ID, else X-cmi-uuid, else the SIP Call-ID.
pub const MONIPY_TEXT_CALL_ID: i32 = 3;
/// For monipy_call_text: X-Team-Name.
pub const MONIPY_TEXT_TEAM_NAME: i32 = 4;
/// For monipy_call_text: X-To-Number.
pub const MONIPY_TEXT_TO_NUMBER: i32 = 5;
/// For monipy_call_text: X-Transfer-From.
pub const MONIPY_TEXT_TRANSFER_FROM: i32 = 6;
/// For monipy_call_text: X-Transfer.
pub const MONIPY_TEXT_TRANSFER: i32 = 7;

/// What is known of a call at a moment.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct monipy_call_info {
    /// sizeof(monipy_call_info) of the one who allocated it.
    pub struct_size: u32,
    /// MONIPY_CALL_.
    pub state: i32,
    /// The call.
    pub id: monipy_call_id,
    /// MONIPY_DIRECTION_.
    pub direction: i32,
    /// 1 when this side holds it.
    pub on_hold: i32,
    /// 1 when the far side holds it.
    pub held_by_other: i32,
    /// 1 when silence is sent in place of microphone and application.
    pub muted: i32,
}

// SAFETY: 32-bit integers in pairs and a 64-bit one; all-zero bytes are a value.
unsafe impl Sized_ for monipy_call_info {
    const V1: usize = 32;
    const NAME: &'static str = "monipy_call_info";
}

fn flat(info: &CallInfo) -> monipy_call_info {
    monipy_call_info {
        struct_size: 0, // written by sized::write
        state: info.state as i32,
        id: info.id.0,
        direction: match info.direction {
            Direction::Incoming => MONIPY_DIRECTION_INCOMING,
            Direction::Outgoing => MONIPY_DIRECTION_OUTGOING,
        },
        on_hold: info.on_hold.into(),
        held_by_other: info.held_by_other.into(),
        muted: info.muted.into(),
    }
}

/// Gives a command about a call.
fn about(supervisor: *mut monipy_supervisor, call: monipy_call_id, give: impl FnOnce(&Supervisor, CallId) -> Pending) -> monipy_status {
    enter_ok(Allow::OffMedia, || command(&handle::get(supervisor)?.supervisor, |s| give(s, CallId(call))))
}

/// What is known of a call, or why not.
fn info(supervisor: *mut monipy_supervisor, call: monipy_call_id) -> Outcome<CallInfo> {
    handle::get(supervisor)?.supervisor.call_info(CallId(call)).ok_or_else(Fail::no_call)
}

/// Places a call to a number, a feature code or a SIP URI. Events trying, ringing, answered ...
/// follow, or ended or hangup.
///
/// out: NULL, or where the new call's id goes (0 when it is not known yet: trying brings it).
///
/// MONIPY_OK: on its way; MONIPY_ERR_INVALID_STATE: not logged in, or a call is up already;
/// MONIPY_ERR_INVALID_ARGUMENT. Any thread; not in audio callbacks.
///
/// # Safety
/// `target` is NULL or NUL-terminated; `out` is NULL or points to an id.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monipy_call(supervisor: *mut monipy_supervisor, target: *const c_char, out: *mut monipy_call_id) -> monipy_status {
    enter_ok(Allow::OffMedia, || {
        if !out.is_null() {
            // SAFETY: the caller promises that `out` points to an id.
            unsafe { out.write_unaligned(0) };
        }
        let handle = handle::get(supervisor)?;
        // SAFETY: the caller promises a NUL-terminated string.
        let target = unsafe { text::required("target", target) }?;
        let newest = || handle.supervisor.calls().iter().filter(|c| c.direction == Direction::Outgoing).map(|c| c.id).max();
        let before = newest();
        command(&handle.supervisor, |s| s.call(&target))?;
        if let Some(id) = newest().filter(|id| Some(*id) != before)
            && !out.is_null()
        {
            // SAFETY: as above.
            unsafe { out.write_unaligned(id.0) };
        }
        Ok(())
    })
}

/// Answers a ringing call. Events answered and callStream follow.
///
/// MONIPY_OK: on its way; MONIPY_ERR_INVALID_STATE: no incoming call to answer, or already in a
/// call. Any thread; not in audio callbacks.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_answer(supervisor: *mut monipy_supervisor, call: monipy_call_id) -> monipy_status {
    about(supervisor, call, Supervisor::answer)
}

/// Refuses a ringing call. The event hangup follows.
///
/// sip_code: 400 to 699; 0 for 480 Temporarily Unavailable.
///
/// MONIPY_OK: on its way; MONIPY_ERR_INVALID_STATE: no ongoing calls to reject;
/// MONIPY_ERR_INVALID_ARGUMENT for another sip_code. Any thread; not in audio callbacks.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_reject(supervisor: *mut monipy_supervisor, call: monipy_call_id, sip_code: i32) -> monipy_status {
    let code = u16::try_from(sip_code).ok().filter(|c| matches!(c, 0 | 400..=699));
    let Some(code) = code else {
        return enter_ok(Allow::OffMedia, || {
            handle::get(supervisor)?;
            Err(Fail::argument(format!("sip_code: {sip_code}; it accepts 400 to 699, or 0 for 480")))
        });
    };
    about(supervisor, call, |s, call| if code == 0 { s.reject(call) } else { s.reject_with(call, code) })
}

/// Ends a call in any state. The event hangup follows.
///
/// MONIPY_OK: on its way; MONIPY_ERR_INVALID_STATE: no ongoing calls to terminate. Any thread; not
/// in audio callbacks.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_terminate(supervisor: *mut monipy_supervisor, call: monipy_call_id) -> monipy_status {
    about(supervisor, call, Supervisor::terminate)
}

/// Puts an answered call on hold (re-INVITE, RFC 3264 8.4). The event hold follows.
///
/// MONIPY_OK: on its way; MONIPY_ERR_INVALID_STATE: no call, or on hold already. Any thread; not
/// in audio callbacks.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_hold(supervisor: *mut monipy_supervisor, call: monipy_call_id) -> monipy_status {
    about(supervisor, call, Supervisor::hold)
}

/// Takes a call off hold. The event unhold follows. Returns as monipy_hold.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_unhold(supervisor: *mut monipy_supervisor, call: monipy_call_id) -> monipy_status {
    about(supervisor, call, Supervisor::unhold)
}

/// Sends silence in place of microphone and application.
///
/// MONIPY_OK; MONIPY_ERR_INVALID_STATE: no call. Any thread; not in audio callbacks.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_mute(supervisor: *mut monipy_supervisor, call: monipy_call_id) -> monipy_status {
    about(supervisor, call, Supervisor::mute)
}

/// Sends sound again. Returns as monipy_mute.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_unmute(supervisor: *mut monipy_supervisor, call: monipy_call_id) -> monipy_status {
    about(supervisor, call, Supervisor::unmute)
}

/// Presses keys (RFC 4733 when the far side negotiated it, else INFO).
///
/// digits: 0-9 * # A-D. duration_ms: 40 to 6000, 0 for 100. gap_ms: 30 to 6000, 0 for 70.
///
/// MONIPY_OK: on its way; MONIPY_ERR_INVALID_DTMF; MONIPY_ERR_INVALID_ARGUMENT;
/// MONIPY_ERR_INVALID_STATE: no call. Any thread; not in audio callbacks.
///
/// # Safety
/// `digits` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monipy_send_dtmf(
    supervisor: *mut monipy_supervisor,
    call: monipy_call_id,
    digits: *const c_char,
    duration_ms: u32,
    gap_ms: u32,
) -> monipy_status {
    enter_ok(Allow::OffMedia, || {
        let handle = handle::get(supervisor)?;
        // SAFETY: the caller promises a NUL-terminated string.
        let digits = unsafe { text::required("digits", digits) }?;
        let or = |value, default| if value == 0 { default } else { value };
        command(&handle.supervisor, |s| s.send_dtmf_with(CallId(call), &digits, or(duration_ms, 100), or(gap_ms, 70)))
    })
}

/// Where a call stands: MONIPY_CALL_, or a negative status (MONIPY_ERR_NO_SUCH_CALL when it is
/// over and forgotten). Any thread, any callback.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_call_state(supervisor: *mut monipy_supervisor, call: monipy_call_id) -> i32 {
    enter(Allow::Anywhere, || Ok(info(supervisor, call)?.state as i32))
}

/// Whether this side holds the call: 1 or 0, or a negative status. Any thread, any callback.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_is_on_hold(supervisor: *mut monipy_supervisor, call: monipy_call_id) -> i32 {
    enter(Allow::Anywhere, || Ok(info(supervisor, call)?.on_hold.into()))
}

/// Whether the call is muted: 1 or 0, or a negative status. Any thread, any callback.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_is_muted(supervisor: *mut monipy_supervisor, call: monipy_call_id) -> i32 {
    enter(Allow::Anywhere, || Ok(info(supervisor, call)?.muted.into()))
}

/// What is known of a call now. struct_size: sizeof(monipy_call_info).
///
/// MONIPY_OK; MONIPY_ERR_NO_SUCH_CALL; MONIPY_ERR_INVALID_ARGUMENT. Any thread, any callback.
///
/// # Safety
/// `out` is NULL or points to `struct_size` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monipy_call_get_info(
    supervisor: *mut monipy_supervisor,
    call: monipy_call_id,
    out: *mut monipy_call_info,
    struct_size: usize,
) -> monipy_status {
    enter_ok(Allow::Anywhere, || {
        let known = info(supervisor, call)?;
        // SAFETY: the caller promises `struct_size` writable bytes.
        unsafe { sized::write(out, struct_size, flat(&known)) }
    })
}

/// The ids of the calls that are not over, oldest first.
///
/// ids: room for `capacity` ids; NULL when capacity is 0. count: how many there are, also when
/// there is not room for all.
///
/// MONIPY_OK; MONIPY_ERR_BUFFER_TOO_SMALL: the first `capacity` ids were stored. Any thread, any
/// callback.
///
/// # Safety
/// `ids` has room for `capacity` ids; `count` is NULL or points to a size_t.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monipy_call_list(
    supervisor: *mut monipy_supervisor,
    ids: *mut monipy_call_id,
    capacity: usize,
    count: *mut usize,
) -> monipy_status {
    enter_ok(Allow::Anywhere, || {
        let calls = handle::get(supervisor)?.supervisor.calls();
        if ids.is_null() && capacity != 0 {
            return Err(Fail::argument("ids: NULL, but capacity is not 0"));
        }
        if !count.is_null() {
            // SAFETY: the caller promises a writable size_t.
            unsafe { count.write_unaligned(calls.len()) };
        }
        for (at, call) in calls.iter().take(capacity).enumerate() {
            // SAFETY: the caller promises room for `capacity` ids.
            unsafe { ids.add(at).write_unaligned(call.id.0) };
        }
        if calls.len() > capacity {
            return Err(Fail::new(crate::status::MONIPY_ERR_BUFFER_TOO_SMALL, format!("ids: there are {} calls", calls.len())));
        }
        Ok(())
    })
}

/// What the INVITE said of a call. What it did not say is "".
///
/// field: MONIPY_TEXT_. buffer: room for `capacity` bytes, NUL included; NULL when capacity is 0.
/// needed: NULL, or where the needed size goes, NUL included.
///
/// MONIPY_OK; MONIPY_ERR_BUFFER_TOO_SMALL: nothing was copied; MONIPY_ERR_NO_SUCH_CALL;
/// MONIPY_ERR_INVALID_ARGUMENT. Any thread, any callback.
///
/// # Safety
/// `buffer` has room for `capacity` bytes; `needed` is NULL or points to a size_t.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monipy_call_text(
    supervisor: *mut monipy_supervisor,
    call: monipy_call_id,
    field: i32,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> monipy_status {
    enter_ok(Allow::Anywhere, || {
        let said = info(supervisor, call)?.incoming;
        let text = match field {
            MONIPY_TEXT_FROM => said.from,
            MONIPY_TEXT_FROM_URI => said.from_uri,
            MONIPY_TEXT_CALL_ID => said.call_id,
            MONIPY_TEXT_TEAM_NAME => said.team_name.unwrap_or_default(),
            MONIPY_TEXT_TO_NUMBER => said.to_number.unwrap_or_default(),
            MONIPY_TEXT_TRANSFER_FROM => said.transfer_from.unwrap_or_default(),
            MONIPY_TEXT_TRANSFER => said.transfer.unwrap_or_default(),
            _ => return Err(Fail::argument(format!("field: {field}; it accepts the MONIPY_TEXT_ numbers"))),
        };
        // SAFETY: the caller promises `capacity` writable bytes and a size_t.
        unsafe { text::copy_out(&text, buffer, capacity, needed) }
    })
}

/// An X- header of the INVITE, by its name in any case; "" when it is not there. The rest as
/// monipy_call_text.
///
/// # Safety
/// As monipy_call_text; `name` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monipy_call_header(
    supervisor: *mut monipy_supervisor,
    call: monipy_call_id,
    name: *const c_char,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> monipy_status {
    enter_ok(Allow::Anywhere, || {
        let said = info(supervisor, call)?.incoming;
        // SAFETY: the caller promises a NUL-terminated string.
        let name = unsafe { text::required("name", name) }?;
        let value = said.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(&name)).map_or("", |(_, v)| v.as_str());
        // SAFETY: the caller promises `capacity` writable bytes and a size_t.
        unsafe { text::copy_out(value, buffer, capacity, needed) }
    })
}
