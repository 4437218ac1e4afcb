//! The receive path: packets in, an unbroken flow of samples out, 10 ms at a time.
//!
//! - `stream` puts packets on one line of media time and tells restarts from reordering;
//! - `delay` says how long to wait;
//! - this file decides, whenever samples are needed, between playing, restoring from the next
//!   packet's copy (FEC), concealing, waiting out a pause, and stretching between delays;
//! - `stretch` and `comfort_noise` do what their names say.
//!
//! Nothing here reads a clock: arrival times and the time of each tick are handed in.

mod comfort_noise;
mod delay;
mod splice;
mod stream;
mod stretch;
mod tuning;

pub(crate) use tuning::Tuning;

use super::codec::{self, Decoder};
use super::parties::ClockReport;
use super::rtp::RtpPacket;
use crate::config::Codec;
use comfort_noise::ComfortNoise;
use delay::DelayEstimator;
use std::collections::VecDeque;
use std::time::Instant;
use stream::{Content, Placed, Stream};
use stretch::{Stretcher, rms};

/// Media time is counted in ticks of 48 kHz whatever the codec; every clock divides it.
pub(super) const TICKS_PER_MS: i64 = 48;

/// The longest gap that is filled from both of its ends, ticks.
const LONGEST_SPLICE: i64 = 60 * TICKS_PER_MS;

/// So many packets in a row, over so many milliseconds, beyond the greatest delay: the far side's line
/// of time has moved.
const MOVED_PACKETS: u32 = 20;
const MOVED_MS: f64 = 1000.0;

/// What a packet holds, by its payload type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PacketKind {
    /// Sound.
    Audio(Codec),
    /// A key press: takes a sequence number, has no sound.
    TelephoneEvent,
}

/// Counters of the receive path, from its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct ReceiveStats {
    /// Packets that should have come but did not (RFC 3550 A.3), duplicates not counted.
    pub(crate) lost: u64,
    /// Lost packets whose copy in the next one was played.
    pub(crate) recovered: u64,
    /// Samples of invented sound, in ticks of 48 kHz.
    pub(crate) concealed_ticks: u64,
    /// Sound left out to shorten the delay, and repeated to lengthen it, ticks of 48 kHz.
    pub(crate) cut_ticks: u64,
    pub(crate) repeated_ticks: u64,
    /// Times that the buffer ran empty.
    pub(crate) underruns: u64,
    /// Interarrival jitter, ms (RFC 3550 6.4.1).
    pub(crate) jitter_ms: f32,
    /// Delay from the fastest packet's arrival to its play-out, ms.
    pub(crate) delay_ms: f32,
}

/// Sound that was decoded before its time, since the gap before it is filled from both ends.
struct Ahead {
    /// The packet that it came from.
    sequence: i64,
    frame: Vec<i16>,
}

/// The receive path of one call.
pub(crate) struct Receiver {
    tuning: Tuning,
    min_ms: u32,
    max_ms: u32,
    /// Hz that Opus is decoded at.
    opus_rate: u32,
    epoch: Option<Instant>,
    stream: Option<Stream>,
    delay: DelayEstimator,
    decoder: Option<(Codec, Box<dyn Decoder>)>,
    /// Hz of `out`.
    rate: u32,
    playing: bool,
    /// Media time of the next sample to be made, ticks.
    next_media: i64,
    /// Ticks concealed since the last real packet.
    gap: i64,
    /// Part of the gap was concealed although later packets were there.
    gap_passed: bool,
    /// Media time at which a packet was last missing with a later one in hand.
    last_loss: Option<i64>,
    /// The stream carries copies of lost frames.
    fec_seen: bool,
    /// The last packet said that the far side pauses (discontinuous transmission).
    pausing: bool,
    /// Packets in a row that came too late, and since when, ms.
    late_run: u32,
    late_since: f64,
    /// Delay beyond what the stream needs, since another one needs more, ms.
    extra_ms: f32,
    speech_level: f32,
    quietest: f32,
    /// What follows a gap, decoded while the gap was filled.
    ahead: Option<Ahead>,
    stretcher: Stretcher,
    noise: ComfortNoise,
    out: VecDeque<i16>,
    /// Runs of samples in `out`: how many, and whether they were invented.
    runs: VecDeque<(usize, bool)>,
    /// The last 40 ms that were made.
    history: Vec<i16>,
    frame: Vec<i16>,
    counters: ReceiveStats,
}

