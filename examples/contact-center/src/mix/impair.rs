//! What may happen to a leg's media on its way to the supervisor.

use crate::random::Random;
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Disturbances of the media that the centre sends, all off by default.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Impairment {
    /// Share of packets lost, 0 to 1.
    pub loss: f64,
    /// Greatest extra delay of a packet, ms; each packet draws its own, in order unless `reorder`.
    pub jitter_ms: u32,
    /// Delay of every packet, ms.
    pub delay_ms: u32,
    /// Share of packets that are overtaken by the next, 0 to 1.
    pub reorder: f64,
    /// Digital silence is sent in place of the mix.
    pub silence: bool,
    /// Nothing is sent at all: one-way audio.
    pub mute_packets: bool,
}

impl Impairment {
    /// Whether nothing is disturbed.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Impairment::default()
    }

    /// Both disturbances at once: of each the greater.
    #[must_use]
    pub fn and(self, other: Impairment) -> Impairment {
        Impairment {
            loss: self.loss.max(other.loss),
            jitter_ms: self.jitter_ms.max(other.jitter_ms),
            delay_ms: self.delay_ms.max(other.delay_ms),
            reorder: self.reorder.max(other.reorder),
            silence: self.silence || other.silence,
            mute_packets: self.mute_packets || other.mute_packets,
        }
    }
}

/// A packet on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) payload_type: u8,
    pub(crate) marker: bool,
    pub(crate) sequence_number: u16,
    pub(crate) timestamp: u32,
    pub(crate) payload: Bytes,
}

/// Lost packets whose numbers are kept.
const KEPT: usize = 1000;

/// The way of a leg's packets, with its disturbances. The same seed disturbs in the same way.
pub(crate) struct Channel {
    impairment: Impairment,
    random: Random,
    packets: u32,
    lost: Vec<u32>,
    waiting: VecDeque<(Instant, Packet)>,
    latest: Option<Instant>,
}

impl Channel {
    pub(crate) fn new(seed: u64) -> Channel {
        Channel {
            impairment: Impairment::default(),
            random: Random::new(seed, 0),
            packets: 0,
            lost: Vec::new(),
            waiting: VecDeque::new(),
            latest: None,
        }
    }

    pub(crate) fn set(&mut self, impairment: Impairment) {
        self.impairment = impairment;
    }

    pub(crate) fn impairment(&self) -> Impairment {
        self.impairment
    }

    /// Numbers of the packets that were lost on purpose, from 0.
    pub(crate) fn lost(&self) -> &[u32] {
        &self.lost
    }

    /// Takes a packet at its time.
    pub(crate) fn push(&mut self, now: Instant, packet: Packet) {
        let Impairment { loss, jitter_ms, delay_ms, reorder, mute_packets, .. } = self.impairment;
        let number = self.packets;
        self.packets = number.wrapping_add(1);
        if mute_packets {
            return;
        }
        if loss > 0.0 && self.random.fraction() < loss {
            if self.lost.len() < KEPT {
                self.lost.push(number);
            }
            return;
        }
        let mut due = now + Duration::from_millis(u64::from(delay_ms));
        if jitter_ms > 0 {
            due += Duration::from_secs_f64(f64::from(jitter_ms) / 1000.0 * self.random.fraction());
        }
        if reorder > 0.0 && self.random.fraction() < reorder {
            // Later than the next packet: that one overtakes it.
            due += Duration::from_millis(30);
        } else {
            due = due.max(self.latest.unwrap_or(due));
            self.latest = Some(due);
        }
        let place = self.waiting.iter().rposition(|(d, _)| *d <= due).map_or(0, |p| p + 1);
        self.waiting.insert(place, (due, packet));
    }

    /// The next packet that is due.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Packet> {
        if self.waiting.front().is_some_and(|(due, _)| *due <= now) { self.waiting.pop_front().map(|(_, p)| p) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(impairment: Impairment, seed: u64) -> Vec<u16> {
        let start = Instant::now();
        let mut channel = Channel::new(seed);
        channel.set(impairment);
        let mut out = Vec::new();
        for n in 0..1000u16 {
            let now = start + Duration::from_millis(20) * u32::from(n);
            let packet = Packet { payload_type: 0, marker: false, sequence_number: n, timestamp: 0, payload: Bytes::new() };
            channel.push(now, packet);
            out.extend(std::iter::from_fn(|| channel.pop(now)).map(|p| p.sequence_number));
        }
        out
    }

    #[test]
    fn nothing_is_disturbed_by_default() {
        assert_eq!(run(Impairment::default(), 1), (0..1000).collect::<Vec<u16>>());
    }

    #[test]
    fn loss_jitter_and_reordering_are_what_was_asked_for_and_repeat() {
        let lossy = run(Impairment { loss: 0.1, ..Impairment::default() }, 7);
        assert!((850..950).contains(&lossy.len()), "{}", lossy.len());
        assert_eq!(lossy, run(Impairment { loss: 0.1, ..Impairment::default() }, 7));
        let jittered = run(Impairment { jitter_ms: 60, ..Impairment::default() }, 7);
        assert!(jittered.is_sorted() && jittered.len() > 990);
        let reordered = run(Impairment { reorder: 0.2, ..Impairment::default() }, 7);
        let swaps = reordered.windows(2).filter(|w| w[0] > w[1]).count();
        assert!((100..300).contains(&swaps), "{swaps}");
        assert!(run(Impairment { mute_packets: true, ..Impairment::default() }, 7).is_empty());
    }
}
