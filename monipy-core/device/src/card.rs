//! The system's sound library, by miniaudio: PulseAudio or ALSA on Linux, Core Audio on macOS,
//! WASAPI on Windows, each opened at run time. The only unsafe code of the crate.

use crate::session::{SharedMicrophoneEnd, SharedSpeakerEnd};
use crate::{Device, Failure, Way};

/// What a card's thread fills or empties.
#[derive(Clone)]
pub(crate) enum End {
    /// Of a speaker.
    Speaker(SharedSpeakerEnd),
    /// Of a microphone.
    Microphone(SharedMicrophoneEnd),
}

pub(crate) use backend::Stream;

/// Every card.
pub(crate) fn list() -> Result<Vec<Device>, Failure> {
    backend::list()
}

/// Whether there is such a card now.
pub(crate) fn exists(way: Way, wanted: &str) -> bool {
    list().is_ok_and(|all| all.iter().any(|d| d.way == way && d.is_called(wanted)))
}

#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "musl"))]
mod backend {
    //! Where miniaudio has no bindings.
    use super::{Device, End, Failure, Way};

    pub(crate) struct Stream(std::convert::Infallible);

    pub(crate) fn list() -> Result<Vec<Device>, Failure> {
        Err(none())
    }

    fn none() -> Failure {
        Failure("this build has no sound cards; take the call's sound as PCM".into())
    }

    impl Stream {
        pub(crate) fn open(_: Way, _: Option<&str>, _: End) -> Result<Stream, Failure> {
            Err(none())
        }
        pub(crate) fn name(&self) -> &str {
            match self.0 {}
        }
        pub(crate) fn is_called(&self, _: &str) -> bool {
            match self.0 {}
        }
        pub(crate) fn is_running(&self) -> bool {
            match self.0 {}
        }
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64", target_env = "musl")))]
mod backend {
    use super::{Device, End, Failure, Way};
    use crate::SAMPLE_RATE;
    use maudio_sys::ffi;
    use std::ffi::{CStr, c_char, c_void};
    use std::mem::MaybeUninit;
    use std::ptr;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    use std::sync::{Mutex, Once, PoisonError};

    /// The backends that print nothing and start nothing, best first. The null backend, which plays
    /// into nowhere, is not among them: nobody wants to be told that it works.
    const BACKENDS: [ffi::ma_backend; 7] = [
        ffi::ma_backend_ma_backend_pulseaudio,
        ffi::ma_backend_ma_backend_alsa,
        ffi::ma_backend_ma_backend_wasapi,
        ffi::ma_backend_ma_backend_dsound,
        ffi::ma_backend_ma_backend_coreaudio,
        ffi::ma_backend_ma_backend_sndio,
        ffi::ma_backend_ma_backend_oss,
    ];
    /// What the card takes or gives at once, ms.
    const PERIOD_MS: u32 = 10;
    const SUCCESS: ffi::ma_result = 0;

    #[cfg(target_os = "linux")]
    unsafe extern "C" {
        fn monipy_quiet_alsa();
    }

    fn quiet() {
        static QUIET: Once = Once::new();
        QUIET.call_once(|| {
            #[cfg(target_os = "linux")]
            // SAFETY: takes nothing, gives nothing, and is called once; it sets ALSA's error handler.
            unsafe {
                monipy_quiet_alsa();
            }
        });
    }

    /// An open sound library. At a fixed address, since miniaudio keeps pointers to it.
    struct Context(Box<MaybeUninit<ffi::ma_context>>);

    impl Context {
        fn open() -> Result<Context, Failure> {
            quiet();
            let mut context = Box::new(MaybeUninit::<ffi::ma_context>::zeroed());
            // SAFETY: plain data; init fills it.
            let config = unsafe { ffi::ma_context_config_init() };
            // SAFETY: the list has that many entries, and `context` has room for a context.
            let result = unsafe { ffi::ma_context_init(BACKENDS.as_ptr(), BACKENDS.len() as u32, &raw const config, context.as_mut_ptr()) };
            if result != SUCCESS {
                return Err(Failure("there is no sound system on this machine".into()));
            }
            Ok(Context(context))
        }

        fn at(&mut self) -> *mut ffi::ma_context {
            self.0.as_mut_ptr()
        }

