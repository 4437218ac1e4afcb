//! Sound
//!
//! Three ways to a call's sound, which may be used side by side: the machine's speaker and
//! microphone (audio_mode), the callbacks on_audio and fill_audio, and the functions below, which
//! need no callback. PCM is mono, signed 16 bits in the machine's byte order, at the
//! configuration's sample_rate.

use crate::gate::{self, Place};
use crate::guard::{Allow, Fail, Outcome, enter, enter_ok, lock};
use crate::handle::{self, Handle};
use crate::outcome::block_until;
use crate::status;
use crate::supervisor::deadline;
use crate::types::{monipy_call_id, monipy_status, monipy_supervisor};
use monipy_core::audio::{AudioIo, AudioStream, AudioWriter, FrameRef};
use monipy_core::{CallId, Config};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, Weak};

/// A frame of what is heard.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct monipy_audio_frame {
    /// sizeof(monipy_audio_frame) of the library.
    pub struct_size: u32,
    /// Hz.
    pub sample_rate: u32,
    /// 1.
    pub channels: u32,
    /// Samples in pcm, per channel.
    pub samples: u32,
    /// Media time: samples since the call's first frame. Runs on through loss, hold and dropped
    /// frames, so that gaps show.
    pub timestamp: u64,
    /// 1 when some of it had to be invented: a packet was lost or late.
    pub concealed: u32,
    /// 0.
    pub reserved0: u32,
    /// The samples.
    pub pcm: *const i16,
}

/// The callbacks of a handle, as the engine's media threads call them.
pub(crate) struct Io {
    handle: Weak<Handle>,
}

impl Io {
    /// Installs on_audio and fill_audio, where there are any.
    pub(crate) fn install(handle: &Arc<Handle>) {
        let callbacks = &handle.callbacks.0;
        if callbacks.on_audio.is_some() || callbacks.fill_audio.is_some() {
            handle.supervisor.set_audio_io(Some(Arc::new(Io { handle: Arc::downgrade(handle) })));
        }
    }
}

impl AudioIo for Io {
    fn on_audio(&self, call: CallId, frame: FrameRef<'_>) {
        let Some(handle) = self.handle.upgrade() else { return };
        let Some(on_audio) = handle.callbacks.0.on_audio else { return };
        let flat = monipy_audio_frame {
            struct_size: size_of::<monipy_audio_frame>() as u32,
            sample_rate: frame.sample_rate,
            channels: 1,
            samples: u32::try_from(frame.pcm.len()).unwrap_or(u32::MAX),
            timestamp: frame.timestamp,
            concealed: frame.concealed.into(),
            reserved0: 0,
            pcm: frame.pcm.as_ptr(),
        };
        let user_data = handle.callbacks.0.user_data;
        handle.callback(Place::Media, |raw| {
            // SAFETY: the program gave this function; the frame lives until it returns.
            unsafe { on_audio(user_data, raw, call.0, &raw const flat) };
        });
        forget_last(handle);
    }

    fn fill_audio(&self, call: CallId, pcm: &mut [i16]) -> usize {
        let Some(handle) = self.handle.upgrade() else { return 0 };
        let Some(fill_audio) = handle.callbacks.0.fill_audio else { return 0 };
        let user_data = handle.callbacks.0.user_data;
        let (at, room) = (pcm.as_mut_ptr(), u32::try_from(pcm.len()).unwrap_or(u32::MAX));
        let mut written = 0;
        handle.callback(Place::Media, |raw| {
            // SAFETY: the program gave this function; `room` samples are writable.
            written = unsafe { fill_audio(user_data, raw, call.0, at, room) };
        });
        forget_last(handle);
        (written as usize).min(pcm.len())
    }
}

/// Drops a reference on a media thread. When it is the last, what it holds (the engine's handle)
/// goes on a dispatcher thread, since letting go of it may take its time.
fn forget_last(handle: Arc<Handle>) {
    if let Some(handle) = Arc::into_inner(handle) {
        crate::dispatch::run(move || drop(handle));
    }
}

/// What is heard in one call, on its way to monipy_audio_read.
struct Reader {
    frames: AudioStream,
    /// The rest of a frame that did not fit.
    rest: Vec<i16>,
    used: usize,
}

/// A call, and a party where one is heard alone.
type ReaderKey = (CallId, Option<u32>);

/// The open ways of one handle to and from its calls' sound.
#[derive(Default)]
pub(crate) struct Lines {
    readers: Mutex<HashMap<ReaderKey, Arc<Mutex<Reader>>>>,
    writers: Mutex<HashMap<CallId, Arc<Mutex<AudioWriter>>>>,
}

impl Lines {
    /// Closes all.
    pub(crate) fn clear(&self) {
        lock(&self.readers).clear();
        lock(&self.writers).clear();
    }
}

