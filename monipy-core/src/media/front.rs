//! What the sockets of one connection share with the rest of it: the guard, our own way for media
//! past the stack, and the nudge by which a media worker, a plain thread, gets the connection's task
//! to look at what is queued.

use super::flight::Flight;
use super::flow::Flow;
use super::guard::{Drop, Guard, Notice, Verdict};
use super::keys::{KeyPair, TakesKeys};
use super::port::Line;
use super::rtp::{Arena, RtpOut};
use super::shapes::is_client_hello;
use super::srtp::{SrtpReceiver, SrtpSender};
use super::stats::TransportStats;
use futures_util::task::AtomicWaker;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

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

/// Media past the stack.
#[derive(Default)]
struct Direct {
    receiver: Option<SrtpReceiver>,
    sender: Option<SrtpSender>,
    /// Whether this side began the DTLS handshake, which makes it the client.
    client: bool,
    /// Where the stack sends to: the selected pair.
    to: Option<(Weak<Line>, SocketAddr)>,
}

/// What a datagram that arrived turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Something for the stack.
    ForStack,
    /// Dropped, or media that is in the worker's queue by now.
    Done,
}

/// What the sockets of one connection share.
pub(crate) struct Front {
    guard: Mutex<Guard>,
    stats: Arc<TransportStats>,
    /// What the connection's watcher is told.
    signals: tokio::sync::mpsc::UnboundedSender<Signal>,
    pub(crate) flow: Flow,
    direct: Mutex<Direct>,
    /// Whether media goes past the stack: not where it may come out of a TURN relay.
    may_be_direct: bool,
    /// Whether it does by now.
    is_direct: AtomicBool,
    /// ICE user name fragments of ours: what a shared socket knows this connection by.
    fragments: Mutex<Vec<String>>,
    flight: Arc<Flight>,
    lines: Mutex<Vec<Weak<Line>>>,
    /// Whether ICE has selected a pair; before it has, the stack drops all but STUN.
    selected: AtomicBool,
    /// A ClientHello that came before: a far side that is quicker than our checks would repeat it a
    /// second later, and the call would begin with a second of silence.
    early: Mutex<Option<(SocketAddr, Vec<u8>)>>,
    nudged: AtomicBool,
    pub(crate) waker: AtomicWaker,
    logged: Mutex<Option<(Instant, u64)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Front {
    pub(crate) fn new(
        stats: Arc<TransportStats>,
        signals: tokio::sync::mpsc::UnboundedSender<Signal>,
        flow: Flow,
        may_be_direct: bool,
    ) -> Self {
        Front {
            guard: Mutex::new(Guard::new(Instant::now())),
            stats,
            signals,
            flow,
            direct: Mutex::default(),
            may_be_direct,
            is_direct: AtomicBool::new(false),
            fragments: Mutex::default(),
            flight: Arc::default(),
            lines: Mutex::default(),
            selected: AtomicBool::new(false),
            early: Mutex::new(None),
            nudged: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            logged: Mutex::new(None),
        }
    }

    pub(crate) fn guard(&self) -> MutexGuard<'_, Guard> {
        lock(&self.guard)
    }

