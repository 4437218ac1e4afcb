//! The public face: a supervisor that logs in, is called, answers and hears.

use crate::audio::{AudioIo, AudioStream, AudioWriter};
use crate::call::{Call, CallId, CallInfo};
use crate::config::Config;
use crate::engine::bus::Queue;
use crate::engine::driver::{Driver, Outcome, Request};
use crate::engine::machine::Command;
use crate::engine::shared::{CallSound, Shared};
use crate::error::{Error, Reply, Result};
use crate::event::{Event, Stats};
use crate::playing::{PLAYING_RATE, Playing};
use crate::recording::Recording;
use crate::vocabulary::code;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

/// One signed-in supervisor. A light handle; clones speak of the same supervisor. When the last
/// clone is dropped, calls are ended, the registration is taken back and the engine stops.
///
/// Every method may be called from any thread. Methods that act return a [`Pending`]: the command
/// is on its way at once; await the outcome or drop it.
#[derive(Debug, Clone)]
pub struct Supervisor {
    inner: Arc<Inner>,
}

/// Keeps the actor alive: when the last handle goes, the channel closes and the actor ends.
struct Inner {
    shared: Arc<Shared>,
    requests: mpsc::UnboundedSender<Request>,
    actor: Mutex<Option<tokio::task::JoinHandle<()>>>,
    runtime: tokio::runtime::Handle,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("server", &self.shared.config.server).finish_non_exhaustive()
    }
}

