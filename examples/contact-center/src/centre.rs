//! A centre that runs: started, asked, stopped.

use crate::calls;
use crate::error::{CentreError, Result};
use crate::handles::CallHandle;
use crate::ladder::LadderEntry;
use crate::legs;
use crate::misbehaviour::{Misbehaviour, Standing};
use crate::mix::clock::{Clock, ClockFigures};
use crate::party::Party;
use crate::registrar::Registrar;
use crate::signalling::directory::Directory;
use crate::signalling::phone::{LegCommand, PhoneInput};
use crate::signalling::websocket;
use crate::state::{Account, CallLabels, Centre, CentreParts, LegStage, Line};
use crate::timeline::TimelineEntry;
use crate::{http, tls};
use monipy_core::sip::digest::Algorithm;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

/// How supervisors' keys switch the mode during a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// They do not; modes are switched by the API and HTTP alone.
    #[default]
    None,
    /// Asterisk's ChanSpy with option d: 4 listen, 5 whisper, 6 barge.
    Asterisk,
    /// FreeSWITCH's eavesdrop: 0 listen, 2 whisper, 3 barge.
    FreeSwitch,
}

impl FromStr for Dialect {
    type Err = String;
    fn from_str(s: &str) -> Result<Dialect, String> {
        match s.to_ascii_lowercase().as_str() {
            "none" => Ok(Dialect::None),
            "asterisk" => Ok(Dialect::Asterisk),
            "freeswitch" => Ok(Dialect::FreeSwitch),
            _ => Err(format!("{s:?} is not a dialect; it is one of none, asterisk, freeswitch")),
        }
    }
}

/// What a supervisor logs in with. Made up for the run: no secret of anybody's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Credentials {
    /// Login id, and the supervisor's name in the audibility matrix.
    pub id: String,
    /// Password.
    pub password: String,
}

/// Where a centre is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endpoints {
    /// SIP over WebSocket, plain.
    pub ws: String,
    /// SIP over WebSocket over TLS.
    pub wss: String,
    /// HTTP control.
    pub http: String,
    /// PEM file of the authority that signed the certificate of `wss`.
    pub ca_file: PathBuf,
    /// The SIP domain and digest realm.
    pub domain: String,
}

/// What a centre is started with. Everything has a default: a supervisor `supervisor` with the
/// password `secret`, free ports on the loopback address.
#[derive(Debug, Clone)]
pub struct Builder {
    supervisors: Vec<Credentials>,
    host: IpAddr,
    ports: [u16; 3],
    record: Option<PathBuf>,
    history_s: u32,
    seed: u64,
    dialect: Dialect,
    algorithms: Vec<Algorithm>,
}

impl Builder {
    /// One more supervisor. The first call replaces the default one.
    #[must_use]
    pub fn supervisor(mut self, id: impl Into<String>, password: impl Into<String>) -> Builder {
        self.supervisors.push(Credentials { id: id.into(), password: password.into() });
        self
    }

    /// The address to listen on. Default: 127.0.0.1.
    #[must_use]
    pub fn host(mut self, host: IpAddr) -> Builder {
        self.host = host;
        self
    }

    /// Ports of ws, wss and HTTP control; 0 for a free one, which is the default.
    #[must_use]
    pub fn ports(mut self, ws: u16, wss: u16, http: u16) -> Builder {
        self.ports = [ws, wss, http];
        self
    }

    /// A folder for what a run leaves: a WAV of what each party received, the ladder, the timeline.
    #[must_use]
    pub fn record_to(mut self, folder: impl Into<PathBuf>) -> Builder {
        self.record = Some(folder.into());
        self
    }

    /// How much of each call is kept to compare observed audio with, seconds. Default: 60; 0 saves
    /// the memory (16 kB a second and party).
    #[must_use]
    pub fn history(mut self, seconds: u32) -> Builder {
        self.history_s = seconds.min(600);
        self
    }

