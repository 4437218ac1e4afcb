//! Recordings, sound files and sound cards
//!
//! A recording and a file that is played have a number of their own, which is valid until it is
//! closed, the call's end notwithstanding. They go on by themselves: nobody has to wait for them.

use crate::guard::{Allow, Fail, Outcome, enter, enter_ok, lock};
use crate::handle::{self, Handle};
use crate::outcome::block_until;
use crate::status;
use crate::supervisor::deadline;
use crate::text;
use crate::types::{monipy_call_id, monipy_status, monipy_supervisor};
use monipy_core::device::Way;
use monipy_core::{CallId, Playing, Recording};
use std::collections::HashMap;
use std::ffi::c_char;
use std::sync::Mutex;
use std::time::Duration;

/// Number of a recording or of a file that is played; never 0.
pub type monipy_sound_id = u64;

/// For monipy_device_list: speakers.
pub const MONIPY_DEVICE_OUTPUT: i32 = 1;
/// For monipy_device_list: microphones.
pub const MONIPY_DEVICE_INPUT: i32 = 2;

/// What has a number.
enum Sound {
    Recording(Recording),
    Playing(Playing),
}

/// Recordings and files of one handle.
#[derive(Default)]
pub(crate) struct Sounds {
    kept: Mutex<(monipy_sound_id, HashMap<monipy_sound_id, Sound>)>,
}

impl Sounds {
    fn keep(&self, sound: Sound) -> monipy_sound_id {
        let mut kept = lock(&self.kept);
        kept.0 += 1;
        let id = kept.0;
        kept.1.insert(id, sound);
        id
    }

    fn with<T>(&self, id: monipy_sound_id, use_it: impl FnOnce(&Sound) -> Outcome<T>) -> Outcome<T> {
        let kept = lock(&self.kept);
        use_it(kept.1.get(&id).ok_or_else(|| Fail::argument(format!("sound: there is none numbered {id}")))?)
    }

    /// Forgets all; recordings go on to their end.
    pub(crate) fn clear(&self) {
        lock(&self.kept).1.clear();
    }
}

fn recording(handle: &Handle, id: monipy_sound_id) -> Outcome<Recording> {
    handle.sounds.with(id, |sound| match sound {
        Sound::Recording(recording) => Ok(recording.clone()),
        Sound::Playing(_) => Err(Fail::argument(format!("recording: {id} is a file that is played"))),
    })
}

fn milliseconds(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}

/// Records a call into a file from now on: Ogg Opus straight from the packets of what is heard for
/// a name that ends in .opus, .ogg or .oga; else WAV, what is heard on the left, what is sent on the
/// right. It ends with the call or by monipy_sound_stop. A crash or a full disk costs the last
/// second at most, and never the call.
///
/// sample_rate: 8000, 16000, 24000 or 48000; 0 for the configuration's. out: where the recording's
/// number goes.
///
/// MONIPY_OK; MONIPY_ERR_INVALID_ARGUMENT: a file that cannot be written; MONIPY_ERR_INVALID_STATE:
/// no call. Any thread; not in audio callbacks.
///
/// # Safety
/// `path` is NULL or NUL-terminated; `out` is NULL or points to a monipy_sound_id.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monipy_record(
    supervisor: *mut monipy_supervisor,
    call: monipy_call_id,
    path: *const c_char,
    sample_rate: u32,
    out: *mut monipy_sound_id,
) -> monipy_status {
    enter_ok(Allow::OffMedia, || {
        let handle = handle::get(supervisor)?;
        // SAFETY: the caller promises a NUL-terminated string.
        let path = unsafe { text::required("path", path) }?;
        let rate = if sample_rate == 0 { handle.supervisor.config().sample_rate } else { sample_rate };
        let id = handle.sounds.keep(Sound::Recording(handle.supervisor.record(CallId(call), path, rate)?));
        if !out.is_null() {
            // SAFETY: the caller promises a place for the number.
            unsafe { out.write_unaligned(id) };
        }
        Ok(())
    })
}

