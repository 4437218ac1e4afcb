//! A far end and a clock for the tests: a tone or any other sound as packets, and a call that is
//! ticked on virtual time.

use bytes::Bytes;
use monipy_core::audio::codec::{self, OpusSettings, encoder};
use monipy_core::audio::tone::ToneGenerator;
use monipy_core::audio::{AudioEvent, AudioStream, CallAudio, CallAudioConfig, CallAudioControl, CodecMap, OutboundRtp, RtpPacket};
use monipy_core::{AudioMode, CallId, Codec};
use std::time::{Duration, Instant};

pub(crate) const OPUS: u8 = 111;
pub(crate) const PCMU: u8 = 0;
pub(crate) const PCMA: u8 = 8;
pub(crate) const EVENTS: u8 = 101;

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(crate) fn config(send: Option<(u8, Codec)>) -> CallAudioConfig {
    CallAudioConfig {
        call: CallId(7),
        codecs: CodecMap {
            receive: vec![(OPUS, Codec::Opus), (PCMU, Codec::Pcmu), (PCMA, Codec::Pcma)],
            send,
            telephone_event: Some((EVENTS, if matches!(send, Some((_, Codec::Opus))) { 48_000 } else { 8000 })),
            receive_events: vec![(EVENTS, if matches!(send, Some((_, Codec::Opus))) { 48_000 } else { 8000 })],
        },
        mode: AudioMode::Application,
        sample_rate: 16_000,
        frame_ms: 20,
        jitter_min_ms: 0,
        jitter_max_ms: 500,
        first_sequence_number: 65_530,
        first_timestamp: u32::MAX - 100,
    }
}

/// Payloads of 20 ms each of a tone.
pub(crate) fn tone_payloads(codec: Codec, frequency: f64, frames: usize) -> Vec<Bytes> {
    let rate = if codec == Codec::Opus { 48_000 } else { 8000 };
    let settings = OpusSettings { bitrate: 32_000, fec: true, expected_loss: 10, complexity: 5 };
    let mut encoder = encoder(codec, rate, settings).expect("a codec of ours");
    let mut tone = ToneGenerator::new(frequency, rate, 8000);
    (0..frames).map(|_| encoder.encode(&tone.take(rate as usize / 50)).expect("20 ms")).collect()
}

/// A call on virtual time with one tap, and all that came out of it.
pub(crate) struct Bench {
    pub(crate) audio: CallAudio,
    pub(crate) control: CallAudioControl,
    pub(crate) tap: AudioStream,
    pub(crate) start: Instant,
    pub(crate) at: Duration,
    pub(crate) heard: Vec<i16>,
    /// For each tick whether its frame was concealed.
    pub(crate) concealed: Vec<bool>,
    pub(crate) sent: Vec<OutboundRtp>,
    pub(crate) events: Vec<AudioEvent>,
    pub(crate) rate: u32,
}

impl Bench {
    pub(crate) fn new(rate: u32, send: Option<(u8, Codec)>) -> Bench {
        Bench::with(rate, config(send))
    }

    pub(crate) fn with(rate: u32, config: CallAudioConfig) -> Bench {
        let (audio, control) = CallAudio::new(config);
        let tap = control.add_tap(rate, 10).expect("a rate that is offered");
        Bench {
            audio,
            control,
            tap,
            start: Instant::now(),
            at: Duration::ZERO,
            heard: Vec::new(),
            concealed: Vec::new(),
            sent: Vec::new(),
            events: Vec::new(),
            rate,
        }
    }

    /// Runs for a while; `arrivals` are packets with their times since the bench began, in order.
    pub(crate) fn run(&mut self, length: Duration, arrivals: &mut Vec<(Duration, RtpPacket)>) {
        let end = self.at + length;
        while self.at < end {
            while arrivals.first().is_some_and(|(t, _)| *t <= self.at) {
                let (t, mut packet) = arrivals.remove(0);
                packet.arrival = self.start + t;
                self.audio.push_rtp(packet);
            }
            self.audio.tick(self.start + self.at, &mut self.sent);
            let frame = self.tap.try_next().expect("exactly one frame per tick");
            assert!(self.tap.try_next().is_none(), "no more than one frame per tick");
            assert_eq!(frame.pcm.len(), self.rate as usize / 100);
            assert_eq!(frame.timestamp, (self.concealed.len() * self.rate as usize / 100) as u64);
            self.heard.extend_from_slice(&frame.pcm);
            self.concealed.push(frame.concealed);
            while let Some(event) = self.audio.poll_event() {
                self.events.push(event);
            }
            self.at += ms(10);
        }
    }

    /// What was heard from `from` to `to` since the beginning.
    pub(crate) fn between(&self, from: Duration, to: Duration) -> &[i16] {
        let at = |d: Duration| (d.as_millis() as usize * self.rate as usize / 1000).min(self.heard.len());
        &self.heard[at(from)..at(to)]
    }

    pub(crate) fn concealed_ticks(&self, from: Duration) -> usize {
        self.concealed.iter().skip(from.as_millis() as usize / 10).filter(|&&c| c).count()
    }
}

/// A stream of packets, 20 ms apart, sent from time 0 on.
pub(crate) struct FarEnd {
    pub(crate) payload_type: u8,
    pub(crate) codec: Codec,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
}

impl FarEnd {
    pub(crate) fn opus() -> FarEnd {
        FarEnd { payload_type: OPUS, codec: Codec::Opus, sequence: 65_500, timestamp: u32::MAX - 96_000, ssrc: 1 }
    }

    pub(crate) fn pcmu() -> FarEnd {
        FarEnd { payload_type: PCMU, codec: Codec::Pcmu, sequence: 65_500, timestamp: u32::MAX - 16_000, ssrc: 1 }
    }

    pub(crate) fn packet(&self, index: usize, payload: Bytes) -> RtpPacket {
        RtpPacket {
            arrival: Instant::now(),
            payload_type: self.payload_type,
            marker: index == 0,
            sequence_number: self.sequence.wrapping_add(index as u16),
            timestamp: self.timestamp.wrapping_add(index as u32 * (codec::clock_rate(self.codec) / 50)),
            ssrc: self.ssrc,
            payload,
        }
    }

    /// Packet `i` arrives at `20 i + delay(i)` ms, or never.
    pub(crate) fn arrivals(&self, payloads: &[Bytes], delay: impl Fn(usize) -> Option<u64>) -> Vec<(Duration, RtpPacket)> {
        let mut all: Vec<_> = payloads
            .iter()
            .enumerate()
            .filter_map(|(i, payload)| Some((ms(i as u64 * 20 + delay(i)?), self.packet(i, payload.clone()))))
            .collect();
        all.sort_by_key(|(t, _)| *t);
        all
    }
}

/// A small generator of numbers that are the same on every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }
}