    /// Seed of everything random that a test may want to repeat: labels of calls, disturbances of
    /// media. Default: 1.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Builder {
        self.seed = seed;
        self
    }

    /// How keys switch the mode. Default: they do not.
    #[must_use]
    pub fn dialect(mut self, dialect: Dialect) -> Builder {
        self.dialect = dialect;
        self
    }

    /// Algorithms of digest challenges, one header each, in this order. Default: MD5.
    #[must_use]
    pub fn algorithms(mut self, algorithms: &[Algorithm]) -> Builder {
        self.algorithms = algorithms.to_vec();
        self
    }

    /// Starts the centre. It listens when this returns.
    ///
    /// # Errors
    /// A port in use, a name that does not do, a folder that cannot be written.
    pub async fn start(self) -> Result<ContactCenter> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("contact-center")
            .enable_all()
            .build()
            .map_err(|e| CentreError::system(format!("no runtime: {e}")))?;
        let handle = runtime.handle().clone();
        // Kept in a guard from here on, so that an error does not drop a runtime in async context.
        let runtime = RuntimeGuard(Some(runtime));
        let begun = handle.spawn(self.begin(handle.clone())).await;
        let (centre, endpoints, credentials, folder) = begun.map_err(|e| CentreError::system(format!("the start failed: {e}")))??;
        Ok(ContactCenter { centre, endpoints, credentials, _folder: folder, _runtime: runtime })
    }

    /// [`Builder::start`] for a program without an async runtime.
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub fn start_blocking(self) -> Result<ContactCenter> {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|e| CentreError::system(format!("no runtime: {e}")))?
            .block_on(self.start())
    }

    async fn begin(mut self, runtime: tokio::runtime::Handle) -> Result<(Arc<Centre>, Endpoints, Vec<Credentials>, tempfile::TempDir)> {
        if self.supervisors.is_empty() {
            self.supervisors.push(Credentials { id: "supervisor".into(), password: "secret".into() });
        }
        let mut accounts = BTreeMap::new();
        for Credentials { id, password } in &self.supervisors {
            if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c)) {
                return Err(CentreError::invalid(format!("{id:?} is not a login id; it takes letters, digits and - _ . +")));
            }
            if accounts.insert(id.clone(), Account { password: password.clone() }).is_some() {
                return Err(CentreError::invalid(format!("supervisor {id:?} is named twice")));
            }
        }
        let system = |what: String| move |e: std::io::Error| CentreError::system(format!("{what}: {e}"));
        let folder = tempfile::Builder::new().prefix("contact-center-").tempdir().map_err(system("temporary folder".into()))?;
        if let Some(record) = &self.record {
            std::fs::create_dir_all(record).map_err(system(record.display().to_string()))?;
        }
        let mut listeners = Vec::new();
        for port in self.ports {
            let listener = TcpListener::bind((self.host, port)).await;
            listeners
                .push(listener.map_err(system(format!("port {port} of {}; another program may have it, 0 takes a free one", self.host)))?);
        }
        let reach = if self.host.is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { self.host };
        let mut url = Vec::new();
        for (listener, scheme) in listeners.iter().zip(["ws", "wss", "http"]) {
            let address = listener.local_addr().map_err(system("a listener without address".into()))?;
            url.push(format!("{scheme}://{}", std::net::SocketAddr::new(reach, address.port())));
        }
        let identity = tls::identity(&["localhost".into(), reach.to_string(), "127.0.0.1".into(), "::1".into()])
            .map_err(system("TLS identity".into()))?;
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, &identity.ca_pem).map_err(system(ca_file.display().to_string()))?;
        let [ws, wss, http] = <[String; 3]>::try_from(url).unwrap_or_default();
        let endpoints = Endpoints { ws, wss, http, ca_file, domain: reach.to_string() };

        let (leg_events, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let centre = Centre::new(CentreParts {
            clock: Clock::start().map_err(system("media thread".into()))?,
            leg_events,
            runtime,
            registrar: Registrar::new(&endpoints.domain, self.algorithms, Box::new(nonce)),
            accounts,
            domain: endpoints.domain.clone(),
            record: self.record,
            history_s: self.history_s,
            seed: self.seed,
            dialect: self.dialect,
        });
        // What a leg's sound tells goes to the phone that the leg belongs to.
        let router = Arc::downgrade(&centre);
        tokio::spawn(async move {
            while let Some((call, seat, event)) = heard.recv().await {
                let Some(centre) = router.upgrade() else { break };
                let book = centre.book();
                if let Some(leg) = book.legs.values().find(|l| l.info.call == call && l.seat == Some(seat)) {
                    let _ = leg.phone.send(PhoneInput::Audio(leg.info.id, event));
                }
            }
        });
        let directory = Arc::new(Directory::default());
        let acceptor = TlsAcceptor::from(identity.server);
        for (listener, kind) in listeners.into_iter().zip(0..) {
            let (centre, directory) = (centre.clone(), directory.clone());
            match kind {
                0 => drop(tokio::spawn(websocket::listen(centre, directory, listener, None))),
                1 => drop(tokio::spawn(websocket::listen(centre, directory, listener, Some(acceptor.clone())))),
                _ => drop(tokio::spawn(http::serve(centre, listener, http::About::new(&endpoints, &self.supervisors)))),
            }
        }
        centre.timeline.note("started", None, None, format!("{} and {}", endpoints.ws, endpoints.wss));
        Ok((centre, endpoints, self.supervisors, folder))
    }
}

