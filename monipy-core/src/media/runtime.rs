//! The ground under the stack: tasks and timers of the shared runtime, and UDP sockets with the
//! guard in front. The sockets also carry the nudge by which a media worker, a plain thread, gets
//! the connection's task to send what is queued.

use super::guard::{Guard, Notice, Verdict};
use super::shapes::is_client_hello;
use super::stats::TransportStats;
use futures_util::task::AtomicWaker;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};
use tokio::io::ReadBuf;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, RecvMeta, Runtime, TokioRuntime, Transmit,
};

/// Datagrams judged in one go before other tasks get their turn.
const BURST: usize = 64;

/// What the stack and its sockets tell a connection's watcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// ICE and DTLS are done.
    Connected,
    /// Consent is lost for now.
    Disconnected,
    /// ICE or DTLS has failed.
    Failed,
    /// Our stack refused the far side's handshake.
    HandshakeRefused,
    /// The far side closed DTLS.
    RemoteClosed,
    /// Both descriptions are known to the stack: it should be connected soon.
    Started,
    /// The stack's task is over.
    Ended,
}

/// What the sockets of one connection share with the rest of it.
pub(crate) struct Front {
    pub(crate) guard: Mutex<Guard>,
    stats: Arc<TransportStats>,
    /// What the connection's watcher is told.
    pub(crate) signals: tokio::sync::mpsc::UnboundedSender<Signal>,
    /// Whether ICE has selected a pair; before it has, the stack drops all but STUN.
    selected: AtomicBool,
    /// A ClientHello that came before: a far side that is quicker than our checks would repeat it a
    /// second later, and the call would begin with a second of silence.
    early: Mutex<Option<(SocketAddr, Vec<u8>)>>,
    nudged: AtomicBool,
    waker: AtomicWaker,
    logged: Mutex<Option<(Instant, u64)>>,
}

impl Front {
    pub(crate) fn new(stats: Arc<TransportStats>, signals: tokio::sync::mpsc::UnboundedSender<Signal>) -> Self {
        Front {
            guard: Mutex::new(Guard::new(Instant::now())),
            stats,
            signals,
            selected: AtomicBool::new(false),
            early: Mutex::new(None),
            nudged: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            logged: Mutex::new(None),
        }
    }

    pub(crate) fn guard(&self) -> std::sync::MutexGuard<'_, Guard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gets the connection's task to look at what is queued. Callable from any thread.
    pub(crate) fn nudge(&self) {
        if !self.nudged.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// ICE has selected a pair (or a restart has, again).
    pub(crate) fn select(&self) {
        self.selected.store(true, Ordering::Release);
        self.nudge();
    }

    /// Keeps a ClientHello that comes too early, the last one. Whether it did.
    fn keep_early(&self, from: SocketAddr, datagram: &[u8]) -> bool {
        if self.selected.load(Ordering::Acquire) || !is_client_hello(datagram) {
            return false;
        }
        *self.early.lock().unwrap_or_else(PoisonError::into_inner) = Some((from, datagram.to_vec()));
        true
    }

    /// The ClientHello that came too early, if the guard lets it in now.
    fn take_early(&self) -> Option<(SocketAddr, Vec<u8>)> {
        if !self.selected.load(Ordering::Acquire) {
            return None;
        }
        let (from, datagram) = self.early.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        match self.guard().inbound(Instant::now(), from, &datagram) {
            Verdict::Pass => Some((from, datagram)),
            Verdict::Drop(why) => {
                self.count_drop(from, why);
                None
            }
        }
    }

    fn signal(&self, signal: Signal) {
        // A watcher that is gone has nothing more to say.
        let _ = self.signals.send(signal);
    }

    fn count_drop(&self, from: SocketAddr, why: super::guard::Drop) {
        let total = self.stats.guard_dropped.fetch_add(1, Ordering::Relaxed) + 1;
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        // One line a second and connection, with what it stands for.
        if logged.is_none_or(|(at, _)| now.duration_since(at) >= Duration::from_secs(1)) {
            let since = total - logged.map_or(0, |(_, count)| count);
            *logged = Some((now, total));
            log::warn!("media guard: dropped a datagram from {from}: {why:?} ({since} since the last notice, {total} in all)");
        }
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("stats", &self.stats).finish_non_exhaustive()
    }
}

/// A UDP socket with the guard in front.
#[derive(Debug)]
struct GuardedSocket {
    io: tokio::net::UdpSocket,
    front: Arc<Front>,
}

impl GuardedSocket {
    fn fill(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        for _ in 0..BURST {
            let mut into = ReadBuf::new(buf);
            match ready!(self.io.poll_recv_from(cx, &mut into)) {
                Ok(from) => {
                    let length = into.filled().len();
                    if self.front.keep_early(from, into.filled()) {
                        continue;
                    }
                    let verdict = self.front.guard().inbound(Instant::now(), from, into.filled());
                    match verdict {
                        Verdict::Pass => return Poll::Ready(Ok((length, from))),
                        Verdict::Drop(why) => self.front.count_drop(from, why),
                    }
                }
                // ICMP errors of earlier sends say nothing about this socket.
                Err(e) if matches!(e.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset) => {}
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl AsyncUdpSocket for GuardedSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let notice = self.front.guard().outbound(transmit.destination, transmit.contents);
        match notice {
            Notice::None => {}
            Notice::HandshakeRefused => self.front.signal(Signal::HandshakeRefused),
            Notice::Closed => self.front.signal(Signal::RemoteClosed),
        }
        self.io.poll_send_to(cx, transmit.contents, transmit.destination)
    }

    fn poll_recv(&self, cx: &mut Context<'_>, bufs: &mut [IoSliceMut<'_>], meta: &mut [RecvMeta]) -> Poll<io::Result<usize>> {
        let (Some(buf), Some(meta)) = (bufs.first_mut(), meta.first_mut()) else { return Poll::Ready(Ok(0)) };
        // The driver also probes with a waker that wakes nobody: that one must not displace its own.
        if !cx.waker().will_wake(Waker::noop()) {
            self.front.waker.register(cx.waker());
        }
        // A nudge looks like an empty datagram to the driver: it delivers nothing and goes on to
        // collect what is to be sent.
        let (length, from) = if self.front.nudged.swap(false, Ordering::AcqRel) {
            match self.front.take_early() {
                Some((from, datagram)) if datagram.len() <= buf.len() => {
                    buf[..datagram.len()].copy_from_slice(&datagram);
                    (datagram.len(), from)
                }
                _ => (0, SocketAddr::from(([0, 0, 0, 0], 0))),
            }
        } else {
            ready!(self.fill(cx, buf))?
        };
        *meta = RecvMeta::default();
        meta.len = length;
        meta.stride = length.max(1);
        meta.addr = from;
        Poll::Ready(Ok(1))
    }
}

/// The stack's runtime: tokio's, on a given handle, with guarded sockets; says when the task of the
/// stack has ended, for whatever reason.
pub(crate) struct GuardedRuntime {
    pub(crate) handle: tokio::runtime::Handle,
    pub(crate) front: Arc<Front>,
    /// Names of ICE servers, resolved beforehand: the stack would wait for DNS within its event loop.
    pub(crate) resolved: HashMap<String, Vec<SocketAddr>>,
}

impl fmt::Debug for GuardedRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedRuntime").field("front", &self.front).finish_non_exhaustive()
    }
}

