//! Events
//!
//! Every event has a code and a status; what else it carries is in the fields beside. The table of
//! events and their fields is in docs/events.md; their numbers are above. For each call: trying,
//! inComingCall, ringing, then answered and callStream, then any of dtmf, hold, unhold and stats,
//! then exactly one of ended and hangup, and nothing after it.

use crate::guard::lock;
use crate::sized::Sized_;
use crate::stats::{self, monipy_stats};
use crate::text::to_c;
use crate::types::{monipy_call_id, monipy_event_type, monipy_header};
use monipy_core::vocabulary::EVENTS;
use monipy_core::{Detail, Event};
use std::collections::HashMap;
use std::ffi::{CString, c_char};
use std::sync::{LazyLock, Mutex};

/// One event. Strings are UTF-8 and never NULL: what an event does not carry is "".
#[repr(C)]
#[derive(Clone, Copy)]
pub struct monipy_event {
    /// sizeof(monipy_event) of the library; fields beyond it do not exist.
    pub struct_size: u32,
    /// MONIPY_EVENT_.
    pub r#type: monipy_event_type,
    /// The call it belongs to; 0 when it belongs to none.
    pub call: monipy_call_id,
    /// Number of the event within its supervisor: from 1, without gaps (save where overflow says so).
    pub seq: u64,
    /// When, as Unix time in milliseconds. For people; order is by seq.
    pub time_ms: u64,
    /// The contract's code (MONIPY_CODE_), or a SIP status code.
    pub code: i32,
    /// dtmf: how long the key was held, milliseconds.
    pub duration_ms: u32,
    /// overflow: how many events were dropped since the last notice.
    pub dropped: u64,
    /// The vendor's name of the event, such as "inComingCall".
    pub name: *const c_char,
    /// The vendor's words, or the server's reason.
    pub status: *const c_char,
    /// Why: loginFailed, logout, ended, hangup, missed, mediaFailed, disconnected, reboot, device.
    pub reason: *const c_char,
    /// "incoming" or "outgoing": trying, ringing, answered, dtmf (the contract's `type`).
    pub direction: *const c_char,
    /// "myself" or "other": hold, unhold.
    pub whom: *const c_char,
    /// One of 0-9 * # A-D: dtmf.
    pub dtmf: *const c_char,
    /// Who calls: inComingCall, missed.
    pub from: *const c_char,
    /// The SIP URI of the From header: inComingCall. So are the following.
    pub from_uri: *const c_char,
    /// X-Call-ID, else X-cmi-uuid, else the SIP Call-ID.
    pub call_id: *const c_char,
    /// X-Team-Name.
    pub team_name: *const c_char,
    /// X-To-Number.
    pub to_number: *const c_char,
    /// X-Transfer-From.
    pub transfer_from: *const c_char,
    /// X-Transfer.
    pub transfer: *const c_char,
    /// Every X- header of the INVITE.
    pub headers: *const monipy_header,
    /// How many.
    pub header_count: usize,
    /// stats: the figures; NULL for every other event.
    pub stats: *const monipy_stats,
    /// The whole event as one line of JSON, for logs and for what comes later.
    pub json: *const c_char,
}

// SAFETY: 32-bit integers in pairs, then 64-bit integers, then pointers (and a size_t among
// pointers); all-zero bytes are a value.
unsafe impl Sized_ for monipy_event {
    const V1: usize = 48 + 17 * size_of::<usize>();
    const NAME: &'static str = "monipy_event";
}

/// The strings and tables that a monipy_event points to.
struct Owned {
    event: monipy_event,
    _strings: Vec<CString>,
    _headers: Vec<monipy_header>,
    _stats: Option<Box<monipy_stats>>,
}

// SAFETY: the pointers in `event` and `_headers` point into what the same value owns on the heap,
// which nobody changes; they move with it.
unsafe impl Send for Owned {}

/// Keeps a string and gives its address, which stays when the vector grows: the bytes are on the heap.
fn keep(strings: &mut Vec<CString>, text: &str) -> *const c_char {
    if text.is_empty() {
        return c"".as_ptr();
    }
    let text = to_c(text);
    let at = text.as_ptr();
    strings.push(text);
    at
}

fn own(event: &Event) -> Owned {
    let mut strings = Vec::with_capacity(8);
    let mut headers = Vec::new();
    let mut figures = None;
    let empty = c"".as_ptr();
    let mut e = monipy_event {
        struct_size: size_of::<monipy_event>() as u32,
        r#type: event.kind as u32,
        call: event.call.map_or(0, |c| c.0),
        seq: event.seq,
        time_ms: event.time_ms,
        code: event.code.into(),
        duration_ms: 0,
        dropped: 0,
        name: c_name(event.kind as u32),
        status: keep(&mut strings, &event.status),
        reason: empty,
        direction: empty,
        whom: empty,
        dtmf: empty,
        from: empty,
        from_uri: empty,
        call_id: empty,
        team_name: empty,
        to_number: empty,
        transfer_from: empty,
        transfer: empty,
        headers: std::ptr::null(),
        header_count: 0,
        stats: std::ptr::null(),
        json: keep(&mut strings, &event.to_json()),
    };
    if let Some(reason) = event.reason() {
        e.reason = keep(&mut strings, reason);
    }
    match &event.detail {
        Detail::Direction(d) => e.direction = keep(&mut strings, d.as_str()),
        Detail::Whom(w) => e.whom = keep(&mut strings, w.as_str()),
        Detail::Dtmf { digit, duration_ms, direction } => {
            e.dtmf = keep(&mut strings, digit.encode_utf8(&mut [0; 4]));
            e.duration_ms = *duration_ms;
            e.direction = keep(&mut strings, direction.as_str());
        }
        Detail::Missed { from, .. } => e.from = keep(&mut strings, from),
        Detail::Overflow { dropped } => e.dropped = *dropped,
        Detail::Incoming(call) => {
            e.from = keep(&mut strings, &call.from);
            e.from_uri = keep(&mut strings, &call.from_uri);
            e.call_id = keep(&mut strings, &call.call_id);
            let optional = |strings: &mut Vec<CString>, text: &Option<String>| keep(strings, text.as_deref().unwrap_or_default());
            e.team_name = optional(&mut strings, &call.team_name);
            e.to_number = optional(&mut strings, &call.to_number);
            e.transfer_from = optional(&mut strings, &call.transfer_from);
            e.transfer = optional(&mut strings, &call.transfer);
            headers.reserve_exact(call.headers.len());
            for (name, value) in &call.headers {
                headers.push(monipy_header { name: keep(&mut strings, name), value: keep(&mut strings, value) });
            }
            e.headers = headers.as_ptr();
            e.header_count = headers.len();
        }
        Detail::Stats(s) => {
            let boxed = Box::new(stats::of(s));
            e.stats = &raw const *boxed;
            figures = Some(boxed);
        }
        _ => {}
    }
    Owned { event: e, _strings: strings, _headers: headers, _stats: figures }
}

