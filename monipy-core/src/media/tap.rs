//! Where packets leave and enter the stack: an interceptor at the application's end of its chain.
//! Received RTP goes from here straight into the media worker's queue (no track, no second task),
//! whatever its SSRC; RTP to send comes from the worker's queue. RTCP ends and begins here, too.

use super::rtcp::RtcpSession;
use super::rtp::{RtpIn, RtpOut, WakeSender};
use super::runtime::Front;
use super::sdp::codecs::clock_rate;
use super::stats::TransportStats;
use super::transport::Negotiated;
use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What all connections of one call share with its media worker.
pub(crate) struct Wire {
    pub(crate) stats: Arc<TransportStats>,
    /// Our synchronisation source, the same for the whole call.
    pub(crate) ssrc: u32,
    pub(crate) cname: String,
    // Only the current connection's task takes these two locks: nobody waits for them, except in the
    // moment when a fresh connection takes over.
    received: Mutex<rtrb::Producer<RtpIn>>,
    to_send: Mutex<rtrb::Consumer<RtpOut>>,
    receive_dropped: Arc<AtomicU64>,
    /// Generation of the connection that sends.
    current: AtomicU64,
    connected: AtomicBool,
    sending: AtomicBool,
    receiving: AtomicBool,
    /// kHz of the clock of each payload type that may arrive; 0 for the others.
    clocks: [AtomicU8; 128],
    front: Mutex<Option<Arc<Front>>>,
}

impl Wire {
    pub(crate) fn new(
        stats: Arc<TransportStats>,
        ssrc: u32,
        cname: String,
        received: rtrb::Producer<RtpIn>,
        to_send: rtrb::Consumer<RtpOut>,
        receive_dropped: Arc<AtomicU64>,
    ) -> Self {
        Wire {
            stats,
            ssrc,
            cname,
            received: Mutex::new(received),
            to_send: Mutex::new(to_send),
            receive_dropped,
            current: AtomicU64::new(0),
            connected: AtomicBool::new(false),
            sending: AtomicBool::new(false),
            receiving: AtomicBool::new(false),
            clocks: [const { AtomicU8::new(0) }; 128],
            front: Mutex::new(None),
        }
    }

    /// Makes a connection the one that sends; it is not connected yet.
    pub(crate) fn take_over(&self, generation: u64, front: Arc<Front>) {
        self.connected.store(false, Ordering::Release);
        *self.front.lock().unwrap_or_else(PoisonError::into_inner) = Some(front);
        self.current.store(generation, Ordering::Release);
    }

    pub(crate) fn is_current(&self, generation: u64) -> bool {
        self.current.load(Ordering::Acquire) == generation
    }

    pub(crate) fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Release);
    }

    /// What may be sent and received from now on.
    pub(crate) fn agree(&self, negotiated: &Negotiated) {
        for (payload_type, clock) in self.clocks.iter().enumerate() {
            let accepted = negotiated
                .receive
                .iter()
                .find(|f| usize::from(f.payload_type) == payload_type || f.telephone_event.is_some_and(|e| usize::from(e) == payload_type));
            clock.store(accepted.map_or(0, |f| (clock_rate(f.codec) / 1000) as u8), Ordering::Relaxed);
        }
        self.sending.store(negotiated.direction.sends(), Ordering::Release);
        self.receiving.store(negotiated.direction.receives(), Ordering::Release);
    }

    /// The call is over: nothing is sent any more.
    pub(crate) fn shut(&self) {
        self.set_connected(false);
        self.current.store(0, Ordering::Release);
        *self.front.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn clock(&self, payload_type: u8) -> u32 {
        self.clocks.get(usize::from(payload_type)).map_or(0, |c| u32::from(c.load(Ordering::Relaxed)) * 1000)
    }
}

impl WakeSender for Wire {
    fn open(&self) -> bool {
        self.connected.load(Ordering::Acquire) && self.sending.load(Ordering::Acquire)
    }
    fn wake(&self) {
        if let Some(front) = self.front.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            front.nudge();
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("ssrc", &self.ssrc).field("current", &self.current).finish_non_exhaustive()
    }
}

