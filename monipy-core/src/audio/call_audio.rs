//! The sound of one call, owned by the media worker that ticks it.

use super::comfort_tone::{Cadence, ComfortTone};
use super::control::{AudioEvent, CallAudioControl, CaptureSource, Command, ControlShared, PlaybackSink};
use super::io::{AudioFrame, AudioIo, FrameRef, HeardPacket, StreamSender};
use super::level::{LevelMeter, SILENCE_DBFS};
use super::mos::{self, Interval};
use super::parties::{ClockReport, Parties};
use super::receive::{PacketKind, ReceiveStats, Receiver, Tuning};
use super::resample::Resampler;
use super::rtp::{OutboundRtp, RtpPacket};
use super::send::{SendPath, SentKey};
use super::sides::Sides;
use super::tap::Framer;
use super::telephone_event::{EventReceiver, Key};
use super::voice::{VoiceProcessing, VoiceProcessor};
use crate::call::CallId;
use crate::config::{AudioMode, Codec, ComfortTones};
use crate::event::Stats;
use crate::quality::{Moment, Watch};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// One tick's length.
const TICK: Duration = Duration::from_millis(10);
/// Ticks that a late worker catches up with; beyond that the time is skipped.
const MOST_CATCH_UP: u32 = 50;
/// Ticks from one reading of the figures to the next, and per interval of the MOS.
const STATS_TICKS: u64 = 10;
const MOS_TICKS: u64 = 100;
/// Silence on the wire that is worth telling.
const NO_PACKETS_AFTER: Duration = Duration::from_secs(5);
/// What codec, sound card and mouth-to-packet add to the delay that is measured, ms.
const FIXED_DELAY_MS: f32 = 40.0;

/// What was negotiated (RFC 3264, RFC 8866): which payload type is which codec.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodecMap {
    /// Payload types that may come in; several at a time, since the far side may switch mid-call.
    pub receive: Vec<(u8, Codec)>,
    /// What to send; none for nothing.
    pub send: Option<(u8, Codec)>,
    /// Payload type and clock (Hz) of telephone-event (RFC 4733) to send.
    pub telephone_event: Option<(u8, u32)>,
    /// Payload types and clocks of telephone-event that may come in: Chromium offers one at 48000 Hz
    /// beside Opus, and presses its keys in the one at 8000 Hz.
    pub receive_events: Vec<(u8, u32)>,
}

/// What a call's sound is made with.
#[derive(Debug, Clone)]
pub struct CallAudioConfig {
    /// The call, for callbacks.
    pub call: CallId,
    /// Payload types; may come later by [`CallAudioControl::set_codecs`].
    pub codecs: CodecMap,
    /// `None` decodes nothing, and sends what writers are given alone.
    pub mode: AudioMode,
    /// Hz of [`AudioIo`]'s frames.
    pub sample_rate: u32,
    /// Length of [`AudioIo`]'s frames, ms: 10 or 20.
    pub frame_ms: u32,
    /// Lower bound of the playout delay, ms.
    pub jitter_min_ms: u32,
    /// Upper bound of the playout delay, ms.
    pub jitter_max_ms: u32,
    /// First sequence number to send: random (RFC 3550 5.1).
    pub first_sequence_number: u16,
    /// First timestamp to send: random (RFC 3550 5.1).
    pub first_timestamp: u32,
}

/// The application's callbacks, and the frames between them and the ticks.
struct Callbacks {
    io: Arc<dyn AudioIo>,
    heard: Framer,
    /// What `fill_audio` gave and was not sent yet; whether it gave anything.
    filled: VecDeque<i16>,
    /// What of it is sent with this tick.
    now: Vec<i16>,
    resampler: Resampler,
}

/// Counters at the beginning of a second.
#[derive(Debug, Default)]
struct SecondBegan {
    received: u64,
    clipped: u64,
}

struct Playback {
    sink: Box<dyn PlaybackSink>,
    framer: Framer,
}

struct Capture {
    source: Box<dyn CaptureSource>,
    resampler: Resampler,
    voice: Option<VoiceProcessor>,
}