/// Leaves out of a recording what is said from now on, for privacy. The pause is marked in the file.
///
/// MONIPY_OK; MONIPY_ERR_INVALID_ARGUMENT: no such recording. Any thread, any callback.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_record_pause(supervisor: *mut monipy_supervisor, recording: monipy_sound_id) -> monipy_status {
    enter_ok(Allow::Anywhere, || {
        self::recording(&*handle::get(supervisor)?, recording)?.pause();
        Ok(())
    })
}

/// Goes on after monipy_record_pause. Returns as it.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_record_resume(supervisor: *mut monipy_supervisor, recording: monipy_sound_id) -> monipy_status {
    enter_ok(Allow::Anywhere, || {
        self::recording(&*handle::get(supervisor)?, recording)?.resume();
        Ok(())
    })
}

/// Writes a page of HTML about what was recorded so far: levels, delay, loss, quality, a timeline.
///
/// MONIPY_OK; MONIPY_ERR_INVALID_ARGUMENT: no such recording, or a file that cannot be written. Any
/// thread; not in audio callbacks.
///
/// # Safety
/// `path` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monipy_record_report(
    supervisor: *mut monipy_supervisor,
    recording: monipy_sound_id,
    path: *const c_char,
) -> monipy_status {
    enter_ok(Allow::OffMedia, || {
        let recording = self::recording(&*handle::get(supervisor)?, recording)?;
        // SAFETY: the caller promises a NUL-terminated string.
        let path = unsafe { text::required("path", path) }?;
        recording.report(&path).map_err(|e| Fail::argument(format!("path: {path} cannot be written: {e}")))
    })
}

/// Speaks a sound file into a call: WAV of any rate, or Ogg Opus. It is mixed with the microphone
/// and with what else is sent.
///
/// out: NULL, or where the number goes that monipy_sound_stop and monipy_sound_wait take.
///
/// MONIPY_OK: it plays; MONIPY_ERR_INVALID_ARGUMENT: a file that cannot be played;
/// MONIPY_ERR_INVALID_STATE: no call. Any thread; not in audio callbacks.
///
/// # Safety
/// As monipy_record.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monipy_play(
    supervisor: *mut monipy_supervisor,
    call: monipy_call_id,
    path: *const c_char,
    out: *mut monipy_sound_id,
) -> monipy_status {
    enter_ok(Allow::OffMedia, || {
        let handle = handle::get(supervisor)?;
        // SAFETY: the caller promises a NUL-terminated string.
        let path = unsafe { text::required("path", path) }?;
        let playing = handle.supervisor.play(CallId(call), path)?;
        if !out.is_null() {
            let id = handle.sounds.keep(Sound::Playing(playing));
            // SAFETY: the caller promises a place for the number.
            unsafe { out.write_unaligned(id) };
        }
        Ok(())
    })
}

/// Ends a recording, or a file that is played. monipy_sound_wait tells when it is over.
///
/// MONIPY_OK; MONIPY_ERR_INVALID_ARGUMENT: no such number. Any thread, any callback.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_sound_stop(supervisor: *mut monipy_supervisor, sound: monipy_sound_id) -> monipy_status {
    enter_ok(Allow::Anywhere, || {
        handle::get(supervisor)?.sounds.with(sound, |sound| {
            match sound {
                Sound::Recording(recording) => recording.stop(),
                Sound::Playing(playing) => playing.stop(),
            }
            Ok(())
        })
    })
}

/// How much is in the file of a recording, or was handed to the call of a file that is played,
/// milliseconds; or a negative status. Any thread, any callback.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_sound_ms(supervisor: *mut monipy_supervisor, sound: monipy_sound_id) -> i32 {
    enter(Allow::Anywhere, || {
        handle::get(supervisor)?.sounds.with(sound, |sound| {
            Ok(milliseconds(match sound {
                Sound::Recording(recording) => recording.recorded(),
                Sound::Playing(playing) => playing.played(),
            }))
        })
    })
}

