//! The guard in front of the stack: a pure decision about each datagram, before any of the stack's
//! state is touched. It demultiplexes by the first octet (RFC 7983), lets media and DTLS in only
//! from addresses that ICE has validated, and closes three weaknesses of the stack: SRTCP with the
//! E bit clear is not authenticated there, state per SSRC is made before authentication, and a
//! second ClientHello would start over.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::shapes::{
    ALERT, ALLOCATE, BINDING, CHANGE_CIPHER_SPEC, CLIENT_HELLO, Class, DATA, HANDSHAKE, MESSAGE_INTEGRITY, Record, Stun, USERNAME,
};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Addresses that ICE has validated, kept at most.
const MAX_VALIDATED: usize = 32;
/// TURN servers, kept at most.
const MAX_TURN_SERVERS: usize = 16;
/// STUN requests of ours that may still be answered, kept at most.
const MAX_REQUESTS: usize = 128;
/// SSRCs let through to the stack over the life of a connection. The stack keeps some 200 octets for
/// each, authenticated or not.
const MAX_SSRCS: usize = 512;
/// New SSRCs let through at once; one more each second.
const SSRC_BURST: u32 = 8;
/// STUN requests a second from addresses that are not validated yet.
const STUN_RATE: u32 = 200;

/// Which SRTP packet layout the connection uses: where the E bit of an SRTCP packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SrtpLayout {
    /// Keys are not agreed on yet.
    #[default]
    Unknown,
    /// AES-CM with an HMAC tag of 80 bits (RFC 3711): index word before the tag.
    AesCm80,
    /// AEAD AES-GCM (RFC 7714): index word last.
    Gcm,
}

/// Why a datagram was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drop {
    /// Nothing in RFC 7983 begins with this octet (or it is ZRTP, or empty).
    Unknown,
    /// Too short or too badly shaped to be what it claims.
    Malformed,
    /// Media or DTLS from an address that ICE has not validated.
    UnvalidatedAddress,
    /// A STUN response that no request of ours asked for.
    UnsolicitedStun,
    /// Too many STUN requests from strangers.
    StunFlood,
    /// Data from something that is no TURN server of ours.
    NotATurnServer,
    /// A ClientHello or a plain alert after the handshake was done.
    Rehandshake,
    /// SRTP or SRTCP before there are keys.
    BeforeKeys,
    /// SRTCP with the E bit clear: the stack would take it unauthenticated.
    PlainRtcp,
    /// Too many SSRCs.
    SsrcFlood,
}

/// What to do with a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Hand it to the stack.
    Pass,
    /// Drop it.
    Drop(Drop),
}

/// What a datagram of ours says about our own stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Nothing.
    None,
    /// The stack refused the handshake (fatal alert before it was done): wrong fingerprint, or no
    /// common parameters.
    HandshakeRefused,
    /// The stack sent an alert on the established connection: it answers the far side's close_notify,
    /// which it has authenticated.
    Closed,
}

/// Tokens that come back with time.
#[derive(Debug, Clone)]
struct Bucket {
    tokens: u32,
    most: u32,
    every: Duration,
    last: Instant,
}

impl Bucket {
    fn new(most: u32, every: Duration, now: Instant) -> Self {
        Bucket { tokens: most, most, every, last: now }
    }
    fn take(&mut self, now: Instant) -> bool {
        let earned = now.saturating_duration_since(self.last).as_nanos() / self.every.as_nanos().max(1);
        if earned > 0 {
            self.tokens = self.most.min(self.tokens.saturating_add(u32::try_from(earned).unwrap_or(u32::MAX)));
            self.last = now;
        }
        if self.tokens == 0 {
            return false;
        }
        self.tokens -= 1;
        true
    }
}

/// The state of one connection's guard.
#[derive(Debug)]
pub struct Guard {
    validated: Vec<SocketAddr>,
    turn_servers: Vec<SocketAddr>,
    /// Transaction id, where it went, and whether it was a connectivity check.
    requests: VecDeque<([u8; 12], SocketAddr, bool)>,
    layout: SrtpLayout,
    keys: bool,
    established: bool,
    ssrcs: Vec<u32>,
    ssrc_bucket: Bucket,
    stun_bucket: Bucket,
}