    /// Gets the connection's task to look at what is queued. Callable from any thread.
    pub(crate) fn nudge(&self) {
        if !self.nudged.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Whether it was nudged since it was asked last.
    pub(crate) fn take_nudge(&self) -> bool {
        self.nudged.swap(false, Ordering::AcqRel)
    }

    /// ICE has selected a pair (or a restart has, again).
    pub(crate) fn select(&self) {
        self.selected.store(true, Ordering::Release);
        self.nudge();
    }

    /// Adds a socket, which then knows this connection by its names.
    pub(crate) fn add_line(&self, line: &Arc<Line>) {
        let mut lines = lock(&self.lines);
        lines.retain(|l| l.strong_count() > 0);
        lines.push(Arc::downgrade(line));
        for fragment in lock(&self.fragments).iter() {
            line.claim_fragment(fragment);
        }
    }

    /// A user name fragment of ours is about to be told to the far side. Returns what the addresses
    /// that the stack believes to have bound are in truth.
    pub(crate) fn announce(&self, fragment: &str) -> Vec<(SocketAddr, SocketAddr)> {
        let mut fragments = lock(&self.fragments);
        if fragments.iter().all(|f| f != fragment) {
            fragments.push(fragment.to_owned());
        }
        drop(fragments);
        let lines: Vec<Arc<Line>> = lock(&self.lines).iter().filter_map(Weak::upgrade).collect();
        lines.iter().for_each(|line| line.claim_fragment(fragment));
        lines.iter().map(|line| (line.believed(), line.local_addr())).collect()
    }

    /// Judges a datagram, and takes it when it is media. `datagram` is decrypted in place.
    pub(crate) fn arrive(&self, now: Instant, from: SocketAddr, datagram: &mut [u8], arena: &mut Arena) -> Arrival {
        if self.keep_early(from, datagram) {
            return Arrival::Done;
        }
        if let Verdict::Drop(why) = self.guard().inbound(now, from, datagram) {
            self.count_drop(from, why);
            return Arrival::Done;
        }
        // RFC 5761 4: RTCP packet types lie between 192 and 223; the stack has those.
        let is_media = matches!(datagram, [128..=191, second, ..] if !matches!(second, 192..=223));
        if !is_media || !self.is_direct.load(Ordering::Acquire) {
            return Arrival::ForStack;
        }
        let opened = lock(&self.direct).receiver.as_mut().and_then(|receiver| receiver.open(datagram));
        if let Some((header, payload)) = opened {
            let (packet, payload) = (&*datagram, datagram.get(payload).unwrap_or_default());
            let mid = |id: u8| header.extension(packet, id);
            if self.flow.received(&header, now, payload.len(), mid, || arena.copy(payload)) {
                self.guard().authenticated(header.ssrc);
                self.flight.over();
            }
        }
        Arrival::Done
    }

    /// A datagram of the stack is about to be sent: learns from it.
    pub(crate) fn depart(&self, line: &Arc<Line>, to: SocketAddr, datagram: &[u8]) {
        match self.guard().outbound(to, datagram) {
            Notice::None => {}
            Notice::HandshakeRefused => self.signal(Signal::HandshakeRefused),
            Notice::Closed => self.signal(Signal::RemoteClosed),
        }
        // DTLS and RTCP go to the selected pair.
        if matches!(datagram.first(), Some(20..=63 | 128..=191)) {
            if matches!(datagram.first(), Some(20..=63)) {
                self.flight.departs(Instant::now(), line, to, datagram);
            }
            let mut direct = lock(&self.direct);
            direct.client |= is_client_hello(datagram);
            if direct.to.as_ref().is_none_or(|(on, address)| *address != to || !std::ptr::eq(on.as_ptr(), Arc::as_ptr(line))) {
                direct.to = Some((Arc::downgrade(line), to));
            }
        }
    }

    /// Sends what waits in the queue: past the stack, or by its task where it has to.
    pub(crate) fn send_queued(&self) {
        if !self.is_direct.load(Ordering::Acquire) {
            return self.nudge();
        }
        let mut direct = lock(&self.direct);
        let Direct { sender: Some(sender), to: Some((line, to)), .. } = &mut *direct else { return };
        let Some(line) = line.upgrade() else { return };
        let now = Instant::now();
        while let Some(packet) = self.flow.next_to_send(now) {
            let sealed = sender.seal(
                self.flow.ssrc_of(packet.line),
                packet.marker,
                packet.payload_type,
                packet.sequence_number,
                packet.timestamp,
                packet.mid.as_ref().map(|m| (m.id, &*m.mid)),
                &packet.payload,
            );
            if let Some(sealed) = sealed {
                line.send(*to, sealed);
            }
        }
    }

    /// The next packet for the stack to send, where it has to.
    pub(crate) fn next_for_stack(&self, now: Instant) -> Option<RtpOut> {
        if self.is_direct.load(Ordering::Acquire) { None } else { self.flow.next_to_send(now) }
    }

    /// Keeps a ClientHello that comes too early, the last one. Whether it did.
    fn keep_early(&self, from: SocketAddr, datagram: &[u8]) -> bool {
        if self.selected.load(Ordering::Acquire) || !is_client_hello(datagram) {
            return false;
        }
        *lock(&self.early) = Some((from, datagram.to_vec()));
        true
    }

    /// The ClientHello that came too early, if the guard lets it in now.
    pub(crate) fn take_early(&self) -> Option<(SocketAddr, Vec<u8>)> {
        if !self.selected.load(Ordering::Acquire) {
            return None;
        }
        let (from, datagram) = lock(&self.early).take()?;
        match self.guard().inbound(Instant::now(), from, &datagram) {
            Verdict::Pass => Some((from, datagram)),
            Verdict::Drop(why) => {
                self.count_drop(from, why);
                None
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        // A watcher that is gone has nothing more to say.
        let _ = self.signals.send(signal);
    }

    fn count_drop(&self, from: SocketAddr, why: Drop) {
        let total = self.stats.guard_dropped.fetch_add(1, Ordering::Relaxed) + 1;
        let mut logged = lock(&self.logged);
        let now = Instant::now();
        // One line a second and connection, with what it stands for.
        if logged.is_none_or(|(at, _)| now.duration_since(at) >= Duration::from_secs(1)) {
            let since = total - logged.map_or(0, |(_, count)| count);
            *logged = Some((now, total));
            log::warn!("media guard: dropped a datagram from {from}: {why:?} ({since} since the last notice, {total} in all)");
        }
    }
}

impl TakesKeys for Front {
    fn keys(&self, pair: KeyPair) {
        if !self.may_be_direct {
            return;
        }
        let mut direct = lock(&self.direct);
        let (ours, theirs) = if direct.client { (&pair.client, &pair.server) } else { (&pair.server, &pair.client) };
        direct.receiver = SrtpReceiver::new(theirs);
        direct.sender = SrtpSender::new(ours);
        if direct.receiver.is_some() && direct.sender.is_some() {
            self.is_direct.store(true, Ordering::Release);
        }
        drop(direct);
        for line in lock(&self.lines).iter().filter_map(Weak::upgrade) {
            line.settled();
        }
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("stats", &self.stats).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front() -> Front {
        Front::new(Arc::default(), tokio::sync::mpsc::unbounded_channel().0, Flow::for_tests(), true)
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
