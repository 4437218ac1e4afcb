//! Codecs: payload to samples and back.
//!
//! [`Decoder`] has three ways to make sound: a payload, the copy of the lost frame that the next
//! payload carries (in-band FEC), and nothing at all (concealment). Opus is `opus-pure`, or
//! libopus with deep concealment under the cargo feature `libopus`; G.711 is ours.

mod conceal;
mod g711;
#[cfg(feature = "libopus")]
mod libopus;
mod opus;

pub(crate) use conceal::Concealer;

use crate::config::Codec;
use bytes::Bytes;

/// Ticks per second of a codec's RTP clock (RFC 7587 4.1, RFC 3551 4.5.14).
#[must_use]
pub fn clock_rate(codec: Codec) -> u32 {
    match codec {
        Codec::Opus => 48_000,
        Codec::Pcmu | Codec::Pcma => 8000,
    }
}

/// Turns payloads of one stream into mono samples. One state: feed it the stream in order.
pub trait Decoder: Send {
    /// Hz of what comes out.
    fn sample_rate(&self) -> u32;
    /// Samples (at [`Decoder::sample_rate`]) that a payload stands for; `None` when it is malformed.
    fn duration(&self, payload: &[u8]) -> Option<usize>;
    /// Appends the sound of a payload. False, with nothing appended, when it is malformed.
    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> bool;
    /// Whether the payload holds a copy of the frame before it.
    fn has_fec(&self, payload: &[u8]) -> bool;
    /// Appends `samples` of the frame before `payload` from the copy in it. False, with nothing
    /// appended, when that does not work.
    fn decode_fec(&mut self, payload: &[u8], samples: usize, out: &mut Vec<i16>) -> bool;
    /// Appends `samples` (a multiple of 2.5 ms) of sound that could have followed.
    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>);
}

/// Turns mono samples into payloads of one stream.
pub trait Encoder: Send {
    /// Hz of what goes in.
    fn sample_rate(&self) -> u32;
    /// The payload of 20 ms; `None` when the frame has another length.
    fn encode(&mut self, pcm: &[i16]) -> Option<Bytes>;
    /// Forgets the past: the next frame starts a new talk spurt.
    fn reset(&mut self);
}

/// A decoder for a codec; Opus gives `sample_rate` (8000, 16000, 24000 or 48000 Hz), G.711 always
/// 8000. `None` for a rate that the codec does not have.
#[must_use]
pub fn decoder(codec: Codec, sample_rate: u32) -> Option<Box<dyn Decoder>> {
    match codec {
        #[cfg(feature = "libopus")]
        Codec::Opus => libopus::LibopusDecoder::new(sample_rate).map(|d| Box::new(d) as Box<dyn Decoder>),
        #[cfg(not(feature = "libopus"))]
        Codec::Opus => opus::PureOpusDecoder::new(sample_rate).map(|d| Box::new(d) as Box<dyn Decoder>),
        Codec::Pcmu => Some(Box::new(g711::G711Decoder::mulaw())),
        Codec::Pcma => Some(Box::new(g711::G711Decoder::alaw())),
    }
}

/// How an Opus encoder is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpusSettings {
    /// Bits a second.
    pub bitrate: u32,
    /// Carry a copy of the frame before in each packet.
    pub fec: bool,
    /// Loss that the encoder prepares for, percent.
    pub expected_loss: u8,
    /// Effort, 0 to 10.
    pub complexity: u8,
}

impl Default for OpusSettings {
    /// Speech over a network that loses now and then.
    fn default() -> Self {
        OpusSettings { bitrate: 32_000, fec: true, expected_loss: 10, complexity: 9 }
    }
}

/// An encoder for a codec; Opus takes `sample_rate` (8000, 16000, 24000 or 48000 Hz), G.711 8000.
#[must_use]
pub fn encoder(codec: Codec, sample_rate: u32, settings: OpusSettings) -> Option<Box<dyn Encoder>> {
    match codec {
        Codec::Opus => opus::PureOpusEncoder::new(sample_rate, settings).map(|e| Box::new(e) as Box<dyn Encoder>),
        Codec::Pcmu => Some(Box::new(g711::G711Encoder::mulaw())),
        Codec::Pcma => Some(Box::new(g711::G711Encoder::alaw())),
    }
}
