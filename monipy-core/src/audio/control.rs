//! How other threads steer the sound of a call: commands are queued under a lock that is held for
//! a push or a swap and never longer, so that a tick does not wait; figures are read from a copy.

use super::call_audio::CodecMap;
use super::comfort_tone::ComfortTone;
use super::io::{
    AudioIo, AudioStream, AudioWriter, HeardPacket, PacketStream, StreamSender, WriterSource, audio_stream, audio_writer, packet_stream,
};
use super::parties;
use super::sides;
use super::voice::VoiceProcessing;
use crate::call::CallId;
use crate::config::ComfortTones;
use crate::error::{Error, Result};
use crate::event::Stats;
use crate::quality::{Moment, Warning};
use crate::vocabulary::code;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Where a call's sound is played. Called on a media thread, once per 10 ms; must not block.
pub trait PlaybackSink: Send {
    /// Hz that [`PlaybackSink::play`] wants: 8000, 16000, 24000 or 48000.
    fn sample_rate(&self) -> u32;
    /// Takes 10 ms of mono sound.
    fn play(&mut self, pcm: &[i16]);
}

/// Where a call's own sound comes from. Called on a media thread, once per 10 ms; must not block.
pub trait CaptureSource: Send {
    /// Hz of what [`CaptureSource::capture`] gives: 8000, 16000, 24000 or 48000.
    fn sample_rate(&self) -> u32;
    /// Writes up to 10 ms of mono sound; returns how many samples there were. The rest is silence.
    fn capture(&mut self, pcm: &mut [i16]) -> usize;
}

/// Something a call's sound has to tell the engine.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AudioEvent {
    /// The far side pressed a key (RFC 4733): once per key, when its end is known.
    DtmfReceived {
        /// One of 0-9 * # A-D.
        digit: char,
        /// How long it was held.
        duration_ms: u32,
    },
    /// A key of ours was sent, end packets and all.
    DtmfSent {
        /// One of 0-9 * # A-D.
        digit: char,
        /// How long it was held.
        duration_ms: u32,
    },
    /// No packet has come for this long though the far side should send; told once per silence.
    NoPackets {
        /// How long.
        silent_ms: u32,
    },
    /// Packets come again after [`AudioEvent::NoPackets`].
    PacketsAgain,
    /// The quality became bad, or good again.
    Warning(Warning),
}

pub(crate) enum Command {
    Tap { sender: StreamSender, sample_rate: u32, frame_ms: u32 },
    PartyTap { party: usize, sender: StreamSender, sample_rate: u32, frame_ms: u32 },
    Parties(usize),
    Sides { sender: StreamSender, sample_rate: u32 },
    Packets(StreamSender<HeardPacket>),
    Writer(WriterSource),
    Mute(bool),
    Dtmf { digits: Vec<char>, duration_ms: u32, gap_ms: u32 },
    Direction { send: bool, receive: bool },
    Codecs(CodecMap),
    Io(Option<Arc<dyn AudioIo>>),
    Device { playback: Option<Box<dyn PlaybackSink>>, capture: Option<Box<dyn CaptureSource>> },
    Voice(VoiceProcessing),
    RoundTrip(Duration),
    Comfort(Option<(ComfortTones, ComfortTone)>),
    Farewell(ComfortTones, ComfortTone),
}

pub(crate) struct ControlShared {
    commands: Mutex<Vec<Command>>,
    /// So that a tick need not lock when there is nothing.
    pending: AtomicBool,
    closed: AtomicBool,
    /// The call is over, though its speaker still tells why.
    over: AtomicBool,
    stats: Mutex<Stats>,
    /// The last whole second, and its number; 0 before the first.
    moment: Mutex<(u64, Moment)>,
    /// Samples other than zero that went into an encoder.
    pub(crate) sounding_samples_sent: AtomicU64,
}

impl ControlShared {
    pub(crate) fn take_commands(&self) -> Vec<Command> {
        if !self.pending.swap(false, Ordering::Acquire) {
            return Vec::new();
        }
        std::mem::take(&mut *self.commands.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn publish(&self, stats: Stats) {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner) = stats;
    }

    pub(crate) fn publish_moment(&self, moment: Moment) {
        let mut last = self.moment.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (last.0 + 1, moment);
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        // Dropping the commands ends the streams and writers that were never taken up.
        drop(std::mem::take(&mut *self.commands.lock().unwrap_or_else(PoisonError::into_inner)));
    }
}

/// Steers a [`super::CallAudio`] from any thread. Clones steer the same call. Commands take effect
/// at the next tick, in the order they were given.
#[derive(Clone)]
pub struct CallAudioControl {
    call: CallId,
    shared: Arc<ControlShared>,
}

impl fmt::Debug for CallAudioControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallAudioControl").field("call", &self.call).finish_non_exhaustive()
    }
}

