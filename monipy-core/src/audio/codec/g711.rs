//! G.711 as a codec of this room: tables, and a concealment of our own since it has none.

use super::{Concealer, Decoder, Encoder};
use crate::audio::g711::{ALAW_TO_LINEAR, MULAW_TO_LINEAR, linear_to_alaw, linear_to_mulaw};
use bytes::Bytes;

const RATE: u32 = 8000;
/// 200 ms: longer packets do not come from honest senders.
const LONGEST: usize = 1600;

/// Decoder of either law.
pub(super) struct G711Decoder {
    table: &'static [i16; 256],
    concealer: Concealer,
}

impl G711Decoder {
    pub(super) fn mulaw() -> Self {
        G711Decoder { table: &MULAW_TO_LINEAR, concealer: Concealer::new(RATE) }
    }
    pub(super) fn alaw() -> Self {
        G711Decoder { table: &ALAW_TO_LINEAR, concealer: Concealer::new(RATE) }
    }
}

impl Decoder for G711Decoder {
    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn duration(&self, payload: &[u8]) -> Option<usize> {
        (!payload.is_empty() && payload.len() <= LONGEST).then_some(payload.len())
    }

    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> bool {
        if self.duration(payload).is_none() {
            return false;
        }
        let from = out.len();
        out.extend(payload.iter().map(|&octet| self.table[usize::from(octet)]));
        self.concealer.good(&mut out[from..]);
        true
    }

    fn has_fec(&self, _payload: &[u8]) -> bool {
        false
    }

    fn decode_fec(&mut self, _payload: &[u8], _samples: usize, _out: &mut Vec<i16>) -> bool {
        false
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        self.concealer.conceal(samples, out);
    }
}

/// Encoder of either law.
pub(super) struct G711Encoder {
    law: fn(i16) -> u8,
}

impl G711Encoder {
    pub(super) fn mulaw() -> Self {
        G711Encoder { law: linear_to_mulaw }
    }
    pub(super) fn alaw() -> Self {
        G711Encoder { law: linear_to_alaw }
    }
}

impl Encoder for G711Encoder {
    fn sample_rate(&self) -> u32 {
        RATE
    }
    fn encode(&mut self, pcm: &[i16]) -> Option<Bytes> {
        (pcm.len() == RATE as usize / 50).then(|| pcm.iter().map(|&s| (self.law)(s)).collect())
    }
    fn reset(&mut self) {}
}