/// The sound of one call. Belongs to one thread, which calls [`CallAudio::push_rtp`] for what came
/// in and [`CallAudio::tick`] every 10 ms. Cheap until the first packet.
pub struct CallAudio {
    control: Arc<ControlShared>,
    config: CallAudioConfig,
    next_tick: Option<Instant>,
    ticks: u64,
    receiver: Receiver,
    receiving: bool,
    heard_codec: Codec,
    key_receiver: EventReceiver,
    /// Of the telephone-event that came in last, Hz.
    event_clock: u32,
    sender: SendPath,
    /// Lines behind the first, where the server sends the parties apart.
    parties: Parties,
    taps: Vec<(StreamSender, Framer)>,
    sides: Vec<Sides>,
    packets: Vec<StreamSender<HeardPacket>>,
    callbacks: Option<Callbacks>,
    playback: Option<Playback>,
    /// A tone in place of the call.
    comfort: Option<(ComfortTones, ComfortTone)>,
    /// It is over, but for the tone.
    over: bool,
    cadence: Option<Cadence>,
    capture: Option<Capture>,
    voice: VoiceProcessing,
    level: LevelMeter,
    events: VecDeque<AudioEvent>,
    last_packet: Option<Instant>,
    told_no_packets: bool,
    stats: Stats,
    quality: Watch,
    second_began: SecondBegan,
    /// How long nothing has come though it should.
    without_packets: Duration,
    round_trip_ms: Option<f32>,
    at_last_mos: ReceiveStats,
    mos: f32,
    pcm: Vec<i16>,
    scratch: Vec<i16>,
    sent_keys: Vec<SentKey>,
}

impl fmt::Debug for CallAudio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallAudio").field("call", &self.config.call).field("ticks", &self.ticks).finish_non_exhaustive()
    }
}

impl CallAudio {
    /// A call's sound, and the handle that steers it. Make it as soon as the call exists, so that
    /// streams can be asked for before it is answered; tick it from `callStream` on.
    #[must_use]
    pub fn new(config: CallAudioConfig) -> (CallAudio, CallAudioControl) {
        let (handle, control) = CallAudioControl::new(config.call);
        let mut sender = SendPath::new(config.first_sequence_number, config.first_timestamp);
        sender.set_codec(config.codecs.send, config.codecs.telephone_event);
        let heard_codec = config.codecs.receive.first().map_or(Codec::Opus, |r| r.1);
        let audio = CallAudio {
            control,
            next_tick: None,
            ticks: 0,
            receiver: Receiver::new(config.jitter_min_ms, config.jitter_max_ms, 16_000, Tuning::default()),
            receiving: true,
            heard_codec,
            key_receiver: EventReceiver::default(),
            event_clock: 8000,
            sender,
            parties: Parties::default(),
            taps: Vec::new(),
            sides: Vec::new(),
            packets: Vec::new(),
            callbacks: None,
            playback: None,
            comfort: None,
            over: false,
            cadence: None,
            capture: None,
            voice: VoiceProcessing::default(),
            level: LevelMeter::default(),
            events: VecDeque::new(),
            last_packet: None,
            told_no_packets: false,
            stats: Stats { level_dbfs: SILENCE_DBFS, sent_level_dbfs: SILENCE_DBFS, ..Stats::default() },
            quality: Watch::default(),
            second_began: SecondBegan::default(),
            without_packets: Duration::ZERO,
            round_trip_ms: None,
            at_last_mos: ReceiveStats::default(),
            mos: mos::mos_of_rating(93.2),
            pcm: Vec::new(),
            scratch: Vec::new(),
            sent_keys: Vec::new(),
            config,
        };
        (audio, handle)
    }

    /// Takes a packet that came in. Cheap: it is only put in its place. Payload types that were
    /// not negotiated are dropped.
    pub fn push_rtp(&mut self, packet: RtpPacket) {
        self.push_line(0, packet);
    }

