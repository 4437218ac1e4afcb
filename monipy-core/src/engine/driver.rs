//! The only place where sockets, clocks and channels meet: the actor of one supervisor. It feeds
//! the [`Machine`] and carries out what comes out of it. It decides nothing.

use super::machine::{Command, Input, Machine, MediaInput, MediaOp, Output, Token};
use super::shared::{CallSound, Shared};
use super::sound_card;
use super::worker::{self, CallMedia, WorkerCall};
use crate::audio::{CallAudio, CallAudioConfig, CodecMap, ComfortTone, VoiceProcessing};
use crate::call::CallId;
use crate::config::AudioMode;
use crate::error::{Error, Reply};
use crate::event::{Detail, Event, EventKind};
use crate::media::{AudioFormat, MediaConfig, MediaEnds, MediaTransport, Negotiated, OfferError};
use crate::sip::redact::{redact, redact_numbers};
use crate::sip::ua::Rng;
use crate::transport::ws::{self, Link, LinkError, LinkEvent};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// What a handle sends to its actor.
pub(crate) struct Request {
    pub(crate) command: Command,
    pub(crate) reply: Option<oneshot::Sender<Outcome>>,
}

/// How a command ended, and the number of the last event that came before its end.
pub(crate) type Outcome = (Result<Reply, Error>, u64);

/// What comes back from tasks of the actor's own.
enum Inner {
    Linked(Result<Link, LinkError>),
    Media(CallId, MediaInput),
}

/// The media side of one call.
struct DriverCall {
    transport: Arc<dyn MediaTransport>,
    /// Until the worker has it.
    idle: Option<Box<CallMedia>>,
    working: Option<WorkerCall>,
    sound: CallSound,
    events: JoinHandle<()>,
    /// An offer being taken back: what is negotiated next waits for it.
    rollback: Option<JoinHandle<()>>,
    /// Where the cards come to when they have been opened; dropped, they are closed.
    cards: Arc<Mutex<Cards>>,
}

impl DriverCall {
    /// Gives its sound to a worker, if none has it yet.
    fn work(&mut self) {
        match self.idle.take().map(|media| worker::adopt(*media)) {
            Some(Ok(working)) => self.working = Some(working),
            Some(Err(e)) => log::error!(target: "monipy::engine", "no thread for the sound of a call ({e}); raise the system's limits"),
            None => {}
        }
    }

    /// Takes its cards, and those that are being opened just now.
    fn end_cards(cards: &Mutex<Cards>) {
        let session = {
            let mut cards = lock(cards);
            cards.over = true;
            cards.session.take()
        };
        // They close on a thread of their own.
        drop(session);
    }
}

/// The sound cards of a call.
#[derive(Default)]
struct Cards {
    /// They were asked for: once a call.
    wanted: bool,
    /// The call is over: cards that are being opened just now are not kept.
    over: bool,
    session: Option<monipy_device::Session>,
}

/// How long a tone tells why a call failed.
const TONE_TIME: Duration = Duration::from_secs(4);

/// The sound of a call that was refused, which still tells so.
#[derive(Default)]
struct Farewell(Option<JoinHandle<()>>);

impl Farewell {
    fn stop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

/// What of a call's sound outlives it; gone when dropped.
struct Ends(Option<WorkerCall>, Arc<Mutex<Cards>>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0 = None;
        DriverCall::end_cards(&self.1);
    }
}

