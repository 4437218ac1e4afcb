//! Where packets leave and enter the stack: an interceptor at the application's end of its chain.
//! RTCP ends and begins here. Received RTP goes from here straight into the media worker's queue (no
//! track, no second task), whatever its SSRC, and RTP to send comes from the worker's queue, where
//! they do not take our own way past the stack.

use super::demux::Demux;
use super::front::Front;
use super::rtp::{RtpIn, RtpOut, WakeSender};
use super::sdp::codecs::clock_rate;
use super::srtp::RtpHeader;
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
    // Only the current connection takes these two locks: nobody waits for them, except in the moment
    // when a fresh connection takes over.
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
    /// Whether `demux` is to be asked: there are several audio lines.
    apart: AtomicBool,
    demux: Mutex<Option<Demux>>,
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
            apart: AtomicBool::new(false),
            demux: Mutex::new(None),
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
            let accepted = (negotiated.receive.iter().chain(negotiated.parties.iter().flat_map(|p| &p.formats)))
                .find(|f| usize::from(f.payload_type) == payload_type || f.telephone_event.is_some_and(|e| usize::from(e) == payload_type));
            clock.store(accepted.map_or(0, |f| (clock_rate(f.codec) / 1000) as u8), Ordering::Relaxed);
        }
        let mut demux = self.demux.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = &negotiated.parties;
        if lines.is_empty() {
            *demux = None;
        } else if !demux.as_ref().is_some_and(|d| d.is_for(lines)) {
            *demux = Some(Demux::new(lines));
        }
        drop(demux);
        self.apart.store(!lines.is_empty(), Ordering::Release);
        self.sending.store(negotiated.direction.sends(), Ordering::Release);
        self.receiving.store(negotiated.direction.receives(), Ordering::Release);
    }

    /// The call is over: nothing is sent any more.
    pub(crate) fn shut(&self) {
        self.set_connected(false);
        self.current.store(0, Ordering::Release);
        *self.front.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Ticks a second of a payload type; 0 for one that was not agreed on.
    pub(crate) fn clock(&self, payload_type: u8) -> u32 {
        self.clocks.get(usize::from(payload_type)).map_or(0, |c| u32::from(c.load(Ordering::Relaxed)) * 1000)
    }

    /// The audio line of an authenticated packet; `mid` reads the header extension with this id.
    /// None for a line that there is not.
    pub(crate) fn line_of<M: AsRef<[u8]>>(&self, header: &RtpHeader, mid: impl FnOnce(u8) -> Option<M>) -> Option<u8> {
        if !self.apart.load(Ordering::Acquire) {
            return Some(0);
        }
        let mut demux = self.demux.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(demux) = demux.as_mut() else { return Some(0) };
        let mid = demux.mid_extension().and_then(mid);
        demux.line_of(header.ssrc, header.payload_type, mid.as_ref().map(AsRef::as_ref))
    }

    /// The synchronisation source that a line is sent under.
    pub(crate) fn ssrc_of(&self, line: u8) -> u32 {
        self.ssrc.wrapping_add(u32::from(line))
    }

    /// Whether the agreed direction lets the far side be heard.
    pub(crate) fn is_receiving(&self) -> bool {
        self.receiving.load(Ordering::Acquire)
    }

    /// Hands a packet to the media worker; false, and counted, when its queue is full.
    pub(crate) fn push(&self, packet: RtpIn) -> bool {
        let pushed = self.received.lock().unwrap_or_else(PoisonError::into_inner).push(packet).is_ok();
        if !pushed {
            self.receive_dropped.fetch_add(1, Ordering::Relaxed);
        }
        pushed
    }

    /// The next packet to send, if `generation` is the connection that sends.
    pub(crate) fn pop(&self, generation: u64) -> Option<RtpOut> {
        if !self.is_current(generation) {
            return None;
        }
        self.to_send.lock().unwrap_or_else(PoisonError::into_inner).pop().ok()
    }
}

impl WakeSender for Wire {
    fn open(&self) -> bool {
        self.connected.load(Ordering::Acquire) && self.sending.load(Ordering::Acquire)
    }
    fn wake(&self) {
        if let Some(front) = self.front.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            front.send_queued();
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("ssrc", &self.ssrc).field("current", &self.current).finish_non_exhaustive()
    }
}

/// The interceptor of one connection. Media comes and goes here only where it may be relayed
/// (TURN); everywhere else it takes our own way, past the stack.
pub(crate) struct Tap {
    front: Arc<Front>,
}

impl Tap {
    pub(crate) fn new(front: Arc<Front>) -> Self {
        Tap { front }
    }

    fn on_rtp(&mut self, packet: rtc::rtp::Packet, now: Instant) {
        let (header, payload) = (RtpHeader::from(&packet.header), &packet.payload);
        let mid = |id: u8| packet.header.get_extension(id);
        if self.front.flow.received(&header, now, payload.len(), mid, || payload.clone()) {
            self.front.guard().authenticated(header.ssrc);
        }
    }

    fn next_rtp(&mut self, now: Instant) -> Option<Packet> {
        let next = self.front.next_for_stack(now)?;
        Some(Packet::Rtp(rtc::rtp::Packet {
            header: rtc::rtp::Header {
                version: 2,
                marker: next.marker,
                payload_type: next.payload_type,
                sequence_number: next.sequence_number,
                timestamp: next.timestamp,
                ssrc: self.front.flow.ssrc_of(next.line),
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
            Packet::Rtcp(packets) => {
                let flow = &self.front.flow;
                flow.rtcp().on_rtcp(&packets, flow.clock(), message.now, flow.stats());
            }
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
        let packet = self.next_rtp(now).or_else(|| self.front.flow.rtcp().poll(now).map(Packet::Rtcp))?;
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
        Some(self.front.flow.rtcp().due())
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