fn nonce() -> String {
    let mut bytes = [0u8; 16];
    if let Err(e) = getrandom::fill(&mut bytes) {
        log::warn!("no entropy: {e}");
    }
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A runtime that may be dropped anywhere: an ordinary drop blocks, which async code must not.
struct RuntimeGuard(Option<Runtime>);

impl Drop for RuntimeGuard {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A contact centre that runs. Dropping it stops everything.
pub struct ContactCenter {
    centre: Arc<Centre>,
    endpoints: Endpoints,
    credentials: Vec<Credentials>,
    _folder: tempfile::TempDir,
    _runtime: RuntimeGuard,
}

impl std::fmt::Debug for ContactCenter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContactCenter").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

impl ContactCenter {
    /// What a centre is started with.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            supervisors: Vec::new(),
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: [0; 3],
            record: None,
            history_s: 60,
            seed: 1,
            dialect: Dialect::None,
            algorithms: vec![Algorithm::Md5],
        }
    }

    /// Where it is reached.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// `ws://` URL for phones.
    #[must_use]
    pub fn ws_url(&self) -> &str {
        &self.endpoints.ws
    }

    /// `wss://` URL for phones.
    #[must_use]
    pub fn wss_url(&self) -> &str {
        &self.endpoints.wss
    }

    /// `http://` URL of the control.
    #[must_use]
    pub fn http_url(&self) -> &str {
        &self.endpoints.http
    }

    /// PEM file of the authority that a phone must trust for `wss`.
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        &self.endpoints.ca_file
    }

    /// What supervisors log in with.
    #[must_use]
    pub fn credentials(&self) -> &[Credentials] {
        &self.credentials
    }

    /// Begins a call between two scripted parties; they talk from this moment on.
    ///
    /// # Errors
    /// A name that is taken, a sound that cannot be had.
    pub fn call(&self, agent: Party, customer: Party) -> Result<CallHandle> {
        self.call_with(vec![agent, customer], None)
    }

    /// Begins a call of any number of scripted parties, with labels of one's own for the vendor's
    /// headers.
    ///
    /// # Errors
    /// As [`ContactCenter::call`].
    pub fn call_with(&self, parties: Vec<Party>, labels: Option<CallLabels>) -> Result<CallHandle> {
        let id = calls::begin(&self.centre, parties, labels)?;
        Ok(CallHandle::new(self.centre.clone(), id))
    }

    /// The calls that are up, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<CallHandle> {
        calls::all(&self.centre).into_iter().map(|c| CallHandle::new(self.centre.clone(), c.id)).collect()
    }

    /// Whether a supervisor is registered now.
    #[must_use]
    pub fn is_registered(&self, supervisor: &str) -> bool {
        self.centre.book().registered(supervisor, Instant::now()).is_some()
    }

    /// REGISTER requests granted so far, refreshes included.
    #[must_use]
    pub fn registers(&self) -> u64 {
        self.centre.book().registers
    }

    /// Waits until a supervisor is registered.
    ///
    /// # Errors
    /// A timeout.
    pub async fn wait_registered(&self, supervisor: &str, timeout: Duration) -> Result<()> {
        let name = supervisor.to_owned();
        let ready = |book: &crate::state::Book| Ok(book.registered(supervisor, Instant::now()).map(|_| ()));
        self.centre.wait(timeout, move |_| format!("{name} registers"), ready).await
    }

    /// Waits until a supervisor is not registered.
    ///
    /// # Errors
    /// A timeout.
    pub async fn wait_unregistered(&self, supervisor: &str, timeout: Duration) -> Result<()> {
        let name = supervisor.to_owned();
        let ready = |book: &crate::state::Book| Ok(book.registered(supervisor, Instant::now()).is_none().then_some(()));
        self.centre.wait(timeout, move |_| format!("{name} unregisters"), ready).await
    }

    /// Misbehaves: at once, or (where [`crate::MisbehaviourSpec::standing`] says so) from now on until taken
    /// back, `times` times at most.
    pub fn misbehave(&self, misbehaviour: Misbehaviour, times: Option<u32>) {
        misbehave(&self.centre, misbehaviour, times);
    }

    /// Takes a standing misbehaviour back; false when it did not stand.
    pub fn behave(&self, name: &str) -> bool {
        self.centre.board.take_back(name)
    }

    /// The misbehaviours that stand now.
    #[must_use]
    pub fn standing(&self) -> Vec<Standing> {
        self.centre.board.all()
    }

    /// Every SIP message so far, secrets redacted.
    #[must_use]
    pub fn ladder(&self) -> Vec<LadderEntry> {
        self.centre.ladder.entries()
    }

    /// Everything that happened so far.
    #[must_use]
    pub fn timeline(&self) -> Vec<TimelineEntry> {
        self.centre.timeline.entries()
    }

    /// Everything that happens from here on, as it happens.
    #[must_use]
    pub fn events(&self) -> TimelineEvents {
        TimelineEvents(self.centre.timeline.subscribe())
    }

    /// One line of JSON with everything that a test in another language needs: `ws`, `wss`, `http`,
    /// `ca_file`, `domain`, `credentials`.
    #[must_use]
    pub fn announcement(&self) -> String {
        let mut line = http::about(&self.endpoints, &self.credentials);
        line["kind"] = serde_json::Value::from("started");
        line.to_string()
    }

    /// How the media clock kept time.
    #[must_use]
    pub fn clock(&self) -> ClockFigures {
        self.centre.clock.figures()
    }

    /// Waits until `POST /stop` came over HTTP.
    pub async fn stop_requested(&self) {
        let mut stop = self.centre.stop_requested.subscribe();
        // The sender lives as long as the centre does.
        let _ = stop.wait_for(|s| *s).await;
    }

    /// Ends the calls with BYE, writes what the run leaves, and stops.
    pub async fn stop(self) {
        let centre = &self.centre;
        let live: Vec<(u64, _)> = {
            let book = centre.book();
            let live = book.legs.values().filter(|l| l.info.stage != LegStage::Ended);
            live.map(|l| (l.info.id, l.phone.clone())).collect()
        };
        for (leg, phone) in &live {
            // A phone that is gone has ended its legs.
            let _ = phone.send(PhoneInput::Leg(*leg, LegCommand::HangUp));
        }
        let over = |book: &crate::state::Book| Ok(book.legs.values().all(|l| l.info.stage == LegStage::Ended).then_some(()));
        // A phone whose connection is lost ends late; the centre does not wait for it.
        let _ = centre.wait(Duration::from_secs(1), |_| "the legs end".into(), over).await;
        centre.stop.send_replace(true);
        // Everything that runs holds an end of this channel until it has ended.
        let ended = centre.clone();
        let ended = centre.runtime.spawn(async move { tokio::time::timeout(Duration::from_secs(3), ended.stop.closed()).await });
        if !matches!(ended.await, Ok(Ok(()))) {
            log::warn!("something did not end within 3 s and is cut off");
        }
    }

    /// Writes ladder and timeline into the record folder, and completes the WAV files.
    fn write_record(&self) {
        let Some(folder) = &self.centre.record else { return };
        calls::finish_recordings(&self.centre);
        let ladder: String = self
            .ladder()
            .iter()
            .map(|e| format!("---- {:.1} ms, connection {}, {:?} {}\n{}\n", e.at_ms, e.connection, e.way, e.peer, e.text))
            .collect();
        let timeline: String = self.timeline().iter().map(|e| format!("{}\n", serde_json::to_string(e).unwrap_or_default())).collect();
        for (name, text) in [("ladder.txt", ladder), ("timeline.jsonl", timeline)] {
            if let Err(e) = std::fs::write(folder.join(name), text) {
                log::warn!("{name} was not written: {e}");
            }
        }
    }
}

