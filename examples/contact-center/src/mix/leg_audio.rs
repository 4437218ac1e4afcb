//! The sound of a phone's leg. Packets go through the engine's own [`CallAudio`] both ways, so
//! that the centre hears with the same ear as a supervisor does.

use super::impair::{Channel, Impairment, Packet};
use super::layout::Layout;
use super::{FRAME, Frame, RATE};
use bytes::Bytes;
use monipy_core::audio::{AudioEvent, AudioIo, CallAudio, CallAudioConfig, CallAudioControl, CodecMap, FrameRef, OutboundRtp, RtpPacket};
use monipy_core::config::AudioMode;
use monipy_core::event::Stats;
use monipy_core::media::{AudioFormat, MidTag, Negotiated, RtpOut, RtpReceiver, RtpSender};
use monipy_core::{CallId, Codec};
use opus_pure::{Application, MAX_PACKET_BYTES, OpusEncoder, Signal};
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

/// Id of the header extension that says to which audio line a packet belongs (RFC 9143 15), and the MIDs
/// of the two lines: the first is what the engine's offers have.
pub(crate) const FIRST_MID: (u8, &str) = (4, "0");
const SECOND_MID: &str = "0b";

/// The second stream of a leg that carries the parties apart.
struct Second {
    coder: Coder,
    channel: Channel,
    sequence_number: u16,
}

/// What a phone receives in a frame.
#[derive(Debug, Clone)]
pub(crate) struct Sides {
    /// Agents and supervisors.
    pub(crate) left: Frame,
    /// Customers and supervisors.
    pub(crate) right: Frame,
}

impl Sides {
    /// What a decoder of one channel makes of it.
    pub(crate) fn downmix(&self) -> Frame {
        let mut mono = [0; FRAME];
        for (to, (l, r)) in mono.iter_mut().zip(self.left.iter().zip(&self.right)) {
            *to = ((i32::from(*l) + i32::from(*r)) / 2) as i16;
        }
        mono
    }
}

/// Opus of the centre's own in the place of what [`CallAudio`] would encode: the packets' times and
/// numbers stay, their payloads are others. In one channel it costs a third of the engine's best
/// quality, which a centre of hundreds of calls has to spare; in two (RFC 7587) the engine has none.
struct Coder {
    encoder: OpusEncoder,
    payload_type: Option<u8>,
    channels: usize,
    sides: Sides,
    interleaved: Vec<i16>,
    packet: Vec<u8>,
    /// Frames of silence since the last sound.
    silent: u32,
}

/// Frames of silence that are still encoded, so that filters run out.
const HANGOVER: u32 = 5;

impl Coder {
    fn new(channels: usize) -> Option<Coder> {
        let application = if channels == 1 { Application::Voip } else { Application::Audio };
        let mut encoder = OpusEncoder::new(RATE as i32, channels, application).ok()?;
        if channels == 1 {
            encoder.bitrate_bps = 32_000;
            encoder.complexity = 1;
            encoder.use_inband_fec = true;
            encoder.packet_loss_perc = 10;
            encoder.signal_type = Some(Signal::Voice);
        } else {
            encoder.bitrate_bps = 64_000;
            encoder.complexity = 5;
        }
        let (sides, packet) = (Sides { left: [0; FRAME], right: [0; FRAME] }, vec![0; MAX_PACKET_BYTES]);
        Some(Coder { encoder, payload_type: None, channels, sides, interleaved: Vec::new(), packet, silent: HANGOVER })
    }

