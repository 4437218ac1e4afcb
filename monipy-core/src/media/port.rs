//! UDP sockets, and the lines of connections at them. A socket may be shared by many connections: a
//! connectivity check says whose it is by its user name (RFC 8445 7.2.2), the answer to a check of
//! ours by its transaction, and everything else by its address, which ICE has validated by then.
//! One task a socket receives many datagrams in one go; when they come closely and no connection is
//! being made, it rests a few milliseconds between two goes, so that more of them come at once.

use super::front::{Arrival, Front};
use super::rtp::Arena;
use super::shapes::{Class, Stun, USERNAME};
use futures_util::task::AtomicWaker;
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSockRef, UdpSocketState};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::sync::Notify;

/// Most connections at one socket.
const MAX_LINES: usize = 4096;
/// Datagrams that may wait for the stack, per line; it takes them at once, but not under a flood.
const MAX_WAITING: usize = 256;
/// Requests of ours that may still be answered, per socket.
const MAX_REQUESTS: usize = 16 * 1024;
/// The largest coalesced datagram.
const BUFFER: usize = 64 * 1024;
/// Goes at the socket before other tasks get their turn.
const GOES: usize = 16;
/// Time between two goes when datagrams come more closely than that.
const REST: Duration = Duration::from_millis(4);
/// What the kernel keeps for us while we rest: packets of some thousand calls.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Whether a connection's sockets may be shared.
#[derive(Debug, Clone)]
pub(crate) enum Share {
    /// No: the far side is not known yet, or a TURN server would take two connections for one.
    No,
    /// With connections whose far sides have none of these addresses.
    Yes(Vec<SocketAddr>),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sockets that may be shared: of each runtime its own, since their tasks end with it.
static SHARED: Mutex<Vec<(tokio::runtime::Id, IpAddr, Weak<Port>)>> = Mutex::new(Vec::new());

/// A UDP socket.
struct Port {
    io: tokio::net::UdpSocket,
    local: SocketAddr,
    routes: Mutex<Routes>,
    /// Lines whose connections are still being made.
    unsettled: AtomicUsize,
    /// Tells the task that nobody is left.
    closed: Arc<Notify>,
}

#[derive(Default)]
struct Routes {
    lines: Vec<Weak<Line>>,
    fragments: HashMap<String, Weak<Line>>,
    addresses: HashMap<SocketAddr, Weak<Line>>,
    requests: HashMap<[u8; 12], Weak<Line>>,
    requests_in_order: VecDeque<[u8; 12]>,
    /// Where the far sides of connections may be, by their descriptions.
    far_sides: Vec<(SocketAddr, Weak<Line>)>,
}

impl Routes {
    fn line_of(&self, from: SocketAddr, datagram: &[u8]) -> Option<Arc<Line>> {
        // Who is alone hears everything.
        if let [only] = self.lines.as_slice() {
            return only.upgrade();
        }
        if matches!(datagram.first(), Some(0..=3)) {
            let message = Stun::parse(datagram)?;
            return match message.class() {
                Class::Request => {
                    let name = std::str::from_utf8(message.attribute(USERNAME)?).ok()?;
                    self.fragments.get(name.split(':').next()?)?.upgrade()
                }
                Class::Indication => self.addresses.get(&from)?.upgrade(),
                Class::Success | Class::Failure => self.requests.get(&message.id)?.upgrade(),
            };
        }
        self.addresses.get(&from)?.upgrade()
    }

    /// An address has shown that it belongs to a line.
    fn claim(&mut self, address: SocketAddr, line: &Weak<Line>) {
        if self.addresses.get(&address).is_none_or(|l| !Weak::ptr_eq(l, line)) {
            self.addresses.insert(address, line.clone());
        }
    }

    fn forget(&mut self, line: *const Line) {
        let others = |l: &Weak<Line>| !std::ptr::eq(l.as_ptr(), line);
        self.lines.retain(others);
        self.fragments.retain(|_, l| others(l));
        self.addresses.retain(|_, l| others(l));
        self.far_sides.retain(|(_, l)| others(l));
        self.requests.retain(|_, l| others(l));
        let requests = &self.requests;
        self.requests_in_order.retain(|id| requests.contains_key(id));
    }
}

impl Port {
    fn new(handle: &tokio::runtime::Handle, socket: std::net::UdpSocket, shared: bool) -> io::Result<Arc<Port>> {
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        if shared {
            // The system may give less; then it gives what it can.
            let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
        }
        let local = socket.local_addr()?;
        let _in_runtime = handle.enter();
        let io = tokio::net::UdpSocket::from_std(socket)?;
        let closed = Arc::new(Notify::new());
        let port = Arc::new(Port { io, local, routes: Mutex::default(), unsettled: AtomicUsize::new(0), closed: closed.clone() });
        handle.spawn(receive(state, Arc::downgrade(&port), closed));
        Ok(port)
    }

