//! The parties of a call that a server sends apart, each on an audio line of its own: a receive path
//! for each, played out together as their RTCP sender reports say, and mixed for who hears all.

use super::codec::{self, Encoder, OpusSettings};
use super::io::{AudioFrame, HeardPacket, StreamSender};
use super::mixer::Mixer;
use super::receive::{ReceiveStats, Receiver};
use super::resample::Resampler;
use super::tap::Framer;
use super::telephone_event::EventReceiver;
use crate::config::Codec;
use std::time::Instant;

/// Parties at most, as many as lines that are taken.
pub(crate) const MOST: usize = 8;
/// Clocks that are further apart than this are not the same clock, ms.
const FURTHEST_APART: f64 = 400.0;

/// What an RTCP sender report says of a line's clock (RFC 3550 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReport {
    /// The audio line: 0 is the first.
    pub line: u8,
    /// Whose report it is.
    pub ssrc: u32,
    /// NTP time stamp: seconds since 1900 in the upper 32 bits, fraction in the lower.
    pub ntp_time: u64,
    /// The RTP timestamp of the same moment.
    pub rtp_timestamp: u32,
}

/// The receive path of a line behind the first.
pub(super) struct Line {
    pub(super) receiver: Receiver,
    pub(super) keys: EventReceiver,
    /// Of the telephone-event that came in last, Hz.
    pub(super) event_clock: u32,
}

/// 10 ms of one party at the rate of the mix.
struct Sound {
    pcm: Vec<i16>,
    resampler: Resampler,
    concealed: bool,
}

/// A tap of one party.
struct PartyTap {
    party: usize,
    sender: StreamSender,
    framer: Framer,
}

/// Everything about parties that are apart. Empty, and free, in a call with one line.
#[derive(Default)]
pub(super) struct Parties {
    pub(super) lines: Vec<Line>,
    /// The first line's included; empty while there is one line.
    sounds: Vec<Sound>,
    taps: Vec<PartyTap>,
    mixer: Mixer,
    pulled: Vec<i16>,
    coder: Option<MixCoder>,
}

impl Parties {
    /// There are this many lines from now on; `receiver` makes a receive path.
    pub(super) fn set_count(&mut self, count: usize, receiver: impl Fn() -> Receiver) {
        let count = count.clamp(1, MOST);
        self.lines.truncate(count - 1);
        while self.lines.len() < count - 1 {
            self.lines.push(Line { receiver: receiver(), keys: EventReceiver::default(), event_clock: 8000 });
        }
        if count == 1 {
            self.sounds.clear();
            self.coder = None;
            return;
        }
        self.sounds.resize_with(count, || Sound { pcm: Vec::new(), resampler: Resampler::new(48_000, 48_000), concealed: false });
    }

    /// Whether there is more than one line.
    pub(super) fn apart(&self) -> bool {
        !self.lines.is_empty()
    }

    pub(super) fn add_tap(&mut self, party: usize, sender: StreamSender, sample_rate: u32, frame_ms: u32) {
        self.taps.push(PartyTap { party, sender, framer: Framer::new(sample_rate, frame_ms) });
    }

    /// The best rate that a tap wants, Hz.
    pub(super) fn wanted_rate(&self) -> Option<u32> {
        self.taps.iter().map(|t| t.framer.sample_rate()).max()
    }

    /// 10 ms of all lines: `pcm` holds the first line's, and then the mix. `concealed` is the first
    /// line's. Returns whether something of the mix was invented. With `receiving` false all are silent.
    pub(super) fn hear(&mut self, at: Instant, opus_rate: u32, receiving: bool, concealed: bool, pcm: &mut Vec<i16>) -> bool {
        let mut rate = pcm.len() as u32 * 100;
        for (line, sound) in self.lines.iter_mut().zip(self.sounds.iter_mut().skip(1)) {
            line.receiver.set_opus_rate(opus_rate);
            sound.concealed = receiving && line.receiver.pull(at, &mut sound.pcm);
            if receiving {
                rate = rate.max(sound.pcm.len() as u32 * 100);
            } else {
                sound.pcm.clear();
            }
        }
        if let Some(first) = self.sounds.first_mut() {
            std::mem::swap(&mut first.pcm, pcm);
            first.concealed = concealed;
        }
        let samples = rate as usize / 100;
        self.mixer.begin(samples);
        let mut any = false;
        for sound in &mut self.sounds {
            let own = sound.pcm.len() as u32 * 100;
            if own != rate && own > 0 {
                if sound.resampler.from_rate() != own || sound.resampler.to_rate() != rate {
                    sound.resampler = Resampler::new(own, rate);
                }
                self.pulled.clear();
                sound.resampler.process(&sound.pcm, &mut self.pulled);
                std::mem::swap(&mut self.pulled, &mut sound.pcm);
            }
            sound.pcm.resize(samples, 0);
            self.mixer.add(&sound.pcm);
            any |= sound.concealed;
        }
        pcm.clear();
        self.mixer.finish(pcm);
        any
    }