impl Receiver {
    /// A receive path whose playout delay stays between the bounds, decoding Opus at `opus_rate`.
    pub(crate) fn new(min_ms: u32, max_ms: u32, opus_rate: u32, tuning: Tuning) -> Self {
        Receiver {
            delay: DelayEstimator::new(min_ms, max_ms, tuning.quantile, tuning.bulk_share, tuning.window),
            tuning,
            min_ms,
            max_ms,
            opus_rate,
            epoch: None,
            stream: None,
            decoder: None,
            rate: opus_rate,
            playing: false,
            next_media: 0,
            gap: 0,
            gap_passed: false,
            last_loss: None,
            fec_seen: false,
            pausing: false,
            late_run: 0,
            late_since: 0.0,
            extra_ms: 0.0,
            speech_level: 0.0,
            quietest: f32::MAX / 2.0,
            ahead: None,
            stretcher: Stretcher::new(opus_rate),
            noise: ComfortNoise::new(),
            out: VecDeque::new(),
            runs: VecDeque::new(),
            history: Vec::new(),
            frame: Vec::new(),
            counters: ReceiveStats::default(),
        }
    }

    /// Hz of what [`Receiver::pull`] gives now; changes with the codec.
    pub(crate) fn rate(&self) -> u32 {
        self.rate
    }

    /// Decodes Opus at another rate from the next packet on.
    pub(crate) fn set_opus_rate(&mut self, rate: u32) {
        self.opus_rate = rate;
    }

    /// Whether a stream is being played, or about to be.
    pub(crate) fn has_stream(&self) -> bool {
        self.stream.is_some()
    }

    /// The counters.
    pub(crate) fn stats(&self) -> ReceiveStats {
        let (lost, jitter_ms) = self.stream.as_ref().map_or((0, 0.0), |s| (s.lost(), s.jitter_ms()));
        ReceiveStats { lost, jitter_ms, ..self.counters }
    }

    fn ms(&mut self, at: Instant) -> f64 {
        let epoch = *self.epoch.get_or_insert(at);
        match at.checked_duration_since(epoch) {
            Some(d) => d.as_secs_f64() * 1000.0,
            None => -(epoch.duration_since(at).as_secs_f64() * 1000.0),
        }
    }

    /// Takes a packet. Only puts it in its place.
    pub(crate) fn push(&mut self, packet: RtpPacket, kind: PacketKind) {
        let arrival = self.ms(packet.arrival);
        let stream = self.stream.get_or_insert_with(|| Stream::new(&packet));
        match stream.place(packet, kind, arrival) {
            Placed::Taken { transit_ms } => {
                if let Some(transit_ms) = transit_ms {
                    self.delay.observe(transit_ms);
                }
            }
            Placed::Restarted { transits_ms } => {
                self.delay.reset();
                for transit in transits_ms {
                    self.delay.observe(transit);
                }
                self.playing = false;
                self.last_loss = None;
            }
            Placed::Refused => {}
        }
    }

    /// Makes the next 10 ms into `pcm` (cleared first), at [`Receiver::rate`]. Returns whether
    /// some of it was invented.
    pub(crate) fn pull(&mut self, now: Instant, pcm: &mut Vec<i16>) -> bool {
        let now = self.ms(now);
        while self.out.len() < self.rate as usize / 100 {
            self.produce(now);
        }
        // The rate may have changed while samples were made.
        let need = (self.rate as usize / 100).min(self.out.len());
        pcm.clear();
        // In two pieces at most: much quicker than sample by sample.
        let (front, back) = self.out.as_slices();
        let of_front = need.min(front.len());
        pcm.extend_from_slice(&front[..of_front]);
        pcm.extend_from_slice(&back[..need - of_front]);
        self.out.drain(..need);
        let mut left = need;
        let mut concealed = false;
        while left > 0 {
            let Some(run) = self.runs.front_mut() else { break };
            concealed |= run.1;
            let n = run.0.min(left);
            run.0 -= n;
            left -= n;
            if run.0 == 0 {
                self.runs.pop_front();
            }
        }
        concealed
    }

    fn ticks(&self, samples: usize) -> i64 {
        samples as i64 * 48_000 / i64::from(self.rate)
    }

    fn samples(&self, ticks: i64) -> usize {
        (ticks.max(0) * i64::from(self.rate) / 48_000) as usize
    }