    /// The frame that was given last; none while the engine's own silence will do.
    fn encode(&mut self) -> Option<Bytes> {
        let sounds = self.sides.left.iter().chain(&self.sides.right).any(|&s| s != 0);
        self.silent = if sounds { 0 } else { self.silent.saturating_add(1) };
        if self.silent > HANGOVER {
            return None;
        }
        self.interleaved.clear();
        if self.channels == 1 {
            self.interleaved.extend(self.sides.left);
        } else {
            self.interleaved.extend(self.sides.left.iter().zip(&self.sides.right).flat_map(|(l, r)| [*l, *r]));
        }
        let n = self.encoder.encode_s16(&self.interleaved, FRAME, &mut self.packet).ok()?;
        self.packet.get(..n).map(Bytes::copy_from_slice)
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
    coder: Option<Coder>,
    second: Option<Second>,
    seed: u64,
    agreed: Option<(u8, Codec)>,
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
        LegAudio {
            audio,
            control,
            seam,
            rtp_in,
            rtp_out,
            channel: Channel::new(seed),
            out: Vec::new(),
            packets_heard: 0,
            coder: Coder::new(1),
            second: None,
            seed,
            agreed: None,
        }
    }

    /// Takes what an offer and its answer agreed on.
    pub(crate) fn negotiated(&mut self, agreed: &Negotiated) {
        let event = |format: &AudioFormat| {
            let clock = if format.codec == monipy_core::Codec::Opus { 48_000 } else { 8000 };
            format.telephone_event.map(|payload_type| (payload_type, clock))
        };
        self.control.set_codecs(CodecMap {
            receive: agreed.receive.iter().map(|f| (f.payload_type, f.codec)).collect(),
            send: Some((agreed.send.payload_type, agreed.send.codec)),
            telephone_event: event(&agreed.send),
            receive_events: agreed.receive.iter().filter_map(event).collect(),
        });
        self.agreed = Some((agreed.send.payload_type, agreed.send.codec));
        self.choose_coder();
        self.control.set_direction(agreed.direction.sends(), agreed.direction.receives());
    }

    /// Another transport carries the sound from now on.
    pub(crate) fn replace_ends(&mut self, (rtp_in, rtp_out): (RtpReceiver, RtpSender)) {
        self.rtp_in = rtp_in;
        self.rtp_out = rtp_out;
    }

    pub(crate) fn set_layout(&mut self, layout: Layout) {
        self.coder = Coder::new(if layout == Layout::Stereo { 2 } else { 1 });
        self.choose_coder();
    }

    /// Whether the parties go apart, on two audio lines.
    pub(crate) fn set_apart(&mut self, apart: bool) {
        if !apart {
            self.second = None;
        } else if self.second.is_none() {
            let mut channel = Channel::new(self.seed.wrapping_add(1));
            channel.set(self.channel.impairment());
            self.second = Coder::new(1).map(|coder| Second { coder, channel, sequence_number: self.seed as u16 });
        }
    }

    /// Whether they go apart now: with Opus alone.
    pub(crate) fn is_apart(&self) -> bool {
        self.second.is_some() && self.coder.as_ref().is_some_and(|c| c.payload_type.is_some())
    }

    /// Opus alone is the centre's own affair.
    fn choose_coder(&mut self) {
        if let Some(coder) = &mut self.coder {
            coder.payload_type = self.agreed.filter(|(_, codec)| *codec == Codec::Opus).map(|(pt, _)| pt);
        }
    }

    /// Whether it wants [`LegAudio::give_sides`].
    pub(crate) fn wants_sides(&self) -> bool {
        self.is_apart() || self.coder.as_ref().is_some_and(|c| c.channels == 2 && c.payload_type.is_some())
    }

    /// Numbers of the packets that were lost on purpose.
    pub(crate) fn lost(&self) -> &[u32] {
        self.channel.lost()
    }

