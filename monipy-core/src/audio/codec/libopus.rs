//! Opus by libopus 1.6 (cargo feature `libopus`, needs cmake): the same decoding, and concealment
//! by a neural network (decoder complexity 5 and up), which costs about 0.6 ms per concealed frame.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::Decoder;
use super::opus::payload_has_fec;
use opus_pure::packet;
use opusic_c::{Channels, SampleRate};

/// Deep concealment begins at this complexity.
const COMPLEXITY: u8 = 5;

/// libopus' decoder.
pub(super) struct LibopusDecoder {
    inner: opusic_c::Decoder,
    sample_rate: u32,
    /// Scratch of 120 ms, the longest packet there is; the bits are those of signed samples.
    pcm: Vec<u16>,
}

impl LibopusDecoder {
    pub(super) fn new(sample_rate: u32) -> Option<Self> {
        let rate = match sample_rate {
            8000 => SampleRate::Hz8000,
            16_000 => SampleRate::Hz16000,
            24_000 => SampleRate::Hz24000,
            48_000 => SampleRate::Hz48000,
            _ => return None,
        };
        let mut inner = opusic_c::Decoder::new(Channels::Mono, rate).ok()?;
        inner.set_complexity(COMPLEXITY).ok()?;
        Some(LibopusDecoder { inner, sample_rate, pcm: vec![0; (sample_rate as usize / 1000) * 120] })
    }

    /// Decodes into exactly `samples` (or up to all of the scratch), and appends what came.
    fn run(&mut self, payload: &[u8], samples: usize, fec: bool, out: &mut Vec<i16>) -> Option<usize> {
        let room = self.pcm.get_mut(..samples)?;
        let n = self.inner.decode_to_slice(payload, room, fec).ok()?;
        out.extend(room.iter().take(n).map(|&bits| bits as i16));
        Some(n)
    }
}

impl Decoder for LibopusDecoder {
    fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    fn duration(&self, payload: &[u8]) -> Option<usize> {
        packet::samples(payload, self.sample_rate as i32).ok().filter(|&n| n > 0)
    }

    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> bool {
        self.duration(payload).is_some() && self.run(payload, self.pcm.len(), false, out).is_some_and(|n| n > 0)
    }

    fn has_fec(&self, payload: &[u8]) -> bool {
        payload_has_fec(payload)
    }

    fn decode_fec(&mut self, payload: &[u8], samples: usize, out: &mut Vec<i16>) -> bool {
        self.duration(payload).is_some() && samples > 0 && self.run(payload, samples, true, out).is_some_and(|n| n > 0)
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        let most = (self.sample_rate / 50) as usize;
        let mut left = samples;
        while left > 0 {
            let ask = left.min(most);
            match self.run(&[], ask, false, out) {
                Some(n) if n > 0 => left -= n.min(left),
                // Before the first packet, or a length that the codec does not have.
                _ => {
                    out.extend(std::iter::repeat_n(0, left));
                    left = 0;
                }
            }
        }
    }
}