    /// [`CallAudio::push_rtp`] for a packet of any audio line; 0 is the first.
    pub fn push_line(&mut self, line: u8, packet: RtpPacket) {
        let event = self.config.codecs.receive_events.iter().find(|(payload_type, _)| *payload_type == packet.payload_type);
        let mut event_clock = 8000;
        let kind = match event {
            Some(&(_, clock)) => {
                event_clock = clock;
                PacketKind::TelephoneEvent
            }
            None => match self.config.codecs.receive.iter().find(|(pt, _)| *pt == packet.payload_type) {
                Some(&(_, codec)) => PacketKind::Audio(codec),
                None => return,
            },
        };
        self.stats.packets_received += 1;
        self.stats.bytes_received += packet.payload.len() as u64;
        self.last_packet = Some(packet.arrival);
        if std::mem::take(&mut self.told_no_packets) {
            self.events.push_back(AudioEvent::PacketsAgain);
        }
        if line > 0 {
            return self.push_further(line, packet, kind, event_clock);
        }
        match kind {
            PacketKind::TelephoneEvent => {
                let clock = event_clock;
                self.event_clock = clock;
                let key = self.key_receiver.push(packet.marker, packet.timestamp, &packet.payload, packet.arrival, clock);
                self.tell_key(key);
            }
            PacketKind::Audio(codec) => {
                self.heard_codec = codec;
                if self.receiving && !self.parties.apart() {
                    self.hand_on(codec, &packet);
                }
            }
        }
        self.receiver.push(packet, kind);
    }

    /// A packet of a line behind the first; of one that there is not, it is dropped.
    fn push_further(&mut self, line: u8, packet: RtpPacket, kind: PacketKind, event_clock: u32) {
        let Some(line) = self.parties.lines.get_mut(usize::from(line) - 1) else { return };
        let mut key = None;
        if kind == PacketKind::TelephoneEvent {
            line.event_clock = event_clock;
            key = line.keys.push(packet.marker, packet.timestamp, &packet.payload, packet.arrival, event_clock);
        }
        line.receiver.push(packet, kind);
        self.tell_key(key);
    }

    /// Whether the far side's parties come on lines of their own.
    #[must_use]
    pub fn has_parties(&self) -> bool {
        self.parties.apart()
    }

    /// Plays the lines out together: what their RTCP sender reports say of their clocks.
    pub fn align(&mut self, reports: &[ClockReport]) {
        self.parties.align(&mut self.receiver, reports);
    }

    /// Gives a packet to the recordings that take packets.
    fn hand_on(&mut self, codec: Codec, packet: &RtpPacket) {
        self.packets.retain(|sender| {
            sender.send(HeardPacket {
                codec,
                sequence_number: packet.sequence_number,
                timestamp: packet.timestamp,
                ssrc: packet.ssrc,
                payload: packet.payload.clone(),
            })
        });
    }

    fn tell_key(&mut self, key: Option<Key>) {
        if let Some(Key { digit, duration_ms }) = key {
            self.tell(AudioEvent::DtmfReceived { digit, duration_ms });
        }
    }

    fn tell(&mut self, event: AudioEvent) {
        // Nobody polls: a flood of keys must not grow without bound.
        if self.events.len() < 1024 {
            self.events.push_back(event);
        }
    }

    /// Does what is due by `now`: hears 10 ms of the far end for each 10 ms that have passed since
    /// the last call, and appends to `out` the packets to send. A worker that comes late catches
    /// up; after half a second or more (a suspended machine) the time is skipped.
    pub fn tick(&mut self, now: Instant, out: &mut Vec<OutboundRtp>) {
        for command in self.control.take_commands() {
            self.obey(command, now);
        }
        let mut at = *self.next_tick.get_or_insert(now);
        let late = now.saturating_duration_since(at);
        if late > TICK * MOST_CATCH_UP {
            // Whole pairs of ticks, so that packets stay on their raster.
            let skipped = (late.as_millis() as u64 / 20) * 20;
            self.skip(skipped);
            at += Duration::from_millis(skipped);
        }
        while at <= now {
            self.one_tick(at, out);
            at += TICK;
        }
        self.next_tick = Some(at);
    }

    fn skip(&mut self, ms: u64) {
        for (_, framer) in &mut self.taps {
            framer.skip(ms);
        }
        for sides in &mut self.sides {
            sides.skip(ms);
        }
        self.parties.skip(ms);
        if let Some(callbacks) = &mut self.callbacks {
            callbacks.heard.skip(ms);
        }
        self.sender.skip(ms);
    }