impl CallAudioControl {
    pub(crate) fn new(call: CallId) -> (Self, Arc<ControlShared>) {
        let shared = Arc::new(ControlShared {
            commands: Mutex::new(Vec::new()),
            pending: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            over: AtomicBool::new(false),
            stats: Mutex::new(Stats { level_dbfs: -127.0, sent_level_dbfs: -127.0, ..Stats::default() }),
            moment: Mutex::default(),
            sounding_samples_sent: AtomicU64::new(0),
        });
        (CallAudioControl { call, shared: shared.clone() }, shared)
    }

    fn give(&self, command: Command) {
        let mut commands = self.shared.commands.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at under the lock, so that nothing slips in behind `close`.
        if !self.shared.closed.load(Ordering::Acquire) {
            commands.push(command);
            self.shared.pending.store(true, Ordering::Release);
        }
    }

    /// The call it belongs to.
    #[must_use]
    pub fn call(&self) -> CallId {
        self.call
    }

    /// A stream of what is heard: mono frames of `frame_ms` (10, 20, 40 or 60) at `sample_rate`
    /// (8000, 16000, 24000 or 48000 Hz).
    ///
    /// # Errors
    /// 1003 for a rate or length that is not offered; 1002 when the call is over.
    pub fn add_tap(&self, sample_rate: u32, frame_ms: u32) -> Result<AudioStream> {
        let (sender, stream) = self.stream(sample_rate, frame_ms)?;
        self.give(Command::Tap { sender, sample_rate, frame_ms });
        Ok(stream)
    }

    /// As [`CallAudioControl::add_tap`], of one party alone where the server sends them apart: 0 is the
    /// first audio line. Silent for a line that there is not; the first line of a call with one is the mix.
    ///
    /// # Errors
    /// 1003 for a rate, a length or a number of a party (0 to 7) that is not offered; 1002 when the
    /// call is over.
    pub fn add_party_tap(&self, party: u32, sample_rate: u32, frame_ms: u32) -> Result<AudioStream> {
        let most = parties::MOST;
        let party = party as usize;
        if party >= most {
            return Err(Error::new(code::INVALID_ARGUMENT, format!("party: {party}; parties are numbered from 0 to {}", most - 1)));
        }
        let (sender, stream) = self.stream(sample_rate, frame_ms)?;
        self.give(Command::PartyTap { party, sender, sample_rate, frame_ms });
        Ok(stream)
    }

    fn stream(&self, sample_rate: u32, frame_ms: u32) -> Result<(StreamSender, AudioStream)> {
        check_rate(sample_rate)?;
        if !matches!(frame_ms, 10 | 20 | 40 | 60) {
            return Err(Error::new(code::INVALID_ARGUMENT, format!("frame_ms: {frame_ms} ms; it accepts 10, 20, 40 or 60")));
        }
        self.check_open()?;
        Ok(audio_stream(frame_ms))
    }

    /// On how many audio lines the far side sends, each a party of its own.
    pub fn set_parties(&self, count: usize) {
        self.give(Command::Parties(count));
    }

    /// Both sides of the call: frames of 20 ms with two channels, interleaved; what is heard on the
    /// left, what is sent on the right. Where the parties come apart, one channel for each in the
    /// order of their lines, and then what is sent.
    ///
    /// # Errors
    /// 1003 for a rate that is not offered; 1002 when the call is over.
    pub fn add_sides(&self, sample_rate: u32) -> Result<AudioStream> {
        check_rate(sample_rate)?;
        self.check_open()?;
        let (sender, stream) = audio_stream(sides::FRAME_MS);
        self.give(Command::Sides { sender, sample_rate });
        Ok(stream)
    }

    /// The packets of what is heard, as they come, from now on.
    ///
    /// # Errors
    /// 1002 when the call is over.
    pub(crate) fn add_packets(&self) -> Result<PacketStream> {
        self.check_open()?;
        let (sender, stream) = packet_stream();
        self.give(Command::Packets(sender));
        Ok(stream)
    }

    /// A way to speak into the call, mono at `sample_rate` (8000, 16000, 24000 or 48000 Hz).
    ///
    /// # Errors
    /// 1003 for a rate that is not offered; 1002 when the call is over.
    pub fn add_writer(&self, sample_rate: u32) -> Result<AudioWriter> {
        check_rate(sample_rate)?;
        self.check_open()?;
        let (source, writer) = audio_writer(sample_rate);
        self.give(Command::Writer(source));
        Ok(writer)
    }