    /// Makes some sound: at least a sample.
    fn produce(&mut self, now: f64) {
        let Some(stream) = &mut self.stream else {
            return self.emit_silence();
        };
        stream.drop_key_presses();
        if !self.playing && !self.start(now) {
            return self.emit_silence();
        }
        let Some(stream) = &mut self.stream else { return };
        let Some(first) = stream.first() else {
            return self.conceal_blind();
        };
        let line = now - self.next_media as f64 / TICKS_PER_MS as f64;
        if line > self.delay.highest_line() + 40.0 {
            return self.catch_up(now);
        }
        let ahead = first.media - self.next_media;
        let in_order = first.sequence == stream.next_sequence();
        if ahead <= 0 {
            self.play(now, -ahead);
        } else if in_order && !self.gap_passed {
            self.wait_out_pause(now, ahead);
        } else {
            self.fill_loss(ahead);
        }
    }

    /// Far behind (nobody pulled for a while, or a flood came): goes on from where it should be.
    fn catch_up(&mut self, now: f64) {
        let target = ((now - self.target_line()) * TICKS_PER_MS as f64) as i64;
        self.next_media = self.next_media.max(target).max(self.next_media + 1);
        let (until, mut dropped) = (self.next_media, false);
        if let Some(stream) = &mut self.stream {
            while stream.first().is_some_and(|p| p.media + stream.packet_ticks() <= until) {
                stream.take_first();
                dropped = true;
            }
        }
        self.gap_passed |= dropped;
    }

    /// Begins to play when the first packet has waited long enough.
    fn start(&mut self, now: f64) -> bool {
        let Some(first) = self.stream.as_ref().and_then(Stream::first) else { return false };
        let media = first.media;
        let start = f64::from(self.tuning.start_ms.max(self.min_ms as f32).min(self.max_ms as f32));
        let line = self.delay.line(0.0).max(self.delay.base() + start);
        if now - (media as f64 / TICKS_PER_MS as f64) < line {
            return false;
        }
        self.playing = true;
        self.next_media = media;
        self.close_gap();
        true
    }

    fn close_gap(&mut self) {
        self.gap = 0;
        self.gap_passed = false;
    }

    /// The line that playout should keep: now less the media time to be decoded now, ms.
    fn target_line(&self) -> f64 {
        let loss_is_recent = self.last_loss.is_some_and(|at| self.next_media - at < i64::from(self.tuning.loss_memory_ms) * TICKS_PER_MS);
        let packet_ms = self.stream.as_ref().map_or(20.0, |s| s.packet_ticks() as f32 / TICKS_PER_MS as f32);
        let extra = if loss_is_recent && self.fec_seen {
            packet_ms
        } else if loss_is_recent {
            self.tuning.extra_without_fec_ms
        } else {
            0.0
        };
        self.delay.line(extra + self.tuning.margin_ms + self.extra_ms)
    }

    /// Says when time begins for this path, and returns when it did: paths that are to be played
    /// together need the same beginning.
    pub(crate) fn begin(&mut self, at: Instant) -> Instant {
        *self.epoch.get_or_insert(at)
    }

    /// How far play-out is to lag behind the sender's clock by this stream's own needs, ms, in a measure
    /// that streams of one sender share. None while nothing is known of it.
    pub(crate) fn lag(&self, report: &ClockReport) -> Option<f64> {
        if report.ntp_time == 0 || !self.playing {
            return None;
        }
        let media_ms = self.stream.as_ref()?.media_of(report.ssrc, report.rtp_timestamp)? as f64 / TICKS_PER_MS as f64;
        // Digits enough for a comparison: hours, not years.
        let ntp_ms = (report.ntp_time & 0x00ff_ffff_ffff_ffff) as f64 / 4_294_967.296;
        Some(self.target_line() - f64::from(self.extra_ms) - (ntp_ms - media_ms))
    }

    /// Waits so much longer than the stream itself needs, ms.
    pub(crate) fn wait_for_others(&mut self, extra_ms: f32) {
        self.extra_ms = extra_ms;
    }