    fn obey(&mut self, command: Command, now: Instant) {
        // A speaker may be opened late; everything else ends by being dropped.
        if self.over && !matches!(command, Command::Device { .. }) {
            return;
        }
        match command {
            Command::Tap { sender, sample_rate, frame_ms } => self.taps.push((sender, Framer::new(sample_rate, frame_ms))),
            Command::PartyTap { party, sender, sample_rate, frame_ms } => self.parties.add_tap(party, sender, sample_rate, frame_ms),
            Command::Parties(count) => {
                // Streams that are to be compared count from one moment.
                let (config, epoch) = (&self.config, self.receiver.begin(now));
                self.parties.set_count(count, || {
                    let mut receiver = Receiver::new(config.jitter_min_ms, config.jitter_max_ms, 16_000, Tuning::default());
                    receiver.begin(epoch);
                    receiver
                });
            }
            Command::Sides { sender, sample_rate } => self.sides.push(Sides::new(sender, sample_rate)),
            Command::Packets(sender) => self.packets.push(sender),
            Command::Writer(source) => self.sender.add_writer(source),
            Command::Mute(muted) => self.sender.set_muted(muted),
            Command::Dtmf { digits, duration_ms, gap_ms } => {
                for digit in digits {
                    self.sender.press(digit, duration_ms, gap_ms);
                }
            }
            Command::Direction { send, receive } => {
                self.sender.set_allowed(send);
                self.receiving = receive;
            }
            Command::Codecs(codecs) => {
                self.sender.set_codec(codecs.send, codecs.telephone_event);
                self.config.codecs = codecs;
            }
            Command::Io(io) => {
                self.callbacks = io.map(|io| Callbacks {
                    io,
                    heard: Framer::new(self.config.sample_rate, self.config.frame_ms),
                    filled: VecDeque::new(),
                    now: Vec::new(),
                    resampler: Resampler::new(self.config.sample_rate, self.config.sample_rate),
                });
            }
            Command::Device { playback, capture } => {
                self.playback = playback.map(|sink| Playback { framer: Framer::new(sink.sample_rate(), 10), sink });
                self.capture = capture.map(|source| {
                    let rate = source.sample_rate();
                    Capture { resampler: Resampler::new(rate, rate), source, voice: VoiceProcessor::new(self.voice, rate) }
                });
            }
            Command::Voice(wanted) => {
                self.voice = wanted;
                if let Some(capture) = &mut self.capture {
                    capture.voice = VoiceProcessor::new(wanted, capture.source.sample_rate());
                }
            }
            Command::Comfort(tone) => self.comfort(tone),
            Command::Farewell(of, tone) => {
                self.taps.clear();
                self.sides.clear();
                self.packets.clear();
                self.parties = Parties::default();
                self.callbacks = None;
                self.capture = None;
                self.sender.end_writers();
                self.comfort(Some((of, tone)));
                self.over = true;
            }
            Command::RoundTrip(round_trip) => self.round_trip_ms = Some(round_trip.as_secs_f32() * 1000.0),
        }
    }

    fn comfort(&mut self, tone: Option<(ComfortTones, ComfortTone)>) {
        self.comfort = tone;
        self.cadence = None;
    }

    /// 10 ms of the tone, to the speaker once there is one. The cadence begins with it.
    fn play_comfort(&mut self, of: ComfortTones, tone: ComfortTone) {
        if let Some(Capture { source, .. }) = &mut self.capture {
            // What is said now is for nobody, and must not wait for the call to begin.
            self.scratch.clear();
            self.scratch.resize(source.sample_rate() as usize / 100, 0);
            source.capture(&mut self.scratch);
        }
        let Some(Playback { sink, .. }) = &mut self.playback else { return };
        let rate = sink.sample_rate();
        if self.cadence.is_none() {
            self.cadence = Cadence::new(tone, of, rate);
        }
        self.pcm.clear();
        self.pcm.resize(rate as usize / 100, 0);
        if let Some(cadence) = &mut self.cadence {
            cadence.fill(&mut self.pcm);
        }
        sink.play(&self.pcm);
    }

    fn one_tick(&mut self, at: Instant, out: &mut Vec<OutboundRtp>) {
        if let Some((of, tone)) = self.comfort {
            return self.play_comfort(of, tone);
        }
        self.ticks += 1;
        self.hear(at);
        self.speak(out);
        let key = self.key_receiver.tick(at, self.event_clock);
        self.tell_key(key);
        for n in 0..self.parties.lines.len() {
            let key = self.parties.lines.get_mut(n).and_then(|line| line.keys.tick(at, line.event_clock));
            self.tell_key(key);
        }
        self.watch(at);
        if self.ticks.is_multiple_of(STATS_TICKS) {
            self.publish();
        }
    }