    pub(crate) fn set_impairment(&mut self, impairment: Impairment) {
        self.channel.set(impairment);
        if let Some(second) = &mut self.second {
            second.channel.set(impairment);
        }
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
            let OutboundRtp { payload_type, marker, sequence_number, timestamp, mut payload } = packet;
            if let Some(coder) = self.coder.as_mut().filter(|c| c.payload_type == Some(payload_type)) {
                if let Some(second) = &mut self.second {
                    second.sequence_number = second.sequence_number.wrapping_add(1);
                    let payload = second.coder.encode().unwrap_or_else(|| payload.clone());
                    let sequence_number = second.sequence_number;
                    second.channel.push(due, Packet { payload_type, marker, sequence_number, timestamp, payload });
                }
                payload = coder.encode().unwrap_or(payload);
            }
            self.channel.push(due, Packet { payload_type, marker, sequence_number, timestamp, payload });
        }
        while let Some(p) = self.channel.pop(due) {
            // A full queue is a network task that does not run; the queue counts what it drops.
            let _ = self.rtp_out.send_packet(on_line(0, self.second.is_some().then_some(FIRST_MID.1), p));
        }
        if let Some(second) = &mut self.second {
            while let Some(p) = second.channel.pop(due) {
                let _ = self.rtp_out.send_packet(on_line(1, Some(SECOND_MID), p));
            }
        }
        self.seam.lock().heard.pop_front().unwrap_or([0; FRAME])
    }

    /// Gives the frame that goes out with the next tick.
    pub(crate) fn give(&mut self, frame: &Frame) {
        match self.coder.as_mut().filter(|c| c.payload_type.is_some()) {
            // The engine is given nothing: its silence keeps the packets coming.
            Some(coder) => coder.sides = Sides { left: *frame, right: *frame },
            None => push(&mut self.seam.lock().to_send, *frame),
        }
    }

    /// The same in two channels, or on two lines.
    pub(crate) fn give_sides(&mut self, sides: Sides) {
        if let (Some(second), Some(coder)) = (&mut self.second, &mut self.coder) {
            second.coder.sides = Sides { left: sides.right, right: sides.right };
            coder.sides = Sides { left: sides.left, right: sides.left };
            return;
        }
        if let Some(coder) = &mut self.coder {
            coder.sides = sides;
        }
    }

    pub(crate) fn poll_event(&mut self) -> Option<AudioEvent> {
        self.audio.poll_event()
    }
}

fn on_line(line: u8, mid: Option<&'static str>, p: Packet) -> RtpOut {
    let mid = mid.map(|mid| MidTag { id: FIRST_MID.0, mid: Bytes::from_static(mid.as_bytes()) });
    RtpOut {
        payload_type: p.payload_type,
        marker: p.marker,
        sequence_number: p.sequence_number,
        timestamp: p.timestamp,
        line,
        mid,
        payload: p.payload,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use monipy_core::audio::tone::{ToneGenerator, measure};
    use opus_pure::OpusDecoder;

    #[test]
    fn the_agent_is_on_the_left_and_the_customer_on_the_right() {
        let (mut agent, mut customer) = (ToneGenerator::new(440.0, RATE, 8000), ToneGenerator::new(1000.0, RATE, 8000));
        let mut stereo = Coder::new(2).unwrap();
        let mut decoder = OpusDecoder::new(RATE as i32, 2).unwrap();
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for _ in 0..50 {
            agent.fill(&mut stereo.sides.left);
            customer.fill(&mut stereo.sides.right);
            let packet = stereo.encode().unwrap();
            let mut pcm = vec![0i16; FRAME * 2];
            assert_eq!(decoder.decode_s16(&packet, FRAME, &mut pcm).unwrap(), FRAME);
            left.extend(pcm.iter().step_by(2));
            right.extend(pcm.iter().skip(1).step_by(2));
        }
        // The first frames are the codec's beginning.
        let level = |side: &[i16], hz| measure(&side[4800..], RATE, hz).level_dbfs;
        assert!(level(&left, 440.0) > -20.0 && level(&left, 1000.0) < -40.0, "{} {}", level(&left, 440.0), level(&left, 1000.0));
        assert!(level(&right, 1000.0) > -20.0 && level(&right, 440.0) < -40.0, "{} {}", level(&right, 1000.0), level(&right, 440.0));
    }
}
