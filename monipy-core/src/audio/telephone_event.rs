//! Key presses in RTP (RFC 4733): sending with three end packets, and a receiver that tells each
//! key once whatever is lost, repeated or wrong.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use bytes::Bytes;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];
/// The last packet of an event is sent this often (RFC 4733 2.5.1.4).
const END_PACKETS: u32 = 3;
/// Milliseconds from packet to packet.
const PACKET_MS: u32 = 20;
/// Power level that is claimed: -10 dBm0.
const VOLUME: u8 = 10;
/// Without a packet for this long the key counts as released, though its end was lost.
const RELEASED_AFTER: Duration = Duration::from_millis(200);

/// A packet of an event that is to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPacket {
    /// Set on the first packet of a key.
    pub marker: bool,
    /// Timestamp: that of the key's (or its segment's) beginning.
    pub timestamp: u32,
    /// Payload of four octets.
    pub payload: Bytes,
}

#[derive(Debug)]
struct Press {
    digit: char,
    duration_ms: u32,
    gap_ms: u32,
}

#[derive(Debug)]
enum Sending {
    Idle,
    Pressed { press: Press, timestamp: u32, elapsed_ms: u32, segment_ms: u32, ends: u32 },
    Gap { left_ms: u32 },
}

/// Sends keys, one packet per 20 ms.
#[derive(Debug)]
pub struct EventSender {
    queue: VecDeque<Press>,
    state: Sending,
    clock: u32,
}

/// What an [`EventSender`] wants to do with a slot of 20 ms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slot {
    /// Nothing: sound may be sent.
    Free,
    /// Send this instead of sound.
    Packet(EventPacket),
    /// Send this instead of sound; it is the last packet of a key.
    LastPacket(EventPacket, char, u32),
}

impl EventSender {
    /// A sender whose timestamps and durations count at `clock` Hz.
    #[must_use]
    pub fn new(clock: u32) -> Self {
        EventSender { queue: VecDeque::new(), state: Sending::Idle, clock }
    }

    /// Counts at another clock from the next key on.
    pub fn set_clock(&mut self, clock: u32) {
        self.clock = clock;
    }

    /// Queues a key; anything that is not a key is left out.
    pub fn press(&mut self, digit: char, duration_ms: u32, gap_ms: u32) {
        if DIGITS.contains(&digit) && self.queue.len() < 256 {
            self.queue.push_back(Press { digit, duration_ms: duration_ms.max(PACKET_MS), gap_ms });
        }
    }

    /// Whether keys wait or are being pressed.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !matches!(self.state, Sending::Idle) || !self.queue.is_empty()
    }

    /// Forgets all keys.
    pub fn clear(&mut self) {
        self.queue.clear();
        self.state = Sending::Idle;
    }

    fn units(&self, ms: u32) -> u32 {
        (u64::from(ms) * u64::from(self.clock) / 1000) as u32
    }

    /// What to do with the slot that begins at `timestamp`.
    pub fn slot(&mut self, timestamp: u32) -> Slot {
        match std::mem::replace(&mut self.state, Sending::Idle) {
            Sending::Gap { left_ms } if left_ms > PACKET_MS => {
                self.state = Sending::Gap { left_ms: left_ms - PACKET_MS };
                Slot::Free
            }
            Sending::Gap { .. } => Slot::Free,
            Sending::Idle => match self.queue.pop_front() {
                Some(press) => self.step(press, timestamp, 0, 0, 0),
                None => Slot::Free,
            },
            Sending::Pressed { press, timestamp, elapsed_ms, segment_ms, ends } => {
                self.step(press, timestamp, elapsed_ms, segment_ms, ends)
            }
        }
    }

    fn step(&mut self, press: Press, timestamp: u32, elapsed_ms: u32, segment_ms: u32, ends: u32) -> Slot {
        let first = elapsed_ms == 0;
        let (mut timestamp, mut segment_ms) = (timestamp, segment_ms);
        let elapsed_ms = if ends == 0 { (elapsed_ms + PACKET_MS).min(press.duration_ms) } else { elapsed_ms };
        // A duration has 16 bits: longer keys go on in a new segment (RFC 4733 2.5.1.3).
        if ends == 0 && self.units(elapsed_ms - segment_ms) > 0xffff {
            timestamp = timestamp.wrapping_add(self.units(elapsed_ms - PACKET_MS - segment_ms));
            segment_ms = elapsed_ms - PACKET_MS;
        }
        let over = elapsed_ms >= press.duration_ms;
        let duration = self.units(elapsed_ms - segment_ms).min(0xffff) as u16;
        let event = DIGITS.iter().position(|&d| d == press.digit).unwrap_or(0) as u8;
        let [high, low] = duration.to_be_bytes();
        let payload = Bytes::copy_from_slice(&[event, if over { 0x80 | VOLUME } else { VOLUME }, high, low]);
        let packet = EventPacket { marker: first, timestamp, payload };
        let ends = if over { ends + 1 } else { 0 };
        if ends >= END_PACKETS {
            // The repeated ends have used up some of the gap.
            let left_ms = press.gap_ms.saturating_sub(PACKET_MS * (END_PACKETS - 1));
            self.state = Sending::Gap { left_ms: left_ms.max(PACKET_MS) };
            return Slot::LastPacket(packet, press.digit, press.duration_ms);
        }
        self.state = Sending::Pressed { press, timestamp, elapsed_ms, segment_ms, ends };
        Slot::Packet(packet)
    }
}

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// One of 0-9 * # A-D.
    pub digit: char,
    /// How long, ms; at least 1.
    pub duration_ms: u32,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    event: u8,
    /// Timestamp of the segment that is being received.
    timestamp: u32,
    /// Units in segments that are over, and in this one.
    before: u32,
    duration: u16,
    last_packet: Instant,
}

