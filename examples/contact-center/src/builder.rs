//! What a centre is started with, and the start.

use crate::centre::ContactCenter;
use crate::dialect::Dialect;
use crate::endpoints::{Credentials, Endpoints, check_id};
use crate::error::{CentreError, Result};
use crate::mix::clock::Clock;
use crate::party::Role;
use crate::random::Random;
use crate::registrar::Registrar;
use crate::scenario::Scenario;
use crate::signalling::directory::Directory;
use crate::signalling::phone::PhoneInput;
use crate::signalling::websocket;
use crate::state::{Account, Centre, CentreParts};
use crate::{http, tls};
use monipy_core::sip::digest::Algorithm;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

/// What a centre is started with. Everything has a default: a supervisor `supervisor` with the
/// password `secret`, free ports on the loopback address.
#[derive(Debug, Clone)]
pub struct Builder {
    phones: Vec<Credentials>,
    host: IpAddr,
    ports: [u16; 3],
    record: Option<PathBuf>,
    history_s: u32,
    seed: u64,
    feed_token: Option<String>,
    dialect: Dialect,
    algorithms: Vec<Algorithm>,
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            phones: Vec::new(),
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: [0; 3],
            record: None,
            history_s: 60,
            seed: 1,
            feed_token: None,
            dialect: Dialect::None,
            algorithms: vec![Algorithm::Md5],
        }
    }
}

impl Builder {
    /// One more supervisor. The first call replaces the default one.
    #[must_use]
    pub fn supervisor(mut self, id: impl Into<String>, password: impl Into<String>) -> Builder {
        self.phones.push(Credentials { id: id.into(), password: password.into(), role: Role::Supervisor });
        self
    }

    /// The account of a real phone: an agent's, a customer's or a supervisor's.
    #[must_use]
    pub fn phone(mut self, role: Role, id: impl Into<String>, password: impl Into<String>) -> Builder {
        self.phones.push(Credentials { id: id.into(), password: password.into(), role });
        self
    }

    /// What a scenario asks for before it begins: its seed, dialect and phones.
    #[must_use]
    pub fn scenario(mut self, scenario: &Scenario) -> Builder {
        self.seed = scenario.seed();
        self.dialect = scenario.dialect();
        self.phones.extend_from_slice(scenario.phones());
        self
    }

    /// The token of the voice feed. Default: one that comes of the seed.
    #[must_use]
    pub fn feed_token(mut self, token: impl Into<String>) -> Builder {
        self.feed_token = Some(token.into());
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
        Ok(ContactCenter::of(centre, endpoints, credentials, folder, runtime))
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
        if !self.phones.iter().any(|p| p.role == Role::Supervisor) {
            self.phones.insert(0, Credentials { id: "supervisor".into(), password: "secret".into(), role: Role::Supervisor });
        }
        let mut accounts = BTreeMap::new();
        for Credentials { id, password, role } in &self.phones {
            check_id(id)?;
            if accounts.insert(id.clone(), Account { password: password.clone(), role: *role }).is_some() {
                return Err(CentreError::invalid(format!("the phone {id:?} is named twice")));
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
        let feed = format!("{http}/socket.io/");
        let mut random = Random::new(self.seed, 0);
        let feed_token = self.feed_token.unwrap_or_else(|| random.hex());
        let endpoints = Endpoints { ws, wss, http, ca_file, domain: reach.to_string(), feed, feed_token: feed_token.clone() };

        let (leg_events, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let centre = Centre::new(CentreParts {
            clock: Clock::start().map_err(system("media thread".into()))?,
            leg_events,
            runtime,
            registrar: Registrar::new(&endpoints.domain, self.algorithms, random),
            accounts,
            domain: endpoints.domain.clone(),
            // A centre for this machine alone has media on this machine alone.
            media_address: reach.is_loopback().then_some(reach).filter(|_| !self.host.is_unspecified()),
            feed_token,
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
                _ => drop(tokio::spawn(http::serve(centre, listener, http::About::new(&endpoints, &self.phones)))),
            }
        }
        centre.timeline.note("started", None, None, format!("{} and {}", endpoints.ws, endpoints.wss));
        Ok((centre, endpoints, self.phones, folder))
    }
}

/// A runtime that may be dropped anywhere: an ordinary drop blocks, which async code must not.
pub(crate) struct RuntimeGuard(Option<Runtime>);

impl Drop for RuntimeGuard {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