    /// Plays the first packet, `late` ticks after its time.
    fn play(&mut self, now: f64, late: i64) {
        let Some(stream) = &mut self.stream else { return };
        let expected = stream.next_sequence();
        let Some((packet, content)) = stream.take_first() else { return };
        if packet.sequence > expected && self.gap > 0 {
            self.last_loss = Some(packet.media);
        }
        let Content::Audio(codec_of_packet, payload) = content else { return };
        self.ensure_decoder(codec_of_packet);
        let Some((_, decoder)) = &mut self.decoder else { return };
        let duration = decoder.duration(&payload);
        let line = |media: i64| now - media as f64 / TICKS_PER_MS as f64;

        let mut late = late;
        if late > 0 {
            // Nothing was played in its place but invention while the buffer was empty: play it
            // all the same and be later from here on, unless that goes beyond the bounds.
            let only_blind = !self.gap_passed;
            let room = line(packet.media) <= self.delay.highest_line() + 1.0;
            if self.late_run == 0 {
                self.late_since = now;
            }
            self.late_run += 1;
            // A far side that paused and let its clock pause with it stays beyond the bounds for ever:
            // its line has moved, and is learnt anew. A flood after an outage is over sooner.
            if only_blind && !room && self.late_run >= MOVED_PACKETS && now - self.late_since >= MOVED_MS {
                self.delay.reset();
                self.delay.observe(line(packet.media));
                self.next_media = packet.media;
                self.late_run = 0;
                late = 0;
            }
            let wanted = self.late_run >= self.tuning.late_run || late > (self.tuning.trim_ms * TICKS_PER_MS as f32) as i64;
            if only_blind && room && wanted {
                self.next_media = packet.media;
                late = 0;
            }
        } else {
            self.late_run = 0;
        }
        let mut frame = std::mem::take(&mut self.frame);
        frame.clear();
        let Some((_, decoder)) = &mut self.decoder else { return };
        self.fec_seen |= decoder.has_fec(&payload);
        // Opus says so by a payload without or with hardly any content (RFC 7587 3.1.3).
        self.pausing = codec_of_packet == Codec::Opus && payload.len() <= 2;
        let mut good = match self.ahead.take() {
            Some(ahead) if ahead.sequence == packet.sequence => {
                frame.extend_from_slice(&ahead.frame);
                true
            }
            _ => decoder.decode(&payload, &mut frame),
        };
        if !good {
            decoder.conceal(duration.unwrap_or(self.rate as usize / 50), &mut frame);
            good = false;
        }
        let length = self.ticks(frame.len());
        if late >= length && late > 0 {
            // Wholly too late: its time is over. The decoder has heard it.
            self.frame = frame;
            return;
        }
        if late > 0 {
            let trimmed = self.samples(late).min(frame.len());
            frame.drain(..trimmed);
            self.blend_into(&mut frame);
        }
        self.next_media = packet.media + length;
        let excess = line(packet.media) - self.target_line();
        if good {
            // Decoding is due whenever less than a tick's sound is left. So shortening by more
            // than what is left moves all that follows a whole tick ahead, and by less moves
            // nothing but the sound itself: that much is free.
            let left = self.out.len() as f64 * 1000.0 / f64::from(self.rate);
            let change = (excess / 10.0).floor() * 10.0 + left;
            self.stretch(&mut frame, change as f32, -excess as f32);
            self.noise.learn(&frame);
        }
        self.counters.delay_ms = (line(packet.media) - self.delay.base()) as f32;
        self.close_gap();
        self.emit(&frame, !good);
        self.frame = frame;
    }

    /// Moves towards the target by making the frame shorter (by `excess_ms` at most) or, if the
    /// playout lacks `lack_ms`, longer. In silence this is not heard; in speech it is done only
    /// when it is urgent, at seams that are alike.
    fn stretch(&mut self, frame: &mut Vec<i16>, excess_ms: f32, lack_ms: f32) {
        let t = &self.tuning;
        let level = rms(frame);
        self.speech_level = if level > self.speech_level { level } else { self.speech_level * 0.998 };
        self.quietest = if level < self.quietest { level } else { self.quietest * 1.003 + 0.01 };
        let quiet = level < (self.speech_level * t.quiet_ratio).max(20.0).max(self.quietest * t.quiet_over);
        let spread = self.delay.spread() as f32;
        if excess_ms > t.cut_from_ms.min(6.0 + spread) + t.cut_from_share * spread {
            if !quiet && excess_ms <= t.cut_fast_from_ms {
                return;
            }
            let most = excess_ms.min(15.0);
            if let Some(seam) = self.stretcher.find_cut(frame, 2.5_f32.min(most), most)
                && (quiet || seam.likeness >= t.cut_fast_likeness)
            {
                let cut = self.stretcher.cut(frame, seam);
                self.counters.cut_ticks += self.ticks(cut) as u64;
            }
        } else if lack_ms > t.repeat_from_ms {
            if !quiet && lack_ms <= t.repeat_fast_from_ms {
                return;
            }
            let most = (-excess_ms).clamp(6.0, 15.0);
            if let Some(seam) = self.stretcher.find_repeat(&self.history, frame, 2.5, most)
                && (quiet || seam.likeness >= t.repeat_fast_likeness)
            {
                let repeated = self.stretcher.repeat(&self.history, frame, seam);
                self.counters.repeated_ticks += self.ticks(repeated) as u64;
            }
        }
    }