/// The line of a call, opened when it is not open yet. Lines of calls that are over go first.
fn line<K: Hash + Eq + Copy, L>(
    lines: &Mutex<HashMap<K, Arc<Mutex<L>>>>,
    key: K,
    over: impl Fn(&L) -> bool,
    open: impl FnOnce() -> Outcome<L>,
) -> Outcome<Arc<Mutex<L>>> {
    let mut lines = lock(lines);
    if let Some(line) = lines.get(&key) {
        return Ok(Arc::clone(line));
    }
    // One that is in use just now is not over.
    lines.retain(|_, line| line.try_lock().map_or(true, |l| !over(&l)));
    let line = Arc::new(Mutex::new(open()?));
    lines.insert(key, Arc::clone(&line));
    Ok(line)
}

/// A call's own id, for the current call too. A call that is over keeps its lines until they are
/// read empty, so an id that is not 0 stays what it is.
fn resolve(handle: &Handle, call: monipy_call_id) -> Outcome<CallId> {
    if call != 0 {
        return Ok(CallId(call));
    }
    handle.supervisor.call_info(CallId::CURRENT).map(|c| c.id).ok_or_else(Fail::no_call)
}

/// Waiting is not for media threads.
fn may_wait(timeout_ms: u32) -> Outcome<()> {
    if timeout_ms != 0 && gate::place() == Place::Media {
        return Err(Fail::new(status::MONIPY_ERR_REENTRANT, "timeout_ms: must be 0 inside an audio callback"));
    }
    Ok(())
}

fn count(samples: usize) -> i32 {
    i32::try_from(samples).unwrap_or(i32::MAX)
}

/// Reads what is heard in a call, or of one party alone.
///
/// # Safety
/// `pcm` has room for `samples` samples.
unsafe fn read(
    supervisor: *mut monipy_supervisor,
    call: monipy_call_id,
    party: Option<u32>,
    pcm: *mut i16,
    samples: u32,
    timeout_ms: u32,
) -> Outcome<i32> {
    let handle = handle::get(supervisor)?;
    check_pcm(pcm, samples)?;
    may_wait(timeout_ms)?;
    let call = resolve(&handle, call)?;
    let key = (call, party);
    let end = deadline(timeout_ms);
    let over = |r: &Reader| r.frames.is_closed() && r.used == r.rest.len();
    let reader = line(&handle.lines.readers, key, over, || {
        let Config { sample_rate, frame_ms, .. } = *handle.supervisor.config();
        let frames = match party {
            None => handle.supervisor.audio(call, sample_rate, frame_ms)?,
            Some(party) => handle.supervisor.party_audio(call, party, sample_rate, frame_ms)?,
        };
        Ok(Reader { frames, rest: Vec::new(), used: 0 })
    })?;
    let mut reader = lock(&reader);
    let mut read = 0;
    let wanted = samples as usize;
    while read < wanted {
        if reader.used == reader.rest.len() {
            let frame = match reader.frames.try_next() {
                Some(frame) => Some(frame),
                None if read > 0 || timeout_ms == 0 => None,
                None => block_until(reader.frames.next(), end).flatten(),
            };
            let Some(frame) = frame else { break };
            reader.rest = frame.pcm;
            reader.used = 0;
        }
        let part = (reader.rest.len() - reader.used).min(wanted - read);
        // SAFETY: `samples` samples are writable by the caller's promise and read + part is not more.
        unsafe { std::ptr::copy_nonoverlapping(reader.rest[reader.used..].as_ptr(), pcm.add(read), part) };
        reader.used += part;
        read += part;
    }
    if read == 0 && wanted > 0 && over(&reader) {
        lock(&handle.lines.readers).remove(&key);
        return Err(Fail::no_call());
    }
    Ok(count(read))
}

/// Reads what is heard in a call: up to `samples` samples. Frames are kept from the first call of
/// this function on (`samples` 0 just begins); when the program is slow, the oldest are dropped.
///
/// timeout_ms: how long to wait until something is there; 0 does not wait, UINT32_MAX waits for
/// ever. Must be 0 inside audio callbacks.
///
/// How many samples were read (0: nothing within the time), or a negative status:
/// MONIPY_ERR_NO_SUCH_CALL when the call is over and everything was read. Any thread, any
/// callback; not two threads at once for one call.
///
/// # Safety
/// `pcm` has room for `samples` samples.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monipy_audio_read(
    supervisor: *mut monipy_supervisor,
    call: monipy_call_id,
    pcm: *mut i16,
    samples: u32,
    timeout_ms: u32,
) -> i32 {
    enter(Allow::Anywhere, || {
        // SAFETY: as the caller promises.
        unsafe { read(supervisor, call, None, pcm, samples, timeout_ms) }
    })
}

