//! The class that JavaScript holds: one supervisor and all that is under way for it. Here are its
//! making, its end, its methods and its state; [`crate::pump`] has what comes back, [`crate::sound`]
//! the sound of its calls.

use crate::objects::{Call, Device, Figures, Refusal, call_id};
use crate::options;
use crate::sound::Slot;
use crate::wake::JsWaker;
use crate::work::{self, Done, Listening, Work};
use monipy_core::audio::{AudioStream, AudioWriter};
use monipy_core::{Error, Pending, Playing, Recording, Supervisor};
use napi::bindgen_prelude::{ClassInstance, Function};
use napi_derive::napi;
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::task::Wake;
use std::time::Duration;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// One supervisor.
#[napi]
pub struct Engine {
    /// None once closed.
    pub(crate) supervisor: Option<Supervisor>,
    /// None once no more events can come.
    pub(crate) listening: Option<Listening>,
    pub(crate) work: Work,
    pub(crate) waker: Arc<JsWaker>,
    pub(crate) readers: HashMap<u32, Slot<AudioStream>>,
    pub(crate) writers: HashMap<u32, Slot<AudioWriter>>,
    pub(crate) recordings: HashMap<u32, Recording>,
    /// Files that are played.
    pub(crate) playing: HashMap<u32, Playing>,
    /// Recordings that have ended, for reports, until JavaScript lets go of them.
    pub(crate) recorded: HashMap<u32, Recording>,
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
        playing: HashMap::new(),
        recorded: HashMap::new(),
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

/// Every speaker and microphone; a sentence when there is no sound system.
#[napi(catch_unwind)]
pub fn devices() -> napi::Either<Vec<Device>, String> {
    match monipy_core::device::devices() {
        Ok(found) => napi::Either::A(found.into_iter().map(Device::from).collect()),
        Err(error) => napi::Either::B(error.status),
    }
}

/// The version of the library.
#[napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

#[napi]
impl Engine {
    pub(crate) fn id(&mut self) -> u32 {
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

    pub(crate) fn start(&mut self, future: impl Future<Output = Done> + 'static) {
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
        self.playing.clear();
        self.recorded.clear();
        self.supervisor.take()
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
        self.supervisor.as_ref()?.call_stats(call_id(call)).map(Figures::from)
    }
}
