//! The sound of a supervisor's leg. Packets go through the engine's own [`CallAudio`] both ways, so
//! that the centre hears with the same ear as a supervisor does.

use super::impair::{Channel, Impairment, Packet};
use super::{FRAME, Frame, RATE};
use monipy_core::CallId;
use monipy_core::audio::{AudioEvent, AudioIo, CallAudio, CallAudioConfig, CallAudioControl, CodecMap, FrameRef, OutboundRtp, RtpPacket};
use monipy_core::config::AudioMode;
use monipy_core::event::Stats;
use monipy_core::media::{Negotiated, RtpReceiver, RtpSender};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Frames that may wait between the bridge and the codec: the two step together, so that one is
/// enough save at the start.
const WAITING: usize = 3;

#[derive(Default)]
struct Queues {
    heard: VecDeque<Frame>,
    to_send: VecDeque<Frame>,
}

/// The seam between the bridge and [`CallAudio`]; both sides are on the media thread.
#[derive(Default)]
struct Seam(Mutex<Queues>);

impl Seam {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn push(queue: &mut VecDeque<Frame>, frame: Frame) {
    if queue.len() == WAITING {
        queue.pop_front();
    }
    queue.push_back(frame);
}

impl AudioIo for Seam {
    fn on_audio(&self, _call: CallId, frame: FrameRef<'_>) {
        let mut pcm = [0; FRAME];
        for (to, from) in pcm.iter_mut().zip(frame.pcm) {
            *to = *from;
        }
        push(&mut self.lock().heard, pcm);
    }

    fn fill_audio(&self, _call: CallId, pcm: &mut [i16]) -> usize {
        match self.lock().to_send.pop_front() {
            Some(frame) => {
                for (to, from) in pcm.iter_mut().zip(frame) {
                    *to = from;
                }
                pcm.len().min(FRAME)
            }
            None => 0,
        }
    }
}

/// The ends of a leg's media, as the bridge needs them.
pub(crate) struct LegAudio {
    audio: CallAudio,
    control: CallAudioControl,
    seam: Arc<Seam>,
    rtp_in: RtpReceiver,
    rtp_out: RtpSender,
    channel: Channel,
    out: Vec<OutboundRtp>,
    packets_heard: u64,
}

impl LegAudio {
    pub(crate) fn new(leg: u64, seed: u64, rtp_in: RtpReceiver, rtp_out: RtpSender) -> LegAudio {
        let (audio, control) = CallAudio::new(CallAudioConfig {
            call: CallId(leg),
            codecs: CodecMap::default(),
            mode: AudioMode::Application,
            sample_rate: RATE,
            frame_ms: 20,
            jitter_min_ms: 0,
            jitter_max_ms: 500,
            first_sequence_number: (seed >> 8) as u16,
            first_timestamp: (seed >> 24) as u32,
        });
        let seam = Arc::new(Seam::default());
        control.set_audio_io(Some(seam.clone()));
        LegAudio { audio, control, seam, rtp_in, rtp_out, channel: Channel::new(seed), out: Vec::new(), packets_heard: 0 }
    }

    /// Takes what an offer and its answer agreed on.
    pub(crate) fn negotiated(&self, agreed: &Negotiated) {
        let clock = |codec| if codec == monipy_core::Codec::Opus { 48_000 } else { 8000 };
        self.control.set_codecs(CodecMap {
            receive: agreed.receive.iter().map(|f| (f.payload_type, f.codec)).collect(),
            send: Some((agreed.send.payload_type, agreed.send.codec)),
            telephone_event: agreed.send.telephone_event.map(|pt| (pt, clock(agreed.send.codec))),
        });
        self.control.set_direction(agreed.direction.sends(), agreed.direction.receives());
    }

    pub(crate) fn set_impairment(&mut self, impairment: Impairment) {
        self.channel.set(impairment);
    }

    pub(crate) fn impairment(&self) -> Impairment {
        self.channel.impairment()
    }

    /// Presses keys towards the supervisor (RFC 4733).
    pub(crate) fn send_dtmf(&self, digits: &str) -> Result<(), String> {
        self.control.send_dtmf(digits, 100, 70).map_err(|e| e.status)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.control.stats()
    }

    /// Packets that have come from the supervisor.
    pub(crate) fn packets_heard(&self) -> u64 {
        self.packets_heard
    }

    /// Moves 20 ms: sends the frame given last, and returns the frame that was heard.
    pub(crate) fn tick(&mut self, due: Instant) -> Frame {
        while let Some(packet) = self.rtp_in.pop() {
            self.packets_heard += 1;
            self.audio.push_rtp(RtpPacket {
                arrival: packet.arrival,
                payload_type: packet.payload_type,
                marker: packet.marker,
                sequence_number: packet.sequence_number,
                timestamp: packet.timestamp,
                ssrc: packet.ssrc,
                payload: packet.payload,
            });
        }
        self.audio.tick(due, &mut self.out);
        for packet in self.out.drain(..) {
            let OutboundRtp { payload_type, marker, sequence_number, timestamp, payload } = packet;
            self.channel.push(due, Packet { payload_type, marker, sequence_number, timestamp, payload });
        }
        while let Some(p) = self.channel.pop(due) {
            // A full queue is a network task that does not run; the queue counts what it drops.
            let _ = self.rtp_out.send(p.payload_type, p.marker, p.sequence_number, p.timestamp, p.payload);
        }
        self.seam.lock().heard.pop_front().unwrap_or([0; FRAME])
    }

    /// Gives the frame that goes out with the next tick.
    pub(crate) fn give(&self, frame: &Frame) {
        push(&mut self.seam.lock().to_send, *frame);
    }

    pub(crate) fn poll_event(&mut self) -> Option<AudioEvent> {
        self.audio.poll_event()
    }
}
