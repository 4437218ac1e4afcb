//! The class that JavaScript holds: one supervisor and all that is under way for it.

use crate::options;
use crate::wake::JsWaker;
use crate::work::{self, Done, Listening, Work};
use futures_util::stream::Stream;
use monipy_core::audio::{AudioStream, AudioWriter};
use monipy_core::{CallId, CallInfo, Error, Event, Pending, Recording, Supervisor};
use napi::bindgen_prelude::{ClassInstance, Function, Int16Array};
use napi_derive::napi;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use zeroize::Zeroizing;

/// Something that a future may have borrowed, and the way to call it back.
struct Slot<T> {
    /// None while a future has it.
    item: Option<T>,
    cancel: Rc<Notify>,
}

impl<T> Slot<T> {
    fn new(item: T) -> Self {
        Slot { item: Some(item), cancel: Rc::new(Notify::new()) }
    }
}

/// The outcome of a method.
#[napi(object)]
pub struct Outcome {
    /// The number its caller was given.
    pub ticket: u32,
    /// The contract's code.
    pub code: u32,
    /// The vendor's words.
    pub status: String,
    /// The last event before it.
    pub after: f64,
    /// Of a recording: what is in the file.
    pub seconds: Option<f64>,
}

/// Frames of one reader.
#[napi(object)]
pub struct Frames {
    /// The reader.
    pub reader: u32,
    /// The samples of all frames, one behind the other; empty when the call is over.
    pub pcm: Int16Array,
    /// For each frame: samples, timestamp, 1 if concealed.
    pub frames: Vec<f64>,
    /// Hz.
    pub sample_rate: u32,
}

/// A write or a drain that ended.
#[napi(object)]
pub struct Wrote {
    /// The writer.
    pub writer: u32,
    /// The call is over; what was not sent will not be.
    pub over: bool,
}

/// What was done since the last pump. A list without entries is left out.
#[napi(object)]
#[derive(Default)]
pub struct Batch {
    /// A JSON array of events, in the order of `seq`.
    pub events: Option<String>,
    /// Outcomes of methods.
    pub outcomes: Option<Vec<Outcome>>,
    /// Frames that were asked for.
    pub frames: Option<Vec<Frames>>,
    /// Writes that ended.
    pub wrote: Option<Vec<Wrote>>,
}

/// A new engine, or why there is none.
#[napi(object)]
pub struct Refusal {
    /// The contract's code.
    pub code: u32,
    /// What is wrong.
    pub status: String,
}

/// A reader or writer, or why there is none.
#[napi(object)]
#[derive(Default)]
pub struct Opened {
    /// Its number, when it was opened.
    pub id: Option<u32>,
    /// The contract's code.
    pub code: u32,
    /// What is wrong.
    pub status: String,
}

impl From<Error> for Opened {
    fn from(error: Error) -> Self {
        Opened { id: None, code: error.code.into(), status: error.status }
    }
}

/// What is known of a call now.
#[napi(object)]
pub struct Call {
    /// Its number.
    pub id: i64,
    /// `incoming` or `outgoing`.
    pub direction: String,
    /// `trying`, `ringing`, `answering`, `answered`, `ended`.
    pub state: String,
    /// This side holds it.
    pub on_hold: bool,
    /// The far side holds it.
    pub held_by_other: bool,
    /// Nothing is sent.
    pub muted: bool,
    /// Who called, or was called.
    pub from: String,
    /// The contact centre's id of it.
    pub call_id: String,
}

impl From<CallInfo> for Call {
    fn from(info: CallInfo) -> Self {
        Call {
            id: number(info.id.0),
            direction: info.direction.as_str().into(),
            state: format!("{:?}", info.state).to_lowercase(),
            on_hold: info.on_hold,
            held_by_other: info.held_by_other,
            muted: info.muted,
            from: info.incoming.from,
            call_id: info.incoming.call_id,
        }
    }
}

/// Figures of a call: those of the `stats` event.
#[napi(object)]
pub struct Figures {
    /// RTP packets received.
    pub packets_received: i64,
    /// RTP packets sent.
    pub packets_sent: i64,
    /// RTP packets that never came.
    pub packets_lost: i64,
    /// Milliseconds of sound that had to be invented.
    pub concealed_ms: i64,
    /// Interarrival jitter.
    pub jitter_ms: f64,
    /// What the jitter buffer adds.
    pub playout_delay_ms: f64,
    /// From RTCP reports, once known.
    pub round_trip_ms: Option<f64>,
    /// Listening quality.
    pub mos: f64,
    /// Level of what is heard, dBFS.
    pub level_dbfs: f64,
    /// Level of what is sent, dBFS.
    pub sent_level_dbfs: f64,
}