impl Drop for ContactCenter {
    fn drop(&mut self) {
        self.write_record();
        // Connections and phones end by this word; what hangs is cut off with the runtime, which
        // is dropped next.
        self.centre.stop.send_replace(true);
    }
}

/// A stream of what happens. A reader that is slow by more than a thousand entries misses some;
/// [`ContactCenter::timeline`] has them.
#[derive(Debug)]
pub struct TimelineEvents(tokio::sync::broadcast::Receiver<TimelineEntry>);

impl TimelineEvents {
    /// The next; `None` when the centre is gone.
    pub async fn next(&mut self) -> Option<TimelineEntry> {
        use tokio::sync::broadcast::error::RecvError;
        loop {
            match self.0.recv().await {
                Ok(entry) => return Some(entry),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

/// Does, or lets stand, a misbehaviour.
pub(crate) fn misbehave(centre: &Centre, misbehaviour: Misbehaviour, times: Option<u32>) {
    centre.timeline.note("misbehaviour", None, None, misbehaviour.name());
    let newest = centre.connections.load(Ordering::Relaxed);
    match misbehaviour {
        Misbehaviour::DropSocket => {
            centre.line.send_replace(Line::Dropped(newest));
        }
        Misbehaviour::HalfOpen => {
            centre.line.send_replace(Line::Silent(newest));
        }
        Misbehaviour::ServerGone { seconds } => {
            let gone = Duration::from_secs_f64(seconds.clamp(0.0, 3600.0));
            centre.shut_until.send_replace(Some(Instant::now() + gone));
            centre.line.send_replace(Line::Dropped(newest));
        }
        Misbehaviour::Media(impairment) => {
            // Legs that are up are disturbed at once, later ones when they begin.
            let live: Vec<u64> = centre.book().legs.values().filter(|l| l.info.stage != LegStage::Ended).map(|l| l.info.id).collect();
            for leg in live {
                // It may have ended in this moment.
                let _ = legs::impair(centre, leg, impairment);
            }
            centre.board.stand(Misbehaviour::Media(impairment), times);
        }
        standing => centre.board.stand(standing, times),
    }
}