/// Waits until a recording has ended and its file is whole, or a file has been played; forgets its
/// number then.
///
/// timeout_ms: UINT32_MAX waits for ever.
///
/// MONIPY_OK; MONIPY_ERR_TIMEOUT: it goes on; MONIPY_ERR_INVALID_ARGUMENT: no such number, or what
/// the file system said. Any thread; not in audio callbacks.
#[unsafe(no_mangle)]
pub extern "C" fn monipy_sound_wait(supervisor: *mut monipy_supervisor, sound: monipy_sound_id, timeout_ms: u32) -> monipy_status {
    enter_ok(Allow::OffMedia, || {
        let handle = handle::get(supervisor)?;
        let end = deadline(timeout_ms);
        let (recording, playing) = handle.sounds.with(sound, |sound| {
            Ok(match sound {
                Sound::Recording(recording) => (Some(recording.clone()), None),
                Sound::Playing(playing) => (None, Some(playing.clone())),
            })
        })?;
        let done = async {
            match (recording, playing) {
                (Some(recording), _) => recording.done().await.map(drop),
                (_, Some(playing)) => playing.done().await.map(drop),
                _ => Ok(()),
            }
        };
        let Some(result) = block_until(done, end) else {
            return Err(Fail::new(status::MONIPY_ERR_TIMEOUT, format!("sound: {sound} goes on")));
        };
        lock(&handle.sounds.kept).1.remove(&sound);
        result.map_err(|e| Fail::argument(format!("path: {e}")))
    })
}

/// The machine's speakers or microphones, by name, one a line, the system's default first.
///
/// kind: MONIPY_DEVICE_. buffer: room for `capacity` bytes, NUL included; NULL when capacity is 0.
/// needed: NULL, or where the needed size goes, NUL included. "" when there are none.
///
/// MONIPY_OK; MONIPY_ERR_BUFFER_TOO_SMALL: nothing was copied; MONIPY_ERR_AUDIO_DEVICE: the machine
/// has no sound system; MONIPY_ERR_INVALID_ARGUMENT. May take seconds where a sound server does not
/// answer. Any thread; not in audio callbacks.
///
/// # Safety
/// `buffer` has room for `capacity` bytes; `needed` is NULL or points to a size_t.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monipy_device_list(kind: i32, buffer: *mut c_char, capacity: usize, needed: *mut usize) -> monipy_status {
    enter_ok(Allow::OffMedia, || {
        let way = match kind {
            MONIPY_DEVICE_OUTPUT => Way::Output,
            MONIPY_DEVICE_INPUT => Way::Input,
            _ => return Err(Fail::argument(format!("kind: {kind}; it accepts MONIPY_DEVICE_OUTPUT and MONIPY_DEVICE_INPUT"))),
        };
        let mut devices = monipy_core::device::devices()?;
        devices.retain(|d| d.way == way);
        devices.sort_by_key(|d| !d.is_default);
        let names: Vec<String> = devices.into_iter().map(|d| d.name.replace('\n', " ")).collect();
        // SAFETY: the caller promises `capacity` writable bytes and a size_t.
        unsafe { text::copy_out(&names.join("\n"), buffer, capacity, needed) }
    })
}

/// Uses this speaker or microphone, at once in calls that are up and in later ones. A card that is
/// not there is waited for, with the system's default in its place. Events device follow.
///
/// kind: MONIPY_DEVICE_. name: as monipy_device_list gives it; NULL for the system's default.
///
/// MONIPY_OK; MONIPY_ERR_INVALID_ARGUMENT. Any thread; not in audio callbacks.
///
/// # Safety
/// `name` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monipy_set_device(supervisor: *mut monipy_supervisor, kind: i32, name: *const c_char) -> monipy_status {
    enter_ok(Allow::OffMedia, || {
        let handle = handle::get(supervisor)?;
        // SAFETY: the caller promises a NUL-terminated string.
        let name = unsafe { text::optional("name", name) }?;
        match kind {
            MONIPY_DEVICE_OUTPUT => handle.supervisor.set_output_device(name.as_deref()),
            MONIPY_DEVICE_INPUT => handle.supervisor.set_input_device(name.as_deref()),
            _ => return Err(Fail::argument(format!("kind: {kind}; it accepts MONIPY_DEVICE_OUTPUT and MONIPY_DEVICE_INPUT"))),
        }
        Ok(())
    })
}
