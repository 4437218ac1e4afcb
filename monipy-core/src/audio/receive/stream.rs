//! One stream of packets on one line of media time: sequence numbers and timestamps without
//! wrap-around, duplicates and stragglers sorted out, restarts recognised.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::{PacketKind, TICKS_PER_MS};
use crate::audio::codec;
use crate::audio::rtp::RtpPacket;
use crate::config::Codec;
use bytes::Bytes;
use std::collections::BTreeMap;

/// Packets kept at most: 2 s and more of 10 ms packets.
const MOST_PACKETS: usize = 256;
/// Numbers that are remembered to recognise duplicates.
const SEEN: usize = 1024;
/// A sequence number further off than this is not reordering or loss but another sequence.
const GREATEST_STEP: i64 = 1000;
/// A timestamp that disagrees with the arrival by more than this is another media clock, ms.
const GREATEST_DISAGREEMENT: f64 = 2500.0;
/// A source that was left is not returned to within this time, ms, while the other one sends.
const SOURCE_HOLD_MS: f64 = 200.0;

/// What is kept of a packet.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// A payload.
    Audio(Codec, Bytes),
    /// A key press, which only takes a sequence number.
    KeyPress,
}

/// A packet in its place.
#[derive(Debug, Clone)]
pub(super) struct Packet {
    /// Sequence number, extended.
    pub(super) sequence: i64,
    /// Media time of its first sample, ticks.
    pub(super) media: i64,
    pub(super) content: Content,
}

/// What became of a packet.
#[derive(Debug, PartialEq)]
pub(super) enum Placed {
    /// In its place, or too late but telling of the delay; a key press tells nothing.
    Taken { transit_ms: Option<f64> },
    /// It began a new line of media time: everything that waited is gone but these.
    Restarted { transits_ms: Vec<f64> },
    /// A duplicate, or not believed (yet).
    Refused,
}

/// Where the line of sequence numbers and media time is anchored.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    sequence: i64,
    timestamp: u32,
    media: i64,
    clock: u32,
    codec: Option<Codec>,
}

/// One stream.
#[derive(Debug)]
pub(super) struct Stream {
    ssrc: u32,
    former_ssrc: Option<u32>,
    anchor: Option<Anchor>,
    waiting: BTreeMap<i64, Packet>,
    /// One past the last packet that was taken to be played.
    next_sequence: i64,
    /// A packet that would mean a restart, until the next one bears it out.
    suspect: Option<(RtpPacket, PacketKind, f64)>,
    last_arrival_ms: f64,
    last_transit_ms: Option<f64>,
    jitter_ms: f64,
    packet_ticks: i64,
    first_sequence: i64,
    received: u64,
    /// Numbers that came, each in the place of its low bits: tells duplicates from stragglers.
    seen: Vec<i64>,
    /// Lost in lines of media time that are over.
    lost_before: u64,
}

impl Stream {
    /// A stream that begins with this packet (which is still to be placed).
    pub(super) fn new(packet: &RtpPacket) -> Self {
        Stream {
            ssrc: packet.ssrc,
            former_ssrc: None,
            anchor: None,
            waiting: BTreeMap::new(),
            next_sequence: 0,
            suspect: None,
            last_arrival_ms: 0.0,
            last_transit_ms: None,
            jitter_ms: 0.0,
            packet_ticks: 20 * TICKS_PER_MS,
            first_sequence: 0,
            received: 0,
            seen: vec![i64::MIN; SEEN],
            lost_before: 0,
        }
    }

