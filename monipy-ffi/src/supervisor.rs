//! Supervisors
//!
//! Fill a configuration, name your callbacks, create, log in. What follows comes as events.

use crate::audio::{Io, monipy_audio_frame};
use crate::config::{self, monipy_config};
use crate::dispatch;
use crate::event::{self, monipy_event};
use crate::gate::{self, Place};
use crate::guard::{Allow, Fail, Outcome, enter, enter_ok, lock};
use crate::handle::{self, Handle};
use crate::outcome::{Parker, command};
use crate::sized::{self, Sized_};
use crate::status;
use crate::text;
use crate::types::{monipy_call_id, monipy_status, monipy_supervisor};
use monipy_core::{Event, EventStream, Supervisor};
use std::ffi::{c_char, c_void};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// What the library calls. Set struct_size to sizeof(monipy_callbacks), the rest to zero, then
/// what you want.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct monipy_callbacks {
    /// sizeof(monipy_callbacks).
    pub struct_size: u32,
    /// 0.
    pub reserved0: u32,
    /// Handed to each callback as it is.
    pub user_data: *mut c_void,
    /// Runs exactly once, after the last callback, with user_data; not if create fails. NULL for none.
    pub user_data_free: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
    /// An event. One at a time and in order for one supervisor, on a thread of the library. May
    /// take its time: only this supervisor's later events wait. Any function may be called but
    /// monipy_shutdown and monipy_wait_event; monipy_supervisor_destroy too. The event and its
    /// strings are gone when it returns. NULL for monipy_wait_event.
    pub on_event: Option<unsafe extern "C" fn(user_data: *mut c_void, supervisor: *mut monipy_supervisor, event: *const monipy_event)>,
    /// A frame of what is heard: every frame_ms, in every call, at the configuration's rate. Runs
    /// on a media thread: return within half a frame, never block. NULL for none.
    pub on_audio: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            supervisor: *mut monipy_supervisor,
            call: monipy_call_id,
            frame: *const monipy_audio_frame,
        ),
    >,
    /// A frame is to be sent: write up to `samples` samples (mono, the configuration's rate) and
    /// return how many; the rest is silence. 0 leaves the frame to the microphone and
    /// monipy_audio_write. Runs on a media thread, as on_audio. NULL for none.
    pub fill_audio: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            supervisor: *mut monipy_supervisor,
            call: monipy_call_id,
            pcm: *mut i16,
            samples: u32,
        ) -> u32,
    >,
}

// SAFETY: two u32, then pointers; all-zero bytes are a value.
unsafe impl Sized_ for monipy_callbacks {
    const V1: usize = 8 + 5 * size_of::<usize>();
    const NAME: &'static str = "monipy_callbacks";
}

/// The callbacks with their user data, as the library keeps them.
pub(crate) struct Callbacks(pub(crate) monipy_callbacks);

// SAFETY: user_data is only handed back to the program's own functions, which the header says are
// called on other threads.
unsafe impl Send for Callbacks {}
// SAFETY: as above; nothing here is changed after creation.
unsafe impl Sync for Callbacks {}

impl Callbacks {
    /// Runs user_data_free. Called once, by [`Handle`]'s end.
    pub(crate) fn free(&self) {
        if let Some(free) = self.0.user_data_free {
            let _inside = gate::inside(Place::Callback);
            // SAFETY: the program gave this function for this pointer; no callback runs any more.
            unsafe { free(self.0.user_data) };
        }
    }
}

/// The way of events to monipy_wait_event.
#[derive(Default)]
pub(crate) struct Pull {
    state: Mutex<PullState>,
}

#[derive(Default)]
struct PullState {
    /// Whether this handle's events are pulled at all.
    wanted: bool,
    /// The events; taken out by the thread that waits for one.
    stream: Option<EventStream>,
    /// Those who wait, for their turn or for an event.
    waiting: Vec<Arc<Parker>>,
    closed: bool,
}

impl Pull {
    fn new(stream: EventStream) -> Self {
        Pull { state: Mutex::new(PullState { wanted: true, stream: Some(stream), ..PullState::default() }) }
    }