    /// A socket of an address that can be shared with a connection to these far sides.
    fn shared(handle: &tokio::runtime::Handle, ip: IpAddr, far_sides: &[SocketAddr]) -> io::Result<Arc<Port>> {
        let mut shared = lock(&SHARED);
        shared.retain(|(_, _, port)| port.strong_count() > 0);
        let free = shared.iter().filter(|(id, of, _)| *id == handle.id() && *of == ip).filter_map(|(_, _, p)| p.upgrade()).find(|port| {
            let routes = lock(&port.routes);
            routes.lines.len() < MAX_LINES
                && far_sides.iter().all(|a| !routes.addresses.contains_key(a) && routes.far_sides.iter().all(|(known, _)| known != a))
        });
        if let Some(port) = free {
            return Ok(port);
        }
        let port = Port::new(handle, std::net::UdpSocket::bind(SocketAddr::new(ip, 0))?, true)?;
        shared.push((handle.id(), ip, Arc::downgrade(&port)));
        Ok(port)
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.closed.notify_one();
    }
}

/// A connection's place at a socket.
pub(crate) struct Line {
    port: Arc<Port>,
    front: Arc<Front>,
    me: Weak<Line>,
    /// The address that the stack takes for its own.
    believed: SocketAddr,
    waiting: Mutex<VecDeque<(SocketAddr, Vec<u8>)>>,
    waker: AtomicWaker,
    settled: AtomicBool,
}

impl Line {
    /// A line for a socket that the stack has bound: at that socket, or, where it may be shared, at
    /// another with the same address.
    pub(crate) fn open(
        handle: &tokio::runtime::Handle,
        socket: std::net::UdpSocket,
        share: &Share,
        front: &Arc<Front>,
    ) -> io::Result<Arc<Line>> {
        let believed = socket.local_addr()?;
        let (port, far_sides) = match share {
            Share::No => (Port::new(handle, socket, false)?, &[][..]),
            Share::Yes(far_sides) => (Port::shared(handle, believed.ip(), far_sides)?, far_sides.as_slice()),
        };
        let line = Arc::new_cyclic(|me| Line {
            port,
            front: front.clone(),
            me: me.clone(),
            believed,
            waiting: Mutex::default(),
            waker: AtomicWaker::new(),
            settled: AtomicBool::new(false),
        });
        line.port.unsettled.fetch_add(1, Ordering::AcqRel);
        {
            let mut routes = lock(&line.port.routes);
            routes.lines.push(line.me.clone());
            routes.far_sides.extend(far_sides.iter().map(|a| (*a, line.me.clone())));
        }
        front.add_line(&line);
        Ok(line)
    }

    pub(crate) fn believed(&self) -> SocketAddr {
        self.believed
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.port.local
    }

    /// Checks to this user name fragment are this line's.
    pub(crate) fn claim_fragment(&self, fragment: &str) {
        lock(&self.port.routes).fragments.insert(fragment.to_owned(), self.me.clone());
    }