impl Supervisor {
    /// Makes a supervisor. Nothing is connected until [`Supervisor::login`].
    ///
    /// # Errors
    /// 1003 when the configuration does not hold; the sentence names the field. 1099 when the
    /// system gives no thread.
    pub fn new(config: Config) -> Result<Supervisor> {
        config.validate()?;
        let runtime = crate::runtime::shared()?;
        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed).map_err(|e| Error::new(code::INTERNAL, format!("the system gave no random bytes: {e}")))?;
        let shared = Arc::new(Shared::new(config));
        let (requests, commands) = mpsc::unbounded_channel();
        let actor = runtime.spawn(Driver::new(shared.clone(), commands, seed).run());
        Ok(Supervisor { inner: Arc::new(Inner { shared, requests, actor: Mutex::new(Some(actor)), runtime }) })
    }

    /// The configuration it was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.shared.config
    }

    fn give(&self, command: Command) -> Pending {
        let (reply, outcome) = oneshot::channel();
        if self.inner.requests.send(Request { command, reply: Some(reply) }).is_err() {
            return Pending { state: PendingState::Ready(Some(gone())) };
        }
        Pending { state: PendingState::Waiting(outcome) }
    }

    /// Connects and registers.
    ///
    /// Outcome: 200 "Logged in successfully"; 401 "Invalid Login ID or Password"; 405 too many
    /// connections; 1001 "Already logged in"; 1003 for an id or password that cannot be sent; 408
    /// when the server does not answer (10 s for the connection, 32 s for SIP).
    /// Once the server has agreed the password is kept under a mask alone, for realms that ask later;
    /// it is wiped with the login.
    pub fn login(&self, id: &str, password: &str) -> Pending {
        self.give(Command::Login { id: id.to_owned(), password: Zeroizing::new(password.to_owned()) })
    }

    /// Unregisters and disconnects. Outcome: 200 "Logged out successfully"; 1002 "Need to log in first".
    pub fn logout(&self) -> Pending {
        self.give(Command::Logout)
    }

    /// Places a call to a number, a feature code or a SIP URI. Outcome: 200 with the far side's
    /// answer under way (`status` "calling"); 1002 when not logged in or already in a call; 1003.
    /// The id of the new call comes with its `trying` event and from [`Supervisor::current_call`].
    pub fn call(&self, target: &str) -> Pending {
        self.give(Command::Call { target: target.to_owned() })
    }

    /// Answers a ringing call ([`CallId::CURRENT`] for the one that rings). Outcome: 200
    /// "answered" when the 200 is sent; 1002 "no incoming call to answer" or "Already in a call".
    pub fn answer(&self, call: CallId) -> Pending {
        self.give(Command::Answer { call })
    }

    /// Refuses a ringing call with 480. Outcome: 200 "hangup"; 1002 "No ongoing calls to reject".
    pub fn reject(&self, call: CallId) -> Pending {
        self.reject_with(call, 480)
    }

    /// Refuses a ringing call with a SIP code of one's own, 400 to 699 (1003 otherwise).
    pub fn reject_with(&self, call: CallId, sip_code: u16) -> Pending {
        self.give(Command::Reject { call, sip_code })
    }

    /// Ends a call in any state. Outcome: 200 "hangup"; 1002 "No ongoing calls to terminate".
    pub fn terminate(&self, call: CallId) -> Pending {
        self.give(Command::Terminate { call })
    }

    /// Puts an answered call on hold (re-INVITE, RFC 3264 8.4). Outcome: 200 when the far side
    /// agreed; 1002 when there is no call, or it is on hold already.
    pub fn hold(&self, call: CallId) -> Pending {
        self.give(Command::Hold { call })
    }

    /// Takes a call off hold. Outcome as [`Supervisor::hold`].
    pub fn unhold(&self, call: CallId) -> Pending {
        self.give(Command::Unhold { call })
    }

    /// Sends silence in place of microphone and application. Outcome: 200; 1002.
    pub fn mute(&self, call: CallId) -> Pending {
        self.give(Command::Mute { call, muted: true })
    }

    /// Sends sound again. Outcome: 200; 1002.
    pub fn unmute(&self, call: CallId) -> Pending {
        self.give(Command::Mute { call, muted: false })
    }

    /// Presses keys, 100 ms each with 70 ms between (RFC 4733 when the far side negotiated it,
    /// else INFO). Outcome: 200 when the last key is queued; 1005 invalid digits; 1002 no call.
    pub fn send_dtmf(&self, call: CallId, digits: &str) -> Pending {
        self.send_dtmf_with(call, digits, 100, 70)
    }

    /// [`Supervisor::send_dtmf`] with one's own duration (40 to 6000 ms) and gap (30 to 6000 ms).
    pub fn send_dtmf_with(&self, call: CallId, digits: &str, duration_ms: u32, gap_ms: u32) -> Pending {
        self.give(Command::Dtmf { call, digits: digits.to_owned(), duration_ms, gap_ms })
    }

    /// Ends (200) when the engine has looked at every command given before. A command that it has
    /// refused by then (1001, 1002, 1005 ...) is decided; one that is under way is not. For callers
    /// that want a refusal at once without waiting for the outcome.
    pub fn settled(&self) -> Pending {
        self.give(Command::Settle)
    }

    /// Registered now.
    #[must_use]
    pub fn is_logged_in(&self) -> bool {
        self.inner.shared.snapshot().logged_in
    }
    /// The link to the server is up.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.inner.shared.snapshot().connected
    }
    /// This side holds the call.
    #[must_use]
    pub fn on_hold(&self, call: CallId) -> bool {
        self.call_info(call).is_some_and(|c| c.on_hold)
    }
    /// The call is muted.
    #[must_use]
    pub fn on_mute(&self, call: CallId) -> bool {
        self.call_info(call).is_some_and(|c| c.muted)
    }
    /// The contact centre's id of the current call (the `call_id` of `inComingCall`).
    #[must_use]
    pub fn call_id(&self) -> Option<String> {
        self.call_info(CallId::CURRENT).map(|c| c.incoming.call_id)
    }
    /// The call that rings, else the newest that is not over.
    #[must_use]
    pub fn current_call(&self) -> Option<Call> {
        self.call_info(CallId::CURRENT).map(|c| Call { supervisor: self.clone(), id: c.id })
    }
    /// A handle on a call by its id; methods on a call that is over answer 1002.
    #[must_use]
    pub fn call_handle(&self, id: CallId) -> Call {
        Call { supervisor: self.clone(), id }
    }
    /// Every call that is not over, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<CallInfo> {
        self.inner.shared.snapshot().calls.clone()
    }
    /// What is known of a call now.
    #[must_use]
    pub fn call_info(&self, call: CallId) -> Option<CallInfo> {
        self.inner.shared.call_info(call)
    }
    /// Figures of a call now.
    #[must_use]
    pub fn call_stats(&self, call: CallId) -> Option<Stats> {
        self.inner.shared.stats(call)
    }

    /// What is heard in a call, as mono PCM frames of `frame_ms` (10, 20, 40 or 60) at
    /// `sample_rate` (8000, 16000, 24000 or 48000 Hz), paced without a hole from `callStream` on,
    /// during loss and hold too. Several streams of one call are independent of each other.
    /// May be asked for before the call is answered. The stream ends with the call.
    ///
    /// # Errors
    /// 1002 when there is no such call, 1003 for a rate or length that is not offered.
    pub fn audio(&self, call: CallId, sample_rate: u32, frame_ms: u32) -> Result<AudioStream> {
        self.sound(call)?.control.add_tap(sample_rate, frame_ms)
    }

    /// As [`Supervisor::audio`], of one party alone: where a server sends the parties apart, on an audio
    /// line each, [`CallInfo::parties`] says who has which number, from 0. The lines are played out
    /// together, as their RTCP sender reports say. In a call with one line party 0 is all that is
    /// heard, and the others are silent; so are numbers that no party has.
    ///
    /// # Errors
    /// 1002 when there is no such call, 1003 for a party (0 to 7), a rate or a length that is not offered.
    pub fn party_audio(&self, call: CallId, party: u32, sample_rate: u32, frame_ms: u32) -> Result<AudioStream> {
        self.sound(call)?.control.add_party_tap(party, sample_rate, frame_ms)
    }

    /// A way to speak into a call: mono PCM at `sample_rate`, queued for up to a second. Several
    /// writers of one call are mixed.
    ///
    /// # Errors
    /// 1002 when there is no such call, 1003 for a rate that is not offered.
    pub fn audio_writer(&self, call: CallId, sample_rate: u32) -> Result<AudioWriter> {
        self.sound(call)?.control.add_writer(sample_rate)
    }

    /// Records a call. Begins now, with sound from `callStream` on, and ends with the call or with
    /// [`Recording::stop`]. An existing file is replaced. A crash or a full disk costs the last
    /// second at most, and never the call. The name decides what is written:
    ///
    /// - `.opus`, `.ogg` or `.oga`: Ogg Opus, mono, what is heard, straight from the packets
    ///   (other codecs, and parties that come apart, are put into Opus); `sample_rate` means nothing then;
    /// - any other: WAV of 16-bit samples at `sample_rate`, what is heard on the left, what is sent
    ///   on the right; where the server sends the parties apart, a channel for each in the order of
    ///   [`CallInfo::parties`], and then what is sent.
    ///
    /// # Errors
    /// 1002 when there is no such call, 1003 for a rate that is not offered or a file that cannot
    /// be written.
    pub fn record(&self, call: CallId, path: impl AsRef<Path>, sample_rate: u32) -> Result<Recording> {
        Recording::start(&self.inner.runtime, &self.sound(call)?.control, path.as_ref(), sample_rate)
    }

    /// Speaks a sound file into a call: WAV of any rate and number of channels (they are mixed), or
    /// Ogg Opus. It is mixed with the microphone and with other sources, and played at its own pace.
    ///
    /// # Errors
    /// 1002 when there is no such call, 1003 for a file that cannot be played.
    pub fn play(&self, call: CallId, path: impl AsRef<Path>) -> Result<Playing> {
        let writer = self.sound(call)?.control.add_writer(PLAYING_RATE)?;
        Playing::start(&self.inner.runtime, writer, path.as_ref())
    }

    fn sound(&self, call: CallId) -> Result<CallSound> {
        self.inner.shared.sound(call).ok_or_else(|| Error::invalid_state("call not found"))
    }

    /// Uses this speaker, by name or id ([`crate::device::devices`]), `None` for the system's default:
    /// at once in calls that are up, and in later ones. A card that is not there is waited for, with
    /// the default in its place. Calls tell what came of it by the event `device`.
    pub fn set_output_device(&self, device: Option<&str>) {
        self.choose(|choice| choice.output = device.map(str::to_owned));
    }

    /// Uses this microphone. As [`Supervisor::set_output_device`].
    pub fn set_input_device(&self, device: Option<&str>) {
        self.choose(|choice| choice.input = device.map(str::to_owned));
    }

    fn choose(&self, change: impl FnOnce(&mut monipy_device::Choice)) {
        change(&mut self.inner.shared.snapshot().devices);
        let _ = self.inner.requests.send(Request { command: Command::Devices, reply: None });
    }

    /// Installs functions that are called on a media thread for every frame of every call of this
    /// supervisor, at the configuration's rate and frame length; `None` takes them away.
    pub fn set_audio_io(&self, io: Option<Arc<dyn AudioIo>>) {
        let mut snapshot = self.inner.shared.snapshot();
        for sound in snapshot.sounds.values() {
            sound.control.set_audio_io(io.clone());
        }
        snapshot.audio_io = io;
    }

    /// A stream of events from here on. Several streams may live at once; each gets every event.
    /// Its queue is bounded ([`Config::event_queue`]); call-state events are never dropped.
    #[must_use]
    pub fn events(&self) -> EventStream {
        EventStream { queue: self.inner.shared.bus.subscribe() }
    }

    /// Stops at once and waits: calls end, the registration is taken back if the server still
    /// answers within the time, threads and sockets are released. Later methods answer 1002.
    /// Must not be awaited inside an audio callback.
    pub async fn shutdown(&self, timeout: Duration) {
        let actor = self.inner.actor.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(self.give(Command::Shutdown));
        if let Some(mut actor) = actor
            && tokio::time::timeout(timeout, &mut actor).await.is_err()
        {
            actor.abort();
            self.inner.shared.bus.close();
        }
    }

    /// [`Supervisor::shutdown`] for threads outside an async runtime; blocks up to `timeout`.
    pub fn shutdown_blocking(&self, timeout: Duration) {
        let (done, wait) = std::sync::mpsc::channel();
        let me = self.clone();
        self.inner.runtime.spawn(async move {
            me.shutdown(timeout).await;
            drop(me);
            let _ = done.send(());
        });
        let _ = wait.recv_timeout(timeout + Duration::from_millis(500));
    }
}