impl Guard {
    /// A guard that has seen nothing.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Guard {
            validated: Vec::new(),
            turn_servers: Vec::new(),
            requests: VecDeque::new(),
            layout: SrtpLayout::Unknown,
            keys: false,
            established: false,
            ssrcs: Vec::new(),
            ssrc_bucket: Bucket::new(SSRC_BURST, Duration::from_secs(1), now),
            stun_bucket: Bucket::new(STUN_RATE, Duration::from_secs(1) / STUN_RATE, now),
        }
    }

    /// The handshake is done; SRTP packets look so.
    pub fn established(&mut self, layout: SrtpLayout) {
        self.established = true;
        self.keys = true;
        self.layout = layout;
    }

    /// The stack has authenticated a packet of this SSRC: it is looked up first from now on.
    pub fn authenticated(&mut self, ssrc: u32) {
        if let Some(at) = self.ssrcs.iter().position(|s| *s == ssrc) {
            self.ssrcs.swap(0, at);
        }
    }

    /// Judges a datagram that arrived.
    pub fn inbound(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Verdict {
        let verdict = match datagram.first() {
            Some(0..=3) => self.stun(now, from, datagram),
            Some(20..=63) if !self.validated.contains(&from) => Err(Drop::UnvalidatedAddress),
            Some(20..=63) => self.dtls(datagram),
            Some(64..=79) if !self.turn_servers.contains(&from) => Err(Drop::NotATurnServer),
            Some(64..=79) => self.relayed(now, datagram.get(4..).unwrap_or(&[])),
            Some(128..=191) if !self.validated.contains(&from) => Err(Drop::UnvalidatedAddress),
            Some(128..=191) => self.srtp(now, datagram),
            _ => Err(Drop::Unknown),
        };
        match verdict {
            Ok(()) => Verdict::Pass,
            Err(why) => Verdict::Drop(why),
        }
    }

    /// Learns from a datagram that is about to be sent.
    pub fn outbound(&mut self, to: SocketAddr, datagram: &[u8]) -> Notice {
        match datagram.first() {
            Some(0..=3) => {
                self.stun_sent(to, datagram);
                Notice::None
            }
            // The stack sends media and DTLS to the selected pair only.
            Some(20..=63) => {
                self.validate(to);
                self.dtls_sent(datagram)
            }
            Some(64..=79) => match datagram.get(4..) {
                Some(inner) if matches!(inner.first(), Some(20..=63)) => self.dtls_sent(inner),
                _ => Notice::None,
            },
            Some(128..=191) => {
                self.validate(to);
                Notice::None
            }
            _ => Notice::None,
        }
    }

    fn validate(&mut self, address: SocketAddr) {
        if !self.validated.contains(&address) {
            if self.validated.len() >= MAX_VALIDATED {
                self.validated.remove(0);
            }
            self.validated.push(address);
        }
    }

    fn stun_sent(&mut self, to: SocketAddr, datagram: &[u8]) {
        let Some(message) = Stun::parse(datagram) else { return };
        match message.class() {
            Class::Request => {
                if message.method() == ALLOCATE && !self.turn_servers.contains(&to) && self.turn_servers.len() < MAX_TURN_SERVERS {
                    self.turn_servers.push(to);
                }
                if self.requests.iter().all(|(id, address, _)| *id != message.id || *address != to) {
                    if self.requests.len() >= MAX_REQUESTS {
                        self.requests.pop_front();
                    }
                    self.requests.push_back((message.id, to, message.method() == BINDING && message.has(USERNAME)));
                }
            }
            // The stack answers a check only after its MESSAGE-INTEGRITY was right.
            Class::Success if message.method() == BINDING => self.validate(to),
            _ => {}
        }
    }

    fn stun(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Result<(), Drop> {
        let message = Stun::parse(datagram).ok_or(Drop::Malformed)?;
        match message.class() {
            Class::Request => {
                if message.method() != BINDING || !message.has(USERNAME) || !message.has(MESSAGE_INTEGRITY) {
                    return Err(Drop::Malformed);
                }
                if !self.validated.contains(&from) && !self.stun_bucket.take(now) {
                    return Err(Drop::StunFlood);
                }
                Ok(())
            }
            Class::Indication if message.method() == BINDING => {
                if self.validated.contains(&from) {
                    Ok(())
                } else {
                    Err(Drop::UnvalidatedAddress)
                }
            }
            Class::Indication => {
                if !self.turn_servers.contains(&from) {
                    return Err(Drop::NotATurnServer);
                }
                match message.attribute(DATA) {
                    Some(inner) => self.relayed(now, inner),
                    None => Ok(()),
                }
            }
            Class::Success | Class::Failure => {
                let asked = self.requests.iter().find(|(id, address, _)| *id == message.id && *address == from);
                let Some((_, _, check)) = asked else { return Err(Drop::UnsolicitedStun) };
                if *check && message.class() == Class::Success {
                    self.validate(from);
                }
                Ok(())
            }
        }
    }

    /// What came through a TURN server, whose permissions have judged the address.
    fn relayed(&mut self, now: Instant, inner: &[u8]) -> Result<(), Drop> {
        match inner.first() {
            Some(0..=3) => Stun::parse(inner).map(|_| ()).ok_or(Drop::Malformed),
            Some(20..=63) => self.dtls(inner),
            Some(128..=191) => self.srtp(now, inner),
            _ => Err(Drop::Unknown),
        }
    }

    fn dtls(&mut self, datagram: &[u8]) -> Result<(), Drop> {
        let Some(record) = Record::parse(datagram) else { return Err(Drop::Malformed) };
        if record.kind == CHANGE_CIPHER_SPEC || record.epoch > 0 {
            self.keys = true;
        }
        if self.established
            && record.epoch == 0
            && (record.kind == ALERT || record.kind == HANDSHAKE && record.handshake == Some(CLIENT_HELLO))
        {
            return Err(Drop::Rehandshake);
        }
        Ok(())
    }

    fn dtls_sent(&mut self, datagram: &[u8]) -> Notice {
        match Record::parse(datagram) {
            Some(record) if record.kind == ALERT && self.established => Notice::Closed,
            Some(record) if record.kind == ALERT => Notice::HandshakeRefused,
            Some(record) => {
                if record.kind == CHANGE_CIPHER_SPEC || record.epoch > 0 {
                    self.keys = true;
                }
                Notice::None
            }
            None => Notice::None,
        }
    }

    fn srtp(&mut self, now: Instant, packet: &[u8]) -> Result<(), Drop> {
        if !self.keys {
            return Err(Drop::BeforeKeys);
        }
        // RFC 5761 4: RTCP packet types lie between 192 and 223.
        let rtcp = matches!(packet.get(1), Some(192..=223));
        let (ssrc_at, least) = if rtcp { (4, 8 + 4 + 10) } else { (8, 12 + 10) };
        if packet.len() < least {
            return Err(Drop::Malformed);
        }
        let ssrc = packet.get(ssrc_at..).and_then(|s| s.first_chunk::<4>()).map(|b| u32::from_be_bytes(*b)).ok_or(Drop::Malformed)?;
        if rtcp {
            let index_from_end = match self.layout {
                SrtpLayout::Unknown => return Err(Drop::BeforeKeys),
                SrtpLayout::AesCm80 => 14,
                SrtpLayout::Gcm if packet.len() < 8 + 16 + 4 => return Err(Drop::Malformed),
                SrtpLayout::Gcm => 4,
            };
            let encrypted = packet.len().checked_sub(index_from_end).and_then(|at| packet.get(at)).is_some_and(|b| b & 0x80 != 0);
            if !encrypted {
                return Err(Drop::PlainRtcp);
            }
        }
        if self.ssrcs.contains(&ssrc) {
            return Ok(());
        }
        if self.ssrcs.len() >= MAX_SSRCS || !self.ssrc_bucket.take(now) {
            return Err(Drop::SsrcFlood);
        }
        self.ssrcs.push(ssrc);
        Ok(())
    }
}