    /// The connection is made: nothing is urgent any more.
    pub(crate) fn settled(&self) {
        if !self.settled.swap(true, Ordering::AcqRel) {
            self.port.unsettled.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Sends a datagram of the stack.
    pub(crate) fn depart(&self, to: SocketAddr, datagram: &[u8]) {
        let Some(me) = self.me.upgrade() else { return };
        self.front.depart(&me, to, datagram);
        match Stun::parse(datagram).filter(|_| matches!(datagram.first(), Some(0..=3))).map(|m| (m.class(), m.id)) {
            Some((Class::Request, id)) => {
                let mut routes = lock(&self.port.routes);
                if routes.requests.insert(id, self.me.clone()).is_none() {
                    routes.requests_in_order.push_back(id);
                    if routes.requests_in_order.len() > MAX_REQUESTS
                        && let Some(oldest) = routes.requests_in_order.pop_front()
                    {
                        routes.requests.remove(&oldest);
                    }
                }
            }
            // The stack answers a check only when its MESSAGE-INTEGRITY was right.
            Some((Class::Success, _)) => lock(&self.port.routes).claim(to, &self.me),
            Some(_) => {}
            None => lock(&self.port.routes).claim(to, &self.me),
        }
        self.send(to, datagram);
    }

    /// Sends a datagram as it is. What the system does not take at once is lost, as on any network.
    pub(crate) fn send(&self, to: SocketAddr, datagram: &[u8]) {
        // Straight to the system: a reactor's opinion of what is writable is not needed.
        let _ = socket2::SockRef::from(&self.port.io).send_to(datagram, &to.into());
    }

    /// A datagram arrived.
    fn arrive(&self, now: Instant, from: SocketAddr, datagram: &mut [u8], arena: &mut Arena) {
        if self.front.arrive(now, from, datagram, arena) == Arrival::Done {
            return;
        }
        if matches!(datagram.first(), Some(0..=3)) && Stun::parse(datagram).is_some_and(|m| m.class() == Class::Success) {
            // It answers a check of ours: the guard has seen to that.
            lock(&self.port.routes).claim(from, &self.me);
        }
        let mut waiting = lock(&self.waiting);
        if waiting.len() < MAX_WAITING {
            waiting.push_back((from, datagram.to_vec()));
            drop(waiting);
            self.waker.wake();
        }
    }

    /// The next datagram for the stack. A nudge looks like an empty one to its driver: it delivers
    /// nothing and goes on to collect what is to be sent.
    pub(crate) fn next(&self, waker: Option<&Waker>) -> Option<(SocketAddr, Vec<u8>)> {
        if let Some(waker) = waker {
            self.waker.register(waker);
            self.front.waker.register(waker);
        }
        if self.front.take_nudge() {
            return Some(self.front.take_early().unwrap_or_else(|| (SocketAddr::from(([0, 0, 0, 0], 0)), Vec::new())));
        }
        lock(&self.waiting).pop_front()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.settled();
        lock(&self.port.routes).forget(self);
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("believed", &self.believed).field("local", &self.port.local).finish_non_exhaustive()
    }
}

/// What one thread receives into.
struct Scratch {
    buffers: Vec<Vec<u8>>,
    meta: [RecvMeta; BATCH_SIZE],
    arena: Arena,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        // Zeroed by the system, page by page, as they are written: most never are.
        buffers: (0..BATCH_SIZE).map(|_| vec![0; BUFFER]).collect(),
        meta: [RecvMeta::default(); BATCH_SIZE],
        arena: Arena::default(),
    });
}

/// Does not own the socket, which closes with its last line.
async fn receive(state: UdpSocketState, port: Weak<Port>, closed: Arc<Notify>) {
    let mut last = Instant::now();
    loop {
        let readable = poll_fn(|cx| match port.upgrade() {
            Some(port) => port.io.poll_recv_ready(cx).map(|ready| ready.ok().map(|()| port)),
            None => Poll::Ready(None),
        });
        let port = tokio::select! {
            biased;
            () = closed.notified() => return,
            port = readable => port,
        };
        let Some(port) = port else { return };
        let received = SCRATCH.with_borrow_mut(|scratch| drain(&state, &port, scratch));
        // What was only a look whether the last go left anything says nothing.
        if received == 0 {
            continue;
        }
        let now = Instant::now();
        // A rest may take a little longer than it was meant to.
        let close = now.duration_since(last) < 2 * REST;
        last = now;
        let rest = close && port.unsettled.load(Ordering::Acquire) == 0;
        drop(port);
        if rest {
            tokio::time::sleep(REST).await;
        } else {
            tokio::task::yield_now().await;
        }
    }
}

/// Receives what is there, within bounds. Returns how many datagrams that were.
fn drain(state: &UdpSocketState, port: &Port, scratch: &mut Scratch) -> usize {
    let Scratch { buffers, meta, arena } = scratch;
    let mut received = 0;
    for _ in 0..GOES {
        let mut slices = buffers.iter_mut().map(|b| IoSliceMut::new(b));
        let mut into: [IoSliceMut<'_>; BATCH_SIZE] = std::array::from_fn(|_| slices.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
        let count = match port.io.try_io(Interest::READABLE, || state.recv(UdpSockRef::from(&port.io), &mut into, meta)) {
            Ok(count) => count,
            // ICMP errors of earlier sends say nothing about this socket.
            Err(e) if matches!(e.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset) => continue,
            Err(_) => break,
        };
        let now = Instant::now();
        for (meta, buffer) in meta.iter().take(count).zip(buffers.iter_mut()) {
            // Several datagrams of one sender may have been put together by the system.
            for datagram in buffer.get_mut(..meta.len).unwrap_or_default().chunks_mut(meta.stride.max(1)) {
                received += 1;
                let line = lock(&port.routes).line_of(meta.addr, datagram);
                if let Some(line) = line {
                    line.arrive(now, meta.addr, datagram, arena);
                }
            }
        }
        if count < BATCH_SIZE {
            break;
        }
    }
    received
}