/// Ids and counters in JavaScript's numbers (exact up to 2^53).
fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn call_id(call: i64) -> CallId {
    CallId(u64::try_from(call).unwrap_or(u64::MAX))
}

/// One supervisor.
#[napi]
pub struct Engine {
    /// None once closed.
    supervisor: Option<Supervisor>,
    /// None once no more events can come.
    listening: Option<Listening>,
    work: Work,
    waker: Arc<JsWaker>,
    readers: HashMap<u32, Slot<AudioStream>>,
    writers: HashMap<u32, Slot<AudioWriter>>,
    recordings: HashMap<u32, Recording>,
    next_id: u32,
}

/// Makes an engine from a JSON object of options, or says what is wrong with them. `bell` is
/// called on JavaScript's thread when [`Engine::pump`] should be; it must hold the engine weakly,
/// or neither is ever collected.
#[napi(ts_return_type = "Engine | Refusal")]
pub fn create(options: String, bell: Function<'_, (), ()>) -> napi::Result<napi::Either<Engine, Refusal>> {
    let made = options::parse(&options).map_err(|status| Error::new(1003, status)).and_then(|config| {
        crate::logger::install(config.debug);
        Supervisor::new(config)
    });
    let supervisor = match made {
        Ok(supervisor) => supervisor,
        Err(e) => return Ok(napi::Either::B(Refusal { code: e.code.into(), status: e.status })),
    };
    let bell = bell.build_threadsafe_function().weak::<true>().build()?;
    let engine = Engine {
        listening: Some(work::listen(supervisor.events())),
        supervisor: Some(supervisor),
        work: Work::new(),
        waker: JsWaker::new(bell),
        readers: HashMap::new(),
        writers: HashMap::new(),
        recordings: HashMap::new(),
        next_id: 0,
    };
    engine.waker.wake_by_ref();
    Ok(napi::Either::A(engine))
}

/// Closes engines side by side and waits, for `timeout_ms` and a little at most. For the end of
/// the process.
#[napi(catch_unwind)]
pub fn close_all(engines: Vec<ClassInstance<'_, Engine>>, timeout_ms: u32) {
    let timeout = Duration::from_millis(timeout_ms.into());
    std::thread::scope(|scope| {
        for mut engine in engines {
            if let Some(supervisor) = engine.let_go() {
                // Without a thread the rest is left to the end of the process.
                let _ = std::thread::Builder::new().spawn_scoped(scope, move || supervisor.shutdown_blocking(timeout));
            }
        }
    });
}

/// The version of the library.
#[napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

#[napi]
impl Engine {
    fn id(&mut self) -> u32 {
        self.next_id = self.next_id.wrapping_add(1);
        self.next_id
    }

    /// Gives a command and remembers who waits for its outcome. None once closed.
    fn give(&mut self, command: impl FnOnce(&Supervisor) -> Pending) -> Option<u32> {
        let pending = command(self.supervisor.as_ref()?);
        let ticket = self.id();
        self.start(work::outcome(ticket, pending));
        Some(ticket)
    }

    fn start(&mut self, future: impl Future<Output = Done> + 'static) {
        self.work.push(Box::pin(future));
        // Its first poll is the pump's.
        self.waker.wake_by_ref();
    }

    /// Lets go of all that is under way, and hands out the supervisor the first time.
    fn let_go(&mut self) -> Option<Supervisor> {
        self.listening = None;
        self.work.clear();
        self.readers.clear();
        self.writers.clear();
        self.recordings.clear();
        self.supervisor.take()
    }

    /// Collects what is done. To be called when the bell has rung.
    #[napi(catch_unwind)]
    pub fn pump(&mut self) -> Batch {
        self.waker.rearm();
        let waker = Waker::from(self.waker.clone());
        let mut cx = Context::from_waker(&waker);
        let mut batch = Batch::default();
        while let Poll::Ready(Some(done)) = Pin::new(&mut self.work).poll_next(&mut cx) {
            self.collect(done, &mut batch);
        }
        // After the outcomes: all events up to an outcome's `after` are in the queue by now.
        batch.events = self.take_events(&mut cx);
        batch
    }

