//! RTP between a connection and the two queues of its call, and what RTCP needs to know of it.

use super::rtcp::RtcpSession;
use super::rtp::{RtpIn, RtpOut};
use super::sdp::codecs::clock_rate;
use super::srtp::RtpHeader;
use super::stats::TransportStats;
use super::tap::Wire;
use bytes::Bytes;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// One connection's share in its call's media.
pub(crate) struct Flow {
    wire: Arc<Wire>,
    generation: u64,
    rtcp: Mutex<RtcpSession>,
    /// Clock rate of the codec that is being sent, for RTCP.
    clock: AtomicU32,
}

impl Flow {
    pub(crate) fn new(wire: Arc<Wire>, generation: u64) -> Flow {
        let rtcp = Mutex::new(RtcpSession::new(wire.ssrc, wire.cname.clone(), Instant::now()));
        Flow { wire, generation, rtcp, clock: AtomicU32::new(clock_rate(crate::config::Codec::Opus)) }
    }

    pub(crate) fn rtcp(&self) -> MutexGuard<'_, RtcpSession> {
        self.rtcp.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Our synchronisation source on a line.
    pub(crate) fn ssrc_of(&self, line: u8) -> u32 {
        self.wire.ssrc_of(line)
    }

    pub(crate) fn stats(&self) -> &TransportStats {
        &self.wire.stats
    }

    /// Ticks a second of what is being sent.
    pub(crate) fn clock(&self) -> u32 {
        self.clock.load(Ordering::Relaxed)
    }

    /// An authenticated packet arrived; `mid` reads a header extension of it and is asked only where
    /// there are several lines, `payload` only when somebody hears it. Returns
    /// whether it came from another source than those before.
    pub(crate) fn received<M: AsRef<[u8]>>(
        &self,
        header: &RtpHeader,
        now: Instant,
        octets: usize,
        mid: impl FnOnce(u8) -> Option<M>,
        payload: impl FnOnce() -> Bytes,
    ) -> bool {
        let clock = self.wire.clock(header.payload_type);
        let stats = &self.wire.stats;
        let line = if clock == 0 { None } else { self.wire.line_of(header, mid) };
        let Some(line) = line else {
            stats.wrong_payload_type.fetch_add(1, Ordering::Relaxed);
            return false;
        };
        let is_new = self.rtcp().on_received(line, header.ssrc, header.sequence, header.timestamp, clock, now);
        // On hold nothing is heard; late packets are no exception.
        if !self.wire.is_receiving() {
            return is_new;
        }
        let packet = RtpIn {
            arrival: now,
            payload_type: header.payload_type,
            marker: header.marker,
            sequence_number: header.sequence,
            timestamp: header.timestamp,
            ssrc: header.ssrc,
            line,
            payload: payload(),
        };
        if self.wire.push(packet) {
            stats.packets_received.fetch_add(1, Ordering::Relaxed);
            stats.octets_received.fetch_add(octets as u64, Ordering::Relaxed);
        }
        is_new
    }

    /// The next packet to send, if this connection is the one that sends.
    pub(crate) fn next_to_send(&self, now: Instant) -> Option<RtpOut> {
        let next = self.wire.pop(self.generation)?;
        let octets = next.payload.len();
        if let clock @ 1.. = self.wire.clock(next.payload_type) {
            self.clock.store(clock, Ordering::Relaxed);
        }
        self.rtcp().on_sent(next.line, next.timestamp, self.clock(), octets, now);
        let stats = &self.wire.stats;
        stats.packets_sent.fetch_add(1, Ordering::Relaxed);
        stats.octets_sent.fetch_add(octets as u64, Ordering::Relaxed);
        Some(next)
    }

    #[cfg(test)]
    pub(crate) fn for_tests() -> Flow {
        let (received, _) = rtrb::RingBuffer::new(1);
        let (_, to_send) = rtrb::RingBuffer::new(1);
        Flow::new(Arc::new(Wire::new(Arc::default(), 1, String::new(), received, to_send, Arc::default())), 1)
    }
}
