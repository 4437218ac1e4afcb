//! What the transport and its connections share, and the watcher of a connection: it turns the
//! stack's signals into events, as long as its connection is the current one.

use super::connection::Connection;
use super::front::Signal;
use super::guard::SrtpLayout;
use super::sdp::write::Origin;
use super::tap::Wire;
use super::transport::{MediaConfig, MediaEvent, Negotiated};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long a connection may take once both descriptions are known.
const ESTABLISH: Duration = Duration::from_secs(25);

/// What the watchers of connections and the transport share.
pub(super) struct Shared {
    pub(super) config: MediaConfig,
    pub(super) handle: tokio::runtime::Handle,
    pub(super) wire: Arc<Wire>,
    pub(super) origin: Origin,
    pub(super) events: mpsc::UnboundedSender<MediaEvent>,
    pub(super) negotiated: Mutex<Option<Negotiated>>,
    /// What `RemoteTrack` said last, so that it is said again only when it is news.
    pub(super) announced: Mutex<Option<Negotiated>>,
    /// Whether the current connection is up.
    pub(super) up: AtomicBool,
    pub(super) closed: AtomicBool,
    pub(super) generations: AtomicU64,
}

impl Shared {
    pub(super) fn emit(&self, event: MediaEvent) {
        // Nobody listens any more: then nobody misses it.
        let _ = self.events.send(event);
    }

    /// Says `RemoteTrack` when the connection is up and what was agreed on is news.
    pub(super) fn announce(&self) {
        let mut announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        let negotiated = self.negotiated.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if self.up.load(Ordering::Acquire) && *announced != negotiated {
            if let Some(negotiated) = &negotiated {
                self.emit(MediaEvent::RemoteTrack(negotiated.clone()));
            }
            *announced = negotiated;
        }
    }
}

/// Turns the signals of one connection into events, as long as it is the current one.
pub(super) async fn watch_connection(
    shared: std::sync::Weak<Shared>,
    connection: std::sync::Weak<Connection>,
    generation: u64,
    mut inbox: mpsc::UnboundedReceiver<Signal>,
) {
    let mut connected = false;
    let mut over = false;
    let mut deadline: Option<tokio::time::Instant> = None;
    loop {
        let waiting = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let signal = tokio::select! {
            signal = inbox.recv() => signal,
            () = waiting => {
                deadline = None;
                Some(Signal::Failed)
            }
        };
        let (Some(signal), Some(shared)) = (signal, shared.upgrade()) else { return };
        let current = shared.wire.is_current(generation) && !shared.closed.load(Ordering::Acquire);
        let mut fail = |why: &str| {
            if current && !over {
                over = true;
                shared.wire.set_connected(false);
                shared.up.store(false, Ordering::Release);
                shared.emit(MediaEvent::Failed { why: why.to_owned() });
            }
        };
        match signal {
            Signal::Started => {
                if !connected {
                    deadline = Some(tokio::time::Instant::now() + ESTABLISH);
                }
            }
            Signal::Connected => {
                let Some(connection) = connection.upgrade() else { return };
                let layout = connection.srtp_layout().await;
                connection.front.guard().established(layout);
                connected = true;
                deadline = None;
                if layout == SrtpLayout::Unknown {
                    fail("no SRTP protection was agreed on");
                } else if current && !over {
                    shared.wire.set_connected(true);
                    shared.up.store(true, Ordering::Release);
                    shared.emit(MediaEvent::Connected);
                    shared.announce();
                }
            }
            Signal::Disconnected => {
                if current && connected && !over {
                    shared.emit(MediaEvent::Disconnected);
                }
            }
            Signal::Failed if connected => fail("the far side cannot be reached any more"),
            Signal::Failed => fail("no connection to the far side could be made"),
            Signal::HandshakeRefused => fail("the DTLS handshake failed: the far side's certificate is not the one it announced"),
            Signal::RemoteClosed => {
                if current && !over {
                    over = true;
                    shared.wire.set_connected(false);
                    shared.emit(MediaEvent::RemoteClosed);
                }
            }
            Signal::Ended => {
                fail("the media stack ended");
                return;
            }
        }
    }
}
