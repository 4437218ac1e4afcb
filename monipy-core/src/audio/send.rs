//! The way out: sources are mixed every 10 ms, encoded every 20 ms, and sent as RTP.
//!
//! Silence is cheap: nothing to say, or muted, is a payload that was encoded once and is sent
//! again, so that servers and address translators see packets at their usual pace.

use super::codec::{self, Encoder, OpusSettings};
use super::g711::{ALAW_SILENCE, MULAW_SILENCE};
use super::io::WriterSource;
use super::level::LevelMeter;
use super::mixer::Mixer;
use super::resample::Resampler;
use super::rtp::OutboundRtp;
use super::telephone_event::{EventSender, Slot};
use crate::config::Codec;
use bytes::Bytes;
use std::sync::OnceLock;

/// Frames of silence that are still encoded after sound, so that both ends' filters run out.
const HANGOVER_FRAMES: u32 = 5;
/// Ticks that a writer's first samples wait, so that its next ones come in time.
const PREROLL_TICKS: u32 = 2;

/// A writer of the application.
struct Writer {
    source: WriterSource,
    resampler: Resampler,
    /// Ticks that samples have waited since the writer ran dry; at [`PREROLL_TICKS`] it plays.
    waited: u32,
}

/// A DTMF key that was sent.
pub(crate) type SentKey = (char, u32);

/// The way out of one call.
pub(crate) struct SendPath {
    codec: Option<(u8, Codec)>,
    event_payload_type: Option<u8>,
    encoder: Option<(Codec, Box<dyn Encoder>)>,
    settings: OpusSettings,
    sequence_number: u16,
    timestamp: u32,
    /// The next packet begins a talk spurt (RFC 3551 4.1).
    marker: bool,
    muted: bool,
    /// The configuration wants nothing sent but silence.
    allowed: bool,
    writers: Vec<Writer>,
    events: EventSender,
    mixer: Mixer,
    /// Up to 20 ms at `rate`.
    frame: Vec<i16>,
    rate: u32,
    ticks: u32,
    silent_frames: u32,
    level: LevelMeter,
    scratch: Vec<i16>,
    mixed: Vec<i16>,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) sounding_samples: u64,
}

impl SendPath {
    pub(crate) fn new(sequence_number: u16, timestamp: u32) -> Self {
        SendPath {
            codec: None,
            event_payload_type: None,
            encoder: None,
            settings: OpusSettings::default(),
            sequence_number,
            timestamp,
            marker: true,
            muted: false,
            allowed: true,
            writers: Vec::new(),
            events: EventSender::new(8000),
            mixer: Mixer::default(),
            frame: Vec::new(),
            rate: 16_000,
            ticks: 0,
            silent_frames: u32::MAX,
            level: LevelMeter::default(),
            scratch: Vec::new(),
            mixed: Vec::new(),
            packets: 0,
            bytes: 0,
            sounding_samples: 0,
        }
    }

    pub(crate) fn set_codec(&mut self, codec: Option<(u8, Codec)>, telephone_event: Option<(u8, u32)>) {
        if self.codec.map(|c| c.1) != codec.map(|c| c.1) {
            self.encoder = None;
            self.silent_frames = u32::MAX;
        }
        self.codec = codec;
        self.event_payload_type = telephone_event.map(|t| t.0);
        if let Some((_, clock)) = telephone_event {
            self.events.set_clock(clock);
        }
    }

    pub(crate) fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Nobody speaks any more.
    pub(crate) fn end_writers(&mut self) {
        self.writers.clear();
    }

    pub(crate) fn set_allowed(&mut self, allowed: bool) {
        self.marker |= allowed && !self.allowed;
        self.allowed = allowed;
    }

    pub(crate) fn add_writer(&mut self, source: WriterSource) {
        let resampler = Resampler::new(source.sample_rate, source.sample_rate);
        self.writers.push(Writer { source, resampler, waited: 0 });
    }