    /// Packets are missing before the first one in hand, which is `ahead` ticks away.
    fn fill_loss(&mut self, ahead: i64) {
        self.last_loss = Some(self.next_media);
        let Some(first) = self.stream.as_ref().and_then(Stream::first) else { return };
        let Content::Audio(codec_of_packet, payload) = &first.content else { return };
        let (codec_of_packet, payload, sequence) = (*codec_of_packet, payload.clone(), first.sequence);
        self.ensure_decoder(codec_of_packet);
        let Some((_, decoder)) = &mut self.decoder else { return };
        let length = decoder.duration(&payload).unwrap_or(self.rate as usize / 50);
        let has_fec = decoder.has_fec(&payload);
        self.fec_seen |= has_fec;
        let length_ticks = self.ticks(length);
        let mut frame = std::mem::take(&mut self.frame);
        frame.clear();
        let mut concealed = true;
        if has_fec && ahead <= length_ticks {
            let Some((_, decoder)) = &mut self.decoder else { return };
            if decoder.decode_fec(&payload, length, &mut frame) {
                let trimmed = self.samples(length_ticks - ahead).min(frame.len());
                if trimmed > 0 {
                    frame.drain(..trimmed);
                    self.blend_into(&mut frame);
                }
                self.counters.recovered += 1;
                concealed = false;
            }
        }
        if frame.is_empty() {
            // Up to where the copy in the first packet begins, or to the packet itself.
            let stretch = if has_fec && ahead > length_ticks { ahead - length_ticks } else { ahead };
            let ticks = if stretch <= LONGEST_SPLICE { stretch } else { 20 * TICKS_PER_MS };
            self.make_up(ticks, &mut frame);
            concealed = true;
            // Where copies fill most gaps, what is left are bursts, whose ends say little.
            if ticks == ahead
                && !self.fec_seen
                && let Some((_, decoder)) = &mut self.decoder
            {
                let mut next = Vec::new();
                if decoder.decode(&payload, &mut next) {
                    splice::lead_into(&mut frame, &next, self.rate);
                    self.ahead = Some(Ahead { sequence, frame: next });
                }
            }
        }
        let made = self.ticks(frame.len());
        self.next_media += made.max(1);
        self.gap += made;
        self.gap_passed = true;
        self.emit(&frame, concealed);
        self.frame = frame;
    }

    /// The far side sends nothing on purpose: the next packet in sequence is `ahead` ticks away.
    /// The best moment to change the delay, since nobody hears it.
    fn wait_out_pause(&mut self, now: f64, ahead: i64) {
        let excess = now - self.next_media as f64 / TICKS_PER_MS as f64 - self.target_line();
        let mut ahead = ahead;
        if excess > 1.0 {
            let skip = ((excess * TICKS_PER_MS as f64) as i64).min(ahead);
            self.next_media += skip;
            ahead -= skip;
        }
        let ticks = ahead.min(10 * TICKS_PER_MS);
        if ticks == 0 {
            return;
        }
        let mut frame = std::mem::take(&mut self.frame);
        frame.clear();
        self.make_up(ticks, &mut frame);
        let made = self.ticks(frame.len()).max(1);
        if excess > -1.0 {
            self.next_media += made;
        }
        self.gap += made;
        // A pause is meant, not invented.
        self.emit(&frame, false);
        self.frame = frame;
    }

    /// Nothing is there at all.
    fn conceal_blind(&mut self) {
        let ticks = 10 * TICKS_PER_MS;
        let mut frame = std::mem::take(&mut self.frame);
        frame.clear();
        self.make_up(ticks, &mut frame);
        self.counters.underruns += u64::from(self.gap == 0);
        self.next_media += ticks;
        self.gap += ticks;
        self.emit(&frame, !self.pausing);
        self.frame = frame;
    }