    /// Takes a packet that arrived at `arrival_ms`.
    pub(super) fn place(&mut self, packet: RtpPacket, kind: PacketKind, arrival_ms: f64) -> Placed {
        if packet.ssrc != self.ssrc {
            if self.former_ssrc == Some(packet.ssrc) && arrival_ms - self.last_arrival_ms < SOURCE_HOLD_MS {
                return Placed::Refused;
            }
            self.former_ssrc = Some(self.ssrc);
            self.ssrc = packet.ssrc;
            return self.restart(vec![(packet, kind, arrival_ms)]);
        }
        let Some(anchor) = self.anchor else {
            return self.restart(vec![(packet, kind, arrival_ms)]);
        };
        let step = i64::from(packet.sequence_number.wrapping_sub(anchor.sequence as u16) as i16);
        let (media, clock, codec) = media_time(&anchor, &packet, kind, step, self.packet_ticks);
        let transit = arrival_ms - media as f64 / TICKS_PER_MS as f64;
        let disagrees =
            kind != PacketKind::TelephoneEvent && self.last_transit_ms.is_some_and(|last| (transit - last).abs() > GREATEST_DISAGREEMENT);
        if step.abs() > GREATEST_STEP || disagrees {
            return self.doubt(packet, kind, arrival_ms);
        }
        self.suspect = None;
        self.last_arrival_ms = arrival_ms;
        self.put(packet, kind, arrival_ms, anchor.sequence + step, media, (clock, codec))
    }

    /// Two packets in a row that follow on each other make a restart (RFC 3550 A.1).
    fn doubt(&mut self, packet: RtpPacket, kind: PacketKind, arrival_ms: f64) -> Placed {
        if let Some((before, kind_before, arrival_before)) = self.suspect.take()
            && packet.sequence_number.wrapping_sub(before.sequence_number) == 1
        {
            return self.restart(vec![(before, kind_before, arrival_before), (packet, kind, arrival_ms)]);
        }
        self.suspect = Some((packet, kind, arrival_ms));
        Placed::Refused
    }

    fn restart(&mut self, packets: Vec<(RtpPacket, PacketKind, f64)>) -> Placed {
        self.lost_before = self.lost();
        self.received = 0;
        self.seen.fill(i64::MIN);
        self.waiting.clear();
        self.suspect = None;
        self.last_transit_ms = None;
        let mut transits_ms = Vec::new();
        for (packet, kind, arrival_ms) in packets {
            let anchor = match self.anchor {
                Some(anchor) if self.received > 0 => anchor,
                _ => {
                    // Room below, so that stragglers of the beginning have numbers too.
                    let sequence = i64::from(packet.sequence_number) + (1 << 16);
                    self.first_sequence = sequence;
                    self.next_sequence = sequence - GREATEST_STEP;
                    let (clock, codec) = clock_of(kind, None);
                    let anchor = Anchor { sequence, timestamp: packet.timestamp, media: 0, clock, codec };
                    self.anchor = Some(anchor);
                    anchor
                }
            };
            self.last_arrival_ms = arrival_ms;
            let step = i64::from(packet.sequence_number.wrapping_sub(anchor.sequence as u16) as i16);
            let (media, clock, codec) = media_time(&anchor, &packet, kind, step, self.packet_ticks);
            if let Placed::Taken { transit_ms: Some(t) } = self.put(packet, kind, arrival_ms, anchor.sequence + step, media, (clock, codec))
            {
                transits_ms.push(t);
            }
        }
        Placed::Restarted { transits_ms }
    }

    fn put(
        &mut self,
        packet: RtpPacket,
        kind: PacketKind,
        arrival_ms: f64,
        sequence: i64,
        media: i64,
        (clock, codec): (u32, Option<Codec>),
    ) -> Placed {
        let Some(seen) = self.seen.get_mut((sequence as usize) % SEEN) else { return Placed::Refused };
        if *seen == sequence {
            return Placed::Refused;
        }
        *seen = sequence;
        self.received += 1;
        let anchor_sequence = self.anchor.map_or(i64::MIN, |a| a.sequence);
        let transit_ms = arrival_ms - media as f64 / TICKS_PER_MS as f64;
        let audio = kind != PacketKind::TelephoneEvent;
        if audio && sequence >= anchor_sequence {
            if let (Some(before), true) = (self.anchor, sequence == anchor_sequence + 1) {
                let ticks = media - before.media;
                // A pause is no packet length, nor is a glitch.
                if before.codec == codec && (2 * TICKS_PER_MS..=120 * TICKS_PER_MS).contains(&ticks) {
                    self.packet_ticks = ticks;
                }
            }
            self.anchor = Some(Anchor { sequence, timestamp: packet.timestamp, media, clock, codec });
        }
        if audio {
            if let Some(last) = self.last_transit_ms {
                // RFC 3550 6.4.1.
                self.jitter_ms += ((transit_ms - last).abs() - self.jitter_ms) / 16.0;
            }
            self.last_transit_ms = Some(transit_ms);
        }
        if sequence < self.next_sequence {
            // A straggler: its time is over.
            return Placed::Taken { transit_ms: audio.then_some(transit_ms) };
        }
        let content = match kind {
            PacketKind::Audio(codec) => Content::Audio(codec, packet.payload),
            PacketKind::TelephoneEvent => Content::KeyPress,
        };
        self.waiting.insert(sequence, Packet { sequence, media, content });
        while self.waiting.len() > MOST_PACKETS {
            self.waiting.pop_first();
        }
        Placed::Taken { transit_ms: audio.then_some(transit_ms) }
    }