/// The interceptor of one connection.
pub(crate) struct Tap {
    wire: Arc<Wire>,
    front: Arc<Front>,
    generation: u64,
    rtcp: RtcpSession,
    /// Clock rate of the codec that is being sent, for RTCP.
    clock: u32,
}

impl Tap {
    pub(crate) fn new(wire: Arc<Wire>, front: Arc<Front>, generation: u64) -> Self {
        let rtcp = RtcpSession::new(wire.ssrc, wire.cname.clone(), Instant::now());
        Tap { wire, front, generation, rtcp, clock: 48_000 }
    }

    fn on_rtp(&mut self, packet: rtc::rtp::Packet, now: Instant) {
        let header = packet.header;
        let clock = self.wire.clock(header.payload_type);
        let stats = &self.wire.stats;
        if clock == 0 {
            stats.wrong_payload_type.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if self.rtcp.on_received(header.ssrc, header.sequence_number, header.timestamp, clock, now) {
            self.front.guard().authenticated(header.ssrc);
        }
        // On hold nothing is heard; late packets are no exception.
        if !self.wire.receiving.load(Ordering::Acquire) {
            return;
        }
        let octets = packet.payload.len() as u64;
        let received = RtpIn {
            arrival: now,
            payload_type: header.payload_type,
            marker: header.marker,
            sequence_number: header.sequence_number,
            timestamp: header.timestamp,
            ssrc: header.ssrc,
            payload: packet.payload,
        };
        if self.wire.received.lock().unwrap_or_else(PoisonError::into_inner).push(received).is_ok() {
            stats.packets_received.fetch_add(1, Ordering::Relaxed);
            stats.octets_received.fetch_add(octets, Ordering::Relaxed);
        } else {
            self.wire.receive_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn next_rtp(&mut self, now: Instant) -> Option<Packet> {
        if !self.wire.is_current(self.generation) {
            return None;
        }
        let next = self.wire.to_send.lock().unwrap_or_else(PoisonError::into_inner).pop().ok()?;
        let octets = next.payload.len();
        if let clock @ 1.. = self.wire.clock(next.payload_type) {
            self.clock = clock;
        }
        self.rtcp.on_sent(next.timestamp, self.clock, octets, now);
        let stats = &self.wire.stats;
        stats.packets_sent.fetch_add(1, Ordering::Relaxed);
        stats.octets_sent.fetch_add(octets as u64, Ordering::Relaxed);
        Some(Packet::Rtp(rtc::rtp::Packet {
            header: rtc::rtp::Header {
                version: 2,
                marker: next.marker,
                payload_type: next.payload_type,
                sequence_number: next.sequence_number,
                timestamp: next.timestamp,
                ssrc: self.wire.ssrc,
                ..rtc::rtp::Header::default()
            },
            payload: next.payload,
        }))
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Tap {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, message: TaggedPacket) -> Result<(), Error> {
        match message.message.packet {
            Packet::Rtp(packet) => self.on_rtp(packet, message.now),
            Packet::Rtcp(packets) => self.rtcp.on_rtcp(&packets, self.clock, message.now, &self.wire.stats),
            _ => {}
        }
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        None
    }

    fn handle_write(&mut self, _: TaggedPacket) -> Result<(), Error> {
        // Nothing in the stack itself sends media.
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        let now = Instant::now();
        let packet = self.next_rtp(now).or_else(|| self.rtcp.poll(now).map(Packet::Rtcp))?;
        Some(TaggedPacket { now, transport: Default::default(), message: packet.into() })
    }

    fn handle_event(&mut self, (): ()) -> Result<(), Error> {
        Ok(())
    }

    fn poll_event(&mut self) -> Option<()> {
        None
    }

    fn handle_timeout(&mut self, _: Instant) -> Result<(), Error> {
        // The report that is due leaves with the next poll_write, which follows at once.
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        Some(self.rtcp.due())
    }

    fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl Interceptor for Tap {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}
