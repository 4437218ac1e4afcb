//! The two queues between the network's task and a media worker: RTP packets in and out. Both are
//! bounded and lock-free; a full queue drops the newest packet and counts it, and nobody waits.

use bytes::{Bytes, BytesMut};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// An RTP packet (RFC 3550 5.1) that arrived, decrypted and authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpIn {
    /// When the datagram was taken from the socket.
    pub arrival: Instant,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Marker bit.
    pub marker: bool,
    /// Sequence number.
    pub sequence_number: u16,
    /// Media timestamp in units of the codec's clock rate.
    pub timestamp: u32,
    /// The far side's synchronisation source as sent; a change of it is a new stream (start sequence
    /// numbers and timestamps anew).
    pub ssrc: u32,
    /// Audio line, by its place among those taken (RFC 9143 9.2): 0 for the only one.
    pub line: u8,
    /// Payload without header, extensions and padding. May be empty.
    pub payload: Bytes,
}

/// An RTP packet to send; the transport adds the SSRC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpOut {
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Marker bit.
    pub marker: bool,
    /// Sequence number: runs on over the whole call, across fresh connections.
    pub sequence_number: u16,
    /// Media timestamp in units of the codec's clock rate.
    pub timestamp: u32,
    /// Audio line: 0 for the only one. A line is sent under the SSRC of the first plus its number.
    pub line: u8,
    /// A header extension with the line's MID.
    pub mid: Option<MidTag>,
    /// Payload.
    pub payload: Bytes,
}

/// A one-byte header extension (RFC 8285 4.2) that says to which line a packet belongs (RFC 9143 15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MidTag {
    /// Id of the extension, 1 to 14.
    pub id: u8,
    /// The MID, 1 to 16 octets.
    pub mid: Bytes,
}

/// Where the payloads of received packets lie: many to an allocation, which is used again once all
/// of them are gone.
#[derive(Debug, Default)]
pub struct Arena {
    chunk: BytesMut,
}

impl Arena {
    /// Octets to an allocation.
    const CHUNK: usize = 16 * 1024;

    /// A payload of its own.
    #[must_use]
    pub fn copy(&mut self, payload: &[u8]) -> Bytes {
        if self.chunk.capacity() - self.chunk.len() < payload.len() {
            self.chunk.reserve(Self::CHUNK.max(payload.len()));
        }
        self.chunk.extend_from_slice(payload);
        self.chunk.split().freeze()
    }
}

/// The network's side of the sending queue.
pub(crate) trait WakeSender: Send + Sync {
    /// Whether packets may be sent now: connected, and the agreed direction allows it.
    fn open(&self) -> bool;
    /// Wakes the task that owns the sockets. Cheap; called after each packet.
    fn wake(&self);
}

/// The media worker's end of what arrives.
pub struct RtpReceiver {
    pub(crate) queue: rtrb::Consumer<RtpIn>,
    pub(crate) dropped: Arc<AtomicU64>,
}

impl RtpReceiver {
    /// The next packet in the order of arrival, if one waits. Never blocks.
    pub fn pop(&mut self) -> Option<RtpIn> {
        self.queue.pop().ok()
    }
    /// Packets that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.slots()
    }
    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
    /// Packets dropped so far because this queue was full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for RtpReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtpReceiver").field("waiting", &self.len()).field("dropped", &self.dropped()).finish()
    }
}

/// The media worker's end of what is sent. Callable from any thread, without a runtime.
pub struct RtpSender {
    pub(crate) queue: rtrb::Producer<RtpOut>,
    pub(crate) wake: Arc<dyn WakeSender>,
    pub(crate) dropped: Arc<AtomicU64>,
}

impl RtpSender {
    /// Sends a packet: queues it and wakes the network's task. Never blocks and does not allocate
    /// when the payload does not. Returns false when the queue is full (the packet is dropped and
    /// counted). Packets sent before the connection is up, or while the agreed direction does not
    /// let this side send, are dropped silently by the transport.
    pub fn send(&mut self, payload_type: u8, marker: bool, sequence_number: u16, timestamp: u32, payload: Bytes) -> bool {
        self.send_packet(RtpOut { payload_type, marker, sequence_number, timestamp, line: 0, mid: None, payload })
    }

    /// [`RtpSender::send`] for a packet of any audio line: for a server that sends its parties apart.
    pub fn send_packet(&mut self, packet: RtpOut) -> bool {
        if !self.wake.open() {
            return true;
        }
        let ok = self.queue.push(packet).is_ok();
        if !ok {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        self.wake.wake();
        ok
    }
    /// Whether packets go out now: the connection is up and the agreed direction lets this side send.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.wake.open()
    }
    /// Packets dropped so far because this queue was full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for RtpSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtpSender").field("free", &self.queue.slots()).field("dropped", &self.dropped()).finish()
    }
}