    /// Wakes everybody who waits, for good.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.stream = None;
        state.waiting.drain(..).for_each(|p| Waker::from(p).wake());
    }

    /// The next event, or why there is none.
    fn next(&self, end: Option<Instant>) -> Outcome<Event> {
        let parker = Arc::new(Parker::default());
        let waker = Waker::from(Arc::clone(&parker));
        let mut stream = None;
        let outcome = loop {
            {
                let mut state = lock(&self.state);
                if !state.wanted {
                    return Err(Fail::new(
                        status::MONIPY_ERR_INVALID_STATE,
                        "this supervisor has an on_event callback: its events go there",
                    ));
                }
                if state.closed {
                    break Err(Fail::handle());
                }
                if stream.is_none() {
                    stream = state.stream.take();
                }
                if !state.waiting.iter().any(|p| Arc::ptr_eq(p, &parker)) {
                    state.waiting.push(Arc::clone(&parker));
                }
            }
            if let Some(events) = &mut stream {
                // The future holds its place among the stream's wakers, so it stays while this thread sleeps.
                let mut next = pin!(events.next());
                let woken = loop {
                    match next.as_mut().poll(&mut Context::from_waker(&waker)) {
                        Poll::Ready(Some(event)) => break Some(Ok(event)),
                        Poll::Ready(None) => break Some(Err(Fail::handle())),
                        Poll::Pending if lock(&self.state).closed => break Some(Err(Fail::handle())),
                        Poll::Pending if parker.sleep_until(end) => {}
                        Poll::Pending => break None,
                    }
                };
                break woken.unwrap_or_else(|| Err(Fail::new(status::MONIPY_ERR_TIMEOUT, "no event within the time")));
            }
            if !parker.sleep_until(end) {
                break Err(Fail::new(status::MONIPY_ERR_TIMEOUT, "no event within the time"));
            }
        };
        // The stream goes back, and whoever waits for its turn is told.
        let mut state = lock(&self.state);
        state.waiting.retain(|p| !Arc::ptr_eq(p, &parker));
        if !state.closed
            && let Some(stream) = stream.take()
        {
            state.stream = Some(stream);
            state.waiting.iter().for_each(|p| Waker::from(Arc::clone(p)).wake());
        }
        outcome
    }
}

/// Makes a supervisor. Nothing is connected until monipy_login. Everything it is given is copied
/// before it returns. When it fails, *out is NULL and user_data_free is not called.
///
/// config: from monipy_config_init. callbacks: NULL for none (events wait for monipy_wait_event).
///
/// MONIPY_OK; MONIPY_ERR_INVALID_ARGUMENT with a sentence that names the field;
/// MONIPY_ERR_OUT_OF_MEMORY. Any thread; not in audio callbacks.
///
/// # Safety
/// Pointers are NULL or point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monipy_supervisor_create(
    config: *const monipy_config,
    callbacks: *const monipy_callbacks,
    out: *mut *mut monipy_supervisor,
) -> monipy_status {
    enter_ok(Allow::OffMedia, || {
        if out.is_null() {
            return Err(Fail::argument("out: NULL"));
        }
        // SAFETY: the caller promises that `out` points to a pointer.
        unsafe { out.write(std::ptr::null_mut()) };
        // SAFETY: the caller promises a monipy_config with what it points to.
        let config = unsafe { config::read(config) }?;
        // SAFETY: all-zero bytes are a monipy_callbacks (its Sized_ promise).
        let none: monipy_callbacks = unsafe { std::mem::zeroed() };
        // SAFETY: the caller promises a monipy_callbacks.
        let callbacks = if callbacks.is_null() { none } else { unsafe { sized::read(callbacks, none) }? };
        if callbacks.reserved0 != 0 {
            return Err(Fail::argument("monipy_callbacks.reserved0: must be 0"));
        }
        if config.debug {
            crate::logging::debug_wanted();
        }
        let supervisor = Supervisor::new(config)?;
        let handle = create(supervisor, callbacks)?;
        // SAFETY: as above.
        unsafe { out.write(handle.raw as *mut monipy_supervisor) };
        Ok(())
    })
}

/// Puts a supervisor behind a handle and starts delivery.
fn create(supervisor: Supervisor, callbacks: monipy_callbacks) -> Outcome<Arc<Handle>> {
    let mut events = supervisor.events();
    let Some(on_event) = callbacks.on_event else {
        let handle = handle::insert(supervisor, Callbacks(callbacks), Pull::new(events))?;
        Io::install(&handle);
        return Ok(handle);
    };
    let handle = handle::insert(supervisor, Callbacks(callbacks), Pull::default())?;
    Io::install(&handle);
    let target = Arc::downgrade(&handle);
    let task = dispatch::spawn(async move {
        while let Some(event) = events.next().await {
            let Some(handle) = target.upgrade() else { return };
            let user_data = handle.callbacks.0.user_data;
            let alive = handle.callback(Place::Callback, |raw| {
                event::lend(&event, |e| {
                    // SAFETY: the program gave this function; the event lives until it returns.
                    unsafe { on_event(user_data, raw, e) };
                });
            });
            if !alive {
                return;
            }
        }
    });
    *lock(&handle.delivery) = Some(task);
    Ok(handle)
}