    fn take_events(&mut self, cx: &mut Context<'_>) -> Option<String> {
        let mut json = String::new();
        let mut add = |event: &Event| {
            json.push(if json.is_empty() { '[' } else { ',' });
            json.push_str(&event.to_json());
        };
        while let Some(listening) = &mut self.listening {
            let Poll::Ready((mut stream, event)) = listening.as_mut().poll(cx) else { break };
            // Without an event the stream is over.
            self.listening = event.map(|event| {
                add(&event);
                while let Some(event) = stream.try_next() {
                    add(&event);
                }
                work::listen(stream)
            });
        }
        if json.is_empty() {
            return None;
        }
        json.push(']');
        Some(json)
    }

    fn collect(&mut self, done: Done, batch: &mut Batch) {
        match done {
            Done::Outcome { ticket, code, status, after } => {
                let outcome = Outcome { ticket, code: code.into(), status, after: after as f64, seconds: None };
                batch.outcomes.get_or_insert_default().push(outcome);
            }
            Done::Read { reader, stream, frames } => {
                let Some(slot) = self.readers.get_mut(&reader) else { return };
                slot.item = Some(stream);
                if frames.is_empty() {
                    self.readers.remove(&reader);
                }
                let sample_rate = frames.first().map_or(0, |f| f.sample_rate);
                let mut pcm = Vec::with_capacity(frames.iter().map(|f| f.pcm.len()).sum());
                let mut facts = Vec::with_capacity(frames.len() * 3);
                for frame in &frames {
                    pcm.extend_from_slice(&frame.pcm);
                    facts.extend([frame.pcm.len() as f64, frame.timestamp as f64, f64::from(u8::from(frame.concealed))]);
                }
                let read = Frames { reader, pcm: Int16Array::new(pcm), frames: facts, sample_rate };
                batch.frames.get_or_insert_default().push(read);
            }
            Done::Wrote { writer, handle, over } => {
                let Some(slot) = self.writers.get_mut(&writer) else { return };
                slot.item = Some(handle);
                if over {
                    self.writers.remove(&writer);
                }
                batch.wrote.get_or_insert_default().push(Wrote { writer, over });
            }
            Done::Recorded { recording, result } => {
                self.recordings.remove(&recording);
                let (code, status, seconds) = match result {
                    Ok(recorded) => (200, "recorded".to_owned(), recorded.as_secs_f64()),
                    Err(error) => (1003, format!("path: {error}"), 0.0),
                };
                let outcome = Outcome { ticket: recording, code, status, after: u64::MAX as f64, seconds: Some(seconds) };
                batch.outcomes.get_or_insert_default().push(outcome);
            }
            Done::LetGo => {}
        }
    }

    /// Closes. With `timeout_ms` the outcome of the returned ticket comes when all is given back.
    /// Without, nothing more comes. None when closed already.
    #[napi(catch_unwind)]
    pub fn close(&mut self, timeout_ms: Option<u32>) -> Option<u32> {
        let supervisor = self.let_go()?;
        // The last handle gone, the engine ends its calls and its registration by itself.
        let timeout = Duration::from_millis(timeout_ms?.into());
        let (done, wait) = oneshot::channel();
        let ticket = self.id();
        // When there is no thread to be had, `done` is dropped, and that ends the wait.
        let _ = std::thread::Builder::new().name("monipy-close".into()).spawn(move || {
            supervisor.shutdown_blocking(timeout);
            let _ = done.send(());
        });
        self.start(work::closed(ticket, wait));
        Some(ticket)
    }

    // --- Methods: each gives a ticket, or nothing once closed ---