pub(crate) struct Driver {
    machine: Machine,
    shared: Arc<Shared>,
    requests: mpsc::UnboundedReceiver<Request>,
    inner_tx: mpsc::UnboundedSender<Inner>,
    inner: mpsc::UnboundedReceiver<Inner>,
    link: Option<Link>,
    connecting: Option<JoinHandle<()>>,
    tokens: HashMap<Token, oneshot::Sender<Outcome>>,
    next_token: u64,
    calls: BTreeMap<CallId, DriverCall>,
    closing: Vec<JoinHandle<()>>,
    farewell: Farewell,
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, requests: mpsc::UnboundedReceiver<Request>, seed: [u8; 32]) -> Self {
        let (inner_tx, inner) = mpsc::unbounded_channel();
        let machine = Machine::new(shared.config.clone(), Rng::from_seed(seed), Instant::now());
        Driver {
            machine,
            shared,
            requests,
            inner_tx,
            inner,
            link: None,
            connecting: None,
            tokens: HashMap::new(),
            next_token: 0,
            calls: BTreeMap::new(),
            closing: Vec::new(),
            farewell: Farewell::default(),
        }
    }

    /// Runs until the supervisor is shut down or its last handle is gone.
    pub(crate) async fn run(mut self) {
        loop {
            let timeout = self.machine.next_timeout();
            let input = tokio::select! {
                biased;
                request = self.requests.recv() => match request {
                    Some(Request { command: Command::Devices, .. }) => {
                        self.choose_devices();
                        continue;
                    }
                    Some(request) => {
                        let token = request.reply.map(|reply| self.keep(reply));
                        Input::Command(request.command, token)
                    }
                    // The last handle was dropped.
                    None => Input::Command(Command::Shutdown, None),
                },
                Some(inner) = self.inner.recv() => match inner {
                    Inner::Linked(Ok(link)) => {
                        self.link = Some(link);
                        Input::LinkUp
                    }
                    Inner::Linked(Err(error)) => Input::LinkFailed(error),
                    Inner::Media(call, media) => Input::Media(call, media),
                },
                event = next_frame(self.link.as_mut()) => match event {
                    LinkEvent::Frame(bytes) => {
                        self.trace("received", &bytes);
                        Input::Frame(bytes)
                    }
                    LinkEvent::Down(why) => {
                        self.link = None;
                        Input::LinkDown(why)
                    }
                    LinkEvent::Moved(why) => {
                        self.link = None;
                        Input::LinkMoved(why)
                    }
                },
                () = sleep_until(timeout) => Input::Tick,
            };
            if self.step(input) {
                break;
            }
        }
        self.finish().await;
    }

    fn keep(&mut self, reply: oneshot::Sender<Outcome>) -> Token {
        self.next_token += 1;
        self.tokens.insert(Token(self.next_token), reply);
        Token(self.next_token)
    }

    /// One input through the machine. True when the supervisor is gone.
    fn step(&mut self, input: Input) -> bool {
        self.machine.congested = self.shared.bus.hopelessly_behind();
        self.machine.handle(input, Instant::now());
        let mut outputs = Vec::new();
        while let Some(output) = self.machine.poll_output() {
            outputs.push(output);
        }
        if outputs.is_empty() {
            return false;
        }
        {
            let mut snapshot = self.shared.snapshot();
            snapshot.logged_in = self.machine.is_logged_in();
            snapshot.connected = self.machine.is_connected();
            snapshot.calls = self.machine.call_infos();
        }
        let mut gone = false;
        let mut failed = None;
        for output in outputs {
            match output {
                Output::Send(bytes) => {
                    self.trace("sent", &bytes);
                    let sent = self.link.as_ref().is_some_and(|l| l.send(bytes));
                    if !sent {
                        failed = Some("frames pile up: the server does not take them");
                    }
                }
                other => gone |= self.carry_out(other),
            }
        }
        if let Some(why) = failed.filter(|_| !gone)
            && self.link.take().is_some()
        {
            return self.step(Input::LinkDown(why.into()));
        }
        gone
    }

    fn carry_out(&mut self, output: Output) -> bool {
        match output {
            Output::Connect => self.connect(),
            Output::Disconnect => {
                self.link = None;
                if let Some(task) = self.connecting.take() {
                    task.abort();
                }
            }
            Output::LinkActive(active) => {
                if let Some(link) = &self.link {
                    link.set_active(active);
                }
            }
            Output::Event(event) => self.publish(event),
            Output::Stats(call) => {
                if let Some(stats) = self.shared.stats(call) {
                    let detail = Detail::Stats(Box::new(stats));
                    let event =
                        Event { kind: EventKind::Stats, seq: 0, time_ms: 0, call: Some(call), code: 200, status: "stats".into(), detail };
                    self.publish(event);
                }
            }
            Output::Reply(token, result) => {
                if let Some(reply) = self.tokens.remove(&token) {
                    let _ = reply.send((result, self.shared.bus.last_seq()));
                }
            }
            Output::Media(call, op) => self.media(call, op),
            Output::Send(_) => {}
            Output::Gone => return true,
        }
        false
    }

    /// A SIP message in the log, without its secrets, with the server: a process may have many.
    /// RFC 5626 keep-alives are left out.
    fn trace(&self, what: &str, message: &[u8]) {
        if self.shared.config.debug && !message.iter().all(u8::is_ascii_whitespace) {
            // Its host and port alone: the rest of a URL may hold a token.
            let url = url::Url::parse(&self.shared.config.server).ok();
            let (host, port) = url.as_ref().map_or(("", None), |url| (url.host_str().unwrap_or_default(), url.port_or_known_default()));
            log::debug!(target: "monipy::sip", "{what} ({host}:{}):\n{}", port.unwrap_or_default(), redact(message));
        }
    }

    fn publish(&self, mut event: Event) {
        event.time_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
        let told = self.shared.config.debug.then(|| event.clone());
        let seq = self.shared.bus.publish(event);
        if let Some(told) = told.filter(|_| seq > 0) {
            log::debug!(target: "monipy::event", "{}", redact_numbers(&Event { seq, ..told }.to_json()));
        }
    }

    fn connect(&mut self) {
        let config = &self.shared.config;
        let Ok(url) = url::Url::parse(&config.server) else { return };
        let target = ws::Target {
            url,
            ca_file: config.ca_file.clone(),
            tls_server_name: config.tls_server_name.clone(),
            insecure: config.insecure_tls,
        };
        let tell = self.inner_tx.clone();
        self.connecting = Some(tokio::spawn(async move {
            let _ = tell.send(Inner::Linked(ws::connect(&target).await));
        }));
    }

    // --- Media ---

    fn media(&mut self, id: CallId, op: MediaOp) {
        if op == MediaOp::Open {
            return self.open(id);
        }
        if let MediaOp::Close | MediaOp::CloseWithTone(_) = op {
            let tone = if let MediaOp::CloseWithTone(tone) = op { Some(tone) } else { None };
            return self.close(id, tone);
        }
        let Some(call) = self.calls.get_mut(&id) else {
            // It could not be opened; whoever waits for an offer or an answer must hear of it.
            return self.without_media(id, &op);
        };
        let transport = call.transport.clone();
        match op {
            MediaOp::AcceptOffer { sdp, direction } => {
                let before = call.rollback.take();
                self.spawn(id, async move {
                    done(before).await;
                    MediaInput::AnswerMade(transport.accept_offer(&sdp, direction).await)
                });
            }
            MediaOp::CreateOffer { direction, kind } => {
                let before = call.rollback.take();
                self.spawn(id, async move {
                    done(before).await;
                    MediaInput::OfferMade(transport.create_offer(direction, kind).await)
                });
            }
            MediaOp::ApplyAnswer { sdp } => {
                self.spawn(id, async move { MediaInput::AnswerApplied(transport.apply_answer(&sdp).await) });
            }
            MediaOp::Rollback => {
                let before = call.rollback.take();
                call.rollback = Some(tokio::spawn(async move {
                    done(before).await;
                    transport.rollback().await;
                }));
            }
            MediaOp::Codecs(negotiated) => {
                call.sound.control.set_codecs(codec_map(&negotiated));
                call.sound.control.set_parties(negotiated.parties.len());
            }
            MediaOp::Flow { send, receive, silent } => {
                call.sound.control.set_direction(send, receive);
                call.sound.control.set_mute(silent);
            }
            MediaOp::Dtmf { digits, duration_ms, gap_ms } => {
                if let Err(error) = call.sound.control.send_dtmf(&digits, duration_ms, gap_ms) {
                    log::warn!(target: "monipy::engine", "keys were not sent: {error}");
                }
            }
            MediaOp::Ringback => {
                call.sound.control.set_comfort_tone(Some((self.shared.comfort_tones(), ComfortTone::Ringback)));
                call.work();
            }
            MediaOp::Start => {
                call.sound.control.set_comfort_tone(None);
                call.work();
            }
            MediaOp::OpenDevices => self.open_devices(id),
            MediaOp::Open | MediaOp::Close | MediaOp::CloseWithTone(_) => {}
        }
    }

    /// Opens speaker and microphone, elsewhere: a sound server may take its time. What cannot be
    /// opened is told once, and the call goes on with PCM.
    fn open_devices(&self, id: CallId) {
        let Some(call) = self.calls.get(&id) else { return };
        if self.shared.config.effective_audio_mode() != AudioMode::Device || std::mem::replace(&mut lock(&call.cards).wanted, true) {
            return;
        }
        let (cards, control, choice) = (call.cards.clone(), call.sound.control.clone(), self.shared.snapshot().devices.clone());
        let (tell, notices) = (self.inner_tx.clone(), self.inner_tx.clone());
        tokio::task::spawn_blocking(move || {
            let opened = sound_card::open(choice, &control, move |notice| {
                let (way, name, why) = sound_card::words(&notice);
                let _ = notices.send(Inner::Media(id, MediaInput::DeviceChanged { way, name, why }));
            });
            if let Some(why) = opened.failed {
                let _ = tell.send(Inner::Media(id, MediaInput::DeviceFailed { why }));
            }
            let mut cards = lock(&cards);
            if !cards.over {
                cards.session = opened.session;
            }
        });
    }

    /// The cards of every call follow the supervisor's choice.
    fn choose_devices(&self) {
        let choice = self.shared.snapshot().devices.clone();
        for call in self.calls.values() {
            if let Some(session) = &lock(&call.cards).session {
                session.choose(choice.clone());
            }
        }
    }

    fn without_media(&self, id: CallId, op: &MediaOp) {
        let error = || Err(OfferError::internal("no media transport could be made"));
        let input = match op {
            MediaOp::AcceptOffer { .. } => MediaInput::AnswerMade(error()),
            MediaOp::CreateOffer { .. } => MediaInput::OfferMade(error()),
            _ => return,
        };
        let _ = self.inner_tx.send(Inner::Media(id, input));
    }

    fn spawn(&self, id: CallId, work: impl Future<Output = MediaInput> + Send + 'static) {
        let tell = self.inner_tx.clone();
        tokio::spawn(async move {
            let _ = tell.send(Inner::Media(id, work.await));
        });
    }

    fn open(&mut self, id: CallId) {
        // Who places or gets the next call need not hear what became of the last.
        self.farewell.stop();
        let config = &self.shared.config;
        let (transport, ends) = match crate::media::open(MediaConfig::from(config)) {
            Ok(opened) => opened,
            Err(error) => return log::error!(target: "monipy::engine", "no media transport for a call: {error}"),
        };
        let MediaEnds { mut events, rtp_in, rtp_out, stats } = ends;
        let random = self.machine.rng.next_u64();
        let (audio, control) = CallAudio::new(CallAudioConfig {
            call: id,
            codecs: CodecMap::default(),
            mode: config.effective_audio_mode(),
            sample_rate: config.sample_rate,
            frame_ms: config.frame_ms,
            jitter_min_ms: config.jitter_min_ms,
            jitter_max_ms: config.jitter_max_ms,
            first_sequence_number: (random >> 48) as u16 & 0x7FFF,
            first_timestamp: random as u32,
        });
        if let Ok(voice) = VoiceProcessing::parse(&config.voice_processing) {
            control.set_voice_processing(voice);
        }
        let sound = CallSound { control: control.clone(), transport: stats.clone() };
        {
            let mut snapshot = self.shared.snapshot();
            control.set_audio_io(snapshot.audio_io.clone());
            snapshot.sounds.insert(id, sound.clone());
        }
        let tell = self.inner_tx.clone();
        let idle = CallMedia {
            audio,
            control,
            rtp_in,
            rtp_out,
            stats,
            tell: Box::new(move |event| {
                let _ = tell.send(Inner::Media(id, MediaInput::Audio(event)));
            }),
        };
        let tell = self.inner_tx.clone();
        let events = tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                let _ = tell.send(Inner::Media(id, MediaInput::Transport(event)));
            }
        });
        self.calls.insert(
            id,
            DriverCall { transport, idle: Some(Box::new(idle)), working: None, sound, events, rollback: None, cards: Arc::default() },
        );
    }

    fn close(&mut self, id: CallId, tone: Option<ComfortTone>) {
        self.shared.snapshot().sounds.remove(&id);
        let Some(mut call) = self.calls.remove(&id) else { return };
        call.events.abort();
        if let Some(tone) = tone {
            call.sound.control.end_with_tone(self.shared.comfort_tones(), tone);
            call.work();
        }
        let DriverCall { working, idle, cards, transport, .. } = call;
        drop(idle);
        if tone.is_some() && working.is_some() {
            self.farewell.stop();
            self.farewell.0 = Some(tokio::spawn(async move {
                let _ends = Ends(working, cards);
                tokio::time::sleep(TONE_TIME).await;
            }));
        } else {
            drop(working);
            DriverCall::end_cards(&cards);
        }
        self.closing.retain(|task| !task.is_finished());
        self.closing.push(tokio::spawn(async move { transport.close().await }));
    }

    /// Gives everything back.
    async fn finish(mut self) {
        let ids: Vec<_> = self.calls.keys().copied().collect();
        for id in ids {
            self.close(id, None);
        }
        self.farewell.stop();
        if let Some(task) = self.connecting.take() {
            task.abort();
        }
        self.link = None;
        {
            let mut snapshot = self.shared.snapshot();
            snapshot.logged_in = false;
            snapshot.connected = false;
            snapshot.calls.clear();
            snapshot.sounds.clear();
            snapshot.audio_io = None;
        }
        self.shared.bus.close();
        let all = async {
            for task in self.closing {
                let _ = task.await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(3), all).await;
    }
}

async fn done(task: Option<JoinHandle<()>>) {
    if let Some(task) = task {
        let _ = task.await;
    }
}

fn lock(cards: &Mutex<Cards>) -> MutexGuard<'_, Cards> {
    cards.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn next_frame(link: Option<&mut Link>) -> LinkEvent {
    match link {
        Some(link) => link.next().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

fn codec_map(negotiated: &Negotiated) -> CodecMap {
    let event = |format: &AudioFormat| {
        let clock = if format.codec == crate::config::Codec::Opus { 48_000 } else { 8_000 };
        format.telephone_event.map(|payload_type| (payload_type, clock))
    };
    // Lines of one transport share their payload types (RFC 9143 9.1).
    let further = negotiated.parties.iter().skip(1).flat_map(|p| &p.formats);
    let mut receive: Vec<AudioFormat> = negotiated.receive.clone();
    receive.extend(further);
    CodecMap {
        receive: receive.iter().map(|f| (f.payload_type, f.codec)).collect(),
        send: Some((negotiated.send.payload_type, negotiated.send.codec)),
        telephone_event: event(&negotiated.send),
        receive_events: receive.iter().filter_map(event).collect(),
    }
}