    /// What [`Parties::hear`] made, to the taps of parties. With one line its sound is the first party's.
    pub(super) fn feed_taps(&mut self, mix: &[i16], concealed: bool) {
        if self.taps.is_empty() {
            return;
        }
        let rate = mix.len() as u32 * 100;
        let silence = vec![0; mix.len()];
        let sounds = &self.sounds;
        self.taps.retain_mut(|PartyTap { party, sender, framer }| {
            let (pcm, concealed) = match sounds.get(*party) {
                Some(sound) => (sound.pcm.as_slice(), sound.concealed),
                None if sounds.is_empty() && *party == 0 => (mix, concealed),
                None => (silence.as_slice(), false),
            };
            let sample_rate = framer.sample_rate();
            let mut wanted = true;
            framer.push(pcm, rate, concealed, |timestamp, concealed, pcm| {
                wanted = sender.send(AudioFrame { sample_rate, timestamp, concealed, pcm: pcm.to_vec() });
            });
            wanted
        });
    }

    /// The parties of the last [`Parties::hear`], each; none while there is one line.
    pub(super) fn sounds(&self) -> impl Iterator<Item = &[i16]> {
        self.sounds.iter().map(|s| s.pcm.as_slice())
    }

    /// The mix for recordings that take packets, which several sources cannot be.
    pub(super) fn record_mix(&mut self, mix: &[i16], recordings: &mut Vec<StreamSender<HeardPacket>>) {
        if self.apart() && !recordings.is_empty() {
            if self.coder.is_none() {
                self.coder = MixCoder::new();
            }
            if let Some(coder) = &mut self.coder {
                coder.push(mix, recordings);
            }
        }
    }

    /// Time went on without sound (a suspended machine).
    pub(super) fn skip(&mut self, ms: u64) {
        for tap in &mut self.taps {
            tap.framer.skip(ms);
        }
    }

    /// Counters of all lines, given the first one's: packets are added up, and what is felt is the
    /// worst line's.
    pub(super) fn stats(&self, mut all: ReceiveStats) -> ReceiveStats {
        for line in &self.lines {
            let one = line.receiver.stats();
            all.lost += one.lost;
            all.recovered += one.recovered;
            all.concealed_ticks = all.concealed_ticks.max(one.concealed_ticks);
            all.jitter_ms = all.jitter_ms.max(one.jitter_ms);
            all.delay_ms = all.delay_ms.max(one.delay_ms);
        }
        all
    }

    /// Lets the lines wait for each other, so that what was said at one time is heard at one time.
    pub(super) fn align(&mut self, first: &mut Receiver, reports: &[ClockReport]) {
        let mut receivers: Vec<&mut Receiver> = std::iter::once(first).chain(self.lines.iter_mut().map(|l| &mut l.receiver)).collect();
        let lags: Vec<Option<f64>> =
            (0_u8..).zip(&receivers).map(|(line, receiver)| receiver.lag(reports.iter().find(|r| r.line == line)?)).collect();
        let Some(greatest) = lags.iter().flatten().copied().reduce(f64::max) else { return };
        for (receiver, lag) in receivers.iter_mut().zip(lags) {
            let wait = lag.map_or(0.0, |lag| greatest - lag);
            receiver.wait_for_others(if wait <= FURTHEST_APART { wait as f32 } else { 0.0 });
        }
    }
}

/// The mix as Opus.
struct MixCoder {
    framer: Framer,
    encoder: Box<dyn Encoder>,
    sequence_number: u16,
    timestamp: u32,
}

impl MixCoder {
    fn new() -> Option<MixCoder> {
        let settings = OpusSettings { fec: false, expected_loss: 0, ..OpusSettings::default() };
        let encoder = codec::encoder(Codec::Opus, 48_000, settings)?;
        Some(MixCoder { framer: Framer::new(48_000, 20), encoder, sequence_number: 0, timestamp: 0 })
    }

    fn push(&mut self, mix: &[i16], recordings: &mut Vec<StreamSender<HeardPacket>>) {
        let MixCoder { framer, encoder, sequence_number, timestamp } = self;
        framer.push(mix, mix.len() as u32 * 100, false, |_, _, pcm| {
            let Some(payload) = encoder.encode(pcm) else { return };
            let packet = HeardPacket { codec: Codec::Opus, sequence_number: *sequence_number, timestamp: *timestamp, ssrc: 0, payload };
            *sequence_number = sequence_number.wrapping_add(1);
            *timestamp = timestamp.wrapping_add(960);
            recordings.retain(|sender| sender.send(packet.clone()));
        });
    }
}