    /// Connects and registers.
    #[napi(catch_unwind)]
    pub fn login(&mut self, id: String, password: String) -> Option<u32> {
        let password = Zeroizing::new(password);
        self.give(|s| s.login(&id, &password))
    }
    /// Unregisters.
    #[napi(catch_unwind)]
    pub fn logout(&mut self) -> Option<u32> {
        self.give(Supervisor::logout)
    }
    /// Places a call.
    #[napi(catch_unwind)]
    pub fn call(&mut self, target: String) -> Option<u32> {
        self.give(|s| s.call(&target))
    }
    /// Answers.
    #[napi(catch_unwind)]
    pub fn answer(&mut self, call: i64) -> Option<u32> {
        self.give(|s| s.answer(call_id(call)))
    }
    /// Refuses, with a SIP code if one is given.
    #[napi(catch_unwind)]
    pub fn reject(&mut self, call: i64, sip_code: Option<u16>) -> Option<u32> {
        self.give(|s| match sip_code {
            Some(code) => s.reject_with(call_id(call), code),
            None => s.reject(call_id(call)),
        })
    }
    /// Ends a call.
    #[napi(catch_unwind)]
    pub fn terminate(&mut self, call: i64) -> Option<u32> {
        self.give(|s| s.terminate(call_id(call)))
    }
    /// Holds.
    #[napi(catch_unwind)]
    pub fn hold(&mut self, call: i64) -> Option<u32> {
        self.give(|s| s.hold(call_id(call)))
    }
    /// Resumes.
    #[napi(catch_unwind)]
    pub fn un_hold(&mut self, call: i64) -> Option<u32> {
        self.give(|s| s.unhold(call_id(call)))
    }
    /// Mutes.
    #[napi(catch_unwind)]
    pub fn mute(&mut self, call: i64) -> Option<u32> {
        self.give(|s| s.mute(call_id(call)))
    }
    /// Sends sound again.
    #[napi(catch_unwind)]
    pub fn un_mute(&mut self, call: i64) -> Option<u32> {
        self.give(|s| s.unmute(call_id(call)))
    }
    /// Presses keys.
    #[napi(catch_unwind)]
    pub fn send_dtmf(&mut self, call: i64, digits: String) -> Option<u32> {
        self.give(|s| s.send_dtmf(call_id(call), &digits))
    }

    // --- State ---

    /// Registered now.
    #[napi]
    pub fn is_logged_in(&self) -> bool {
        self.supervisor.as_ref().is_some_and(Supervisor::is_logged_in)
    }
    /// The server link is up.
    #[napi]
    pub fn is_connected(&self) -> bool {
        self.supervisor.as_ref().is_some_and(Supervisor::is_connected)
    }
    /// Every call that is not over.
    #[napi]
    pub fn calls(&self) -> Vec<Call> {
        self.supervisor.as_ref().map_or_else(Vec::new, |s| s.calls().into_iter().map(Call::from).collect())
    }
    /// One call; 0 for the current one.
    #[napi]
    pub fn call_info(&self, call: i64) -> Option<Call> {
        self.supervisor.as_ref()?.call_info(call_id(call)).map(Call::from)
    }
    /// Figures of a call.
    #[napi]
    pub fn figures(&self, call: i64) -> Option<Figures> {
        let s = self.supervisor.as_ref()?.call_stats(call_id(call))?;
        Some(Figures {
            packets_received: number(s.packets_received),
            packets_sent: number(s.packets_sent),
            packets_lost: number(s.packets_lost),
            concealed_ms: number(s.concealed_ms),
            jitter_ms: s.jitter_ms.into(),
            playout_delay_ms: s.playout_delay_ms.into(),
            round_trip_ms: s.round_trip_ms.map(f64::from),
            mos: s.mos.into(),
            level_dbfs: s.level_dbfs.into(),
            sent_level_dbfs: s.sent_level_dbfs.into(),
        })
    }

    // --- Sound ---

    fn opened<T>(&mut self, made: Option<monipy_core::Result<T>>, slots: impl FnOnce(&mut Self) -> &mut HashMap<u32, Slot<T>>) -> Opened {
        match made {
            None => Error::new(1002, "the supervisor was closed").into(),
            Some(Err(error)) => error.into(),
            Some(Ok(item)) => {
                let id = self.id();
                slots(self).insert(id, Slot::new(item));
                Opened { id: Some(id), code: 200, status: String::new() }
            }
        }
    }

    /// Opens a reader of what is heard in a call.
    #[napi(catch_unwind)]
    pub fn open_reader(&mut self, call: i64, sample_rate: u32, frame_ms: u32) -> Opened {
        let made = self.supervisor.as_ref().map(|s| s.audio(call_id(call), sample_rate, frame_ms));
        self.opened(made, |me| &mut me.readers)
    }
    /// Asks for frames; they come with a pump. False when the reader is gone or was asked already.
    #[napi(catch_unwind)]
    pub fn read(&mut self, reader: u32) -> bool {
        let Some(slot) = self.readers.get_mut(&reader) else { return false };
        let Some(stream) = slot.item.take() else { return false };
        let cancel = slot.cancel.clone();
        self.start(work::read(reader, stream, cancel));
        true
    }
    /// Lets go of a reader.
    #[napi(catch_unwind)]
    pub fn close_reader(&mut self, reader: u32) {
        if let Some(slot) = self.readers.remove(&reader) {
            slot.cancel.notify_one();
        }
    }
    /// Frames of a reader that were dropped because it was slow; -1 while it waits for one.
    #[napi(catch_unwind)]
    pub fn dropped(&self, reader: u32) -> i64 {
        let stream = self.readers.get(&reader).and_then(|slot| slot.item.as_ref());
        stream.map_or(-1, |s| number(s.dropped()))
    }