        /// Every card with the id that opens it.
        fn cards(&mut self) -> Result<Vec<(Device, ffi::ma_device_id)>, Failure> {
            let (mut outputs, mut output_count) = (ptr::null_mut(), 0);
            let (mut inputs, mut input_count) = (ptr::null_mut(), 0);
            // SAFETY: an initialised context, and four places to write to.
            let result = unsafe {
                ffi::ma_context_get_devices(self.at(), &raw mut outputs, &raw mut output_count, &raw mut inputs, &raw mut input_count)
            };
            if result != SUCCESS {
                return Err(Failure("the sound system does not say which cards it has".into()));
            }
            // SAFETY: the context keeps that many entries until it is asked again.
            let (outputs, inputs) = unsafe { (slice(outputs, output_count), slice(inputs, input_count)) };
            let card = |way: Way, info: &ffi::ma_device_info, pulse: bool| {
                let id = if pulse {
                    // SAFETY: PulseAudio's ids are strings that end within their array.
                    unsafe { text(info.id.pulse.as_ptr()) }
                } else {
                    String::new()
                };
                // SAFETY: miniaudio ends names within their array.
                let name = unsafe { text(info.name.as_ptr()) };
                (Device { name, id, way, is_default: info.isDefault != 0 }, info.id)
            };
            // SAFETY: an initialised context.
            let pulse = unsafe { (*self.0.as_ptr()).backend } == ffi::ma_backend_ma_backend_pulseaudio;
            let outputs = outputs.iter().map(|i| card(Way::Output, i, pulse));
            Ok(outputs.chain(inputs.iter().map(|i| card(Way::Input, i, pulse))).collect())
        }
    }

    impl Drop for Context {
        fn drop(&mut self) {
            // SAFETY: it was initialised, and its devices are gone.
            unsafe { ffi::ma_context_uninit(self.at()) };
        }
    }

    /// # Safety
    /// `at` is null or points to `count` entries that live for `'a`.
    unsafe fn slice<'a, T>(at: *const T, count: u32) -> &'a [T] {
        if at.is_null() {
            return &[];
        }
        // SAFETY: the caller promises it.
        unsafe { std::slice::from_raw_parts(at, count as usize) }
    }

    /// # Safety
    /// `at` points to a string that ends.
    unsafe fn text(at: *const c_char) -> String {
        // SAFETY: the caller promises it.
        unsafe { CStr::from_ptr(at) }.to_string_lossy().into_owned()
    }

    pub(crate) fn list() -> Result<Vec<Device>, Failure> {
        Ok(Context::open()?.cards()?.into_iter().map(|(device, _)| device).collect())
    }

    /// What a card's thread sees.
    struct Shared {
        end: End,
        stopped: AtomicBool,
        callbacks: AtomicU32,
    }

    /// An open card.
    pub(crate) struct Stream {
        /// `None` once it is being closed.
        open: Option<OpenCard>,
        card: Device,
        /// The number of callbacks at the last look, and looks without one.
        seen: Mutex<(u32, u32)>,
    }

    /// What the sound library holds of a card. Fields are dropped in their order, after the card
    /// itself: first what its callbacks see, then its context.
    struct OpenCard {
        device: Box<MaybeUninit<ffi::ma_device>>,
        shared: Box<Shared>,
        _context: Context,
    }

    // SAFETY: miniaudio's devices and contexts may be used and closed on any thread, one at a time.
    unsafe impl Send for OpenCard {}

    impl Stream {
        /// Opens a card and starts it; without a name the default one.
        pub(crate) fn open(way: Way, wanted: Option<&str>, end: End) -> Result<Stream, Failure> {
            let mut context = Context::open()?;
            let cards = context.cards()?;
            let mut of_this_way = cards.into_iter().filter(|(d, _)| d.way == way).peekable();
            if of_this_way.peek().is_none() {
                return Err(Failure(format!("no {} was found", word(way))));
            }
            let found = of_this_way.find(|(d, _)| wanted.map_or(d.is_default, |w| d.is_called(w)));
            let id = match (&found, wanted) {
                (None, Some(wanted)) => return Err(Failure(format!("there is no {} called {wanted:?}", word(way)))),
                (Some((_, id)), Some(_)) => Some(*id),
                // The system's own choice, which follows the user's settings.
                (_, None) => None,
            };
            let shared = Box::new(Shared { end, stopped: AtomicBool::new(false), callbacks: AtomicU32::new(0) });
            let kind = match way {
                Way::Output => ffi::ma_device_type_ma_device_type_playback,
                Way::Input => ffi::ma_device_type_ma_device_type_capture,
            };
            // SAFETY: plain data.
            let mut config = unsafe { ffi::ma_device_config_init(kind) };
            config.sampleRate = SAMPLE_RATE;
            config.periodSizeInMilliseconds = PERIOD_MS;
            config.periods = 3;
            config.dataCallback = Some(data);
            config.notificationCallback = Some(notice);
            config.pUserData = (&raw const *shared).cast_mut().cast();
            let id_at = id.as_ref().map_or(ptr::null(), ptr::from_ref);
            config.playback.pDeviceID = id_at;
            config.playback.format = ffi::ma_format_ma_format_s16;
            config.playback.channels = 1;
            config.capture.pDeviceID = id_at;
            config.capture.format = ffi::ma_format_ma_format_s16;
            config.capture.channels = 1;
            let mut device = Box::new(MaybeUninit::<ffi::ma_device>::zeroed());
            // SAFETY: context, configuration and id live through the call; the device has a fixed
            // address, and its callbacks see `shared`, which outlives it (see Drop).
            if unsafe { ffi::ma_device_init(context.at(), &raw const config, device.as_mut_ptr()) } != SUCCESS {
                return Err(Failure(format!("the {} could not be opened", word(way))));
            }
            let card = found.map_or_else(|| named(&mut device, kind, way), |(card, _)| card);
            let mut open = OpenCard { device, shared, _context: context };
            // SAFETY: an initialised device.
            let started = unsafe { ffi::ma_device_start(open.device.as_mut_ptr()) } == SUCCESS;
            let stream = Stream { open: Some(open), card, seen: Mutex::new((0, 0)) };
            if !started {
                return Err(Failure(format!("the {} {:?} does not start", word(way), stream.card.name)));
            }
            Ok(stream)
        }