/// Receives keys of one stream.
#[derive(Debug, Default)]
pub struct EventReceiver {
    held: Option<Held>,
    /// Event and timestamp of the last key that was told, so that repeats of its end are not.
    told: Option<(u8, u32)>,
}

impl EventReceiver {
    /// Takes a packet; returns a key that is over by it.
    pub fn push(&mut self, marker: bool, timestamp: u32, payload: &[u8], arrival: Instant, clock: u32) -> Option<Key> {
        let [event, flags, high, low, ..] = *payload else { return None };
        // Only keys: flash, tones and the rest are nobody's business here.
        if usize::from(event) >= DIGITS.len() {
            return None;
        }
        let duration = u16::from_be_bytes([high, low]);
        let end = flags & 0x80 != 0;
        let mut over = None;
        match &mut self.held {
            Some(held) if held.event == event && held.timestamp == timestamp => {
                held.duration = held.duration.max(duration);
                held.last_packet = arrival;
            }
            // Out of order: an earlier packet than the one this key began with.
            Some(held) if (timestamp.wrapping_sub(held.timestamp) as i32) < 0 => return None,
            // The same key goes on in another segment: it says so by having no marker and by
            // beginning where the last segment was.
            Some(held) if held.event == event && !marker && continues(held, timestamp, clock) => {
                held.before = held.before.saturating_add(timestamp.wrapping_sub(held.timestamp));
                held.timestamp = timestamp;
                held.duration = duration;
                held.last_packet = arrival;
            }
            _ => {
                if let Some((told_event, told_timestamp)) = self.told
                    && (timestamp.wrapping_sub(told_timestamp) as i32) <= 0
                    && told_event == event
                    && self.held.is_none()
                    && told_timestamp.wrapping_sub(timestamp) < clock.saturating_mul(5)
                {
                    // A repeat of an end, or a straggler of a key that was told.
                    return None;
                }
                over = self.release(clock);
                self.held = Some(Held { event, timestamp, before: 0, duration, last_packet: arrival });
            }
        }
        if end && over.is_none() {
            return self.release(clock);
        }
        over
    }

    /// Tells a key whose end never came, `now` being the time.
    pub fn tick(&mut self, now: Instant, clock: u32) -> Option<Key> {
        let held = self.held.as_ref()?;
        if now.saturating_duration_since(held.last_packet) < RELEASED_AFTER {
            return None;
        }
        self.release(clock)
    }

    fn release(&mut self, clock: u32) -> Option<Key> {
        let held = self.held.take()?;
        self.told = Some((held.event, held.timestamp));
        let units = u64::from(held.before) + u64::from(held.duration);
        let duration_ms = (units * 1000 / u64::from(clock.max(1))).clamp(1, 60_000) as u32;
        DIGITS.get(usize::from(held.event)).map(|&digit| Key { digit, duration_ms })
    }
}

/// Whether a packet at `timestamp` belongs to the key that is held: it begins where the segment
/// ended, or a little later when packets were lost.
fn continues(held: &Held, timestamp: u32, clock: u32) -> bool {
    let step = timestamp.wrapping_sub(held.timestamp);
    step <= u32::from(held.duration).saturating_add(clock / 10)
}