/// The outcome of a method, on its way. The command was given when the method was called; await
/// this to learn how it ended (or [`Pending::wait`] on a thread that is not the runtime's), or
/// drop it. It always ends: with the engine gone it says 1002.
#[must_use = "await it, wait for it, or drop() it on purpose"]
#[derive(Debug)]
pub struct Pending {
    pub(crate) state: PendingState,
}

#[derive(Debug)]
pub(crate) enum PendingState {
    /// Known already.
    Ready(Option<Result<Reply>>),
    /// The engine will say.
    Waiting(oneshot::Receiver<Outcome>),
}

impl Pending {
    /// Blocks this thread until the outcome is known. Not for threads of an async runtime.
    ///
    /// # Errors
    /// The method's own.
    pub fn wait(self) -> Result<Reply> {
        match self.state {
            PendingState::Ready(r) => r.unwrap_or_else(gone),
            PendingState::Waiting(rx) => rx.blocking_recv().map_or_else(|_| gone(), |(result, _)| result),
        }
    }

    /// The outcome, and the number (`seq`) of the last event that came before it: a face that
    /// hands on both through one queue can keep them in the order in which they came about. The
    /// number is `u64::MAX` when the engine is gone.
    pub async fn with_seq(self) -> (Result<Reply>, u64) {
        match self.state {
            PendingState::Ready(r) => (r.unwrap_or_else(gone), u64::MAX),
            PendingState::Waiting(rx) => rx.await.unwrap_or_else(|_| (gone(), u64::MAX)),
        }
    }
}

fn gone() -> Result<Reply> {
    Err(Error::invalid_state("the supervisor was shut down"))
}

impl Future for Pending {
    type Output = Result<Reply>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            PendingState::Ready(r) => Poll::Ready(r.take().unwrap_or_else(gone)),
            PendingState::Waiting(rx) => Pin::new(rx).poll(cx).map(|r| r.map_or_else(|_| gone(), |(result, _)| result)),
        }
    }
}

/// A stream of events. Ends (`None`) when the supervisor is gone.
#[derive(Debug)]
pub struct EventStream {
    queue: Arc<Queue>,
}

impl EventStream {
    /// The next event; `None` when the supervisor is gone.
    pub async fn next(&mut self) -> Option<Event> {
        self.queue.pop().await
    }
    /// The next event if one waits already.
    pub fn try_next(&mut self) -> Option<Event> {
        self.queue.try_pop()
    }
    /// Blocks this thread for the next event, for `timeout` at most; `None` when the time is up
    /// or the supervisor is gone ([`EventStream::is_closed`] tells which).
    pub fn next_timeout(&mut self, timeout: Duration) -> Option<Event> {
        self.queue.pop_timeout(timeout)
    }
    /// No event will come any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }
}
