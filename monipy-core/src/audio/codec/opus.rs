//! Opus (RFC 6716) by `opus-pure`, mono.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::{Decoder, Encoder, OpusSettings};
use bytes::Bytes;
use opus_pure::{Application, MAX_PACKET_BYTES, OpusDecoder, OpusEncoder, OpusMode, Signal, packet};

/// Whether a payload holds a low-bit-rate copy of the frame before it (RFC 6716 4.2.4): the flag
/// that follows the voice activity flags of its first frame.
pub(super) fn payload_has_fec(payload: &[u8]) -> bool {
    let Ok(OpusMode::SilkOnly | OpusMode::Hybrid) = packet::mode(payload) else {
        return false;
    };
    let Some(&toc) = payload.first() else { return false };
    let Ok(frame) = packet::samples_per_frame(payload, 48_000) else { return false };
    // The first octet of the first frame. Codes 1 and 2 hold their frames after the TOC or a
    // length; code 3 after its count octet, lengths and padding, which are not worth the parsing.
    let first = match toc & 3 {
        0 | 1 => payload.get(1),
        2 => match payload.get(1) {
            Some(0..=251) => payload.get(2),
            Some(_) => payload.get(3),
            None => None,
        },
        _ => match payload.get(1) {
            Some(count) if count & 0xc0 == 0 => payload.get(2),
            _ => None,
        },
    };
    let Some(&first) = first else { return false };
    // One voice activity flag per 20 ms of SILK, then the flag of the copy. These bits are coded
    // with even odds, so they are the plain leading bits of the frame.
    let silk_frames = (frame / 960).max(1) as u32;
    first & (0x80_u8 >> silk_frames.min(7)) != 0
}

/// `opus-pure`'s decoder.
pub(super) struct PureOpusDecoder {
    inner: OpusDecoder,
    sample_rate: u32,
}

impl PureOpusDecoder {
    pub(super) fn new(sample_rate: u32) -> Option<Self> {
        let inner = OpusDecoder::new(i32::try_from(sample_rate).ok()?, 1).ok()?;
        Some(PureOpusDecoder { inner, sample_rate })
    }
}

impl Decoder for PureOpusDecoder {
    fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    fn duration(&self, payload: &[u8]) -> Option<usize> {
        packet::samples(payload, self.sample_rate as i32).ok().filter(|&n| n > 0)
    }

    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> bool {
        let Some(samples) = self.duration(payload) else { return false };
        append(out, samples, |room| self.inner.decode_s16(payload, samples, room).is_ok_and(|n| n == samples))
    }

    fn has_fec(&self, payload: &[u8]) -> bool {
        payload_has_fec(payload)
    }

    fn decode_fec(&mut self, payload: &[u8], samples: usize, out: &mut Vec<i16>) -> bool {
        if self.duration(payload).is_none() || samples == 0 || samples > self.sample_rate as usize * 120 / 1000 {
            return false;
        }
        append(out, samples, |room| self.inner.decode_fec_s16(payload, samples, room).is_ok_and(|n| n == samples))
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        let mut left = samples;
        let most = (self.sample_rate / 50) as usize;
        while left > 0 {
            let ask = left.min(most);
            if !append(out, ask, |room| self.inner.decode_s16(&[], ask, room).is_ok_and(|n| n == ask)) {
                // Before the first packet, or a length that the codec does not have.
                out.extend(std::iter::repeat_n(0, left));
                return;
            }
            left -= ask;
        }
    }
}

/// Lets `fill` make samples at the end of `out`; when it fails, nothing is appended.
fn append(out: &mut Vec<i16>, samples: usize, fill: impl FnOnce(&mut [i16]) -> bool) -> bool {
    let before = out.len();
    out.resize(before + samples, 0);
    let filled = out.get_mut(before..).is_some_and(fill);
    if !filled {
        out.truncate(before);
    }
    filled
}

/// `opus-pure`'s encoder, set for speech.
pub(super) struct PureOpusEncoder {
    inner: OpusEncoder,
    sample_rate: u32,
    packet: Vec<u8>,
}

impl PureOpusEncoder {
    pub(super) fn new(sample_rate: u32, settings: OpusSettings) -> Option<Self> {
        let mut inner = OpusEncoder::new(i32::try_from(sample_rate).ok()?, 1, Application::Voip).ok()?;
        inner.bitrate_bps = i32::try_from(settings.bitrate).unwrap_or(32_000);
        inner.use_inband_fec = settings.fec;
        inner.packet_loss_perc = i32::from(settings.expected_loss.min(100));
        inner.complexity = i32::from(settings.complexity.min(10));
        inner.signal_type = Some(Signal::Voice);
        Some(PureOpusEncoder { inner, sample_rate, packet: vec![0; MAX_PACKET_BYTES] })
    }
}

impl Encoder for PureOpusEncoder {
    fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    fn encode(&mut self, pcm: &[i16]) -> Option<Bytes> {
        if pcm.len() != self.sample_rate as usize / 50 {
            return None;
        }
        let n = self.inner.encode_s16(pcm, pcm.len(), &mut self.packet).ok()?;
        self.packet.get(..n).map(Bytes::copy_from_slice)
    }

    fn reset(&mut self) {
        // Cannot fail for settings that were accepted once; the encoder is whole either way.
        let _ = self.inner.reset_state();
    }
}
