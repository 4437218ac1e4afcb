//! The sound of one call, owned by the media worker that ticks it.

use super::control::{AudioEvent, CallAudioControl, Command, ControlShared};
use super::rtp::{OutboundRtp, RtpPacket};
use crate::call::CallId;
use crate::config::{AudioMode, Codec};
use crate::event::Stats;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One tick's length.
const TICK: Duration = Duration::from_millis(10);

/// What was negotiated (RFC 3264, RFC 8866): which payload type is which codec.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodecMap {
    /// Payload types that may come in; several at a time, since the far side may switch mid-call.
    pub receive: Vec<(u8, Codec)>,
    /// What to send; none for nothing.
    pub send: Option<(u8, Codec)>,
    /// Payload type and clock of telephone-event (RFC 4733) to send and receive.
    pub telephone_event: Option<(u8, u32)>,
}

/// What a call's sound is made with.
#[derive(Debug, Clone)]
pub struct CallAudioConfig {
    /// The call, for callbacks.
    pub call: CallId,
    /// Payload types; may come later by [`CallAudioControl::set_codecs`].
    pub codecs: CodecMap,
    /// `None` decodes nothing and sends silence.
    pub mode: AudioMode,
    /// Hz of [`super::AudioIo`]'s frames.
    pub sample_rate: u32,
    /// Length of [`super::AudioIo`]'s frames, ms: 10 or 20.
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

/// The sound of one call. Belongs to one thread, which calls [`CallAudio::push_rtp`] for what came
/// in and [`CallAudio::tick`] every 10 ms. Cheap until the first packet.
pub struct CallAudio {
    control: Arc<ControlShared>,
    config: CallAudioConfig,
    next_tick: Option<Instant>,
    events: VecDeque<AudioEvent>,
    stats: Stats,
}

impl CallAudio {
    /// A call's sound, and the handle that steers it. Make it as soon as the call exists, so that
    /// streams can be asked for before it is answered; tick it from `callStream` on.
    #[must_use]
    pub fn new(config: CallAudioConfig) -> (CallAudio, CallAudioControl) {
        let (handle, control) = CallAudioControl::new(config.call);
        let audio = CallAudio { control, config, next_tick: None, events: VecDeque::new(), stats: Stats::default() };
        (audio, handle)
    }

    /// Takes a packet that came in. Cheap: it is only put in its place.
    pub fn push_rtp(&mut self, packet: RtpPacket) {
        self.stats.packets_received += 1;
        self.stats.bytes_received += packet.payload.len() as u64;
    }

    /// Does what is due by `now`: hears 10 ms of the far end for each 10 ms that have passed since
    /// the last call, and appends to `out` the packets to send. A worker that comes late catches
    /// up; after half a second or more (a suspended machine) the time is skipped.
    pub fn tick(&mut self, now: Instant, out: &mut Vec<OutboundRtp>) {
        let _ = out;
        for command in self.control.take_commands() {
            if let Command::Codecs(codecs) = command {
                self.config.codecs = codecs;
            }
        }
        self.next_tick = Some(now + TICK);
        self.control.publish(self.stats);
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
        self.control.close();
    }
}