struct Task(tokio::task::JoinHandle<()>);

impl JoinHandle for Task {
    fn detach(&self) {}
    fn abort(&self) {
        self.0.abort();
    }
    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

/// Says so when it is dropped: at the end of a task, at its panic, at its abortion.
struct SayEnded(Arc<Front>);

impl Drop for SayEnded {
    fn drop(&mut self) {
        self.0.signal(Signal::Ended);
    }
}

impl Runtime for GuardedRuntime {
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) -> Box<dyn JoinHandle> {
        // One task is all the stack ever spawns without TCP candidates: the driver.
        let end = SayEnded(self.front.clone());
        Box::new(Task(self.handle.spawn(async move {
            let _end = end;
            future.await;
        })))
    }
    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        socket.set_nonblocking(true)?;
        let _in_runtime = self.handle.enter();
        Ok(Arc::new(GuardedSocket { io: tokio::net::UdpSocket::from_std(socket)?, front: self.front.clone() }))
    }
    fn wrap_tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        let _in_runtime = self.handle.enter();
        TokioRuntime.wrap_tcp_listener(listener)
    }
    fn connect_tcp<'a>(&'a self, _remote: SocketAddr) -> Pin<Box<dyn Future<Output = io::Result<Arc<dyn AsyncTcpStream>>> + Send + 'a>> {
        // TCP candidates are never handed to the stack.
        Box::pin(std::future::ready(Err(io::ErrorKind::Unsupported.into())))
    }
    fn resolve_host<'a>(&'a self, host: &'a str) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>> {
        let addresses = match (self.resolved.get(host), host.parse::<SocketAddr>()) {
            (Some(addresses), _) => Ok(addresses.clone()),
            (None, Ok(address)) => Ok(vec![address]),
            (None, Err(_)) => Err(io::ErrorKind::NotFound.into()),
        };
        Box::pin(std::future::ready(addresses))
    }
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        let _in_runtime = self.handle.enter();
        TokioRuntime.sleep(duration)
    }
    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        let _in_runtime = self.handle.enter();
        TokioRuntime.interval(period)
    }
    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.handle.block_on(future);
    }
    fn name(&self) -> &'static str {
        "monipy"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front() -> Front {
        Front::new(Arc::default(), tokio::sync::mpsc::unbounded_channel().0)
    }

    fn client_hello() -> Vec<u8> {
        [&[22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 1][..], &[0; 11]].concat()
    }

    #[test]
    fn an_early_client_hello_waits_for_the_selected_pair() {
        let (front, peer) = (front(), SocketAddr::from(([192, 0, 2, 1], 5000)));
        assert!(!front.keep_early(peer, &[0x80; 40]), "only a ClientHello waits");
        assert!(front.keep_early(peer, &client_hello()));
        assert_eq!(front.take_early(), None, "nothing is selected yet");
        // What the stack sends to an address when its check was right.
        let success = [&[1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[9; 12]].concat();
        front.guard().outbound(peer, &success);
        front.select();
        assert_eq!(front.take_early(), Some((peer, client_hello())));
        assert_eq!(front.take_early(), None);
        assert!(!front.keep_early(peer, &client_hello()), "from now on they go straight on");
    }

    #[test]
    fn an_early_client_hello_of_a_stranger_is_dropped() {
        let (front, stranger) = (front(), SocketAddr::from(([198, 51, 100, 9], 6000)));
        assert!(front.keep_early(stranger, &client_hello()));
        front.select();
        assert_eq!(front.take_early(), None);
        assert_eq!(front.stats.counters().guard_dropped, 1);
    }
}