        pub(crate) fn name(&self) -> &str {
            &self.card.name
        }

        pub(crate) fn is_called(&self, wanted: &str) -> bool {
            self.card.is_called(wanted)
        }

        /// Whether samples still move. To be asked every few hundred milliseconds.
        pub(crate) fn is_running(&self) -> bool {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(OpenCard { shared, .. }) = &self.open else { return false };
            let now = shared.callbacks.load(Ordering::Relaxed);
            *seen = if now == seen.0 { (now, seen.1 + 1) } else { (now, 0) };
            // Some cards take seconds to begin.
            let patience = if now == 0 { 20 } else { 6 };
            !shared.stopped.load(Ordering::Acquire) && seen.1 < patience
        }
    }

    impl Drop for Stream {
        /// Closes the card on a thread of its own: where a sound server died, the library waits for
        /// it for ever, and nobody else has to.
        fn drop(&mut self) {
            if let Some(open) = self.open.take() {
                // Without a thread it is closed here.
                let _ = std::thread::Builder::new().name("monipy-device-close".into()).spawn(move || drop(open));
            }
        }
    }

    impl Drop for OpenCard {
        fn drop(&mut self) {
            // SAFETY: it was initialised; afterwards no callback runs, so that `shared` can go.
            unsafe { ffi::ma_device_uninit(self.device.as_mut_ptr()) };
        }
    }

    /// A card that the list does not have: what the system opened as its default.
    fn named(device: &mut MaybeUninit<ffi::ma_device>, kind: ffi::ma_device_type, way: Way) -> Device {
        let mut name = [0 as c_char; 256];
        // SAFETY: an initialised device, and room for 256 characters.
        let result = unsafe { ffi::ma_device_get_name(device.as_mut_ptr(), kind, name.as_mut_ptr(), name.len(), ptr::null_mut()) };
        // SAFETY: miniaudio ends the name within the array, which was all zero.
        let name = if result == SUCCESS { unsafe { text(name.as_ptr()) } } else { "default".into() };
        Device { name, id: String::new(), way, is_default: true }
    }

    fn word(way: Way) -> &'static str {
        match way {
            Way::Output => "speaker",
            Way::Input => "microphone",
        }
    }

    /// # Safety
    /// Called by miniaudio on the card's thread with a device of [`Stream::open`] and buffers of
    /// `frames` mono samples.
    unsafe extern "C" fn data(device: *mut ffi::ma_device, output: *mut c_void, input: *const c_void, frames: u32) {
        // SAFETY: pUserData is the stream's Shared, which outlives the device.
        let shared = unsafe { &*(*device).pUserData.cast::<Shared>() };
        shared.callbacks.fetch_add(1, Ordering::Relaxed);
        match &shared.end {
            // A lock that is held is another card's, which is being closed: this one comes later.
            End::Speaker(end) if !output.is_null() => {
                if let Ok(mut end) = end.try_lock() {
                    // SAFETY: room for `frames` samples, aligned for them.
                    end.fill(unsafe { std::slice::from_raw_parts_mut(output.cast::<i16>(), frames as usize) });
                }
            }
            End::Microphone(end) if !input.is_null() => {
                if let Ok(mut end) = end.try_lock() {
                    // SAFETY: `frames` samples, aligned.
                    end.take(unsafe { std::slice::from_raw_parts(input.cast::<i16>(), frames as usize) });
                }
            }
            _ => {}
        }
    }

    /// # Safety
    /// Called by miniaudio with a notification about a device of [`Stream::open`].
    unsafe extern "C" fn notice(notification: *const ffi::ma_device_notification) {
        // SAFETY: as above.
        let (kind, shared) = unsafe { ((*notification).type_, &*(*(*notification).pDevice).pUserData.cast::<Shared>()) };
        // Moved by the system, since its card went: whoever chose a card wants to be told, and back.
        let gone = [
            ffi::ma_device_notification_type_ma_device_notification_type_stopped,
            ffi::ma_device_notification_type_ma_device_notification_type_rerouted,
        ];
        if gone.contains(&kind) {
            shared.stopped.store(true, Ordering::Release);
        }
    }
}