    /// 10 ms of the far end, to whoever listens.
    fn hear(&mut self, at: Instant) {
        let mut pcm = std::mem::take(&mut self.pcm);
        let mut concealed = false;
        let receiving = self.config.mode != AudioMode::None && self.receiving;
        let wanted = self.wanted_rate();
        if self.config.mode != AudioMode::None {
            self.receiver.set_opus_rate(wanted);
        }
        if receiving {
            concealed = self.receiver.pull(at, &mut pcm);
        } else {
            pcm.clear();
            pcm.resize(self.receiver.rate() as usize / 100, 0);
        }
        if self.parties.apart() {
            concealed = self.parties.hear(at, wanted, receiving, concealed, &mut pcm);
            self.parties.record_mix(&pcm, &mut self.packets);
        }
        self.parties.feed_taps(&pcm, concealed);
        let rate = pcm.len() as u32 * 100;
        self.level.push(&pcm);
        self.taps.retain_mut(|(sender, framer)| {
            let sample_rate = framer.sample_rate();
            let mut wanted = true;
            framer.push(&pcm, rate, concealed, |timestamp, concealed, pcm| {
                wanted = sender.send(AudioFrame { sample_rate, timestamp, concealed, pcm: pcm.to_vec() });
            });
            wanted
        });
        for sides in &mut self.sides {
            sides.hear(&pcm, self.parties.sounds(), rate, concealed);
        }
        if let Some(Callbacks { io, heard, .. }) = &mut self.callbacks {
            let (call, sample_rate) = (self.config.call, heard.sample_rate());
            heard.push(&pcm, rate, concealed, |timestamp, concealed, pcm| {
                io.on_audio(call, FrameRef { sample_rate, timestamp, concealed, pcm });
            });
        }
        if let Some(Playback { sink, framer }) = &mut self.playback {
            let mut voice = self.capture.as_mut().and_then(|c| c.voice.as_mut());
            framer.push(&pcm, rate, concealed, |_, _, pcm| {
                if let Some(voice) = &mut voice {
                    voice.render(pcm);
                }
                sink.play(pcm);
            });
        }
        self.pcm = pcm;
    }

    /// Hz to decode Opus at: the best that anybody listens at.
    fn wanted_rate(&self) -> u32 {
        let taps = self.taps.iter().map(|(_, framer)| framer.sample_rate());
        let callbacks = self.callbacks.iter().map(|c| c.heard.sample_rate());
        let playback = self.playback.iter().map(|p| p.framer.sample_rate());
        let sides = self.sides.iter().map(Sides::sample_rate);
        taps.chain(self.parties.wanted_rate()).chain(sides).chain(callbacks).chain(playback).max().unwrap_or(0).max(16_000)
    }

    /// 10 ms of this side, and every 20 ms a packet.
    fn speak(&mut self, out: &mut Vec<OutboundRtp>) {
        if let Some(callbacks) = &mut self.callbacks {
            let ten = self.config.sample_rate as usize / 100;
            if callbacks.filled.len() < ten {
                self.scratch.clear();
                self.scratch.resize((self.config.sample_rate / 1000 * self.config.frame_ms) as usize, 0);
                let given = callbacks.io.fill_audio(self.config.call, &mut self.scratch).min(self.scratch.len());
                if given > 0 {
                    self.scratch[given..].fill(0);
                    callbacks.filled.extend(&self.scratch);
                }
            }
            callbacks.now.clear();
            callbacks.now.extend(callbacks.filled.drain(..ten.min(callbacks.filled.len())));
        }
        self.scratch.clear();
        if let Some(capture) = &mut self.capture {
            self.scratch.resize(capture.source.sample_rate() as usize / 100, 0);
            let got = capture.source.capture(&mut self.scratch).min(self.scratch.len());
            self.scratch[got..].fill(0);
            if got == 0 {
                self.scratch.clear();
            } else if let Some(voice) = &mut capture.voice {
                voice.capture(&mut self.scratch);
            }
        }
        let speaks = self.config.mode != AudioMode::None;
        let given = self.callbacks.as_mut().filter(|_| speaks).map(|c| (c.now.as_slice(), &mut c.resampler));
        let captured = self.capture.as_mut().filter(|_| speaks).map(|c| (self.scratch.as_slice(), &mut c.resampler));
        self.sender.collect(&mut [given, captured]);
        let (sent, rate) = self.sender.collected();
        self.sides.retain_mut(|sides| sides.speak(sent, rate));
        self.sender.send(out, &mut self.sent_keys);
        for (digit, duration_ms) in std::mem::take(&mut self.sent_keys) {
            self.tell(AudioEvent::DtmfSent { digit, duration_ms });
        }
        self.control.sounding_samples_sent.store(self.sender.sounding_samples, Ordering::Release);
    }

