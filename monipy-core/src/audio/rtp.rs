//! RTP packets as this room sees them (RFC 3550 5.1): header fields that matter to the ear, and
//! the payload. Padding, extensions and contributing sources are gone by now.

use bytes::Bytes;
use std::time::Instant;

/// A packet that came in, authenticated and decrypted.
#[derive(Debug, Clone)]
pub struct RtpPacket {
    /// When its datagram was read from the socket.
    pub arrival: Instant,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Marker bit: the first packet of a talk spurt or of a key press.
    pub marker: bool,
    /// Sequence number.
    pub sequence_number: u16,
    /// Timestamp in units of the codec's clock.
    pub timestamp: u32,
    /// Synchronization source.
    pub ssrc: u32,
    /// Payload without padding.
    pub payload: Bytes,
}

/// A packet to be sent; the transport adds its SSRC and encrypts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundRtp {
    /// Payload type.
    pub payload_type: u8,
    /// Marker bit.
    pub marker: bool,
    /// Sequence number: one up from packet to packet.
    pub sequence_number: u16,
    /// Timestamp in units of the codec's clock.
    pub timestamp: u32,
    /// Payload.
    pub payload: Bytes,
}