    /// Sends silence in place of every source, or sound again.
    pub fn set_mute(&self, muted: bool) {
        self.give(Command::Mute(muted));
    }

    /// Presses keys (RFC 4733), `duration_ms` each with `gap_ms` between. Needs a telephone-event
    /// payload type in the codec map; without one the keys are forgotten.
    ///
    /// # Errors
    /// 1005 for anything but 0-9 * # A-D (a-d), or no digit at all.
    pub fn send_dtmf(&self, digits: &str, duration_ms: u32, gap_ms: u32) -> Result<()> {
        let digits: Vec<char> = digits.chars().map(|c| c.to_ascii_uppercase()).collect();
        if digits.is_empty() || !digits.iter().all(|c| matches!(c, '0'..='9' | '*' | '#' | 'A'..='D')) {
            return Err(Error::new(code::INVALID_DTMF, "DTMF digits are 0-9 * # A-D"));
        }
        self.give(Command::Dtmf { digits, duration_ms: duration_ms.clamp(40, 6000), gap_ms: gap_ms.clamp(30, 6000) });
        Ok(())
    }

    /// Which ways sound may go (RFC 3264 5.1): neither packets nor DTMF are sent when `send` is
    /// false; what comes in is not heard when `receive` is false (streams go on with silence).
    pub fn set_direction(&self, send: bool, receive: bool) {
        self.give(Command::Direction { send, receive });
    }

    /// What was negotiated: which payload type is which codec, and which to send.
    pub fn set_codecs(&self, codecs: CodecMap) {
        self.give(Command::Codecs(codecs));
    }

    /// Installs or removes the callbacks of a media thread.
    pub fn set_audio_io(&self, io: Option<Arc<dyn AudioIo>>) {
        self.give(Command::Io(io));
    }

    /// Connects or disconnects (`None`) a speaker and a microphone.
    pub fn set_device(&self, playback: Option<Box<dyn PlaybackSink>>, capture: Option<Box<dyn CaptureSource>>) {
        self.give(Command::Device { playback, capture });
    }

    /// What is done to the microphone's sound; nothing at first.
    pub fn set_voice_processing(&self, wanted: VoiceProcessing) {
        self.give(Command::Voice(wanted));
    }

    /// The round-trip time that RTCP reports gave, for the statistics and the MOS.
    pub fn set_round_trip(&self, round_trip: Duration) {
        self.give(Command::RoundTrip(round_trip));
    }

    /// Plays a tone on the speaker in place of the call, whose sound stands still meanwhile: nothing
    /// is decoded, sent or given to streams. `None` begins the call's own sound.
    pub fn set_comfort_tone(&self, tone: Option<(ComfortTones, ComfortTone)>) {
        self.give(Command::Comfort(tone));
    }

    /// The call is over: streams, writers and recordings end, and nothing is left but the speaker
    /// with this tone, until the [`super::CallAudio`] is dropped.
    pub fn end_with_tone(&self, of: ComfortTones, tone: ComfortTone) {
        self.shared.over.store(true, Ordering::Release);
        self.give(Command::Farewell(of, tone));
    }

    /// Figures as of the last tenth of a second.
    #[must_use]
    pub fn stats(&self) -> Stats {
        *self.shared.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last whole second, and its number from 1 on; 0 before the first.
    pub(crate) fn moment(&self) -> (u64, Moment) {
        *self.shared.moment.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Samples other than zero that were handed to an encoder since the call began. Stands still
    /// while the call is muted: the proof that nothing is sent.
    #[must_use]
    pub fn sounding_samples_sent(&self) -> u64 {
        self.shared.sounding_samples_sent.load(Ordering::Acquire)
    }

    /// The call's [`super::CallAudio`] is gone, or but a tone is left of it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire) || self.shared.over.load(Ordering::Acquire)
    }

    fn check_open(&self) -> Result<()> {
        if self.is_closed() {
            return Err(Error::new(code::INVALID_STATE, "the call is over"));
        }
        Ok(())
    }
}

fn check_rate(sample_rate: u32) -> Result<()> {
    if matches!(sample_rate, 8000 | 16_000 | 24_000 | 48_000) {
        return Ok(());
    }
    Err(Error::new(code::INVALID_ARGUMENT, format!("sample_rate: {sample_rate} Hz; it accepts 8000, 16000, 24000 or 48000")))
}