    /// Tells when nothing comes any more.
    fn watch(&mut self, at: Instant) {
        let last = *self.last_packet.get_or_insert(at);
        let silent = at.saturating_duration_since(last);
        self.without_packets = if self.receiving { silent } else { Duration::ZERO };
        if self.receiving && !self.told_no_packets && silent >= NO_PACKETS_AFTER {
            self.told_no_packets = true;
            self.tell(AudioEvent::NoPackets { silent_ms: silent.as_millis() as u32 });
        }
    }

    fn publish(&mut self) {
        let received = self.parties.stats(self.receiver.stats());
        let second = self.ticks.is_multiple_of(MOS_TICKS);
        if second && (self.receiver.has_stream() || self.parties.lines.iter().any(|l| l.receiver.has_stream())) {
            let before = std::mem::replace(&mut self.at_last_mos, received);
            let invented = received.concealed_ticks.saturating_sub(before.concealed_ticks) as f32;
            let lost = received.lost.saturating_sub(before.lost);
            let came = self.stats.packets_received.saturating_sub(self.second_began.received);
            self.stats.loss_percent = lost as f32 * 100.0 / (lost + came).max(1) as f32;
            self.stats.concealed_percent = invented / (MOS_TICKS as f32 * 4.8);
            self.mos = mos::mos(&Interval {
                codec: self.heard_codec,
                one_way_delay_ms: self.round_trip_ms.unwrap_or(0.0) / 2.0 + received.delay_ms + FIXED_DELAY_MS,
                loss: invented / (MOS_TICKS as f32 * 480.0),
                burst_ratio: 1.0,
            });
        }
        self.stats.packets_sent = self.sender.packets;
        self.stats.bytes_sent = self.sender.bytes;
        self.stats.packets_lost = received.lost;
        self.stats.packets_recovered = received.recovered;
        self.stats.concealed_ms = received.concealed_ticks / 48;
        self.stats.jitter_ms = received.jitter_ms;
        self.stats.playout_delay_ms = received.delay_ms;
        self.stats.round_trip_ms = self.round_trip_ms;
        self.stats.mos = self.mos;
        self.stats.level_dbfs = self.level.rms_dbfs();
        self.stats.sent_level_dbfs = self.sender.level_dbfs();
        self.stats.clipped_samples = self.level.clipped();
        self.stats.sounding_samples_sent = self.sender.sounding_samples;
        self.control.publish(self.stats);
        if second {
            self.end_of_second();
        }
    }

    /// The figures of a second: for the warnings, and for who records.
    fn end_of_second(&mut self) {
        let before = std::mem::replace(
            &mut self.second_began,
            SecondBegan { received: self.stats.packets_received, clipped: self.stats.clipped_samples },
        );
        let without_packets = self.without_packets.as_secs_f32();
        let moment = Moment {
            stats: self.stats,
            without_packets,
            clipped: self.stats.clipped_samples.saturating_sub(before.clipped),
            speaking: self.capture.is_some() && self.sender.may_sound(),
            paused: false,
        };
        self.control.publish_moment(moment);
        for warning in self.quality.second(&moment) {
            self.tell(AudioEvent::Warning(warning));
        }
    }

    /// When the next tick is due; `None` before the first.
    #[must_use]
    pub fn next_tick(&self) -> Option<Instant> {
        self.next_tick
    }

    /// Something to tell the engine, if there is.
    pub fn poll_event(&mut self) -> Option<AudioEvent> {
        self.events.pop_front()
    }
}

impl Drop for CallAudio {
    fn drop(&mut self) {
        self.publish();
        self.control.close();
    }
}