/// Ends a supervisor: its calls end, its registration is taken back, its callbacks stop.
///
/// Outside of callbacks it returns after this supervisor's running callbacks have returned, and
/// none starts later. Inside any callback of the library it returns at once; when that is this
/// supervisor's own callback, that call is its last. user_data_free runs after the last callback.
///
/// MONIPY_OK, also for NULL; MONIPY_ERR_INVALID_HANDLE for a handle that is destroyed already (of
/// two threads that race, one gets this at once); MONIPY_ERR_FORKED in a forked child, where
/// nothing is done. Any thread, any callback.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_supervisor_destroy(supervisor: *mut monipy_supervisor) -> monipy_status {
    enter_ok(Allow::Anywhere, || if supervisor.is_null() { Ok(()) } else { handle::destroy(supervisor) })
}

/// Connects and registers. The outcome is the event login (200) or loginFailed (401 wrong id or
/// password, 405 too many connections, else the SIP code). Both strings are copied; the password
/// is wiped once its digest is computed.
///
/// MONIPY_OK: on its way; MONIPY_ERR_ALREADY_LOGGED_IN, also while a login is under way;
/// MONIPY_ERR_INVALID_ARGUMENT. Any thread; not in audio callbacks.
///
/// # Safety
/// Strings are NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monipy_login(
    supervisor: *mut monipy_supervisor,
    user_id: *const c_char,
    password: *const c_char,
) -> monipy_status {
    enter_ok(Allow::OffMedia, || {
        let handle = handle::get(supervisor)?;
        // SAFETY: the caller promises NUL-terminated strings.
        let (id, password) = unsafe { (text::required("user_id", user_id)?, text::required("password", password)?) };
        let password = zeroize::Zeroizing::new(password);
        match command(&handle.supervisor, |s| s.login(&id, &password)) {
            // It began, and nobody answered: that is an outcome, which comes as an event.
            Err(fail) if fail.status == status::MONIPY_ERR_NOT_CONNECTED => Ok(()),
            refusal => refusal,
        }
    })
}

/// Unregisters and disconnects; the event logout follows.
///
/// MONIPY_OK: on its way; MONIPY_ERR_INVALID_STATE: not logged in. Any thread; not in audio
/// callbacks.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_logout(supervisor: *mut monipy_supervisor) -> monipy_status {
    enter_ok(Allow::OffMedia, || command(&handle::get(supervisor)?.supervisor, Supervisor::logout))
}

/// Whether the registration stands: 1 or 0, or a negative status. Any thread, any callback.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_is_logged_in(supervisor: *mut monipy_supervisor) -> i32 {
    enter(Allow::Anywhere, || Ok(i32::from(handle::get(supervisor)?.supervisor.is_logged_in())))
}

/// Whether the link to the server is up: 1 or 0, or a negative status. Any thread, any callback.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_is_connected(supervisor: *mut monipy_supervisor) -> i32 {
    enter(Allow::Anywhere, || Ok(i32::from(handle::get(supervisor)?.supervisor.is_connected())))
}

/// Waits for the next event of a supervisor without on_event. Give each event back with
/// monipy_event_free. 0 does not wait; UINT32_MAX waits for ever. Several threads may wait: each
/// event goes to one of them.
///
/// MONIPY_OK with *event set; else *event is NULL: MONIPY_ERR_TIMEOUT; MONIPY_ERR_INVALID_HANDLE,
/// also when the supervisor is destroyed meanwhile; MONIPY_ERR_INVALID_STATE when there is an
/// on_event; MONIPY_ERR_REENTRANT inside a callback. Any thread.
///
/// # Safety
/// `event` is NULL or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monipy_wait_event(
    supervisor: *mut monipy_supervisor,
    timeout_ms: u32,
    event: *mut *const monipy_event,
) -> monipy_status {
    enter_ok(Allow::Outside, || {
        if event.is_null() {
            return Err(Fail::argument("event: NULL"));
        }
        // SAFETY: the caller promises that `event` points to a pointer.
        unsafe { event.write(std::ptr::null()) };
        let handle = handle::get(supervisor)?;
        let next = handle.pull.next(deadline(timeout_ms))?;
        // SAFETY: as above.
        unsafe { event.write(event::give(next)) };
        Ok(())
    })
}

/// The instant at which a wait is over; `None` for never.
pub(crate) fn deadline(timeout_ms: u32) -> Option<Instant> {
    (timeout_ms != u32::MAX).then(|| Instant::now() + Duration::from_millis(timeout_ms.into()))
}