/// Shows an event to a callback.
pub(crate) fn lend(event: &Event, show: impl FnOnce(*const monipy_event)) {
    let owned = own(event);
    show(&raw const owned.event);
}

/// Events that the program holds, by address.
static GIVEN: LazyLock<Mutex<HashMap<usize, Box<Owned>>>> = LazyLock::new(Mutex::default);

/// Gives an event to the program until it calls monipy_event_free.
pub(crate) fn give(event: Event) -> *const monipy_event {
    let owned = Box::new(own(&event));
    let at = &raw const owned.event;
    lock(&GIVEN).insert(at as usize, owned);
    at
}

/// Gives back an event of monipy_wait_event. NULL, and what is no such event, is ignored. Any
/// thread; not in audio callbacks.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_event_free(event: *const monipy_event) {
    crate::guard::enter(crate::guard::Allow::OffMedia, || {
        let freed = lock(&GIVEN).remove(&(event as usize));
        drop(freed);
        Ok(0)
    });
}

static NAMES: LazyLock<Vec<CString>> = LazyLock::new(|| EVENTS.iter().map(|e| to_c(e.name)).collect());

fn c_name(kind: u32) -> *const c_char {
    EVENTS.iter().zip(NAMES.iter()).find(|(e, _)| e.value == kind).map_or(c"unknown".as_ptr(), |(_, name)| name.as_ptr())
}

/// The vendor's name of an event, such as "inComingCall". Never NULL: "unknown" for a number that
/// is none. The string lives as long as the program. Any thread, any callback.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_event_name(r#type: monipy_event_type) -> *const c_char {
    // A panic is not possible here but costs nothing to rule out.
    std::panic::catch_unwind(|| c_name(r#type)).unwrap_or(c"unknown".as_ptr())
}

#[cfg(test)]
mod tests {
    use super::*;
    use monipy_core::{CallId, EventKind, IncomingCall};
    use std::ffi::CStr;

    fn text(at: *const c_char) -> String {
        // SAFETY: own() gives NUL-terminated strings that live as long as what it returns.
        unsafe { CStr::from_ptr(at) }.to_string_lossy().into_owned()
    }

    #[test]
    fn what_an_event_does_not_carry_is_empty_and_never_null() {
        let event = Event { kind: EventKind::Login, seq: 1, time_ms: 2, call: None, code: 200, status: "in".into(), detail: Detail::None };
        let c = own(&event).event;
        assert_eq!((c.r#type, c.seq, c.code, c.call), (1, 1, 200, 0));
        for s in [c.reason, c.direction, c.whom, c.dtmf, c.from, c.from_uri, c.call_id, c.team_name, c.to_number, c.transfer] {
            assert!(!s.is_null());
            assert_eq!(text(s), "");
        }
    }

    #[test]
    fn an_incoming_call_shows_its_headers() {
        let call = IncomingCall {
            from: "Zoë".into(),
            headers: vec![("X-Team-Name".into(), "sales".into()), ("X-Empty".into(), String::new())],
            team_name: Some("sales".into()),
            ..IncomingCall::default()
        };
        let event = Event {
            kind: EventKind::IncomingCall,
            seq: 1,
            time_ms: 2,
            call: Some(CallId(7)),
            code: 200,
            status: "in\0side".into(),
            detail: Detail::Incoming(Box::new(call)),
        };
        let owned = own(&event);
        let c = owned.event;
        assert_eq!(text(c.from), "Zoë");
        assert_eq!(text(c.status), "in side");
        // SAFETY: header_count headers are there, owned by `owned`.
        let headers = unsafe { std::slice::from_raw_parts(c.headers, c.header_count) };
        assert_eq!(text(headers[0].name), "X-Team-Name");
        assert_eq!(text(headers[1].value), "");
        assert!(text(c.json).contains("\"event\":\"inComingCall\""));
    }

    #[test]
    fn an_event_is_given_back_once_and_nonsense_is_ignored() {
        let event = Event { kind: EventKind::Login, seq: 1, time_ms: 2, call: None, code: 200, status: "in".into(), detail: Detail::None };
        let at = give(event);
        assert!(lock(&GIVEN).contains_key(&(at as usize)));
        monipy_event_free(at);
        assert!(!lock(&GIVEN).contains_key(&(at as usize)));
        monipy_event_free(at);
        monipy_event_free(std::ptr::null());
        monipy_event_free(std::ptr::dangling());
    }
}
