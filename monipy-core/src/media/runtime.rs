//! The ground under the stack: tasks and timers of the shared runtime, and what it takes for UDP
//! sockets: its lines at sockets that may be shared with other connections.

use super::front::{Front, Signal};
use super::port::{Line, Share};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, RecvMeta, Runtime, TokioRuntime, Transmit,
};

/// A line as the stack sees it: a UDP socket of its own.
#[derive(Debug)]
struct StackSocket {
    line: Arc<Line>,
}

impl AsyncUdpSocket for StackSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.line.believed())
    }

    fn poll_send(&self, _: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        self.line.depart(transmit.destination, transmit.contents);
        Poll::Ready(Ok(transmit.contents.len()))
    }

    fn poll_recv(&self, cx: &mut Context<'_>, bufs: &mut [IoSliceMut<'_>], meta: &mut [RecvMeta]) -> Poll<io::Result<usize>> {
        let (Some(buf), Some(meta)) = (bufs.first_mut(), meta.first_mut()) else { return Poll::Ready(Ok(0)) };
        // The driver also probes with a waker that wakes nobody: that one must not displace its own.
        let waker = Some(cx.waker()).filter(|w| !w.will_wake(Waker::noop()));
        let Some((from, datagram)) = self.line.next(waker) else { return Poll::Pending };
        let length = datagram.len().min(buf.len());
        buf[..length].copy_from_slice(&datagram[..length]);
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
    /// With whom the sockets may be shared.
    pub(crate) share: Share,
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
        Ok(Arc::new(StackSocket { line: Line::open(&self.handle, socket, &self.share, &self.front)? }))
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