    /// Whether a source would be heard by the far side.
    pub(crate) fn may_sound(&self) -> bool {
        self.allowed && !self.muted && self.codec.is_some()
    }

    /// Queues a key; false when telephone events were not negotiated.
    pub(crate) fn press(&mut self, digit: char, duration_ms: u32, gap_ms: u32) -> bool {
        if self.event_payload_type.is_some() {
            self.events.press(digit, duration_ms, gap_ms);
        }
        self.event_payload_type.is_some()
    }

    pub(crate) fn level_dbfs(&self) -> f32 {
        self.level.rms_dbfs()
    }

    /// Hz to mix at: what the codec has, and for Opus no more than the best source.
    fn mixing_rate(&self, extra_rate: u32) -> u32 {
        match self.codec {
            Some((_, Codec::Pcmu | Codec::Pcma)) => 8000,
            _ => {
                let best = self.writers.iter().map(|w| w.source.sample_rate).max().unwrap_or(0).max(extra_rate);
                if best > 16_000 { 48_000 } else { 16_000 }
            }
        }
    }

    /// Collects 10 ms: the writers, and `others` (10 ms each, with their rates and resamplers).
    pub(crate) fn collect(&mut self, others: &mut [Option<(&[i16], &mut Resampler)>]) {
        let extra_rate = others.iter().flatten().map(|(_, r)| r.from_rate()).max().unwrap_or(0);
        let rate = self.mixing_rate(extra_rate);
        if rate != self.rate {
            self.rate = rate;
            // The first half of a frame at the old rate is given up.
            let half = if self.ticks % 2 == 1 { rate as usize / 100 } else { 0 };
            self.frame.clear();
            self.frame.resize(half, 0);
            self.encoder = None;
        }
        let samples = rate as usize / 100;
        self.mixer.begin(samples);
        let mut any = false;
        self.writers.retain_mut(|writer| {
            if writer.source.is_done() {
                return false;
            }
            if writer.waited < PREROLL_TICKS {
                if writer.source.is_empty() {
                    writer.waited = 0;
                    return true;
                }
                writer.waited += 1;
                if writer.waited < PREROLL_TICKS {
                    return true;
                }
            }
            let from = writer.source.sample_rate;
            self.scratch.clear();
            self.scratch.resize(from as usize / 100, 0);
            let got = writer.source.take(&mut self.scratch);
            if got == 0 {
                writer.waited = 0;
                return true;
            }
            if writer.resampler.to_rate() != rate {
                writer.resampler = Resampler::new(from, rate);
            }
            self.mixed.clear();
            writer.resampler.process(&self.scratch, &mut self.mixed);
            self.mixer.add(&self.mixed);
            any = true;
            true
        });
        for (pcm, resampler) in others.iter_mut().flatten() {
            if pcm.is_empty() {
                continue;
            }
            if resampler.to_rate() != rate {
                **resampler = Resampler::new(resampler.from_rate(), rate);
            }
            self.mixed.clear();
            resampler.process(pcm, &mut self.mixed);
            self.mixer.add(&self.mixed);
            any = true;
        }
        let before = self.frame.len();
        if any && !self.muted {
            self.mixer.finish(&mut self.frame);
        } else {
            self.frame.resize(before + samples, 0);
        }
        self.level.push(&self.frame[before..]);
        self.ticks = self.ticks.wrapping_add(1);
    }

    /// The 10 ms that [`SendPath::collect`] gathered last, and their rate; silence while nothing may
    /// be sent.
    pub(crate) fn collected(&self) -> (&[i16], u32) {
        const SILENCE: [i16; 480] = [0; 480];
        let samples = self.rate as usize / 100;
        let gathered = self.frame.len().checked_sub(samples).and_then(|start| self.frame.get(start..)).filter(|_| self.allowed);
        (gathered.unwrap_or(SILENCE.get(..samples).unwrap_or(&SILENCE)), self.rate)
    }