    /// Records a call to a file; an outcome with the returned number comes when the file is whole.
    #[napi(catch_unwind)]
    pub fn record(&mut self, call: i64, path: String, sample_rate: u32) -> Opened {
        match self.supervisor.as_ref().map(|s| s.record(call_id(call), &path, sample_rate)) {
            None => Error::new(1002, "the supervisor was closed").into(),
            Some(Err(error)) => error.into(),
            Some(Ok(recording)) => {
                let id = self.id();
                self.start(work::recorded(id, recording.clone()));
                self.recordings.insert(id, recording);
                Opened { id: Some(id), code: 200, status: String::new() }
            }
        }
    }
    /// Ends a recording.
    #[napi(catch_unwind)]
    pub fn stop_recording(&self, recording: u32) {
        if let Some(recording) = self.recordings.get(&recording) {
            recording.stop();
        }
    }
    /// Seconds that are in the file of a recording that goes on; -1 of one that has ended.
    #[napi(catch_unwind)]
    pub fn recorded(&self, recording: u32) -> f64 {
        self.recordings.get(&recording).map_or(-1.0, |r| r.recorded().as_secs_f64())
    }

    /// Opens a way to speak into a call.
    #[napi(catch_unwind)]
    pub fn open_writer(&mut self, call: i64, sample_rate: u32) -> Opened {
        let made = self.supervisor.as_ref().map(|s| s.audio_writer(call_id(call), sample_rate));
        self.opened(made, |me| &mut me.writers)
    }
    /// Queues samples, little-endian. 1: done; 0: it will be, and a pump says when; -1: the call
    /// is over, or a write is under way already.
    #[napi(catch_unwind)]
    pub fn write(&mut self, writer: u32, bytes: &[u8]) -> i32 {
        let Some(slot) = self.writers.get_mut(&writer) else { return -1 };
        let Some(mut handle) = slot.item.take() else { return -1 };
        let cancel = slot.cancel.clone();
        let (samples, _) = bytes.as_chunks::<2>();
        let mut pcm: Vec<i16> = samples.iter().map(|s| i16::from_le_bytes(*s)).collect();
        let taken = handle.write(&pcm);
        if taken == pcm.len() || handle.is_closed() {
            let over = handle.is_closed();
            slot.item = Some(handle);
            if over {
                self.writers.remove(&writer);
            }
            return if over { -1 } else { 1 };
        }
        pcm.drain(..taken);
        self.start(work::write(writer, handle, pcm, cancel));
        0
    }
    /// Waits until all has been sent; a pump says when. False when the call is over.
    #[napi(catch_unwind)]
    pub fn drain(&mut self, writer: u32) -> bool {
        let Some(slot) = self.writers.get_mut(&writer) else { return false };
        let Some(handle) = slot.item.take() else { return false };
        let cancel = slot.cancel.clone();
        self.start(work::drain(writer, handle, cancel));
        true
    }
    /// Forgets what is queued, and what a write still waits with.
    #[napi(catch_unwind)]
    pub fn clear(&mut self, writer: u32) {
        if let Some(slot) = self.writers.get_mut(&writer) {
            match &mut slot.item {
                Some(handle) => handle.clear(),
                None => slot.cancel.notify_one(),
            }
        }
    }
    /// Lets go of a writer. What is queued plays out.
    #[napi(catch_unwind)]
    pub fn close_writer(&mut self, writer: u32) {
        self.writers.remove(&writer);
    }
    /// Milliseconds queued and not yet sent.
    #[napi(catch_unwind)]
    pub fn queued_ms(&self, writer: u32) -> u32 {
        self.writers.get(&writer).and_then(|slot| slot.item.as_ref()).map_or(0, AudioWriter::queued_ms)
    }
}