    /// Media time of a timestamp of this source, ticks.
    pub(super) fn media_of(&self, ssrc: u32, timestamp: u32) -> Option<i64> {
        let anchor = self.anchor.filter(|_| ssrc == self.ssrc)?;
        let ticks = i64::from(timestamp.wrapping_sub(anchor.timestamp) as i32) * (48_000 / i64::from(anchor.clock.max(1)));
        Some(anchor.media + ticks)
    }

    /// The first packet that waits.
    pub(super) fn first(&self) -> Option<&Packet> {
        self.waiting.first_key_value().map(|(_, p)| p)
    }

    /// Takes the first packet to be played; what comes later with a smaller number is too late.
    pub(super) fn take_first(&mut self) -> Option<(PacketPlace, Content)> {
        let (_, packet) = self.waiting.pop_first()?;
        self.next_sequence = packet.sequence + 1;
        Some((PacketPlace { sequence: packet.sequence, media: packet.media }, packet.content))
    }

    /// Key presses that are next have no sound: their numbers are passed over.
    pub(super) fn drop_key_presses(&mut self) {
        while let Some((&sequence, Packet { content: Content::KeyPress, .. })) = self.waiting.first_key_value() {
            self.waiting.remove(&sequence);
            self.next_sequence = sequence + 1;
        }
    }

    /// The number that would follow on the last packet played.
    pub(super) fn next_sequence(&self) -> i64 {
        self.next_sequence
    }

    /// Ticks from packet to packet.
    pub(super) fn packet_ticks(&self) -> i64 {
        self.packet_ticks
    }

    /// Interarrival jitter, ms.
    pub(super) fn jitter_ms(&self) -> f32 {
        self.jitter_ms as f32
    }

    /// Packets that should have come by now but did not.
    pub(super) fn lost(&self) -> u64 {
        let expected = match self.anchor {
            Some(anchor) if self.received > 0 => u64::try_from(anchor.sequence - self.first_sequence + 1).unwrap_or(0),
            _ => 0,
        };
        self.lost_before + expected.saturating_sub(self.received)
    }
}

/// Where a packet that is being played lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct PacketPlace {
    /// Sequence number, extended.
    pub(super) sequence: i64,
    /// Media time of its first sample, ticks.
    pub(super) media: i64,
}

fn clock_of(kind: PacketKind, before: Option<&Anchor>) -> (u32, Option<Codec>) {
    match kind {
        PacketKind::Audio(codec) => (codec::clock_rate(codec), Some(codec)),
        PacketKind::TelephoneEvent => before.map_or((48_000, None), |a| (a.clock, a.codec)),
    }
}

/// The media time of a packet `step` numbers after the anchor, its clock and its codec.
fn media_time(anchor: &Anchor, packet: &RtpPacket, kind: PacketKind, step: i64, packet_ticks: i64) -> (i64, u32, Option<Codec>) {
    let (clock, codec) = clock_of(kind, Some(anchor));
    if clock != anchor.clock {
        // Another clock on the same line (RFC 7160): timestamps cannot be compared, numbers can.
        return (anchor.media + step * packet_ticks, clock, codec);
    }
    let ticks = i64::from(packet.timestamp.wrapping_sub(anchor.timestamp) as i32) * (48_000 / i64::from(clock.max(1)));
    (anchor.media + ticks, clock, codec)
}