    /// After every second tick: the packet of the 20 ms that were collected.
    pub(crate) fn send(&mut self, out: &mut Vec<OutboundRtp>, sent_keys: &mut Vec<SentKey>) {
        if !self.ticks.is_multiple_of(2) {
            return;
        }
        let timestamp = self.timestamp;
        let Some((payload_type, codec)) = self.codec else {
            self.frame.clear();
            return;
        };
        self.timestamp = timestamp.wrapping_add(codec::clock_rate(codec) / 50);
        if !self.allowed {
            self.frame.clear();
            return;
        }
        if let Some(event_payload_type) = self.event_payload_type
            && self.events.is_busy()
        {
            let packet = match self.events.slot(timestamp) {
                Slot::Free => None,
                Slot::Packet(packet) => Some(packet),
                Slot::LastPacket(packet, digit, duration_ms) => {
                    sent_keys.push((digit, duration_ms));
                    Some(packet)
                }
            };
            if let Some(packet) = packet {
                self.frame.clear();
                // Sound begins anew after the key.
                self.silent_frames = u32::MAX;
                self.marker = true;
                self.emit(out, event_payload_type, packet.marker, packet.timestamp, packet.payload);
                return;
            }
        }
        let payload = self.encode(codec);
        self.frame.clear();
        let Some(payload) = payload else { return };
        let marker = std::mem::take(&mut self.marker);
        self.emit(out, payload_type, marker, timestamp, payload);
    }

    fn encode(&mut self, codec: Codec) -> Option<Bytes> {
        let sounding = self.frame.iter().filter(|&&s| s != 0).count() as u64;
        self.silent_frames = if sounding > 0 { 0 } else { self.silent_frames.saturating_add(1) };
        if self.silent_frames > HANGOVER_FRAMES || self.encoder.is_none() && sounding == 0 {
            if let Some((_, encoder)) = &mut self.encoder
                && self.silent_frames == HANGOVER_FRAMES + 1
            {
                encoder.reset();
            }
            return Some(silence(codec));
        }
        if self.encoder.is_none() {
            self.encoder = codec::encoder(codec, self.rate, self.settings).map(|e| (codec, e));
        }
        let (_, encoder) = self.encoder.as_mut()?;
        self.sounding_samples += sounding;
        encoder.encode(&self.frame)
    }

    fn emit(&mut self, out: &mut Vec<OutboundRtp>, payload_type: u8, marker: bool, timestamp: u32, payload: Bytes) {
        self.packets += 1;
        self.bytes += payload.len() as u64;
        out.push(OutboundRtp { payload_type, marker, sequence_number: self.sequence_number, timestamp, payload });
        self.sequence_number = self.sequence_number.wrapping_add(1);
    }

    /// Time went on without packets (a suspended machine).
    pub(crate) fn skip(&mut self, ms: u64) {
        if let Some((_, codec)) = self.codec {
            self.timestamp = self.timestamp.wrapping_add((u64::from(codec::clock_rate(codec)) * ms / 1000) as u32);
        }
        self.marker = true;
    }
}

/// 20 ms of silence, encoded once in the life of the process.
fn silence(codec: Codec) -> Bytes {
    static OPUS: OnceLock<Bytes> = OnceLock::new();
    static MULAW: [u8; 160] = [MULAW_SILENCE; 160];
    static ALAW: [u8; 160] = [ALAW_SILENCE; 160];
    match codec {
        Codec::Pcmu => Bytes::from_static(&MULAW),
        Codec::Pcma => Bytes::from_static(&ALAW),
        Codec::Opus => OPUS
            .get_or_init(|| {
                let settings = OpusSettings { fec: false, expected_loss: 0, ..OpusSettings::default() };
                let mut payload = Bytes::new();
                if let Some(mut encoder) = codec::encoder(Codec::Opus, 16_000, settings) {
                    // The first frames still carry the filters' beginning.
                    for _ in 0..10 {
                        payload = encoder.encode(&[0; 320]).unwrap_or_default();
                    }
                }
                payload
            })
            .clone(),
    }
}