/// monipy_audio_read for one party alone: where a server sends the parties apart, the field
/// "parties" of the event callStream says who they are, in the order of their numbers from 0.
/// Silence for a number that no party has; in a call whose parties come together, 0 is all that is
/// heard. Each party has a queue of its own, beside that of monipy_audio_read.
///
/// party: 0 to 7.
///
/// As monipy_audio_read.
///
/// # Safety
/// `pcm` has room for `samples` samples.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monipy_party_read(
    supervisor: *mut monipy_supervisor,
    call: monipy_call_id,
    party: u32,
    pcm: *mut i16,
    samples: u32,
    timeout_ms: u32,
) -> i32 {
    enter(Allow::Anywhere, || {
        // SAFETY: as the caller promises.
        unsafe { read(supervisor, call, Some(party), pcm, samples, timeout_ms) }
    })
}

/// Frames that monipy_audio_read has lost because it was called too seldom: how many, or a
/// negative status. Any thread, any callback.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_audio_dropped(supervisor: *mut monipy_supervisor, call: monipy_call_id) -> i32 {
    enter(Allow::Anywhere, || {
        let handle = handle::get(supervisor)?;
        let call = resolve(&handle, call)?;
        let reader = lock(&handle.lines.readers).get(&(call, None)).cloned();
        Ok(reader.map_or(0, |r| i32::try_from(lock(&r).frames.dropped()).unwrap_or(i32::MAX)))
    })
}

/// The writer of a call.
fn writer(handle: &Handle, call: CallId) -> Outcome<Arc<Mutex<AudioWriter>>> {
    line(&handle.lines.writers, call, AudioWriter::is_closed, || {
        Ok(handle.supervisor.audio_writer(call, handle.supervisor.config().sample_rate)?)
    })
}

/// Speaks into a call: queues up to `samples` samples. The queue holds a second.
///
/// timeout_ms: how long to wait for room; 0 takes what fits. Must be 0 inside audio callbacks.
///
/// How many samples were queued, or a negative status: MONIPY_ERR_NO_SUCH_CALL when the call is
/// over. Any thread, any callback; not two threads at once for one call.
///
/// # Safety
/// `pcm` points to `samples` samples.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monipy_audio_write(
    supervisor: *mut monipy_supervisor,
    call: monipy_call_id,
    pcm: *const i16,
    samples: u32,
    timeout_ms: u32,
) -> i32 {
    enter(Allow::Anywhere, || {
        let handle = handle::get(supervisor)?;
        check_pcm(pcm, samples)?;
        may_wait(timeout_ms)?;
        let call = resolve(&handle, call)?;
        let line = writer(&handle, call)?;
        let mut line = lock(&line);
        // SAFETY: the caller promises `samples` samples; an empty slice needs no address.
        let pcm = if samples == 0 { &[] } else { unsafe { std::slice::from_raw_parts(pcm, samples as usize) } };
        let mut written = line.write(pcm);
        if written < pcm.len() && timeout_ms != 0 {
            let end = deadline(timeout_ms);
            let left =
                end.map_or(std::time::Duration::from_secs(u32::MAX.into()), |e| e.saturating_duration_since(std::time::Instant::now()));
            written += line.write_timeout(&pcm[written..], left);
        }
        if written == 0 && line.is_closed() {
            lock(&handle.lines.writers).remove(&call);
            return Err(Fail::no_call());
        }
        Ok(count(written))
    })
}

/// Forgets what monipy_audio_write has queued. Any thread, any callback.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_audio_clear(supervisor: *mut monipy_supervisor, call: monipy_call_id) -> monipy_status {
    enter_ok(Allow::Anywhere, || {
        let handle = handle::get(supervisor)?;
        let call = resolve(&handle, call)?;
        let open = lock(&handle.lines.writers).get(&call).cloned();
        if let Some(line) = open {
            lock(&line).clear();
        }
        Ok(())
    })
}

/// Milliseconds that monipy_audio_write has queued and that are not sent yet, or a negative
/// status. Any thread, any callback.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_audio_queued_ms(supervisor: *mut monipy_supervisor, call: monipy_call_id) -> i32 {
    enter(Allow::Anywhere, || {
        let handle = handle::get(supervisor)?;
        let call = resolve(&handle, call)?;
        let open = lock(&handle.lines.writers).get(&call).cloned();
        Ok(open.map_or(0, |line| i32::try_from(lock(&line).queued_ms()).unwrap_or(i32::MAX)))
    })
}

fn check_pcm(pcm: *const i16, samples: u32) -> Outcome<()> {
    if samples == 0 {
        return Ok(());
    }
    if pcm.is_null() {
        return Err(Fail::argument("pcm: NULL, but samples is not 0"));
    }
    if !pcm.is_aligned() {
        return Err(Fail::argument("pcm: not aligned for 16-bit samples"));
    }
    // More than an hour at 48 kHz is a negative number that was meant as something else.
    if samples > 48_000 * 3600 {
        return Err(Fail::argument(format!("samples: {samples} is more than an hour of sound")));
    }
    Ok(())
}