    /// Invents `ticks` of sound: the codec's own concealment at first, the background later.
    fn make_up(&mut self, ticks: i64, frame: &mut Vec<i16>) {
        // Concealment comes in steps of 2.5 ms.
        let step = self.rate as usize / 400;
        let samples = self.samples(ticks).max(1);
        let whole = samples.div_ceil(step) * step;
        let fade_from = i64::from(self.tuning.noise_from_ms) * TICKS_PER_MS;
        if self.gap < fade_from + 40 * TICKS_PER_MS {
            match &mut self.decoder {
                Some((_, decoder)) => decoder.conceal(whole, frame),
                None => frame.extend(std::iter::repeat_n(0, whole)),
            }
            frame.truncate(samples);
        }
        if self.gap >= fade_from {
            // Over 40 ms from concealment to background.
            let gain = ((self.gap - fade_from) as f32 / (40 * TICKS_PER_MS) as f32).min(1.0);
            let mut noise = Vec::with_capacity(samples);
            self.noise.make(samples, gain, &mut noise);
            if frame.is_empty() {
                *frame = noise;
            } else {
                for (f, n) in frame.iter_mut().zip(noise) {
                    *f = (f32::from(*f) * (1.0 - gain)) as i16;
                    *f = f.saturating_add(n);
                }
            }
        }
    }

    /// Cross-fades from what was played into a frame that does not follow on it.
    fn blend_into(&self, frame: &mut [i16]) {
        let fade = (self.rate as usize / 200).min(frame.len());
        let h = &self.history;
        // Continue the past by its own pitch: the lag at which its end resembles itself.
        let (shortest, longest) = (self.rate as usize / 400, self.rate as usize * 3 / 200);
        let window = self.rate as usize / 200;
        if h.len() < longest + window || fade == 0 {
            return;
        }
        let n = h.len();
        let stride = (self.rate as usize / 8000).max(1);
        let mut best = (shortest, f32::MIN);
        for lag in (shortest..=longest).step_by(stride) {
            let (mut cross, mut energy) = (0.0f32, 1.0f32);
            for (a, b) in h[n - window..].iter().zip(&h[n - window - lag..n - lag]).step_by(stride) {
                cross += f32::from(*a) * f32::from(*b);
                energy += f32::from(*b) * f32::from(*b);
            }
            let score = cross / energy.sqrt();
            if score > best.1 {
                best = (lag, score);
            }
        }
        let lag = best.0;
        for (i, sample) in frame.iter_mut().take(fade).enumerate() {
            let kept = f32::from(h[n - lag + i % lag]);
            let weight = (i as f32 + 0.5) / fade as f32;
            *sample = (f32::from(*sample) * weight + kept * (1.0 - weight)) as i16;
        }
    }

    fn emit_silence(&mut self) {
        let n = self.rate as usize / 100;
        self.out.extend(std::iter::repeat_n(0, n));
        self.runs.push_back((n, false));
    }

    fn emit(&mut self, frame: &[i16], concealed: bool) {
        if frame.is_empty() {
            return;
        }
        self.out.extend(frame);
        if concealed {
            self.counters.concealed_ticks += self.ticks(frame.len()) as u64;
        }
        match self.runs.back_mut() {
            Some(run) if run.1 == concealed => run.0 += frame.len(),
            _ => self.runs.push_back((frame.len(), concealed)),
        }
        let keep = self.rate as usize / 25;
        let tail = frame.len().saturating_sub(keep);
        self.history.extend_from_slice(&frame[tail..]);
        let surplus = self.history.len().saturating_sub(keep);
        self.history.drain(..surplus);
    }

    /// Makes the decoder for a codec if it is not the one at hand, or has another rate by now.
    fn ensure_decoder(&mut self, codec_wanted: Codec) {
        let rate = if codec_wanted == Codec::Opus { self.opus_rate } else { codec::clock_rate(codec_wanted) };
        if self.decoder.as_ref().is_some_and(|(c, d)| *c == codec_wanted && d.sample_rate() == rate) {
            return;
        }
        self.decoder = codec::decoder(codec_wanted, rate).map(|d| (codec_wanted, d));
        if rate != self.rate {
            // What is queued has the old rate: less than 10 ms of it, given up for the new one.
            self.rate = rate;
            self.ahead = None;
            self.out.clear();
            self.runs.clear();
            self.history.clear();
            self.stretcher = Stretcher::new(rate);
            self.noise = ComfortNoise::new();
        }
    }
}
